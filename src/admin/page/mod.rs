//! The operator's page (`/`) and the page that tells who gets what (`/who`), for browsers. They
//! read and change nothing.
//!
//! What they show is what `/api/v1/status` and `cvdns explain` tell: `home` and `who` put it into
//! the values that `cvdns-pages` renders.

mod countries;
mod fields;
mod home;
mod mirrors;
mod remarks;
mod traffic;
mod who;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::view::{AdminState, ServerView};
use cvdns_core::snapshot::Snapshot;
use cvdns_pages::{Site, style};

use fields::Fields;
use traffic::TrafficMemory;

/// What pages need beside the server's state.
#[derive(Debug)]
pub(super) struct PageState {
    /// This machine's name.
    machine: String,
    /// Pages are made one after the other: with many mirrors each takes a core for a while, which
    /// answers need more.
    seat: Semaphore,
    /// For one moment at a time the thread that follows feed and files copies what is in force.
    foreseeing: Semaphore,
    /// The counts that pages showed before.
    traffic: TrafficMemory,
}

impl PageState {
    /// The state for pages of this machine.
    pub(super) fn new() -> Self {
        let machine = nix::unistd::gethostname().unwrap_or_default();
        Self {
            machine: machine.to_string_lossy().into(),
            seat: Semaphore::new(1),
            foreseeing: Semaphore::new(1),
            traffic: TrafficMemory::default(),
        }
    }
}

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

/// The network that the server is of, by its first zone.
fn site(snapshot: &Snapshot) -> Site {
    let first = snapshot.static_data.plans.first();
    Site {
        network: first.map(|plan| plan.origin.to_string()).unwrap_or_default(),
        generator: format!("cvdns {}", env!("CARGO_PKG_VERSION")),
    }
}

/// Most names that a form offers.
const OFFERED: usize = 20;

/// Names that one may ask for: those whose answers depend on the client, and those of the record.
fn offered_names(view: &ServerView) -> Vec<String> {
    use cvdns_core::snapshot::pools::PathChoice;
    use cvdns_core::snapshot::static_data::Answer;
    use cvdns_core::wire::name::Name;
    let snapshot = view.snapshots.load();
    let data = &snapshot.static_data;
    let is_worth = |answer: &Answer| match answer {
        Answer::Pool { choice, .. } => *choice == PathChoice::Client,
        Answer::Text(_) => true,
        _ => false,
    };
    let named = data.names.iter().filter(|(node, _)| {
        let node = data.nodes.get(*node as usize);
        node.is_some_and(|node| data.answers(node).iter().any(|it| is_worth(&it.answer)))
    });
    let texts = named.filter_map(|(_, name)| Some(Name::from_wire(name).ok()?.to_string()));
    let mut names: Vec<String> = texts.filter(|name| !name.starts_with('*')).collect();
    names.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    names.truncate(OFFERED);
    names
}
