//! What a web server answers to whom fetches the feed and its signature.
//!
//! Octet 0: bit 0 with a signature, bit 1 correct answers are made of the rest as documents, bit 2
//! they are packed. Octet 1: how many octets arrive at once. The rest are answers, separated by
//! lines of `---`: to the document, the signature, and the document once more.

use std::io::Write;
use std::time::Duration;

use cvdns::load::remote::{FetchTimeouts, Fetched, Fetcher};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::octets::Octets;
use super::web::{Web, correct};

const TIMEOUTS: FetchTimeouts =
    FetchTimeouts { connect: Duration::from_secs(60), total: Duration::from_secs(60), idle: None };

/// Answers are understood or refused, and correct ones are understood.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let [how, most] = octets.array();
    // Short reads are rare, as each costs a step.
    let most = if most < 0x80 { 1 + usize::from(most) * 8 } else { usize::MAX };
    let signed = how & 1 == 1;
    if how & 2 == 0 {
        let answers = parts(octets.0);
        let mut fetcher =
            Fetcher::over(Web::new(answers, most), "http://192.0.2.1/f", signed, TIMEOUTS);
        let first = fetcher.fetch();
        assert_ne!(first, Ok(Fetched::NotModified), "nothing was fetched before");
        for fetched in [first, fetcher.fetch()] {
            check(fetched.map_err(|error| error.to_string()), signed);
        }
        return;
    }
    let mut sending = Octets(octets.slice(2));
    let documents: Vec<Vec<u8>> = parts(octets.0);
    let [document, signature] = [0, 1].map(|at| documents.get(at).cloned().unwrap_or_default());
    let answers = [&document, &signature].map(|octets| answer(how & 4 == 4, octets, &mut sending));
    let mut fetcher =
        Fetcher::over(Web::new(answers, most), "http://192.0.2.1/f", signed, TIMEOUTS);
    let fetched = fetcher.fetch();
    let is_page = |octets: &[u8]| text(octets).starts_with(b"<");
    let is_cut = text(&document).starts_with(b"{") && !text(&document).ends_with(b"}");
    if is_page(&document) || is_cut || signed && is_page(&signature) {
        assert!(fetched.is_err());
    } else {
        let signature = signed.then_some(signature);
        assert_eq!(fetched, Ok(Fetched::New { octets: document, signature }));
    }
}

/// Without byte order mark and white space.
fn text(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets).trim_ascii()
}

fn parts(octets: &[u8]) -> Vec<Vec<u8>> {
    let (mut parts, mut rest) = (Vec::new(), octets);
    while let Some(at) = rest.windows(5).position(|window| window == b"\n---\n") {
        parts.push(rest[..at].to_vec());
        rest = &rest[at + 5..];
    }
    parts.push(rest.to_vec());
    parts
}

fn answer(packed: bool, document: &[u8], sending: &mut Octets<'_>) -> Vec<u8> {
    if !packed {
        return correct("200 OK", "", document, sending);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(document).expect("written");
    let packed = encoder.finish().expect("written");
    correct("200 OK", "Content-Encoding: gzip\r\n", &packed, sending)
}

fn check(fetched: Result<Fetched, String>, signed: bool) {
    match fetched {
        Ok(Fetched::NotModified) => {}
        Ok(Fetched::New { octets, signature }) => {
            assert_eq!(signature.is_some(), signed);
            assert!(octets.len() <= 16 << 20 && !text(&octets).starts_with(b"<"));
        }
        Err(line) => {
            assert!(!line.is_empty() && !line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
        }
    }
}
