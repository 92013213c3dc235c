//! What requests for changes have in common: their bodies, and the way to the thread that carries
//! them out.

use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::view::{OperatorRequest, ServerView};

/// The only media type of bodies: a web page cannot send it to another origin without a preflight
/// request.
const JSON: &str = "application/json";

/// A request that is not carried out: the status and the reason for people.
pub(super) type Refusal = (StatusCode, String);

/// Reads the body of a request; `expected` is what it looks like.
pub(super) fn body<T: DeserializeOwned>(
    headers: &HeaderMap,
    text: &str,
    expected: &str,
) -> Result<T, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type != Some(JSON) {
        let what = format!("expected {JSON}\n");
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    serde_json::from_str(text)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("expected {expected}: {error}\n")))
}

/// Has a change carried out, after those that were asked for before, and waits for the result. A
/// server that stops refuses.
pub(super) async fn carry_out<T>(
    view: &ServerView,
    request: impl FnOnce(oneshot::Sender<T>) -> OperatorRequest,
) -> Result<T, Refusal> {
    let stopping = || (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n".to_owned());
    let (done, outcome) = oneshot::channel();
    view.changes.send(request(done)).await.map_err(|_| stopping())?;
    outcome.await.map_err(|_| stopping())
}
