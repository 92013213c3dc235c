//! What the listener answers: each path with its method. `docs/openapi.json` describes them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post, put};

use super::view::AdminState;
use super::{api, feed, log_level, metrics, page, reload};

/// A path, its method, and what answers.
struct Route {
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with the description"))]
    method: &'static str,
    path: &'static str,
    handler: MethodRouter<Arc<AdminState>>,
}

/// The description of the paths (`OpenAPI` 3.1).
const DESCRIPTION: &str = include_str!("../../docs/openapi.json");

pub(super) fn router() -> Router<Arc<AdminState>> {
    routes()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
}

/// The requests that change something.
const CHANGES: [(Method, &str); 3] = [
    (Method::POST, "/api/v1/feed/accept"),
    (Method::POST, "/api/v1/reload"),
    (Method::PUT, "/api/v1/log-level"),
];

/// Whether a request that changes something goes to a route that takes it.
pub(super) fn takes(method: &Method, path: &str) -> bool {
    CHANGES.iter().any(|(taken, at)| method == taken && path == *at)
}

async fn no_such_path() -> impl IntoResponse {
    let why = "there is no such path: / is the page for browsers, /api/v1/openapi.json describes \
               all paths\n";
    (StatusCode::NOT_FOUND, why)
}

async fn no_such_method() -> impl IntoResponse {
    let why = "this path does not take the method: Allow names those that it takes\n";
    (StatusCode::METHOD_NOT_ALLOWED, why)
}

fn routes() -> [Route; 16] {
    let route = |method, path, handler| Route { method, path, handler };
    [
        route("get", "/", get(page::home)),
        route("get", "/who", get(page::who)),
        route("get", "/style.css", get(page::style)),
        route("get", "/icon.svg", get(page::icon)),
        route("get", "/metrics", get(metrics::show)),
        route("get", "/healthz", get(|| async { "ok\n" })),
        route("get", "/readyz", get(ready)),
        route("get", "/api/v1/openapi.json", get(description)),
        route("get", "/api/v1/status", get(api::status)),
        route("get", "/api/v1/mirrors", get(api::mirrors)),
        route("get", "/api/v1/pools", get(api::pools)),
        route("get", "/api/v1/record", get(api::record)),
        route("get", "/api/v1/feed", get(feed::show)),
        route("post", "/api/v1/feed/accept", post(feed::accept)),
        route("post", "/api/v1/reload", post(reload::reload)),
        route("put", "/api/v1/log-level", put(log_level::set)),
    ]
}

async fn ready(State(shared): State<Arc<AdminState>>) -> impl IntoResponse {
    let condition = shared.view.condition.load();
    if condition.not_ready.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, condition.not_ready.join("\n") + "\n")
    }
}

async fn description() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let description: serde_json::Value = serde_json::from_str(DESCRIPTION).unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                described.insert((method.clone(), path.clone()));
            }
        }
        let routes: BTreeSet<_> =
            routes().iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
        assert_eq!(described, routes);
        // Whatever is not read needs permission.
        for (method, path) in &routes {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            assert_eq!(takes(&method, path), !method.is_safe(), "{method} {path}");
        }
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
