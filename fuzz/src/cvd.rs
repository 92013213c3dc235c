//! The header of a database.

use cvdns_core::release::cvd::{HEADER_SIZE, Header};

use super::snapshots::clock;

/// A header that is read, written again from its fields, is read as the same; the octets behind it
/// change nothing.
pub fn run(input: &[u8]) {
    // Padded, as most inputs of a fuzzer would be too short.
    let mut padded = input.to_vec();
    padded.resize(padded.len().max(HEADER_SIZE), b' ');
    for octets in [input, &padded] {
        match Header::parse(octets, clock()) {
            Ok(header) => check(octets, &header),
            Err(error) => {
                let line = error.to_string();
                assert!(!line.is_empty() && !line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
            }
        }
    }
}

fn check(octets: &[u8], header: &Header) {
    let Header { built, version, signatures, flevel, md5, signature, builder, time } = header;
    assert!(*version > 0 && !builder.is_empty() && !built.is_empty() && !signature.is_empty());
    let seconds = time.as_second();
    let fields: Vec<&[u8]> = octets[..HEADER_SIZE].split(|octet| *octet == b':').collect();
    assert_eq!(fields[0], b"ClamAV-VDB");
    assert_eq!(fields[1], built.as_bytes());
    assert_eq!(fields[5].to_ascii_lowercase(), md5.to_ascii_lowercase().as_bytes());
    // A time before 1970 is only in the first field.
    if seconds < 0 {
        return;
    }
    let text = format!(
        "ClamAV-VDB:{built}:{version}:{signatures}:{flevel}:{md5}:{signature}:{builder}:{seconds}"
    );
    if text.len() <= HEADER_SIZE {
        let written = format!("{text:512}any octets").into_bytes();
        assert_eq!(Header::parse(&written, clock()).as_ref(), Ok(header), "{text}");
    }
}
