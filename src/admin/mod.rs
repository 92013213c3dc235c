//! What operators see of the running server, over HTTP: metrics, and whether it serves and is ready.

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
use cvdns_core::answer::{QueryCounterSet, SnapshotReclaimer};
use cvdns_core::snapshot::{FeedInForce, HeldFeed, Snapshot};
use cvdns_net::Tallies;

use metrics::Metrics;

/// What is shown, and who acts on what is told.
#[derive(Debug, Clone)]
pub struct View {
    /// What is answered from.
    pub snapshots: Arc<ArcSwap<Snapshot>>,
    /// What the sockets have done.
    pub tallies: Tallies,
    /// What was asked, and how it was answered.
    pub queries: QueryCounterSet,
    /// What paths and mirrors were answered.
    pub reclaimer: Arc<SnapshotReclaimer>,
    /// How the server stands.
    pub condition: Arc<ArcSwap<Condition>>,
    /// The log.
    pub log: LogQueue,
    /// Takes over a feed that is held back.
    pub accepts: mpsc::Sender<Accept>,
}

/// An operator's word that the feed of this serial be taken, and who waits for what comes of it: nothing, or why not.
#[derive(Debug)]
pub struct Accept {
    /// The serial.
    pub serial: u64,
    /// Gets the outcome.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// How the server stands, as far as no snapshot says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Condition {
    /// The feed in force.
    pub feed: Option<FeedInForce>,
    /// A feed that is held back.
    pub held: Option<HeldFeed>,
    /// How often no feed could be taken, by reason.
    pub refusals: BTreeMap<&'static str, u64>,
    /// How many files of the record cannot be used.
    pub unusable_files: usize,
    /// What keeps the server from being ready, for people; empty: it is.
    pub not_ready: Vec<String>,
    /// From where the feed comes.
    pub source: Option<String>,
    /// The country database, for people.
    pub database: String,
    /// How many overrides are in force.
    pub overrides: usize,
    /// When the server was started.
    pub started: Timestamp,
    /// How many reloads were done, and how many failed.
    pub reloads: [u64; 2],
    /// How many snapshots were compiled.
    pub compiled: u64,
    /// How long the newest took.
    pub compile_time: Duration,
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

/// The media type of `OpenMetrics` (1.0, section "Overall Structure"). Prometheus asks for it; other readers know the older format.
const OPEN_METRICS: &str = "application/openmetrics-text";

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
            .route("/api/v1/status", get(api::status))
            .route("/api/v1/mirrors", get(api::mirrors))
            .route("/api/v1/pools", get(api::pools))
            .route("/api/v1/record", get(api::record))
            .route("/api/v1/feed", get(feed::show))
            .route("/api/v1/feed/accept", post(feed::accept))
            .with_state(Arc::new(Shared { registry, view }));
        tokio::spawn(connections::accept(listener, router));
        Ok(())
    }
}

async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> impl IntoResponse {
    let open = accepts_open_metrics(&headers);
    // With many mirrors this takes some milliseconds, for which no query over TCP is to wait.
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

/// Whether a request names `OpenMetrics` among what it accepts (RFC 9110, section 12.5.1), with a weight above 0.
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

async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let condition = shared.view.condition.load();
    if condition.not_ready.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, condition.not_ready.join("\n") + "\n")
    }
}
