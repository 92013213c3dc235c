//! Reads values of TOML. The error says what is wrong with the value; an empty one means that its
//! type is wrong.
#![allow(clippy::missing_errors_doc)] // each fails unless the value is what its first line says

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use toml::de::DeValue;

/// A string.
pub fn string(value: &DeValue<'_>) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(String::new)
}

/// A string that parses as `T`; its own error says why not.
pub fn parsed<T: FromStr<Err: std::fmt::Display>>(value: &DeValue<'_>) -> Result<T, String> {
    let text = value.as_str().ok_or_else(String::new)?;
    text.parse().map_err(|e| format!("\"{text}\": {e}"))
}

/// A boolean.
pub fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(String::new)
}

/// A whole number within `range`.
pub fn integer(value: &DeValue<'_>, range: RangeInclusive<u64>) -> Result<u64, String> {
    let integer = value.as_integer().ok_or_else(String::new)?;
    match u64::from_str_radix(integer.as_str(), integer.radix()) {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => {
            let (least, most) = (range.start(), range.end());
            Err(format!("{} is not within {least} to {most}", integer.as_str()))
        }
    }
}

/// A number, whole or not.
pub fn number(value: &DeValue<'_>) -> Result<f64, String> {
    let text = match value {
        DeValue::Float(float) => float.as_str(),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
        _ => return Err(String::new()),
    };
    text.parse().map_err(|_| format!("{text} is not a number"))
}

/// A number from 0 to 1.
pub fn share(value: &DeValue<'_>) -> Result<f64, String> {
    let share = number(value)?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(format!("{share} is not within 0 to 1"))
    }
}

/// A duration such as `"90s"`, `"10m"`, `"3h"`, `"2d"` (also `"1d 12h 30m"`); a day has 24 hours.
pub fn duration(value: &DeValue<'_>) -> Result<Duration, String> {
    duration_of(value.as_str().ok_or_else(String::new)?)
}

/// A duration as [`duration`] reads it, from a text.
pub fn duration_of(text: &str) -> Result<Duration, String> {
    let signed = text
        .parse::<SignedDuration>()
        .or_else(|_| text.parse::<Span>()?.to_duration(SpanRelativeTo::days_are_24_hours()));
    let signed = signed.map_err(|_| format!("\"{text}\" is not a duration"))?;
    Duration::try_from(signed).map_err(|_| format!("\"{text}\" is negative"))
}

/// A duration of a second or more.
pub fn seconds(value: &DeValue<'_>) -> Result<Duration, String> {
    let duration = duration(value)?;
    if duration < Duration::from_secs(1) {
        Err("less than a second".to_owned())
    } else {
        Ok(duration)
    }
}

/// A duration of a second or more, or 0.
pub fn zero_or_seconds(value: &DeValue<'_>) -> Result<Duration, String> {
    let duration = duration(value)?;
    if duration.is_zero() { Ok(duration) } else { seconds(value) }
}

/// A string that is not empty.
pub fn filled(value: &DeValue<'_>) -> Result<String, String> {
    match string(value)? {
        text if text.is_empty() => Err("it is empty".to_owned()),
        text => Ok(text),
    }
}

/// A rate such as `"100Mbit/s"` or `"1Gbit/s"`, in kbit/s.
pub fn rate(value: &DeValue<'_>) -> Result<u64, String> {
    rate_of(value.as_str().ok_or_else(String::new)?)
}

/// A rate as [`rate`] reads it, from a text.
pub fn rate_of(text: &str) -> Result<u64, String> {
    let bad = || format!("\"{text}\" is not a rate");
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
    let (number, unit) = text.split_at(number_end);
    let number: f64 = number.parse().map_err(|_| bad())?;
    let factor = match unit.trim() {
        "kbit/s" => 1.0,
        "Mbit/s" => 1e3,
        "Gbit/s" => 1e6,
        "Tbit/s" => 1e9,
        _ => return Err(bad()),
    };
    let kbit = number * factor;
    // Above 1 Pbit/s the value is a slip of the pen; below, arithmetic with weights is exact.
    if (1.0..=1e12).contains(&kbit) { Ok(whole(kbit)) } else { Err(bad()) }
}

/// A number that is positive and far below 2^53.
#[allow(clippy::cast_sign_loss)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// A moment: a TOML date-time with an offset.
pub fn moment(value: &DeValue<'_>) -> Result<Timestamp, String> {
    let text = match value {
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::String(text) => text.to_string(),
        _ => return Err(String::new()),
    };
    text.parse().map_err(|_| match beyond_time(&text) {
        Some(why) => format!("{text}: {why}"),
        None => format!("{text} is not a moment with an offset (write Z for UTC)"),
    })
}

/// Why a text that would be a moment is none, if it is later than any moment that can be counted.
pub fn beyond_time(text: &str) -> Option<String> {
    let year: String = text.chars().take_while(char::is_ascii_digit).collect();
    // With an offset, the last year is not whole.
    let is_beyond = year.len() > 4 || year == "9999";
    is_beyond.then(|| format!("times end at {:.0}", Timestamp::MAX))
}

/// A rate in kbit/s, written in the largest unit of which it is a whole number.
pub struct Rate(pub u64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000, "Tbit/s"), (1_000_000, "Gbit/s"), (1_000, "Mbit/s")];
        let whole =
            units.into_iter().find(|(factor, _)| self.0 > 0 && self.0.is_multiple_of(*factor));
        let (factor, unit) = whole.unwrap_or((1, "kbit/s"));
        write!(f, "{}{unit}", self.0 / factor)
    }
}
