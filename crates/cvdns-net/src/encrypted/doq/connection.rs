//! One QUIC connection: a query and its answer on each stream (RFC 9250 section 4.2).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::HandshakeData;
use quinn::{Connection, ConnectionError, Incoming, SendStream, VarInt};
use tokio::select;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::super::tls::DOQ;
use super::query::{Budget, NoQuery, read};
use crate::connection::Shared;
use crate::connection_limiter::Permit;
use crate::counters::add;
use crate::memory::copied;
use crate::phase::Phase;
use crate::responder::{Endpoint, MakeResponder, MessageStream, Responder, Transport};
use crate::tcp::note_panic;
use crate::tcp_limits::patience;
use crate::watchdog::Progress;

/// `DOQ_NO_ERROR` (RFC 9250 section 8.4).
pub(super) const NO_ERROR: VarInt = VarInt::from_u32(0);
/// `DOQ_INTERNAL_ERROR`.
const INTERNAL_ERROR: VarInt = VarInt::from_u32(1);
/// `DOQ_PROTOCOL_ERROR`.
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
/// `DOQ_REQUEST_CANCELLED`.
const REQUEST_CANCELLED: VarInt = VarInt::from_u32(3);
/// `DOQ_EXCESSIVE_LOAD`.
const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);

/// How long streams that are under way have at the stop.
const LAST_STREAMS: Duration = Duration::from_millis(250);

/// A connection that has a seat.
pub(super) struct Conversation<M> {
    pub permit: Permit,
    pub make: M,
    pub shared: Shared,
    pub progress: Arc<Progress>,
    /// The address of the endpoint.
    pub server: Option<SocketAddr>,
}

/// Why a connection ends.
enum End {
    /// The client closed it, or is gone.
    Client,
    /// The client was silent for too long.
    Idle,
    /// There was no query in time.
    NoQuery,
    /// A new connection needs the seat.
    Evicted,
    /// The server stops.
    Stop,
    /// A query, or the end of its stream, did not come in time.
    SlowQuery,
    /// The client did not take an answer in time.
    SlowReader,
    /// The client has broken the protocol.
    Protocol,
    /// A task of a stream panicked.
    Panic(JoinError),
    /// Its queries are too much.
    TooMuch,
}

/// What a task of a stream has done.
enum Done {
    /// Read a query, and who it came on.
    Read(SendStream, Result<Box<[u8]>, NoQuery>),
    /// Sent an answer, or found nobody who takes it.
    Sent,
    /// The client did not take its answer in time.
    SlowReader,
}

/// What a conversation holds beside the connection.
struct Streams<R> {
    responder: R,
    tasks: JoinSet<Done>,
    budget: Budget,
}

impl<M: MakeResponder> Conversation<M> {
    /// Shakes hands and answers queries until the connection ends.
    pub(super) async fn run(self, incoming: Incoming, mut stop: watch::Receiver<Phase>) {
        let tally = self.shared.tally.clone();
        let Some(connection) = self.shake_hands(incoming, &mut stop).await else { return };
        let mut responder = self.make.make(Endpoint::Connection(Transport::Quic));
        if responder.wants_destination() {
            let ip = connection.local_ip().zip(self.server);
            let server = ip.map(|(ip, server)| SocketAddr::new(ip, server.port()));
            responder.set_destination(server.or(self.server));
        }
        let mut streams = Streams { responder, tasks: JoinSet::new(), budget: Budget::default() };
        let end = self.converse(&connection, &mut streams, &mut stop).await;
        let (counter, code) = match end {
            End::Client => (&tally.closed, NO_ERROR),
            End::Idle => (&tally.idle_timeouts, NO_ERROR),
            End::NoQuery => (&tally.first_query_timeouts, NO_ERROR),
            End::Evicted => (&tally.evicted, EXCESSIVE_LOAD),
            End::Stop => {
                let last = self.last_streams(&connection, &mut streams);
                let _ = timeout(LAST_STREAMS, last).await;
                (&tally.stopped, NO_ERROR)
            }
            End::SlowQuery => (&tally.message_timeouts, PROTOCOL_ERROR),
            End::SlowReader => (&tally.write_timeouts, EXCESSIVE_LOAD),
            End::Protocol => (&tally.malformed, PROTOCOL_ERROR),
            End::Panic(error) => {
                note_panic(&tally, Err(error));
                connection.close(INTERNAL_ERROR, b"");
                return;
            }
            End::TooMuch => (&tally.out_of_memory, EXCESSIVE_LOAD),
        };
        add(counter, 1);
        connection.close(code, b"");
    }

    /// Shakes hands within the time for a first query. `None` if that fails, which is counted.
    /// Where another process goes on, it is finished here: before its end the code of an
    /// application would reach the client as an error (RFC 9000 section 10.2.3).
    async fn shake_hands(
        &self,
        incoming: Incoming,
        stop: &mut watch::Receiver<Phase>,
    ) -> Option<Connection> {
        let Shared { limits, tally, .. } = &self.shared;
        let time = patience(limits.first_query, self.permit.load());
        let handshake = async { incoming.accept().ok()?.await.ok() };
        let result = select! {
            biased;
            _ = stop.wait_for(|phase| *phase == Phase::Stopping) => {
                add(&tally.stopped, 1);
                return None;
            }
            () = self.permit.evicted() => {
                add(&tally.evicted, 1);
                return None;
            }
            result = timeout(time, handshake) => result,
        };
        let connection = result.ok().flatten().filter(asks_for_dns);
        if connection.is_none() {
            add(&tally.handshake_failures, 1);
        }
        connection
    }

    async fn converse(
        &self,
        connection: &Connection,
        streams: &mut Streams<M::Responder>,
        stop: &mut watch::Receiver<Phase>,
    ) -> End {
        let limits = &self.shared.limits;
        let first = Instant::now() + patience(limits.first_query, self.permit.load());
        let mut has_asked = false;
        loop {
            if streams.tasks.is_empty() {
                self.permit.set_idle();
            }
            select! {
                biased;
                _ = stop.wait_for(|phase| *phase != Phase::Serving) => return End::Stop,
                () = self.permit.evicted() => return End::Evicted,
                Some(done) = streams.tasks.join_next() => {
                    if let Err(end) = self.go_on(done, connection, streams) {
                        return end;
                    }
                }
                stream = connection.accept_bi() => match stream {
                    Ok((send, receive)) => {
                        has_asked = true;
                        self.permit.set_busy();
                        let (budget, time) = (streams.budget.clone(), limits.message);
                        streams.tasks.spawn(async move {
                            Done::Read(send, read(receive, budget, time).await)
                        });
                    }
                    Err(ConnectionError::TimedOut) => return End::Idle,
                    // A stream in the wrong direction is closed by the library, as the client has
                    // no credit for it.
                    Err(_) => return End::Client,
                },
                () = sleep_until(first), if !has_asked => return End::NoQuery,
            }
        }
    }

    /// Goes on with what a task of a stream has done.
    fn go_on(
        &self,
        done: Result<Done, JoinError>,
        connection: &Connection,
        streams: &mut Streams<M::Responder>,
    ) -> Result<(), End> {
        match done {
            Err(error) => Err(End::Panic(error)),
            Ok(Done::Sent) => Ok(()),
            Ok(Done::SlowReader) => Err(End::SlowReader),
            Ok(Done::Read(mut send, Err(why))) => {
                let (code, end) = match why {
                    NoQuery::Gone => (REQUEST_CANCELLED, Ok(())),
                    NoQuery::Slow => (PROTOCOL_ERROR, Err(End::SlowQuery)),
                    NoQuery::Protocol => (PROTOCOL_ERROR, Err(End::Protocol)),
                    NoQuery::TooMuch => (EXCESSIVE_LOAD, Err(End::TooMuch)),
                };
                // Without it the stream would end as if it had an answer, of no octets.
                let _ = send.reset(code);
                end
            }
            Ok(Done::Read(send, Ok(query))) => self.answer(send, &query, connection, streams),
        }
    }

    /// Answers a query, and sends the answer on a task of its own.
    fn answer(
        &self,
        mut send: SendStream,
        query: &[u8],
        connection: &Connection,
        Streams { responder, tasks, .. }: &mut Streams<M::Responder>,
    ) -> Result<(), End> {
        let Shared { buffers, limits, tally, .. } = &self.shared;
        let client = connection.remote_address();
        self.progress.set_thread();
        self.progress.during(|| responder.refresh());
        add(&tally.received, 1);
        let mut output = buffers.take().map_err(|_| End::TooMuch)?;
        let is_answered = output.add(query, |buffer, length| {
            self.progress.during(|| responder.respond(buffer, length, client, Transport::Quic))
        });
        let answer = copied(output.octets());
        buffers.put(output);
        let time = limits.write;
        if is_answered {
            let answer = answer.map_err(|_| End::TooMuch)?;
            add(&tally.answered, 1);
            tasks.spawn(async move {
                let sent = timeout(time, send.write_all(&answer)).await;
                let _ = send.finish();
                if sent.is_err() { Done::SlowReader } else { Done::Sent }
            });
        } else if let Some(messages) = responder.take_messages() {
            add(&tally.answered, 1);
            tasks.spawn(send_all(send, messages, time));
        } else {
            add(&tally.dropped, 1);
            let _ = send.reset(INTERNAL_ERROR);
        }
        Ok(())
    }

    /// Answers what was asked before the stop.
    async fn last_streams(&self, connection: &Connection, streams: &mut Streams<M::Responder>) {
        while let Some(done) = streams.tasks.join_next().await {
            if self.go_on(done, connection, streams).is_err() {
                return;
            }
        }
    }
}

/// Sends an answer of several messages, each with its length in front (RFC 9250 section 4.2).
async fn send_all(
    mut send: SendStream,
    mut messages: Box<dyn MessageStream>,
    time: Duration,
) -> Done {
    // The messages end with the transfer.
    while let Some(message) = messages.next_message() {
        let prefix = message.as_ref().ok().and_then(|message| u16::try_from(message.len()).ok());
        let (Some(prefix), Ok(message)) = (prefix, message) else {
            let _ = send.reset(INTERNAL_ERROR);
            return Done::Sent;
        };
        let sent = async {
            send.write_all(&prefix.to_be_bytes()).await?;
            send.write_all(&message).await
        };
        match timeout(time, sent).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Done::Sent,
            Err(_) => return Done::SlowReader,
        }
    }
    let _ = send.finish();
    Done::Sent
}

/// Whether the client has asked for DNS over QUIC.
fn asks_for_dns(connection: &Connection) -> bool {
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    data.is_some_and(|data| data.protocol.as_deref() == Some(DOQ))
}
