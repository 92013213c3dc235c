//! Keys, signatures and certificates (RFC 2535, RFC 4034, RFC 4398).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::Fault;
use super::aliases::{ALGORITHMS, CERTIFICATES, DIGESTS, KEY_FLAGS, KEY_PROTOCOLS, find, take};
use super::data::Data;
use super::fields::{base64, hex, number, optional_base64};
use super::words::Word;

/// An algorithm by number or name.
pub(super) fn algorithm(data: &mut Data<'_>) -> Result<(), Fault> {
    let number = take(data, ALGORITHMS, 255, "an algorithm by number or name")?;
    data.out.push(number as u8);
    Ok(())
}

/// A digest's type by number or name, and the digest, whose length is known for the common types (RFC 3658 section
/// 2.4, RFC 4509 section 2.2, RFC 5933 section 4, RFC 6605 section 2).
pub(super) fn digest(data: &mut Data<'_>) -> Result<(), Fault> {
    let number = take(data, DIGESTS, 255, "a type of digest by number or name")?;
    data.out.push(number as u8);
    let before = data.out.len();
    hex(data)?;
    let length = data.out.len() - before;
    let expected = match number {
        1 => 20,
        2 | 3 => 32,
        4 => 48,
        _ => length,
    };
    if length == expected {
        return Ok(());
    }
    Err(data.fault_here(format!("the digest has {length} octets, where its type has {expected}")))
}

/// The kind of a certificate by number or name (RFC 4398 section 2.1).
pub(super) fn certificate(data: &mut Data<'_>) -> Result<(), Fault> {
    let number = take(data, CERTIFICATES, u16::MAX, "a kind of certificate by number or name")?;
    data.out.extend(number.to_be_bytes());
    Ok(())
}

/// A moment as `YYYYMMDDhhmmss` in UTC, or in seconds since 1970 (RFC 4034 section 3.2).
pub(super) fn moment(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("a time")?;
    let seconds = if word.text.len() == 14 { from_date(word.text) } else { number(&word, "").ok() };
    let seconds =
        seconds.ok_or_else(|| word.fault(format!("`{}` is not a time such as 20261231235959", word.text)))?;
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
    let date =
        DateTime::new(year, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?, 0).ok()?;
    let seconds = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
    u32::try_from(seconds.rem_euclid(1 << 32)).ok()
}

/// Flags, protocol, algorithm and, unless the flags say that there is none, the key (RFC 2535 sections 3.1 and
/// 7.1).
pub(super) fn key(data: &mut Data<'_>) -> Result<(), Fault> {
    const NO_KEY: u16 = 0xc000;
    let word = data.plain("flags")?;
    let flags =
        flags(&word).ok_or_else(|| word.fault(format!("`{}` is not flags by number or name", word.text)))?;
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
    word.text.split('|').map(|flag| find(KEY_FLAGS, flag)).try_fold(0, |flags, flag| Some(flags | flag?))
}
