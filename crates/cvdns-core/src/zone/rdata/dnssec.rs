//! Keys, signatures and certificates (RFC 2535, RFC 4034, RFC 4398).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::aliases::{ALGORITHMS, CERTIFICATES, DIGESTS, KEY_FLAGS, KEY_PROTOCOLS, find, take};
use super::data::Data;
use super::data::Word;
use super::field::Field;
use super::fields::{base64, hex, number, optional_base64};
use super::octets::Octets;
use crate::zone::token::Fault;

/// Fields as layouts name them.
pub(super) const ALGORITHM: Field = Field { text: algorithm, wire: |octets| octets.skip(1) };
pub(super) const CERTIFICATE: Field = Field { text: certificate, wire: |octets| octets.skip(2) };
pub(super) const MOMENT: Field = Field { text: moment, wire: |octets| octets.skip(4) };
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

/// Flags of a KEY that has no key (RFC 2535 section 3.1.2).
const NO_KEY: u16 = 0xc000;

/// An algorithm by number or name.
pub(super) fn algorithm(data: &mut Data<'_>) -> Result<(), Fault> {
    let number = take(data, ALGORITHMS, 255, "an algorithm by number or name")?;
    data.out.push(number as u8);
    Ok(())
}

/// Octets that a digest has: exactly so many, or at least so many.
enum Length {
    Exactly(usize),
    AtLeast(usize),
}

/// Digests of keys (RFC 3658 section 2.4, RFC 4509 section 2.2, RFC 5933 section 4, RFC 6605 section 2).
fn key_digest(kind: u8) -> Length {
    match kind {
        1 => Length::Exactly(20),
        2 | 3 => Length::Exactly(32),
        4 => Length::Exactly(48),
        _ => Length::AtLeast(1),
    }
}

/// Fingerprints of hosts' keys: SHA-1 and SHA-256 (RFC 4255 section 3.1.2, RFC 6594 section 3.2).
fn host_fingerprint(kind: u8) -> Length {
    match kind {
        1 => Length::Exactly(20),
        2 => Length::Exactly(32),
        _ => Length::AtLeast(1),
    }
}

/// Digests of zones: SHA-384 and SHA-512; all others have 12 octets at least (RFC 8976 section 2.2.4).
fn digest_of_zone(kind: u8) -> Length {
    match kind {
        1 => Length::Exactly(48),
        2 => Length::Exactly(64),
        _ => Length::AtLeast(12),
    }
}

/// A digest's type by number or name, and the digest.
pub(super) fn digest(data: &mut Data<'_>) -> Result<(), Fault> {
    let kind = take(data, DIGESTS, 255, "a type of digest by number or name")?;
    hex_of_length(data, kind as u8, "digest", key_digest)
}

/// A fingerprint's type, and the fingerprint (RFC 4255 section 3.2).
pub(super) fn fingerprint(data: &mut Data<'_>) -> Result<(), Fault> {
    let kind = take(data, &[], 255, "a type of fingerprint from 0 to 255")?;
    hex_of_length(data, kind as u8, "fingerprint", host_fingerprint)
}

/// The hash algorithm of a digest, and the digest (RFC 8976 section 2.3).
pub(super) fn zone_digest(data: &mut Data<'_>) -> Result<(), Fault> {
    let kind = take(data, &[], 255, "a hash algorithm from 0 to 255")?;
    hex_of_length(data, kind as u8, "digest", digest_of_zone)
}

fn hex_of_length(
    data: &mut Data<'_>,
    kind: u8,
    what: &str,
    length_of: fn(u8) -> Length,
) -> Result<(), Fault> {
    data.out.push(kind);
    let start = data.peek().map(|token| token.start);
    let before = data.out.len();
    hex(data)?;
    let length = data.out.len() - before;
    let expected = match length_of(kind) {
        Length::Exactly(expected) if length != expected => expected.to_string(),
        Length::AtLeast(least) if length < least => format!("at least {least}"),
        _ => return Ok(()),
    };
    let here = data.fault_here(format!(
        "the {what} has {length} octets, where its type {kind} has {expected}"
    ));
    Err(Fault { span: start.unwrap_or(here.span.start)..here.span.end, ..here })
}

/// The same in octets.
fn of_length(octets: &mut Octets<'_>, length_of: fn(u8) -> Length) -> Option<()> {
    let length = length_of(octets.u8()?);
    let found = octets.rest().len();
    let right = match length {
        Length::Exactly(expected) => found == expected,
        Length::AtLeast(least) => found >= least,
    };
    right.then_some(())
}

/// The kind of a certificate by number or name (RFC 4398 section 2.1).
pub(super) fn certificate(data: &mut Data<'_>) -> Result<(), Fault> {
    let number = take(data, CERTIFICATES, u16::MAX, "a kind of certificate by number or name")?;
    data.out.extend(number.to_be_bytes());
    Ok(())
}

/// A moment as `YYYYMMDDhhmmss` in UTC, or in seconds since 1970 (RFC 4034 section 3.2).
pub(super) fn moment(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a time")?;
    let seconds = if word.text.len() == 14 { from_date(word.text) } else { number(&word, "").ok() };
    let seconds = seconds.ok_or_else(|| word.is_not("a time such as 20261231235959"))?;
    data.out.extend(seconds.to_be_bytes());
    Ok(())
}

/// RFC 4034 section 3.1.5: 32 bits, counted on from 0 when they overflow.
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

/// Flags, protocol, algorithm and, unless the flags say that there is none, the key (RFC 2535 sections 3.1 and
/// 7.1).
pub(super) fn key(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("flags")?;
    let flags = flags(&word).ok_or_else(|| word.is_not("flags by number or name"))?;
    data.out.extend(flags.to_be_bytes());
    let protocol = take(data, KEY_PROTOCOLS, 255, "a protocol by number or name")?;
    data.out.push(protocol as u8);
    algorithm(data)?;
    if flags & NO_KEY == NO_KEY { optional_base64(data) } else { base64(data) }
}

fn flags(word: &Word<'_>) -> Option<u16> {
    if let Ok(number) = number(word, "") {
        return Some(number);
    }
    word.text
        .split('|')
        .map(|flag| find(KEY_FLAGS, flag))
        .try_fold(0, |flags, flag| Some(flags | flag?))
}
