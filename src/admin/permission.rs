//! Who may change something. Whoever reaches the listener may read.
//!
//! Over a Unix socket, the mode of its file has decided. Over TCP, any account of the machine
//! reaches loopback, and so does what it runs for others, such as a browser or a proxy: the token
//! shows who may.

use std::path::Path;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::peer::Peer;
use crate::load::read_token;

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The peer may never do this.
    Forbidden(String),
    /// There is no token, or it is wrong.
    Unauthorized(&'static str),
}

/// Whether requests by this method change something (RFC 9110 section 9.2.1).
pub(super) fn changes(method: &Method) -> bool {
    !method.is_safe()
}

/// Checks that a peer may change something. The token is read anew each time, so that a new one
/// holds at once.
pub(super) async fn check(
    peer: Peer,
    headers: &HeaderMap,
    token_file: Option<&Path>,
) -> Result<(), Refusal> {
    let Peer::Tcp(address) = peer else { return Ok(()) };
    if !address.ip().to_canonical().is_loopback() {
        let why = "changes are only allowed from this machine: over a Unix socket (`listen` in \
                   [admin]), or over loopback with the token of `token-file`";
        return Err(Refusal::Forbidden(why.to_owned()));
    }
    let Some(path) = token_file.map(Path::to_owned) else {
        let why = "changes over TCP need a token, and the configuration has none: set `token-file` \
                   in [admin], or use a Unix socket (`listen = [\"unix:run/admin.sock\"]`)";
        return Err(Refusal::Forbidden(why.to_owned()));
    };
    let read = spawn_blocking(move || read_token(&path)).await;
    let token = read
        .unwrap_or_else(|error| Err(error.to_string()))
        .map_err(|error| Refusal::Forbidden(format!("`token-file` in [admin]: {error}")))?;
    match presented(headers) {
        None => Err(Refusal::Unauthorized(
            "changes need the token of `token-file` in [admin]: Authorization: Bearer TOKEN",
        )),
        Some(presented) if token.is(presented) => Ok(()),
        Some(_) => Err(Refusal::Unauthorized("this is not the token of `token-file` in [admin]")),
    }
}

/// The token of a request (RFC 6750 section 2.1); the scheme's case does not matter (RFC 9110
/// section 11.1).
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let value = fields.next().filter(|_| fields.next().is_none())?;
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Forbidden(why) => (StatusCode::FORBIDDEN, why + "\n").into_response(),
            Self::Unauthorized(why) => {
                let challenge = (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                (StatusCode::UNAUTHORIZED, [challenge], format!("{why}\n")).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn asked(peer: &str, fields: &[&str], token: Option<&str>) -> Result<(), Refusal> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        if let Some(token) = token {
            std::fs::write(&path, token).unwrap();
        }
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(AUTHORIZATION, HeaderValue::from_str(field).unwrap());
        }
        let peer = match peer {
            "account" => Peer::Account { user_id: 1000 },
            address => Peer::Tcp(address.parse().unwrap()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(peer, &headers, token.map(|_| &*path)))
    }

    #[test]
    fn the_socket_or_the_token_over_loopback_allow_changes() {
        let good = format!("Bearer {TOKEN}");
        assert_eq!(asked("account", &[], None), Ok(()));
        for peer in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            for scheme in ["Bearer", "bearer", "BEARER"] {
                let field = format!("{scheme} {TOKEN}");
                assert_eq!(asked(peer, &[&field], Some(TOKEN)), Ok(()), "{peer} {field}");
            }
            assert!(matches!(asked(peer, &[&good], None), Err(Refusal::Forbidden(_))));
        }
        for peer in ["192.0.2.1:1", "[2001:db8::1]:1"] {
            assert!(matches!(asked(peer, &[&good], Some(TOKEN)), Err(Refusal::Forbidden(_))));
        }
        for fields in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &["Bearer 0123456789abcdeF"],
            &["Bearer 0123456789abcde"],
            &["Basic 0123456789abcdef"],
            &[TOKEN],
            &[&good, &good],
        ] {
            let refused = asked("127.0.0.1:1", fields, Some(TOKEN));
            assert!(matches!(refused, Err(Refusal::Unauthorized(_))), "{fields:?}");
        }
        // A file that lost its token allows nothing.
        for unusable in ["", "short"] {
            let refused = asked("127.0.0.1:1", &["Bearer "], Some(unusable));
            assert!(matches!(refused, Err(Refusal::Forbidden(_))), "{unusable}");
        }
    }

    #[test]
    fn safe_methods_change_nothing() {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
            assert!(!changes(&method), "{method}");
        }
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::CONNECT] {
            assert!(changes(&method), "{method}");
        }
        assert!(changes(&Method::from_bytes(b"RELOAD").unwrap()));
    }
}
