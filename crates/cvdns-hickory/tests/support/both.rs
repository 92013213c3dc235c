//! Asks both: the responder of cvdns and the handler.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_hickory::AuthoritativeHandler;
use hickory_server::net::NetError;
use hickory_server::net::runtime::TokioTime;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::rr::Record;
use hickory_server::proto::serialize::binary::BinEncoder;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponse;
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};

use super::judge::Parsed;

/// Both servers with the same snapshot and the same turn.
pub struct Both {
    snapshot: Arc<Snapshot>,
    responder: Answering,
    handler: AuthoritativeHandler,
    runtime: Runtime,
    buffer: Vec<u8>,
}

/// Both answers. `None`: there was none.
#[derive(Debug)]
pub struct Answers {
    pub responder: Option<Parsed>,
    pub handler: Handled,
}

/// What became of a request to the handler.
#[derive(Debug, PartialEq, Eq)]
pub enum Handled {
    /// hickory could not read it, and answers FORMERR without asking the handler.
    Unread,
    /// It got no answer.
    Dropped,
    /// It got this answer.
    Answered(Box<Parsed>),
}

impl Both {
    pub fn new(snapshot: Snapshot) -> Self {
        let snapshot = Arc::new(snapshot);
        let newest = Arc::new(ArcSwap::new(snapshot.clone()));
        Self {
            snapshot,
            responder: Answering::new(0, Timestamp::now),
            handler: AuthoritativeHandler::new(newest, 0),
            runtime: Builder::new_current_thread().build().expect("a runtime"),
            buffer: vec![0; 65_535],
        }
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Asks both over TCP.
    pub fn ask(&mut self, query: &[u8], client: SocketAddr) -> Answers {
        self.ask_over(Transport::Tcp, query, client)
    }

    /// Asks both over UDP or TCP. A query that hickory cannot read is asked of neither.
    pub fn ask_over(&mut self, transport: Transport, query: &[u8], client: SocketAddr) -> Answers {
        let protocol = if transport == Transport::Udp { Protocol::Udp } else { Protocol::Tcp };
        let Ok(request) = Request::from_bytes(query.to_vec(), client, protocol) else {
            return Answers { responder: None, handler: Handled::Unread };
        };
        assert_eq!(self.responder.next_turn(), self.handler.next_turn(), "the same turn");
        let responder = self.ask_responder(transport, query, client);
        let handler = self.handle(&request);
        Answers { responder, handler }
    }

    /// Changes the responder.
    pub fn configure(&mut self, change: impl FnOnce(&mut Answering)) {
        change(&mut self.responder);
    }

    /// Asks the responder alone.
    pub fn ask_responder(
        &mut self,
        transport: Transport,
        query: &[u8],
        client: SocketAddr,
    ) -> Option<Parsed> {
        self.buffer[..query.len()].copy_from_slice(query);
        let (snapshot, buffer) = (&self.snapshot, &mut self.buffer);
        let end = self.responder.respond(snapshot, buffer, query.len(), client, transport)?;
        Some(Parsed::of(&self.buffer[..end]))
    }

    fn handle(&self, request: &Request) -> Handled {
        let sink = Sink::default();
        let handled = self.handler.handle_request::<_, TokioTime>(request, sink.clone());
        self.runtime.block_on(handled);
        let sent = sink.0.lock().expect("the sink").take();
        sent.map_or(Handled::Dropped, |octets| Handled::Answered(Parsed::of(&octets).into()))
    }
}

/// Keeps the response, encoded as for TCP.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Option<Vec<u8>>>>);

#[async_trait::async_trait]
impl ResponseHandler for Sink {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut octets = Vec::new();
        let mut encoder = BinEncoder::new(&mut octets);
        encoder.set_max_size(u16::MAX);
        let info = response.destructive_emit(&mut encoder)?;
        assert_eq!(self.0.lock().expect("the sink").replace(octets), None, "one response");
        Ok(info)
    }
}
