//! The admin listener: status, metrics, liveness and readiness of the running server over HTTP.

mod api;
mod connections;
mod counted;
mod feed;
mod metrics;
mod origin;
pub mod status;
mod view;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use prometheus_client::registry::Registry;

use metrics::MetricsCollector;
use view::AdminState;

pub use connections::AdminServing;
pub use counted::Counted;
pub use metrics::count;
pub use view::{AcceptRequest, ServerCondition, ServerView};

/// The bound admin listener.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
}

impl Admin {
    /// Most file descriptors of the listener and its connections.
    pub const MAX_DESCRIPTORS: usize = connections::MAX_DESCRIPTORS;

    /// Binds the address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// Serves a listener that is bound already.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn inherit(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// The listener once more, for another process.
    ///
    /// # Errors
    /// When the process has too few descriptors.
    pub fn share(&self) -> io::Result<TcpListener> {
        self.listener.try_clone()
    }

    /// The address of the listener.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Starts serving on the current runtime until that ends or the result is told to stop.
    ///
    /// # Errors
    /// When the socket cannot be registered with the runtime.
    pub fn serve(self, view: ServerView) -> io::Result<AdminServing> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let mut registry = Registry::with_prefix("cvdns");
        registry.register_collector(Box::new(MetricsCollector(view.clone())));
        let router = Router::new()
            .route("/metrics", get(metrics::show))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/api/v1/status", get(api::status))
            .route("/api/v1/mirrors", get(api::mirrors))
            .route("/api/v1/pools", get(api::pools))
            .route("/api/v1/record", get(api::record))
            .route("/api/v1/feed", get(feed::show))
            .route("/api/v1/feed/accept", post(feed::accept))
            .with_state(Arc::new(AdminState { registry, view }));
        Ok(AdminServing::start(listener, router))
    }
}

async fn ready(State(shared): State<Arc<AdminState>>) -> impl IntoResponse {
    let condition = shared.view.condition.load();
    if condition.not_ready.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, condition.not_ready.join("\n") + "\n")
    }
}
