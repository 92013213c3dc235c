//! `/api/v1/feed`: the feed in force and the one held back; `/api/v1/feed/accept` accepts the
//! latter.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::api::json;
use super::view::{AcceptRequest, AdminState};
use cvdns_core::snapshot::{FeedInForce, HeldFeed};

/// The response of `/api/v1/feed`.
#[derive(Serialize)]
struct FeedResponse {
    /// The configured source; `None` if no feed is configured.
    source: Option<String>,
    in_force: Option<InForce>,
    held: Option<HeldFeed>,
    /// Failed attempts to get a feed, by reason.
    refused: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct InForce {
    #[serde(flatten)]
    feed: FeedInForce,
    /// Seconds since the feed was generated.
    age: i64,
}

/// The body of a request to accept a feed. The serial is required so that nobody accepts a newer
/// feed unseen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptBody {
    serial: u64,
}

const JSON: &str = "application/json";

pub(super) async fn show(State(shared): State<Arc<AdminState>>) -> Response {
    json(shared, |view, now| {
        let condition = view.condition.load();
        let in_force = condition.feed.clone();
        FeedResponse {
            source: condition.source.clone(),
            in_force: in_force
                .map(|feed| InForce { age: now.duration_since(feed.generated).as_secs(), feed }),
            held: condition.held.clone(),
            refused: condition.refusals.clone(),
        }
    })
    .await
}

/// Accepts the feed that is held back. Only requests from this machine are allowed, as there is no
/// authentication, and only JSON, which a web page cannot send to another origin without a
/// preflight request.
pub(super) async fn accept(
    State(shared): State<Arc<AdminState>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !peer.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "only allowed from this machine\n".to_owned());
    }
    if content_type != Some(JSON) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("expected {JSON}\n"));
    }
    let serial = match serde_json::from_str(&body) {
        Ok(AcceptBody { serial }) => serial,
        Err(error) => {
            return (
                StatusCode::BAD_REQUEST,
                format!("expected {{\"serial\": NUMBER}}: {error}\n"),
            );
        }
    };
    let (done, outcome) = oneshot::channel();
    if shared.view.accepts.send(AcceptRequest { serial, done }).await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n".to_owned());
    }
    match outcome.await {
        Ok(Ok(())) => (StatusCode::OK, format!("feed {serial} is in force\n")),
        Ok(Err(why)) => (StatusCode::CONFLICT, format!("{why}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n".to_owned()),
    }
}
