//! Takes connections, few and not for long: whoever can reach the admin address must not keep the server from its files and
//! queries.

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

/// Most connections at once; further ones wait.
const CONNECTIONS: usize = 32;

/// How long a request's head may take, which is also how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(10);

/// How long a connection may last in all.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait when the system gives no connection.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves connections until the runtime ends.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    // It is never closed.
    while let Ok(place) = room.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve(stream, peer, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!("the admin address takes no connection: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, router: Router) {
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut builder = http1::Builder::new();
    let connection = builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
    match timeout(LONGEST, connection.serve_connection(TokioIo::new(stream), answer)).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => debug!("admin connection of {peer}: {error}"),
    }
}
