//! Keys, signatures and certificates (RFC 2535, RFC 4034, RFC 4398).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::field::Field;
use super::fields::{base64, hex, optional_base64, unsigned};
use super::mnemonics::{ALGORITHMS, CERTIFICATES, DIGESTS, KEY_FLAGS, KEY_PROTOCOLS, find, take};
use super::octets::Octets;
use super::parser::RdataParser;
use crate::zone::token::ParseError;

// The fields of this file.
pub(super) const ALGORITHM: Field = Field { text: algorithm, wire: |octets| octets.skip(1) };
pub(super) const CERTIFICATE: Field = Field { text: certificate, wire: |octets| octets.skip(2) };
pub(super) const TIMESTAMP: Field = Field { text: timestamp, wire: |octets| octets.skip(4) };
pub(super) const DIGEST: Field =
    Field { text: digest, wire: |octets| of_length(octets, key_digest) };
pub(super) const FINGERPRINT: Field =
    Field { text: fingerprint, wire: |octets| of_length(octets, host_fingerprint) };
pub(super) const ZONE_DIGEST: Field =
    Field { text: zone_digest, wire: |octets| of_length(octets, digest_of_zone) };
pub(super) const KEY: Field = Field {
    text: key,
    wire: |octets| {
        let flags = octets.u16()?;
        octets.skip(2)?;
        if flags & NO_KEY == NO_KEY { octets.any() } else { octets.some() }
    },
};

/// Flags of KEY records without a key (RFC 2535 section 3.1.2).
const NO_KEY: u16 = 0xc000;

/// An algorithm of DNSSEC by number or mnemonic.
pub(super) fn algorithm(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let number = take(parser, ALGORITHMS, 255, "an algorithm by number or name")?;
    parser.out.push(number as u8);
    Ok(())
}

/// Length of a digest in octets.
enum DigestLength {
    Exactly(usize),
    AtLeast(usize),
}

/// Length of digests of keys (RFC 3658 section 2.4, RFC 4509 section 2.2, RFC 5933 section 4, RFC
/// 6605 section 2).
fn key_digest(kind: u8) -> DigestLength {
    match kind {
        1 => DigestLength::Exactly(20),
        2 | 3 => DigestLength::Exactly(32),
        4 => DigestLength::Exactly(48),
        _ => DigestLength::AtLeast(1),
    }
}

/// Length of fingerprints of host keys: SHA-1 and SHA-256 (RFC 4255 section 3.1.2, RFC 6594 section
/// 3.2).
fn host_fingerprint(kind: u8) -> DigestLength {
    match kind {
        1 => DigestLength::Exactly(20),
        2 => DigestLength::Exactly(32),
        _ => DigestLength::AtLeast(1),
    }
}

/// Length of digests of zones: SHA-384 and SHA-512. All others have at least 12 octets (RFC 8976
/// section 2.2.4).
fn digest_of_zone(kind: u8) -> DigestLength {
    match kind {
        1 => DigestLength::Exactly(48),
        2 => DigestLength::Exactly(64),
        _ => DigestLength::AtLeast(12),
    }
}

/// A digest type by number or mnemonic, and the digest.
pub(super) fn digest(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let kind = take(parser, DIGESTS, 255, "a type of digest by number or name")?;
    hex_of_length(parser, kind as u8, "digest", key_digest)
}

/// A fingerprint type, and the fingerprint (RFC 4255 section 3.2).
pub(super) fn fingerprint(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let kind = take(parser, &[], 255, "a type of fingerprint from 0 to 255")?;
    hex_of_length(parser, kind as u8, "fingerprint", host_fingerprint)
}

/// The hash algorithm of a digest, and the digest (RFC 8976 section 2.3).
pub(super) fn zone_digest(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let kind = take(parser, &[], 255, "a hash algorithm from 0 to 255")?;
    hex_of_length(parser, kind as u8, "digest", digest_of_zone)
}

fn hex_of_length(
    parser: &mut RdataParser<'_>,
    kind: u8,
    what: &str,
    length_of: fn(u8) -> DigestLength,
) -> Result<(), ParseError> {
    parser.out.push(kind);
    let start = parser.peek().map(|token| token.start);
    let before = parser.out.len();
    hex(parser)?;
    let length = parser.out.len() - before;
    let expected = match length_of(kind) {
        DigestLength::Exactly(expected) if length != expected => expected.to_string(),
        DigestLength::AtLeast(least) if length < least => format!("at least {least}"),
        _ => return Ok(()),
    };
    let here = parser.error_here(format!(
        "the {what} has {length} octets, where its type {kind} has {expected}"
    ));
    Err(ParseError { span: start.unwrap_or(here.span.start)..here.span.end, ..here })
}

/// Consumes a digest type and a digest of the length of its type.
fn of_length(octets: &mut Octets<'_>, length_of: fn(u8) -> DigestLength) -> Option<()> {
    let length = length_of(octets.u8()?);
    let found = octets.rest().len();
    let right = match length {
        DigestLength::Exactly(expected) => found == expected,
        DigestLength::AtLeast(least) => found >= least,
    };
    right.then_some(())
}

/// A certificate type by number or mnemonic (RFC 4398 section 2.1).
pub(super) fn certificate(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let number = take(parser, CERTIFICATES, u16::MAX, "a kind of certificate by number or name")?;
    parser.out.extend(number.to_be_bytes());
    Ok(())
}

/// A time as `YYYYMMDDhhmmss` in UTC, or in seconds since 1970 (RFC 4034 section 3.2).
pub(super) fn timestamp(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a time")?;
    let seconds = if token.text.len() == 14 { from_date(token.text) } else { unsigned(token.text) };
    let seconds = seconds.ok_or_else(|| token.is_not("a time such as 20261231235959"))?;
    parser.out.extend(seconds.to_be_bytes());
    Ok(())
}

/// Seconds since 1970, modulo 2^32 (RFC 4034 section 3.1.5).
fn from_date(text: &str) -> Option<u32> {
    if !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let year = text.get(0..4)?.parse().ok()?;
    let date = DateTime::new(
        year,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?,
        0,
    )
    .ok()?;
    let seconds = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    u32::try_from(seconds.rem_euclid(1 << 32)).ok()
}

/// Flags, protocol, algorithm and, unless the flags exclude it, the key (RFC 2535 sections 3.1 and
/// 7.1).
pub(super) fn key(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("flags")?;
    let flags = flags(token.text).ok_or_else(|| token.is_not("flags by number or name"))?;
    parser.out.extend(flags.to_be_bytes());
    let protocol = take(parser, KEY_PROTOCOLS, 255, "a protocol by number or name")?;
    parser.out.push(protocol as u8);
    algorithm(parser)?;
    if flags & NO_KEY == NO_KEY { optional_base64(parser) } else { base64(parser) }
}

fn flags(text: &str) -> Option<u16> {
    let by_mnemonics = || {
        let mut flags = text.split('|').map(|flag| find(KEY_FLAGS, flag));
        flags.try_fold(0, |flags, flag| Some(flags | flag?))
    };
    unsigned(text).or_else(by_mnemonics)
}
