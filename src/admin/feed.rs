//! The feed, as it is in force and held back; an operator's word on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::api::json;
use super::{Accept, Shared};
use cvdns_core::snapshot::{FeedInForce, HeldFeed};

/// `/api/v1/feed`.
#[derive(Serialize)]
struct Feeds {
    /// From where it comes; none: no feed is configured.
    source: Option<String>,
    in_force: Option<InForce>,
    held: Option<HeldFeed>,
    /// How often no feed could be taken, by reason.
    refused: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct InForce {
    #[serde(flatten)]
    feed: FeedInForce,
    /// Seconds since it was generated.
    age: i64,
}

/// What an operator accepts: that the serial must be named keeps a feed from being accepted that nobody has looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    serial: u64,
}

const JSON: &str = "application/json";

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Response {
    json(shared, |view, now| {
        let condition = view.condition.load();
        let in_force = condition.feed.clone();
        Feeds {
            source: condition.source.clone(),
            in_force: in_force
                .map(|feed| InForce { age: now.duration_since(feed.generated).as_secs(), feed }),
            held: condition.held.clone(),
            refused: condition.refusals.clone(),
        }
    })
    .await
}

/// From this machine alone: nobody is asked who they are. JSON alone: no page in a browser can send that unasked.
pub(super) async fn accept(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !peer.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "only from this machine\n".to_owned());
    }
    if content_type != Some(JSON) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("expected {JSON}\n"));
    }
    let serial = match serde_json::from_str(&body) {
        Ok(Accepted { serial }) => serial,
        Err(error) => {
            return (
                StatusCode::BAD_REQUEST,
                format!("expected {{\"serial\": NUMBER}}: {error}\n"),
            );
        }
    };
    let (done, outcome) = oneshot::channel();
    if shared.view.accepts.send(Accept { serial, done }).await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n".to_owned());
    }
    match outcome.await {
        Ok(Ok(())) => (StatusCode::OK, format!("feed {serial} is in force\n")),
        Ok(Err(why)) => (StatusCode::CONFLICT, format!("{why}\n")),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n".to_owned()),
    }
}
