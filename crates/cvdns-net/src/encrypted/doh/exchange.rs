//! Queries in requests and answers in responses (RFC 8484).

use std::error::Error;

use cvdns_core::wire::{HEADER, MAX_MESSAGE, lifetime};
use data_encoding::BASE64URL_NOPAD;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use crate::memory::has_reserve;

/// The path of queries, as in the example of RFC 8484 section 4.1.
const PATH: &str = "/dns-query";

/// The media type of messages (RFC 8484 section 6).
const MESSAGE: &str = "application/dns-message";

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Another path.
    Path,
    /// Neither GET nor POST.
    Method,
    /// A POST request with another media type.
    MediaType,
    /// No query, several, or one that is not in base64url.
    Malformed,
    /// More octets than a message has.
    TooLong,
    /// The system gives no memory.
    NoMemory,
    /// The body did not end in time.
    Slow,
    /// A message that gets no answer: an answer itself, or one that asks for a transfer.
    NoAnswer,
}

/// The query of a request.
///
/// # Errors
/// When the request has none, or none that can be taken.
pub async fn query_of<B: Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin>(
    request: Request<B>,
) -> Result<Vec<u8>, Refused> {
    let (head, body) = request.into_parts();
    let query = match in_head(&head) {
        Ok(Some(query)) => query,
        Ok(None) => in_body(body).await?,
        Err(refused) => {
            discard(body).await;
            return Err(refused);
        }
    };
    if query.len() < HEADER { Err(Refused::Malformed) } else { Ok(query) }
}

/// The query in the head of a request; `None` if it is in the body.
fn in_head(head: &Parts) -> Result<Option<Vec<u8>>, Refused> {
    if head.uri.path() != PATH {
        return Err(Refused::Path);
    }
    match head.method {
        Method::GET => in_path(head.uri.query().unwrap_or_default()).map(Some),
        Method::POST => {
            let media_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
            let is_message = essence.trim().eq_ignore_ascii_case(MESSAGE);
            if is_message { Ok(None) } else { Err(Refused::MediaType) }
        }
        _ => Err(Refused::Method),
    }
}

/// Reads a body that is refused, unless it is long: where octets of the client are unread when a
/// connection is closed, the kernel resets it, which can cost the response on its way.
async fn discard(mut body: impl Body<Data = Bytes> + Unpin) {
    let mut left = 4 * MAX_MESSAGE;
    // Each round has octets, or is the last one.
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(1, |data| data.len().max(1)));
        if left == 0 {
            return;
        }
    }
}

/// The query in the variable `dns` (section 4.1). Other variables are nobody's.
fn in_path(variables: &str) -> Result<Vec<u8>, Refused> {
    let mut found = variables.split('&').filter_map(|variable| variable.strip_prefix("dns="));
    let (Some(text), None) = (found.next(), found.next()) else { return Err(Refused::Malformed) };
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Refused::Malformed)
}

async fn in_body(
    body: impl Body<Data = Bytes, Error: Error + Send + Sync + 'static> + Unpin,
) -> Result<Vec<u8>, Refused> {
    if body.size_hint().lower() > MAX_MESSAGE as u64 {
        discard(body).await;
        return Err(Refused::TooLong);
    }
    if !has_reserve() {
        return Err(Refused::NoMemory);
    }
    match Limited::new(body, MAX_MESSAGE).collect().await {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refused::TooLong),
        Err(_) => Err(Refused::Malformed),
    }
}

/// A response with an answer. Caches keep it as long as its records may be kept (section 5.1).
pub fn response_of(answer: Vec<u8>) -> Response<Full<Bytes>> {
    let age = lifetime(&answer).unwrap_or_default();
    let mut response = Response::new(Full::from(answer));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MESSAGE));
    if let Ok(control) = HeaderValue::from_str(&format!("max-age={age}")) {
        headers.insert(CACHE_CONTROL, control);
    }
    response
}

impl Refused {
    /// The response that says so, with a line for people.
    pub fn response(self) -> Response<Full<Bytes>> {
        let (status, text) = match self {
            Self::Path => (StatusCode::NOT_FOUND, "queries go to /dns-query (RFC 8484)"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "send GET or POST (RFC 8484)"),
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/dns-message")
            }
            Self::Malformed => {
                (StatusCode::BAD_REQUEST, "no DNS query: ?dns= in base64url, or a body")
            }
            Self::TooLong => {
                (StatusCode::PAYLOAD_TOO_LARGE, "a DNS message has at most 65535 octets")
            }
            Self::NoMemory => (StatusCode::SERVICE_UNAVAILABLE, "no memory now"),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "the body did not end in time"),
            Self::NoAnswer => (StatusCode::BAD_REQUEST, "this message gets no answer over HTTPS"),
        };
        let mut response = Response::new(Full::from(format!("{text}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if self == Self::Method {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8484_4_1_1_the_example_is_read() {
        let text = "dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
        let query = in_path(text).unwrap();
        assert_eq!(query.len(), 33);
        assert!(query.ends_with(b"\x03www\x07example\x03com\0\0\x01\0\x01"));
        assert_eq!(in_path(&format!("ct=x&{text}")), Ok(query));
    }

    #[test]
    fn variables_that_are_no_query_are_refused() {
        for bad in ["", "dns", "DNS=AAAA", "dns=AAA=", "dns=A", "dns=++++", "dns=AAAA&dns=AAAA"] {
            assert_eq!(in_path(bad), Err(Refused::Malformed), "{bad}");
        }
    }
}
