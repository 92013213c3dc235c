//! Limits the number and the duration of admin connections, so that clients of the admin address
//! cannot exhaust the server's file descriptors, nor keep others from asking whether it is well.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower_service::Service;
use tracing::{debug, warn};

use cvdns_io::essential::Essential;
use cvdns_net::{Admission, ConnectionLimiter, Permit};

use super::origin;

/// Most connections at once. For a further one, another is closed: the one that has waited longest
/// for a whole request, or else the oldest.
const MAX_CONNECTIONS: usize = 48;

/// Descriptors of all connections, those that are being closed included, and of the listener.
pub(super) const MAX_DESCRIPTORS: usize = MAX_CONNECTIONS + ConnectionLimiter::MAX_LEAVING + 1;

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

/// Time limit for a whole connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What answers requests.
#[derive(Clone)]
struct Responder {
    router: Router,
    requests: Arc<Semaphore>,
    /// This machine's name.
    machine: Arc<str>,
}

/// Serves connections until the runtime ends.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let _essential = Essential::new("the admin listener");
    let machine = nix::unistd::gethostname().unwrap_or_default();
    let responder = Responder {
        router,
        requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
        machine: machine.to_string_lossy().into(),
    };
    let limiter = ConnectionLimiter::new(MAX_CONNECTIONS, MAX_CONNECTIONS + 1);
    loop {
        limiter.until_room().await;
        match listener.accept().await {
            Ok((stream, peer)) => match limiter.admit(peer.ip()) {
                Admission::Free(permit) | Admission::Evicting(permit) => {
                    tokio::spawn(serve(stream, peer, permit, responder.clone()));
                }
                Admission::ClientHasAll => {}
            },
            Err(error) => {
                warn!("cannot accept a connection at the admin address: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, permit: Permit, responder: Responder) {
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let mut responder = responder.clone();
        let permit = &permit;
        async move {
            let response = responder.respond(request, peer, permit).await;
            // While it waits for another request, or for the peer to read, it may be closed.
            permit.set_idle();
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = http1::Builder::new();
    let connection = builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let served = connection.serve_connection(TokioIo::new(stream), service);
    select! {
        () = permit.evicted() => debug!("admin connection from {peer}: closed for another one"),
        served = timeout(CONNECTION_TIMEOUT, served) => match served {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => debug!("admin connection from {peer}: {error}"),
        },
    }
}

impl Responder {
    async fn respond(
        &mut self,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
        permit: &Permit,
    ) -> Response {
        if let Err(reason) = origin::check(request.uri(), request.headers(), &self.machine) {
            return (StatusCode::FORBIDDEN, reason + "\n").into_response();
        }
        let (head, body) = request.into_parts();
        let body = match timeout(BODY_TIMEOUT, to_bytes(Body::new(body), MAX_BODY)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return (StatusCode::PAYLOAD_TOO_LARGE, "too long\n").into_response(),
            Err(_) => return (StatusCode::REQUEST_TIMEOUT, "too slow\n").into_response(),
        };
        permit.set_busy();
        let is_health = HEALTH.contains(&head.uri.path());
        let mut request = hyper::Request::from_parts(head, Body::from(body));
        request.extensions_mut().insert(ConnectInfo(peer));
        // Acquiring fails only on a closed semaphore, and this one is never closed.
        let _seat = if is_health { None } else { self.requests.acquire().await.ok() };
        self.router.call(request).await.unwrap_or_else(|never| match never {})
    }
}
