//! LOC: geographical positions (RFC 1876).

use super::field::Field;
use super::octets::Octets;
use super::parser::{RdataParser, TextToken};
use crate::zone::token::ParseError;

/// The wire value of latitude and longitude 0, in thousandths of an arc second.
const ORIGIN: u32 = 1 << 31;
/// The wire value of altitude 0, in centimetres: altitudes are relative to 100 km below the
/// ellipsoid.
const ALTITUDE_ORIGIN: i64 = 10_000_000;

/// All data of a record.
pub(super) const LOC: Field = Field { text: loc, wire };

/// Checks the ranges of RFC 1876 section 2: decimal digits, latitudes up to 90 and longitudes up to
/// 180 degrees. Other versions than 0 may have any data.
fn wire(octets: &mut Octets<'_>) -> Option<()> {
    if octets.u8()? != 0 {
        return octets.any();
    }
    let sizes = octets.take(3)?;
    let mut angle = |most: u32| {
        let angle = u32::from_be_bytes(octets.take(4)?.try_into().ok()?);
        (angle.abs_diff(ORIGIN) <= most * 3_600_000).then_some(())
    };
    angle(90)?;
    angle(180)?;
    let plain = sizes.iter().all(|size| size >> 4 <= 9 && size & 15 <= 9);
    octets.skip(4).filter(|()| plain)
}

/// `d1 [m1 [s1]] {N|S} d2 [m2 [s2]] {E|W} alt[m] [siz[m] [hp[m] [vp[m]]]]` (RFC 1876 section 3).
pub(super) fn loc(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let latitude = angle(parser, 90, ["N", "S"], "degrees of latitude, 0 to 90")?;
    let longitude = angle(parser, 180, ["E", "W"], "degrees of longitude, 0 to 180")?;
    let altitude = altitude(parser)?;
    // Default sizes of RFC 1876 section 3: 1 m, 10,000 m and 10 m.
    let mut sizes = [0x12, 0x16, 0x13];
    for size in &mut sizes {
        if parser.continues() {
            *size = precision(parser)?;
        }
    }
    let [size, horizontal, vertical] = sizes;
    parser.out.extend([0, size, horizontal, vertical]);
    for number in [latitude, longitude, altitude] {
        parser.out.extend(number.to_be_bytes());
    }
    Ok(())
}

/// Degrees, optionally minutes and seconds, and the letter of a hemisphere.
fn angle(
    parser: &mut RdataParser<'_>,
    most: u32,
    [positive, negative]: [&str; 2],
    expected: &str,
) -> Result<u32, ParseError> {
    let token = parser.text_token(expected)?;
    let bad = |token: &TextToken<'_>, expected: &str| token.is_not(expected);
    let degrees = decimal(token.text, 0).ok_or_else(|| bad(&token, expected))?;
    let mut total = degrees * 3_600_000;
    let (letters, parts) = (
        format!("{positive} or {negative}"),
        [("minutes, 0 to 59", 0, 60, 60_000), ("seconds, 0 to 59.999", 3, 60_000, 1)],
    );
    let mut parts = parts.into_iter();
    loop {
        let token = parser.text_token(&letters)?;
        let is = |letter: &str| token.text.eq_ignore_ascii_case(letter);
        if is(positive) || is(negative) {
            let total = u32::try_from(total).ok().filter(|total| *total <= most * 3_600_000);
            let total = total.ok_or_else(|| token.error(format!("more than {most} degrees")))?;
            return Ok(if is(positive) {
                ORIGIN.wrapping_add(total)
            } else {
                ORIGIN.wrapping_sub(total)
            });
        }
        let (expected, decimals, below, factor) =
            parts.next().ok_or_else(|| bad(&token, &letters))?;
        let value = decimal(token.text, decimals).filter(|value| *value < below);
        total += value.ok_or_else(|| bad(&token, &format!("{expected}, {letters}")))? * factor;
    }
}

/// An altitude from -100000.00 to 42849672.95 metres.
fn altitude(parser: &mut RdataParser<'_>) -> Result<u32, ParseError> {
    let token = parser.text_token("an altitude in metres")?;
    let centimetres = metres(token.text).and_then(|cm| u32::try_from(cm + ALTITUDE_ORIGIN).ok());
    centimetres.ok_or_else(|| token.is_not("an altitude from -100000.00m to 42849672.95m"))
}

/// A size from 0 to 90000000.00 metres, as a digit and a power of ten in centimetres (RFC 1876
/// section 2). Further digits are truncated.
fn precision(parser: &mut RdataParser<'_>) -> Result<u8, ParseError> {
    let token = parser.text_token("a size in metres")?;
    let centimetres =
        metres(token.text).and_then(|cm| u64::try_from(cm).ok()).filter(|cm| *cm <= 9_000_000_000);
    let mut mantissa = centimetres.ok_or_else(|| token.is_not("a size from 0m to 90000000.00m"))?;
    let mut exponent = 0;
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    Ok((mantissa as u8) << 4 | exponent)
}

/// Reads metres, with or without the unit `m`, as centimetres.
fn metres(text: &str) -> Option<i64> {
    let text = text.strip_suffix(['m', 'M']).unwrap_or(text);
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |depth| (-1, depth));
    i64::try_from(decimal(digits, 2)?).ok().map(|cm| sign * cm)
}

/// Reads an unsigned number with up to `decimals` decimals, as a multiple of its last possible
/// decimal. No field needs more than ten digits before the point.
fn decimal(text: &str, decimals: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let point_is_allowed = !text.contains('.') || decimals > 0;
    if !(1..=10).contains(&whole.len()) || fraction.len() > decimals || !point_is_allowed {
        return None;
    }
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}
