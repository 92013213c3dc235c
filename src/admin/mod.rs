//! The admin listener: status, metrics, liveness and readiness of the running server over HTTP.

mod api;
mod connections;
mod feed;
mod metrics;
pub mod status;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use jiff::Timestamp;
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::logging::LogQueue;
use cvdns_core::answer::{Ledger, QueryTallies};
use cvdns_core::snapshot::{FeedInForce, HeldFeed, Snapshot};
use cvdns_net::Tallies;

use metrics::MetricsCollector;

/// The parts of the running server that handlers read, and the channel for requests.
#[derive(Debug, Clone)]
pub struct ServerView {
    /// The snapshot in force.
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    /// Counters of the sockets.
    pub tallies: Tallies,
    /// Counters of queries and answers.
    pub queries: QueryTallies,
    /// Counters of answers by path and mirror.
    pub ledger: Arc<Ledger>,
    /// The state of the server that is not part of the snapshot.
    pub condition: Arc<ArcSwap<ServerCondition>>,
    /// The log, for its counters.
    pub log: LogQueue,
    /// Passes requests to accept a feed that is held back to the thread that follows feeds.
    pub accepts: mpsc::Sender<AcceptRequest>,
}

/// An operator's request to accept the feed that is held back.
#[derive(Debug)]
pub struct AcceptRequest {
    /// The serial of the feed.
    pub serial: u64,
    /// Receives the result; the error is the reason for people.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// The state of the server that is not part of the snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerCondition {
    /// The feed in force.
    pub feed: Option<FeedInForce>,
    /// The feed that is held back.
    pub held: Option<HeldFeed>,
    /// Failed attempts to get a feed, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Number of files of the record that cannot be used.
    pub unusable_files: usize,
    /// Why the server is not ready, for people; empty if it is ready.
    pub not_ready: Vec<String>,
    /// The configured source of the feed.
    pub source: Option<String>,
    /// Description of the country database, for people.
    pub database: String,
    /// Number of overrides in force.
    pub overrides: usize,
    /// When the server was started.
    pub started: Timestamp,
    /// Numbers of successful and failed reloads.
    pub reloads: [u64; 2],
    /// Number of compiled snapshots.
    pub compiled: u64,
    /// How long the newest snapshot took to compile.
    pub compile_time: Duration,
}

/// The bound admin listener.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
}

/// State shared by all handlers.
#[derive(Debug)]
struct AdminState {
    registry: Registry,
    view: ServerView,
}

/// The media type of `OpenMetrics` (1.0, section "Overall Structure"). Prometheus requests it;
/// other clients get the older Prometheus text format.
const OPEN_METRICS: &str = "application/openmetrics-text";

impl Admin {
    /// Binds the address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener })
    }

    /// The address of the listener.
    ///
    /// # Errors
    /// When the system call fails.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Starts serving on the current runtime until that ends.
    ///
    /// # Errors
    /// When the socket cannot be registered with the runtime.
    pub fn serve(self, view: ServerView) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let mut registry = Registry::with_prefix("cvdns");
        registry.register_collector(Box::new(MetricsCollector(view.clone())));
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/api/v1/status", get(api::status))
            .route("/api/v1/mirrors", get(api::mirrors))
            .route("/api/v1/pools", get(api::pools))
            .route("/api/v1/record", get(api::record))
            .route("/api/v1/feed", get(feed::show))
            .route("/api/v1/feed/accept", post(feed::accept))
            .with_state(Arc::new(AdminState { registry, view }));
        tokio::spawn(connections::accept(listener, router));
        Ok(())
    }
}

async fn metrics(State(shared): State<Arc<AdminState>>, headers: HeaderMap) -> impl IntoResponse {
    let open = accepts_open_metrics(&headers);
    // With many mirrors this takes some milliseconds, which must not delay queries over TCP.
    let encoded = spawn_blocking(move || {
        let mut text = String::new();
        let registry = &shared.registry;
        let done = if open {
            text::encode(&mut text, registry)
        } else {
            prometheus_text::encode(&mut text, registry)
        };
        done.map(|()| text)
    });
    let kind = if open {
        format!("{OPEN_METRICS}; version=1.0.0; charset=utf-8")
    } else {
        prometheus_text::CONTENT_TYPE.to_owned()
    };
    match encoded.await {
        Ok(Ok(text)) => {
            Ok(([(header::CONTENT_TYPE, kind), (header::VARY, "Accept".to_owned())], text))
        }
        Ok(Err(error)) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))),
    }
}

/// Whether the Accept field of a request names `OpenMetrics` with a weight above 0 (RFC 9110
/// section 12.5.1).
fn accepts_open_metrics(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(OPEN_METRICS));
        let weight = parts
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case("q"));
        named
            && weight.is_none_or(|(_, weight)| {
                weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0)
            })
    })
}

async fn ready(State(shared): State<Arc<AdminState>>) -> impl IntoResponse {
    let condition = shared.view.condition.load();
    if condition.not_ready.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, condition.not_ready.join("\n") + "\n")
    }
}
