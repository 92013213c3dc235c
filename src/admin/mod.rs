//! What operators see of the running server, over HTTP: metrics, and whether it serves and is ready.

mod metrics;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tracing::error;

use crate::serve::Tallies;
use crate::snapshot::Snapshot;

use metrics::Metrics;

/// What is shown.
#[derive(Debug, Clone)]
pub struct View {
    /// What is answered from.
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    /// What the sockets have done.
    pub tallies: Tallies,
    /// How the server stands.
    pub standing: Arc<ArcSwap<Standing>>,
}

/// How the server stands, as far as no snapshot says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The feed in force.
    pub feed: Option<FeedInForce>,
    /// What keeps the server from being ready, for people; none: it is.
    pub not_ready: Option<String>,
    /// How many overrides are in force.
    pub overrides: usize,
}

/// A feed, without what it says of mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedInForce {
    /// Its serial.
    pub serial: u64,
    /// When it was generated.
    pub generated: Timestamp,
    /// Whether it is younger than `max-age`.
    pub fresh: bool,
}

/// The admin address, bound.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
}

/// What handlers share.
#[derive(Debug)]
struct Shared {
    registry: Registry,
    view: View,
}

/// The content type of the text format (`OpenMetrics` 1.0, section "Overall Structure").
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

impl Admin {
    /// Binds the address.
    ///
    /// # Errors
    /// When the system does not give it.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the runtime that it is called in ends.
    ///
    /// # Errors
    /// When the runtime does not take the socket.
    pub fn serve(self, view: View) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let mut registry = Registry::with_prefix("cvdns");
        registry.register_collector(Box::new(Metrics(view.clone())));
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .with_state(Arc::new(Shared { registry, view }));
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                error!("the admin address is no longer served: {error}");
            }
        });
        Ok(())
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &shared.registry) {
        Ok(()) => Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text)),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))),
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    match &shared.view.standing.load().not_ready {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}
