//! UDP by `hickory-server`, for systems without recvmmsg(2) and for comparison.
//!
//! The same [`Responder`] makes the same bytes; as the library takes no bytes, they are decoded and rendered
//! again from their parts. Both ways so carry the same decision.
//!
//! What differs, as hickory-server 0.26.3 comes before and after us:
//!
//! - *Before*: datagrams under 12 bytes and from port 0, 0.0.0.0, :: or the broadcast address are dropped, as
//!   is QR=1, none of which is counted here. What does not decode (in any section; two OPTs too) gets a
//!   FORMERR with neither question nor OPT, even when it has QR=1. **ECS of family 0, which `dig +subnet=0/0`
//!   sends, counts as not decodable**; stray address bits do not, and the responder, which reads the raw bytes,
//!   sees them. Unknown opcodes reach us. Datagrams are cut at 4,096 bytes without notice.
//! - *After*: names are compressed anew and never to the question (the library stores the question with its
//!   type and class as if that were a name), so an answer is longer by its owner's name; order and contents
//!   are the same, and so are the question's bytes. An answer that thereby gets too long, which hickory would
//!   cut off within a section, without OPT and with trailing garbage, is sent without records and with TC=1
//!   instead. The queue to the socket holds 32 answers and refuses more: we try again. What cannot be decoded
//!   (a defect of ours or hickory's) becomes SERVFAIL.
//! - *Silence*: a handler that does not call `send_response` sends nothing.
//! - *Stop*: hickory drops what is in flight and unread. We first wait until it is quiet and then answer the
//!   unread rest ourselves.
//! - Answers from a socket that is bound to a wildcard leave from the address that routing chooses.
//! - It logs two lines a query at level info: the log's filter has to keep `hickory_server` at warn.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Header, Message, MessageType, Metadata, ResponseCode};
use hickory_server::proto::serialize::binary::{BinDecodable, BinDecoder, BinEncoder};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo, Server};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;
use tracing::error;

use super::counters::{UdpTally, add};
use super::responder::{MakeResponder, Responder, Transport};

/// The sockets of one address, served by hickory-server.
pub(super) struct Portable<M: MakeResponder> {
    address: SocketAddr,
    server: Server<Handler<M>>,
    handler: Handler<M>,
    /// The same sockets, for what is unread when the library has stopped.
    rest: Vec<UdpSocket>,
}

/// Answers one request after the other, several at once.
struct Handler<M: MakeResponder> {
    make: Arc<M>,
    /// Responders that are not in use, with their buffers.
    benches: Arc<Mutex<Vec<Bench<M::Responder>>>>,
    tally: Arc<UdpTally>,
    /// Whether an answer that cannot be rendered has been logged: once is enough.
    reported: Arc<AtomicBool>,
}

/// What one request needs.
struct Bench<R> {
    responder: R,
    buffer: Box<[u8]>,
}

/// An answer taken apart.
struct Rendering {
    message: Message,
    queries: Queries,
}

/// Longest datagram that hickory reads.
const QUERY_MAX: usize = 4096;
/// Bytes of a buffer: every query has room to grow.
const BUFFER: usize = QUERY_MAX + 64;
/// How often an answer is offered to a full queue.
const OFFERS: usize = 1000;
/// How long nothing may happen before the library is taken to be at rest.
const QUIET: Duration = Duration::from_millis(20);
/// How often that is waited for.
const QUIET_TRIES: usize = 25;
/// Datagrams per socket that are answered after the stop: more than a socket's buffer holds.
const REST: usize = 16_384;

impl<M: MakeResponder> Portable<M> {
    /// Takes over the sockets of one address. A runtime must be entered.
    pub(super) fn new(
        address: SocketAddr,
        sockets: Vec<UdpSocket>,
        make: M,
        tally: Arc<UdpTally>,
    ) -> io::Result<Self> {
        let handler =
            Handler { make: Arc::new(make), benches: Arc::default(), tally, reported: Arc::default() };
        let mut server = Server::new(handler.clone());
        let mut rest = Vec::new();
        for socket in sockets {
            socket.set_nonblocking(true)?;
            rest.push(socket.try_clone()?);
            server.register_socket(tokio::net::UdpSocket::from_std(socket)?);
        }
        Ok(Self { address, server, handler, rest })
    }

    /// Serves until told to stop, and then answers what was received.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        // An error means that the server is gone, which is a stop as well.
        let _ = stop.wait_for(|stop| *stop).await;
        self.wait_for_quiet().await;
        if let Err(error) = self.server.shutdown_gracefully().await {
            error!(%error, address = %self.address, "the UDP server ended with an error");
        }
        for socket in &self.rest {
            self.handler.answer_rest(socket);
        }
    }

    async fn wait_for_quiet(&self) {
        let mut before = self.handler.tally.read();
        for _ in 0..QUIET_TRIES {
            sleep(QUIET).await;
            let now = self.handler.tally.read();
            if now == before {
                return;
            }
            before = now;
        }
    }
}

impl<M: MakeResponder> Clone for Handler<M> {
    fn clone(&self) -> Self {
        Self {
            make: self.make.clone(),
            benches: self.benches.clone(),
            tally: self.tally.clone(),
            reported: self.reported.clone(),
        }
    }
}

impl<M: MakeResponder> Handler<M> {
    /// The answer's bytes, or `None` for silence.
    fn respond<T>(&self, query: &[u8], client: SocketAddr, with: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let spare = self.benches().pop();
        let mut bench = spare.unwrap_or_else(|| Bench {
            responder: self.make.make(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
        });
        // A bench over which something panicked is not used again.
        let outcome = catch_unwind(AssertUnwindSafe(|| bench.respond(query, client)));
        let Ok(length) = outcome else {
            add(&self.tally.panics, 1);
            error!("a query was dropped as answering it panicked: a defect in cvdns, please report it");
            return None;
        };
        let result = length.and_then(|length| bench.buffer.get(..length)).map(with);
        self.benches().push(bench);
        result
    }

    fn benches(&self) -> std::sync::MutexGuard<'_, Vec<Bench<M::Responder>>> {
        // A vector is whole between two calls.
        self.benches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn handle(&self, request: &Request, mut sender: impl ResponseHandler) -> ResponseInfo {
        add(&self.tally.received, 1);
        add(&self.tally.batches, 1);
        let rendered = self.respond(request.as_slice(), request.src(), Rendering::read);
        match rendered {
            None => {
                add(&self.tally.dropped, 1);
                silence(request)
            }
            Some(Some(rendering)) => self.send(&rendering, request, &mut sender).await,
            Some(None) => {
                if !self.reported.swap(true, Relaxed) {
                    error!("hickory-server cannot render one of our answers: a defect, please report it");
                }
                let builder = MessageResponseBuilder::from_message_request(request);
                let response = builder.error_msg(&request.metadata, ResponseCode::ServFail);
                sender.send_response(response).await.unwrap_or_else(|_| silence(request))
            }
        }
    }

    async fn send(
        &self,
        rendering: &Rendering,
        request: &Request,
        sender: &mut impl ResponseHandler,
    ) -> ResponseInfo {
        let message = &rendering.message;
        let fits = rendering.fits(usize::from(request.max_payload()));
        let mut metadata = message.metadata;
        metadata.truncation |= !fits;
        for _ in 0..OFFERS {
            let (answers, authorities, additionals) = if fits {
                (message.answers.as_slice(), message.authorities.as_slice(), message.additionals.as_slice())
            } else {
                Default::default()
            };
            let response = MessageResponseBuilder::new(&rendering.queries, message.edns.as_ref()).build(
                metadata,
                answers,
                authorities,
                [],
                additionals,
            );
            if let Ok(info) = sender.send_response(response).await {
                add(&self.tally.answered, 1);
                return info;
            }
            // The queue to the socket is full. Its task gets its turn.
            yield_now().await;
        }
        add(&self.tally.send_errors, 1);
        silence(request)
    }

    /// Answers what the library has left unread in the socket.
    fn answer_rest(&self, socket: &UdpSocket) {
        let mut query = [0; QUERY_MAX];
        for _ in 0..REST {
            let Ok((length, client)) = socket.recv_from(&mut query) else { return };
            add(&self.tally.received, 1);
            if client.port() == 0 {
                add(&self.tally.unanswerable, 1);
                continue;
            }
            let query = query.get(..length).unwrap_or_default();
            match self.respond(query, client, |answer| socket.send_to(answer, client)) {
                None => add(&self.tally.dropped, 1),
                Some(Ok(_)) => add(&self.tally.answered, 1),
                Some(Err(_)) => add(&self.tally.send_errors, 1),
            }
        }
    }
}

impl<R: Responder> Bench<R> {
    fn respond(&mut self, query: &[u8], client: SocketAddr) -> Option<usize> {
        self.responder.refresh();
        self.buffer.get_mut(..query.len())?.copy_from_slice(query);
        self.responder.respond(&mut self.buffer, query.len(), client, Transport::Udp)
    }
}

// The trait is made by `async_trait`: this is what its macro would write.
#[allow(clippy::multiple_bound_locations)]
impl<M: MakeResponder> RequestHandler for Handler<M> {
    fn handle_request<'life0, 'life1, 'async_trait, R: ResponseHandler, T: Time>(
        &'life0 self,
        request: &'life1 Request,
        response_handle: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'async_trait>>
    where
        R: 'async_trait,
        T: 'async_trait,
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.handle(request, response_handle))
    }
}

impl Rendering {
    /// Takes an answer apart; `None` when hickory cannot decode it.
    fn read(answer: &[u8]) -> Option<Self> {
        let message = Message::from_vec(answer).ok()?;
        // The question's bytes of our answer, not of the query: so FORMERR may go without.
        let mut decoder = BinDecoder::new(answer);
        let header = Header::read(&mut decoder).ok()?;
        let queries = Queries::read(&mut decoder, usize::from(header.counts.queries)).ok()?;
        Some(Self { message, queries })
    }

    /// Whether hickory's rendering keeps to what client and server can take.
    fn fits(&self, client: usize) -> bool {
        let limit = self.limit(client);
        let message = &self.message;
        let mut bytes = Vec::with_capacity(limit);
        MessageResponseBuilder::new(&self.queries, message.edns.as_ref())
            .build(message.metadata, &message.answers, &message.authorities, [], &message.additionals)
            .destructive_emit(&mut BinEncoder::new(&mut bytes))
            .is_ok()
            && bytes.len() <= limit
    }

    /// Longest answer in bytes: hickory looks at the server's size alone.
    fn limit(&self, client: usize) -> usize {
        let server = self.message.edns.as_ref().map_or(512, |edns| usize::from(edns.max_payload()));
        server.min(client).max(512)
    }
}

/// What a handler returns that has sent nothing.
fn silence(request: &Request) -> ResponseInfo {
    let metadata = Metadata::new(request.metadata.id, MessageType::Response, request.metadata.op_code);
    Header { metadata, counts: hickory_server::proto::op::HeaderCounts::default() }.into()
}
