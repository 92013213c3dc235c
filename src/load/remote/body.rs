//! Reads the body of a response within limits, unpacks it and checks that it may be a feed.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use ureq::Body;
use ureq::http::Response;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::{FetchFailure, FetchTimeouts};
use cvdns_core::problem::without_mark;

/// The content codings that are accepted (RFC 9110 section 8.4.1).
pub(super) const ENCODINGS: &str = "gzip";

/// Reads and unpacks a body of at most `limit` octets, both packed and unpacked.
pub(super) fn read(
    mut response: Response<Body>,
    limit: usize,
    timeouts: FetchTimeouts,
) -> Result<Vec<u8>, FetchFailure> {
    let header = |name| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let media_type =
        header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let encoding = header(CONTENT_ENCODING).trim().to_ascii_lowercase();
    if matches!(media_type.as_str(), "text/html" | "application/xhtml+xml") {
        return Err(FetchFailure::Html);
    }
    if response.body().content_length().is_some_and(|length| length > limit as u64) {
        return Err(FetchFailure::TooLarge(limit));
    }
    let mut packed = Vec::new();
    let body = response.body_mut().as_reader();
    let done = body.take(limit as u64 + 1).read_to_end(&mut packed);
    done.map_err(|error| FetchFailure::in_answer(error, timeouts))?;
    let octets = match encoding.as_str() {
        "" | "identity" => packed,
        "gzip" | "x-gzip" => unpack(&packed, limit)?,
        other => {
            return Err(FetchFailure::Encoding(format!(
                "\"{}\"",
                super::failure::printable(other)
            )));
        }
    };
    if octets.len() > limit {
        return Err(FetchFailure::TooLarge(limit));
    }
    if first(&octets) == Some(b'<') {
        return Err(FetchFailure::Html);
    }
    Ok(octets)
}

/// Unpacks gzip (RFC 1952). A few octets can expand to gigabytes, so nothing is unpacked beyond the
/// limit.
fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>, FetchFailure> {
    if packed.len() > limit {
        return Err(FetchFailure::TooLarge(limit));
    }
    let mut octets = Vec::new();
    let done = MultiGzDecoder::new(packed).take(limit as u64 + 1).read_to_end(&mut octets);
    match done {
        Ok(_) => Ok(octets),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(FetchFailure::Cut),
        Err(error) => Err(FetchFailure::Encoding(format!("gzip that is broken ({error})"))),
    }
}

/// Refuses a document that begins as a JSON object and does not end as one. With a Content-Length
/// that is too small, what was read looks complete to HTTP.
pub(super) fn check_whole(octets: &[u8]) -> Result<(), FetchFailure> {
    let last = octets.iter().rev().find(|octet| !octet.is_ascii_whitespace());
    if first(octets) == Some(b'{') && last != Some(&b'}') { Err(FetchFailure::Cut) } else { Ok(()) }
}

/// The first octet that is no white space, after a byte order mark.
fn first(octets: &[u8]) -> Option<u8> {
    without_mark(octets).iter().copied().find(|octet| !octet.is_ascii_whitespace())
}
