//! What requests for changes have in common: their bodies, and the way to the thread that carries
//! them out.

use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::view::{ChangeRequest, ServerView};

/// The only media type of bodies: a web page cannot send it to another origin without a preflight
/// request.
const JSON: &str = "application/json";

/// The status and the text of a response that refuses a request.
pub(super) type Refused = (StatusCode, String);

/// Reads the body of a request; `expected` is what it looks like. The error is the response.
pub(super) fn body<T: DeserializeOwned>(
    headers: &HeaderMap,
    text: &str,
    expected: &str,
) -> Result<T, Refused> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if content_type != Some(JSON) {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("expected {JSON}\n")));
    }
    serde_json::from_str(text)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("expected {expected}: {error}\n")))
}

/// Has a change carried out, after those that were asked for before, and waits for the result. The
/// error is the response of a server that stops.
pub(super) async fn carry_out<T>(
    view: &ServerView,
    request: impl FnOnce(oneshot::Sender<T>) -> ChangeRequest,
) -> Result<T, Refused> {
    let stopping = || (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping\n".to_owned());
    let (done, outcome) = oneshot::channel();
    view.changes.send(request(done)).await.map_err(|_| stopping())?;
    outcome.await.map_err(|_| stopping())
}
