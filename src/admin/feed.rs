//! `/api/v1/feed`: the feed in force and the one held back; `/api/v1/feed/accept` accepts the
//! latter.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::api::json;
use super::change::{body, carry_out};
use super::source_status::SourceStatus;
use super::view::{AdminState, OperatorRequest};
use cvdns_core::snapshot::{FeedInForce, HeldFeed};

/// The response of `/api/v1/feed`.
#[derive(Serialize)]
struct FeedResponse {
    /// The configured source, or several with commas; `None` if no feed is configured.
    source: Option<String>,
    /// Each source, in the order of the configuration.
    sources: Vec<SourceStatus>,
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

pub(super) async fn show(State(shared): State<Arc<AdminState>>) -> Response {
    json(shared, |view, now| {
        let condition = view.condition.load();
        let in_force = condition.feed.clone();
        FeedResponse {
            source: SourceStatus::names(&condition.sources),
            sources: SourceStatus::all(&condition, now),
            in_force: in_force
                .map(|feed| InForce { age: now.duration_since(feed.generated).as_secs(), feed }),
            held: condition.held.clone(),
            refused: condition.refusals.clone(),
        }
    })
    .await
}

/// Accepts the feed that is held back.
pub(super) async fn accept(
    State(shared): State<Arc<AdminState>>,
    headers: HeaderMap,
    text: String,
) -> Response {
    let serial = match body(&headers, &text, "{\"serial\": NUMBER}") {
        Ok(AcceptBody { serial }) => serial,
        Err(refusal) => return refusal.into_response(),
    };
    let request = |done| OperatorRequest::AcceptFeed { serial, done };
    match carry_out(&shared.view, request).await {
        Ok(Ok(())) => (StatusCode::OK, format!("feed {serial} is in force\n")).into_response(),
        Ok(Err(why)) => (StatusCode::CONFLICT, format!("{why}\n")).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
