//! DNS over HTTPS (RFC 8484), by HTTP/2 and HTTP/1.1.

mod activity;
pub mod exchange;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::handshake::{ClientTls, EncryptedProtocol, Established};
use super::tls::HTTP2;
use crate::connection::Shared;
use crate::connection_limiter::Permit;
use crate::counters::add;
use crate::phase::Phase;
use crate::responder::{Endpoint, MakeResponder, Responder, Transport};
use crate::tcp_limits::patience;
use crate::watchdog::{Progress, Watchdog};

use activity::{Activity, State};
use exchange::{Refused, query_of, response_of};

/// Most exchanges of a connection at once.
const STREAMS: u32 = 32;

/// Most octets of the head of a request. A query in the path of a GET request takes four octets for
/// three.
const MOST_HEAD: u32 = 16 << 10;

/// Octets that wait for a client in a stream of HTTP/2.
const SEND_BUFFER: usize = 64 << 10;

/// How long exchanges that are under way have at the stop.
const LAST_EXCHANGES: Duration = Duration::from_millis(250);

/// DNS over HTTPS.
#[derive(Clone)]
pub(super) struct DnsOverHttps<M> {
    pub make: M,
    pub watchdog: Watchdog,
    /// Requests that were no query.
    pub requests_refused: Arc<AtomicU64>,
}

impl<M: MakeResponder> EncryptedProtocol for DnsOverHttps<M> {
    const NAME: &'static str = "DoH";

    async fn converse(&self, established: Established) {
        let Established { stream, client, server, permit, shared, stop } = established;
        let mut responder = self.make.make(Endpoint::Connection(Transport::Https));
        if responder.wants_destination() {
            responder.set_destination(server);
        }
        // A transfer has several messages, and HTTP exchanges one.
        responder.forbid_transfers();
        let exchanges = Exchanges {
            client,
            responder: Mutex::new(responder),
            progress: self.watchdog.watch("a DoH connection"),
            activity: Activity::new(),
            permit,
            shared,
            requests_refused: self.requests_refused.clone(),
        };
        Arc::new(exchanges).run(stream, stop).await;
    }
}

/// The exchanges of a connection.
struct Exchanges<R> {
    client: SocketAddr,
    /// Exchanges of HTTP/2 are tasks of their own. They take turns at this, for microseconds each.
    responder: Mutex<R>,
    progress: Arc<Progress>,
    activity: Activity,
    permit: Permit,
    shared: Shared,
    requests_refused: Arc<AtomicU64>,
}

impl<R: Responder> Exchanges<R> {
    async fn run(self: Arc<Self>, stream: ClientTls, stop: watch::Receiver<Phase>) {
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        let service = {
            let exchanges = self.clone();
            service_fn(move |request| {
                let exchanges = exchanges.clone();
                async move { Ok::<_, Infallible>(exchanges.exchange(request).await) }
            })
        };
        let io = TokioIo::new(stream);
        if is_http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(MOST_HEAD)
                .max_send_buf_size(SEND_BUFFER);
            let mut connection = pin!(builder.serve_connection(io, service));
            if self.until_last_exchange(connection.as_mut(), stop).await {
                connection.as_mut().graceful_shutdown();
                let _ = timeout(LAST_EXCHANGES, connection).await;
            }
        } else {
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(self.shared.limits.idle)
                .max_buf_size(MOST_HEAD as usize);
            let mut connection = pin!(builder.serve_connection(io, service));
            if self.until_last_exchange(connection.as_mut(), stop).await {
                connection.as_mut().graceful_shutdown();
                let _ = timeout(LAST_EXCHANGES, connection).await;
            }
        }
    }

    /// Waits until a connection ends, or until exchanges that are under way are its last ones.
    /// Returns whether there may be some. Where another process goes on, a connection that was just
    /// made has a moment for its request: its client has no reason to try again.
    async fn until_last_exchange<E>(
        &self,
        mut connection: impl Future<Output = Result<(), E>> + Unpin,
        stop: watch::Receiver<Phase>,
    ) -> bool {
        let phase = stop.clone();
        let end = self.until_end(&mut connection, stop).await;
        let is_handover = *phase.borrow() == Phase::HandingOver;
        if end == End::Stop && is_handover && self.activity.state() == State::New {
            return timeout(LAST_EXCHANGES, connection).await.is_err();
        }
        end == End::Stop
    }

    /// Waits until a connection ends, or should, and counts why.
    async fn until_end<E>(
        &self,
        mut connection: impl Future<Output = Result<(), E>> + Unpin,
        mut stop: watch::Receiver<Phase>,
    ) -> End {
        let Shared { limits, tally, .. } = &self.shared;
        let mut until = self.activity.since() + patience(limits.first_query, self.permit.load());
        loop {
            let (counter, end) = select! {
                biased;
                _ = stop.wait_for(|phase| *phase != Phase::Serving) => (&tally.stopped, End::Stop),
                () = self.permit.evicted() => (&tally.evicted, End::Other),
                _ = &mut connection => (&tally.closed, End::Other),
                () = sleep_until(until) => match self.activity.state() {
                    State::New => (&tally.first_query_timeouts, End::Other),
                    State::Busy => {
                        until = Instant::now() + limits.idle;
                        continue;
                    }
                    State::IdleSince(since) => {
                        until = since + patience(limits.idle, self.permit.load());
                        if until > Instant::now() {
                            continue;
                        }
                        (&tally.idle_timeouts, End::Other)
                    }
                },
            };
            add(counter, 1);
            return end;
        }
    }

    async fn exchange(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let _under_way = self.activity.begin(&self.permit);
        let Shared { limits, tally, .. } = &self.shared;
        let query = timeout(limits.message, query_of(request)).await;
        let query = match query.unwrap_or(Err(Refused::Slow)) {
            Ok(query) => query,
            Err(refused) => {
                add(&self.requests_refused, 1);
                return refused.response();
            }
        };
        add(&tally.received, 1);
        let Some(answer) = self.answer(&query) else {
            add(&tally.dropped, 1);
            return Refused::NoAnswer.response();
        };
        add(&tally.answered, 1);
        response_of(answer)
    }

    /// The answer to a query; `None` if it gets none.
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let mut output = self.shared.buffers.take().ok()?;
        let mut responder = self.responder.lock().unwrap_or_else(PoisonError::into_inner);
        self.progress.set_thread();
        let is_answered = self.progress.during(|| {
            responder.refresh();
            output.add(query, |buffer, length| {
                responder.respond(buffer, length, self.client, Transport::Https)
            })
        });
        let answer = output.message().filter(|_| is_answered).map(<[u8]>::to_vec);
        self.shared.buffers.put(output);
        answer
    }
}

/// Whether a connection has still to be finished.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Stop,
    Other,
}
