//! Limits the number and the duration of admin connections, so that clients of the admin address
//! cannot exhaust the server's file descriptors, nor keep others from asking whether it is well.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::select;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service;
use tracing::{debug, warn};

use cvdns_io::essential::Essential;
use cvdns_net::{Admission, ConnectionLimiter, Permit};

use super::listener::{Listener, Stream};
use super::origin::{self, Names};
use super::peer::Peer;
use super::permission;
use super::routes;
use super::view::ServerView;

/// Most connections at once. For a further one, another is closed: the one that has waited longest
/// for a whole request, or else the oldest.
const MAX_CONNECTIONS: usize = 48;

/// Descriptors of all connections, those that are being closed included.
pub(super) const MAX_DESCRIPTORS: usize = MAX_CONNECTIONS + ConnectionLimiter::MAX_LEAVING;

/// Requests that are answered at once, but for health checks, which wait for nobody. Further ones
/// wait.
const MAX_REQUESTS: usize = 32;

/// Paths of health checks.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// Time limit for the head of a request, and so also for an idle connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Time limit for the body of a request, which is short.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Most octets of a body.
const MAX_BODY: usize = 16 << 10;

/// Time limit for a whole connection. What is being changed is waited for.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What answers requests.
#[derive(Clone)]
pub(super) struct Responder {
    router: Router,
    view: ServerView,
    requests: Arc<Semaphore>,
    /// This machine's name.
    machine: Arc<str>,
}

impl Responder {
    pub(super) fn new(router: Router, view: ServerView) -> Self {
        let machine = nix::unistd::gethostname().unwrap_or_default();
        Self {
            router,
            view,
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
            machine: machine.to_string_lossy().into(),
        }
    }
}

/// The limiter of the connections of all listeners together.
pub(super) fn limiter() -> Arc<ConnectionLimiter> {
    ConnectionLimiter::new(MAX_CONNECTIONS, MAX_CONNECTIONS + 1)
}

/// Serves the connections of a listener until the runtime ends or the stop. After the stop, what
/// was received is answered.
pub(super) async fn accept(
    listener: Listener,
    responder: Responder,
    limiter: Arc<ConnectionLimiter>,
    stop: watch::Receiver<bool>,
) {
    let _essential = Essential::new("the admin listener");
    let mut stopped = stop.clone();
    let mut connections = JoinSet::new();
    loop {
        limiter.until_room().await;
        while connections.try_join_next().is_some() {}
        let accepted = select! {
            biased;
            () = is_told(&mut stopped) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let admission = match peer {
                    Peer::Account { user_id } => limiter.admit_account(user_id),
                    Peer::Tcp(address) => limiter.admit(address.ip()),
                };
                match admission {
                    Admission::Free(permit) | Admission::Evicting(permit) => {
                        let served = serve(stream, peer, permit, responder.clone(), stop.clone());
                        connections.spawn(served);
                    }
                    Admission::ClientHasAll => {}
                }
            }
            Err(error) => {
                warn!(error = %error, "cannot accept a connection at the admin address: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits for the stop. Never returns if nobody can stop any more.
async fn is_told(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn serve(
    stream: Box<dyn Stream>,
    peer: Peer,
    permit: Permit,
    responder: Responder,
    mut stop: watch::Receiver<bool>,
) {
    let (changing, has_asked) = (AtomicUsize::new(0), AtomicBool::new(false));
    let stopping = stop.clone();
    let service = service_fn(|request: hyper::Request<Incoming>| {
        has_asked.store(true, Relaxed);
        let stopping = &stopping;
        let mut responder = responder.clone();
        let (permit, changing) = (&permit, &changing);
        async move {
            let counted = usize::from(permission::changes(request.method()));
            changing.fetch_add(counted, Relaxed);
            let mut response = responder.respond(request, peer, permit).await;
            changing.fetch_sub(counted, Relaxed);
            if *stopping.borrow() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // While it waits for another request, or for the peer to read, it may be closed.
            permit.set_idle();
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    // Tools such as `nc -N` send no more after the request, and wait for the answer.
    let connection =
        builder.half_close(true).timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let mut connection = pin!(connection.serve_connection(TokioIo::new(stream), service));
    let served = async {
        select! {
            biased;
            () = is_told(&mut stop) => {}
            served = connection.as_mut() => return served,
        }
        // A request that is being answered is the last one of its connection. A client that has
        // connected and not asked yet is about to.
        if has_asked.load(Relaxed) {
            connection.as_mut().graceful_shutdown();
        }
        connection.await
    };
    select! {
        () = permit.evicted() => debug!("admin connection from {peer}: closed for another one"),
        () = time_limit(&changing) => {}
        served = served => {
            if let Err(error) = served {
                debug!("admin connection from {peer}: {error}");
            }
        }
    }
}

/// Waits until the connection has taken too long, and changes nothing.
async fn time_limit(changing: &AtomicUsize) {
    loop {
        sleep(CONNECTION_TIMEOUT).await;
        if changing.load(Relaxed) == 0 {
            return;
        }
    }
}

impl Responder {
    async fn respond(
        &mut self,
        request: hyper::Request<Incoming>,
        peer: Peer,
        permit: &Permit,
    ) -> Response {
        let condition = self.view.condition.load_full();
        let access = &condition.access;
        if let Err(refusal) = origin::check_host(request.version(), request.headers()) {
            return refusal.into_response();
        }
        // Names protect addresses against web pages, which cannot reach a Unix socket.
        if matches!(peer, Peer::Tcp(_)) {
            let names = Names { machine: &self.machine, configured: &access.hosts };
            if let Err(refusal) = origin::check(request.uri(), request.headers(), names) {
                return refusal.into_response();
            }
        }
        // What no route takes changes nothing: the router says so to everybody.
        if permission::changes(request.method())
            && routes::takes(request.method(), request.uri().path())
        {
            let token_file = access.token_file.as_deref();
            if let Err(refusal) = permission::check(peer, request.headers(), token_file).await {
                return refusal.into_response();
            }
        }
        let (head, body) = request.into_parts();
        let body = match timeout(BODY_TIMEOUT, to_bytes(Body::new(body), MAX_BODY)).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) if is_unreadable(&error) => {
                let why = "the body is cut off or malformed\n";
                return (StatusCode::BAD_REQUEST, why).into_response();
            }
            Ok(Err(_)) => return (StatusCode::PAYLOAD_TOO_LARGE, "too long\n").into_response(),
            Err(_) => return (StatusCode::REQUEST_TIMEOUT, "too slow\n").into_response(),
        };
        permit.set_busy();
        let is_health = HEALTH.contains(&head.uri.path());
        let request = hyper::Request::from_parts(head, Body::from(body));
        // Acquiring fails only on a closed semaphore, and this one is never closed.
        let _seat = if is_health { None } else { self.requests.acquire().await.ok() };
        self.router.call(request).await.unwrap_or_else(|never| match never {})
    }
}

/// Whether a body could not be read, and is not merely too long.
fn is_unreadable(error: &axum::Error) -> bool {
    let mut below = std::error::Error::source(error);
    while let Some(error) = below {
        if error.is::<hyper::Error>() {
            return true;
        }
        below = error.source();
    }
    false
}
