//! The handler that hickory-server calls with each request.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use cvdns_core::snapshot::Snapshot;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, HeaderCounts, MessageType, Metadata, ResponseCode};
use hickory_server::proto::serialize::binary::BinDecoder;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::Queries;

use crate::answer::{Answer, Asked};
use crate::message::Message;
use crate::turn::Turn;

/// Answers the requests of a `hickory_server::Server` from the newest snapshot, as cvdns would
/// answer them.
///
/// Whoever compiles snapshots keeps a clone of the [`ArcSwap`], and stores each new one there. A
/// request is answered from one snapshot as a whole.
#[derive(Debug)]
pub struct AuthoritativeHandler {
    snapshot: Arc<ArcSwap<Snapshot>>,
    turn: Turn,
}

impl AuthoritativeHandler {
    /// Answers from the snapshot that `snapshot` holds when a request comes. `number` chooses the
    /// window of the first answer with mirrors: servers that start together should have different
    /// ones.
    pub fn new(snapshot: Arc<ArcSwap<Snapshot>>, number: u64) -> Self {
        Self { snapshot, turn: Turn::new(number) }
    }

    /// The turn that chooses the window of the next question in class IN: a fraction of 2^64. It is
    /// the one of [`Answering`](cvdns_core::answer::Answering) after as many questions.
    pub fn next_turn(&self) -> u64 {
        self.turn.next()
    }
}

#[async_trait]
impl RequestHandler for AuthoritativeHandler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let snapshot = self.snapshot.load_full();
        let asked = Asked {
            message: request.as_slice(),
            source: request.src().ip(),
            protocol: request.protocol(),
        };
        // A response gets no response (RFC 1035 section 7.3); hickory-server does not even ask.
        let Some(answer) = Answer::to(&asked, &snapshot, &self.turn) else {
            return without_response(request);
        };
        let no_question = Queries::read(&mut BinDecoder::new(&[]), 0);
        let queries = match &no_question {
            Ok(none) if !answer.has_question => none,
            _ => &request.queries,
        };
        let message = Message::of(answer, &request.metadata, queries);
        match response_handle.send_response(message.response()).await {
            Ok(info) => info,
            // hickory-server has noted it already, and the client is gone.
            Err(_) => without_response(request),
        }
    }
}

/// What hickory-server is told of a request that got no response.
fn without_response(request: &Request) -> ResponseInfo {
    let id = request.metadata.id;
    let mut metadata = Metadata::new(id, MessageType::Response, request.metadata.op_code);
    metadata.response_code = ResponseCode::ServFail;
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
