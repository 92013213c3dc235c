//! LOC: where on Earth something is (RFC 1876).

use super::data::Data;
use super::data::Word;
use super::field::Field;
use super::octets::Octets;
use crate::zone::token::Fault;

/// Latitude and longitude are counted from here, in thousandths of an arc second.
const ORIGIN: u32 = 1 << 31;
/// Altitudes are counted from 100 km below the ellipsoid, in centimetres.
const ALTITUDE_ORIGIN: i64 = 10_000_000;

/// The field as layouts name it.
pub(super) const LOC: Field = Field { text: loc, wire };

/// RFC 1876 section 2: digits up to 9, half and quarter of the Earth's circumference. Of other versions than 0 nothing
/// is known.
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
pub(super) fn loc(data: &mut Data<'_>) -> Result<(), Fault> {
    let latitude = angle(data, 90, ["N", "S"], "degrees of latitude, 0 to 90")?;
    let longitude = angle(data, 180, ["E", "W"], "degrees of longitude, 0 to 180")?;
    let altitude = altitude(data)?;
    // RFC 1876 section 3: 1 m, 10,000 m and 10 m.
    let mut sizes = [0x12, 0x16, 0x13];
    for size in &mut sizes {
        if data.continues() {
            *size = precision(data)?;
        }
    }
    let [size, horizontal, vertical] = sizes;
    data.out.extend([0, size, horizontal, vertical]);
    for number in [latitude, longitude, altitude] {
        data.out.extend(number.to_be_bytes());
    }
    Ok(())
}

/// Degrees, then maybe minutes and seconds, up to the letter of a hemisphere.
fn angle(
    data: &mut Data<'_>,
    most: u32,
    [positive, negative]: [&str; 2],
    expected: &str,
) -> Result<u32, Fault> {
    let word = data.word(expected)?;
    let bad = |word: &Word<'_>, expected: &str| word.is_not(expected);
    let degrees = decimal(word.text, 0).ok_or_else(|| bad(&word, expected))?;
    let mut total = degrees * 3_600_000;
    let (letters, parts) = (
        format!("{positive} or {negative}"),
        [("minutes, 0 to 59", 0, 60, 60_000), ("seconds, 0 to 59.999", 3, 60_000, 1)],
    );
    let mut parts = parts.into_iter();
    loop {
        let word = data.word(&letters)?;
        let is = |letter: &str| word.text.eq_ignore_ascii_case(letter);
        if is(positive) || is(negative) {
            let total = u32::try_from(total).ok().filter(|total| *total <= most * 3_600_000);
            let total = total.ok_or_else(|| word.fault(format!("more than {most} degrees")))?;
            return Ok(if is(positive) {
                ORIGIN.wrapping_add(total)
            } else {
                ORIGIN.wrapping_sub(total)
            });
        }
        let (expected, decimals, below, factor) =
            parts.next().ok_or_else(|| bad(&word, &letters))?;
        let value = decimal(word.text, decimals).filter(|value| *value < below);
        total += value.ok_or_else(|| bad(&word, &format!("{expected}, {letters}")))? * factor;
    }
}

/// -100000.00 to 42849672.95 metres.
fn altitude(data: &mut Data<'_>) -> Result<u32, Fault> {
    let word = data.word("an altitude in metres")?;
    let centimetres = metres(word.text).and_then(|cm| u32::try_from(cm + ALTITUDE_ORIGIN).ok());
    centimetres.ok_or_else(|| word.is_not("an altitude from -100000.00m to 42849672.95m"))
}

/// 0 to 90000000.00 metres as a digit and a power of ten, of centimetres (RFC 1876 section 2). What more digits say
/// is lost.
fn precision(data: &mut Data<'_>) -> Result<u8, Fault> {
    let word = data.word("a size in metres")?;
    let centimetres =
        metres(word.text).and_then(|cm| u64::try_from(cm).ok()).filter(|cm| *cm <= 9_000_000_000);
    let mut mantissa = centimetres.ok_or_else(|| word.is_not("a size from 0m to 90000000.00m"))?;
    let mut exponent = 0;
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    Ok((mantissa as u8) << 4 | exponent)
}

/// Metres, with or without their `m`, in centimetres.
fn metres(text: &str) -> Option<i64> {
    let text = text.strip_suffix(['m', 'M']).unwrap_or(text);
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |depth| (-1, depth));
    i64::try_from(decimal(digits, 2)?).ok().map(|cm| sign * cm)
}

/// A number without sign with up to so many decimals, multiplied by ten for each; ten digits before the point are
/// more than any field holds.
fn decimal(text: &str, decimals: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let point_is_right = !text.contains('.') || decimals > 0;
    if !(1..=10).contains(&whole.len()) || fraction.len() > decimals || !point_is_right {
        return None;
    }
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<decimals$}").parse().ok()
}
