//! `PUT /api/v1/log-level`: sets what is logged until the next reload.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tracing::info;

use super::api::json;
use super::change::body;
use super::view::AdminState;

/// The body of the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelBody {
    level: String,
}

pub(super) async fn set(
    State(shared): State<Arc<AdminState>>,
    headers: HeaderMap,
    text: String,
) -> Response {
    let level = match body(&headers, &text, "{\"level\": \"info\"}") {
        Ok(LevelBody { level }) => level,
        Err(refused) => return refused.into_response(),
    };
    if let Err(why) = shared.view.log_level.set(&level) {
        return (StatusCode::BAD_REQUEST, why + "\n").into_response();
    }
    info!("the log level is {level:?} until the next reload, as an operator asked for");
    json(shared, |view, _| view.log_level.in_force()).await
}
