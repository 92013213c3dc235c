//! The operator's page (`/`) and the page that tells who gets what (`/who`), for browsers. They
//! read and change nothing.
//!
//! What they show is what `/api/v1/status` and `cvdns explain` tell: `home` and `who` put it into
//! the values that `cvdns-pages` renders.

mod countries;
mod fields;
mod home;
mod memory;
mod mirrors;
mod names;
mod remarks;
pub(super) mod state;
mod traffic;
mod who;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio::task::spawn_blocking;

use super::view::AdminState;
use cvdns_pages::style;

use fields::Fields;

/// What browsers may do with the pages: show them with their style and send their forms here.
/// Another page can neither embed nor read them.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";

const HTML: &str = "text/html; charset=utf-8";

/// `GET /`: the state of the server.
pub(super) async fn home(State(shared): State<Arc<AdminState>>, target: Uri) -> Response {
    let fields = Fields::of(&target);
    made(shared, move |shared| home::page(shared, &fields, Timestamp::now())).await
}

/// `GET /who`: the answer to a question.
pub(super) async fn who(State(shared): State<Arc<AdminState>>, target: Uri) -> Response {
    let question = who::Question::read(&Fields::of(&target));
    if question.other_moment().is_none() {
        return made(shared, |shared| who::page(shared, question, None, Timestamp::now())).await;
    }
    let foreseeing = shared.clone();
    let _seat = foreseeing.pages.foreseeing.acquire().await.ok();
    match who::foresight(&shared.view).await {
        Ok(foresight) => {
            let foresight = Some(foresight);
            made(shared, |shared| who::page(shared, question, foresight, Timestamp::now())).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// `GET /style.css`: the style of both.
pub(super) async fn style() -> Response {
    finished(StatusCode::OK, "text/css; charset=utf-8", style::operator())
}

/// `GET /icon.svg`: the icon of both.
pub(super) async fn icon() -> Response {
    finished(StatusCode::OK, "image/svg+xml", style::ICON.to_owned())
}

/// Makes a page as soon as no other is being made, on the blocking pool: it must not delay queries
/// over TCP.
async fn made(
    shared: Arc<AdminState>,
    make: impl FnOnce(&AdminState) -> (StatusCode, String) + Send + 'static,
) -> Response {
    let waiting = shared.clone();
    // Acquiring fails only on a closed semaphore, and these are never closed.
    let _seat = waiting.pages.seat.acquire().await.ok();
    match spawn_blocking(move || make(&shared)).await {
        Ok((status, html)) => finished(status, HTML, html),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn finished(status: StatusCode, kind: &'static str, body: String) -> Response {
    let fields = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    let mut response = (status, body).into_response();
    for (name, value) in fields {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
