//! Moments as operators write them for keys: also as dnssec-settime takes them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::explaining::moment::moment;

/// The forms of moments, for messages.
const FORMS: &str = "write 2026-12-10T00:00:00Z, 2026-12-10, 20261210000000 or 20261210 (in UTC), \
                     now, or from now on such as +90mi, +12h, +2d, +1w, +3mo or +1y";

/// Units of moments from now on with their seconds, as those of dnssec-settime: a month has 30 days
/// and a year 365. Without one, the number is one of seconds.
const UNITS: [(&str, i64); 7] = [
    ("mi", 60),
    ("mo", 30 * 86_400),
    ("h", 3600),
    ("d", 86_400),
    ("w", 7 * 86_400),
    ("y", 365 * 86_400),
    ("", 1),
];

/// Reads a moment. The error lists the forms.
pub(super) fn key_moment(text: &str) -> Result<Timestamp, String> {
    at(text, Timestamp::now())
}

fn at(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let read = digits(text).or_else(|| relative(text, now)).or_else(|| moment(text).ok());
    read.ok_or_else(|| FORMS.to_owned())
}

/// `YYYYMMDDHHMMSS` as in files of keys, or `YYYYMMDD`.
fn digits(text: &str) -> Option<Timestamp> {
    let is_number = text.bytes().all(|octet| octet.is_ascii_digit());
    if !is_number || ![8, 14].contains(&text.len()) {
        return None;
    }
    // A part that is not there is a zero.
    let part = |from: usize| text.get(from..from + 2).map_or(Some(0), |part| part.parse().ok());
    let year = text.get(..4)?.parse().ok()?;
    let moment = DateTime::new(year, part(4)?, part(6)?, part(8)?, part(10)?, part(12)?, 0).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// `now`, and what is before or after it: `+2d`, `now-1h`.
fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let offset = text.strip_prefix("now").unwrap_or(text);
    if offset.is_empty() && !text.is_empty() {
        return Some(now);
    }
    let (sign, length) = match offset.split_at_checked(1)? {
        ("+", length) => (1, length),
        ("-", length) => (-1, length),
        _ => return None,
    };
    let number = length.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = length.get(number.len()..)?;
    let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let is_number = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    let count: i64 = number.parse().ok().filter(|_| is_number)?;
    let offset = count.checked_mul(seconds)?.checked_mul(sign)?;
    now.checked_add(SignedDuration::from_secs(offset)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-30T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn moments_are_read_as_dnssec_settime_and_people_write_them() {
        for (text, expected) in [
            ("20261210000000", "2026-12-10T00:00:00Z"),
            ("20261210123456", "2026-12-10T12:34:56Z"),
            ("20261210", "2026-12-10T00:00:00Z"),
            ("now", "2026-11-30T12:00:00Z"),
            ("+2d", "2026-12-02T12:00:00Z"),
            ("now+2d", "2026-12-02T12:00:00Z"),
            ("+1h", "2026-11-30T13:00:00Z"),
            ("+90mi", "2026-11-30T13:30:00Z"),
            ("+3600", "2026-11-30T13:00:00Z"),
            ("-1w", "2026-11-23T12:00:00Z"),
            ("+3mo", "2027-02-28T12:00:00Z"),
            ("+1y", "2027-11-30T12:00:00Z"),
            ("2026-12-10", "2026-12-10T00:00:00Z"),
            ("2026-12-10T00:00:00+02:00", "2026-12-09T22:00:00Z"),
            ("1796043600", "2026-11-30T13:00:00Z"),
        ] {
            assert_eq!(at(text, now()), Ok(expected.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_gets_the_forms() {
        for text in [
            "",
            "soon",
            "+",
            "+d",
            "2d",
            "+2x",
            "++2d",
            "+2 d",
            "nowhere",
            "20261310",
            "20261210250000",
            "+99999999999999999999y",
            "+9999999999y",
            "99999999999999999999",
        ] {
            assert_eq!(at(text, now()), Err(FORMS.to_owned()), "{text}");
        }
    }
}
