//! A request of DNS over HTTPS (RFC 8484), as the HTTP library hands it over, and its response.
//!
//! Octet 0: bits 0 and 1 the method, bit 2 the path is that of queries, bit 3 the length of the
//! body is told before, bit 4 the body is one octet longer than a message. Octet 1: the octets of
//! the body that come at once. Then a line with path and variables, one with the media type, the
//! body.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use cvdns_core::answer::{Answering, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::inputs::Settings;
use cvdns_net::https_exchange::{Refused, query_of, response_of};
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Uri};

use super::message::Message;
use super::octets::Octets;
use super::snapshots::{clock, small};

thread_local! {
    static SNAPSHOT: Snapshot = small(Settings::default());
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; 65_536]);
}

const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::HEAD, Method::PUT];

/// A body that comes in parts.
struct Parts {
    left: VecDeque<Bytes>,
    /// The length that is told before.
    told: Option<u64>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop_front().map(|part| Ok(Frame::data(part))))
    }

    fn size_hint(&self) -> SizeHint {
        self.told.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The query or the error of a second reading comes out, and caches are told the right time.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let (how, most) = (octets.u8(), usize::from(octets.u8()).max(1));
    let mut lines = octets.0.splitn(3, |octet| *octet == b'\n');
    let [target, media_type, body] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let path: &[u8] = if how & 4 == 4 { b"/dns-query" } else { b"/" };
    let Ok(uri) = Uri::try_from([path, target].concat()) else { return };
    let Ok(media_type) = HeaderValue::from_bytes(media_type) else { return };
    let mut body = body.to_vec();
    if how & 16 == 16 {
        body.resize(65_536, 0);
    }
    let method = METHODS[usize::from(how & 3)].clone();
    let expected = plain((&method, &uri), media_type.as_bytes(), &body);
    let told = (how & 8 == 8).then_some(body.len() as u64);
    let most = if body.len() > 4096 { 4096 } else { most };
    let left = body.chunks(most).map(Bytes::copy_from_slice).collect();
    let mut request = Request::new(Parts { left, told });
    (*request.method_mut(), *request.uri_mut()) = (method, uri);
    request.headers_mut().insert(CONTENT_TYPE, media_type);
    let Poll::Ready(taken) = pin!(query_of(request)).poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("nothing was to be waited for");
    };
    match expected {
        Ok(query) => {
            assert_eq!(taken, Ok(query.clone()));
            answered(&query);
        }
        Err((refused, status)) => {
            assert_eq!(taken, Err(refused));
            assert_eq!(refused.response().status().as_u16(), status);
        }
    }
}

/// What RFC 8484 section 4.1 and RFC 9110 section 15 make of a request.
fn plain(
    (method, uri): (&Method, &Uri),
    media_type: &[u8],
    body: &[u8],
) -> Result<Vec<u8>, (Refused, u16)> {
    let malformed = Err((Refused::Malformed, 400));
    if uri.path() != "/dns-query" {
        return Err((Refused::Path, 404));
    }
    let query = match *method {
        Method::GET => {
            let variables = uri.query().unwrap_or_default().split('&');
            let found: Vec<&str> =
                variables.filter_map(|variable| variable.strip_prefix("dns=")).collect();
            let [text] = found[..] else { return malformed };
            let Some(query) = base64url(text) else { return malformed };
            query
        }
        Method::POST => {
            // Only what is text to HTTP counts.
            let text = std::str::from_utf8(media_type).unwrap_or_default();
            let is_text = text.bytes().all(|octet| octet == b'\t' || (32..127).contains(&octet));
            let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            if !is_text || essence != "application/dns-message" {
                return Err((Refused::MediaType, 415));
            }
            if body.len() > 65_535 {
                return Err((Refused::TooLong, 413));
            }
            body.to_vec()
        }
        _ => return Err((Refused::Method, 405)),
    };
    if query.len() < 12 { malformed } else { Ok(query) }
}

/// RFC 4648 section 5 without padding; bits that mean nothing are zero (section 3.5).
fn base64url(text: &str) -> Option<Vec<u8>> {
    let (mut octets, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (count < 6 && bits == 0).then_some(octets)
}

fn answered(query: &[u8]) {
    let client = ([192, 0, 2, 9], 4711).into();
    ROOM.with_borrow_mut(|buffer| {
        buffer[..query.len()].copy_from_slice(query);
        let mut answering = Answering::new(0, clock);
        let length = SNAPSHOT.with(|snapshot| {
            answering.respond(snapshot, buffer, query.len(), client, Transport::Https)
        });
        let Some(answer) = length.map(|length| buffer[..length].to_vec()) else { return };
        let expected = format!("max-age={}", age(&answer));
        let response = response_of(answer);
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()[CACHE_CONTROL], expected);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/dns-message");
    });
}

/// RFC 8484 section 5.1.
fn age(answer: &[u8]) -> u32 {
    let message = Message::read(answer).expect("a message");
    let answers = usize::from(message.counts[1]);
    let authority = usize::from(message.counts[2]);
    if let Some(lowest) = message.records[..answers].iter().map(|record| record.ttl).min() {
        return lowest;
    }
    let soa = message.records[answers..answers + authority].iter().find(|of| of.rtype == 6);
    soa.map_or(0, |soa| {
        let (_, minimum) = soa.rdata.split_at(soa.rdata.len() - 4);
        soa.ttl.min(u32::from_be_bytes(minimum.try_into().expect("four octets")))
    })
}
