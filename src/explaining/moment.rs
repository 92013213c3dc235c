//! Times as people write them.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use cvdns_core::schema::read::beyond_time;

/// Fewest digits of Unix seconds: fewer are rather a year or a day.
const UNIX_DIGITS: usize = 9;

/// Reads a time: with an offset, or in UTC such as `2026-12-24 10:00 UTC` and `2026-12-24`, or Unix
/// seconds as in a record. The error says how to write one.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let read = text.parse().ok().or_else(|| unix(text)).or_else(|| in_utc(text));
    read.ok_or_else(|| {
        let how = "write a time such as 2026-12-24T00:00:00Z";
        let is_number = text.bytes().all(|octet| octet.is_ascii_digit());
        let why = if is_number && text.len() >= UNIX_DIGITS { beyond_time("9999") } else { None };
        let why = why.or_else(|| beyond_time(text));
        why.map_or_else(|| how.to_owned(), |why| format!("{why}: {how}"))
    })
}

fn unix(text: &str) -> Option<Timestamp> {
    let is_number = text.len() >= UNIX_DIGITS && text.bytes().all(|octet| octet.is_ascii_digit());
    Timestamp::from_second(text.parse().ok().filter(|_| is_number)?).ok()
}

/// A day, or a day and a time, without an offset.
fn in_utc(text: &str) -> Option<Timestamp> {
    let bare = text.strip_suffix("UTC").map_or(text, str::trim_end);
    let (day, clock) = bare.split_once([' ', 'T', 't']).unwrap_or((bare, "00:00"));
    // An offset that follows is not in UTC, and jiff would not look at it.
    let is_clock = clock.bytes().all(|octet| octet.is_ascii_digit() || octet == b':');
    let day: Date = day.parse().ok().filter(|_| day.len() == 10)?;
    let clock: Time = clock.trim().parse().ok().filter(|_| is_clock)?;
    Some(day.to_datetime(clock).to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_pages_and_records_write_them() {
        for (text, time) in [
            ("2026-12-24T10:00:00+02:00", "2026-12-24T08:00:00Z"),
            ("2026-11-30 12:54 UTC", "2026-11-30T12:54:00Z"),
            ("2026-11-30 12:54:31 UTC", "2026-11-30T12:54:31Z"),
            ("2026-12-24", "2026-12-24T00:00:00Z"),
            ("2026-12-24 10:00", "2026-12-24T10:00:00Z"),
            ("2026-12-24T10:00:05", "2026-12-24T10:00:05Z"),
            ("1796043600", "2026-11-30T13:00:00Z"),
        ] {
            assert_eq!(moment(text), Ok(time.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let how = "write a time such as 2026-12-24T00:00:00Z";
        for text in [
            "soon",
            "-1",
            "2026",
            "2026-12",
            "2026-13-01",
            "2026-12-24 25:00",
            "2026-12-24 CET",
            "",
        ] {
            assert_eq!(moment(text), Err(how.to_owned()), "{text}");
        }
        for text in ["9999-12-31T23:00:00-05:00", "9999-12-31 23:00", "99999999999999999999"] {
            let said = moment(text).unwrap_err();
            assert_eq!(said, format!("times end at 9999-12-30T22:00:00Z: {how}"), "{text}");
        }
    }
}
