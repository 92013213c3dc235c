//! Limits the number and the duration of admin connections, so that clients of the admin address
//! cannot exhaust the server's file descriptors.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tower_service::Service;
use tracing::{debug, warn};

/// Connections that are served at once; further ones wait.
const MAX_CONNECTIONS: usize = 32;

/// Time limit for the head of a request, and so also for an idle connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time limit for a whole connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves connections until the runtime ends.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Acquiring fails only on a closed semaphore, and this one is never closed.
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve(stream, peer, router).await;
                    drop(permit);
                });
            }
            Err(error) => {
                warn!("cannot accept a connection at the admin address: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, router: Router) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut builder = http1::Builder::new();
    let connection = builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let served = connection.serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIMEOUT, served).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => debug!("admin connection from {peer}: {error}"),
    }
}
