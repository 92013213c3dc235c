//! The file `timestamp`, which shows how fresh a mirror is (CLIENTS: "Mirror states").

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::failure::Failure;
use super::fetch::Answer;
use cvdns_core::problem::clock::is_ahead;
use cvdns_core::problem::{BYTE_ORDER_MARK, excerpt, moment};

/// The largest size of the file in octets; a time has a few dozen.
pub const MAX_SIZE: u64 = 4096;

/// The most characters that a message quotes of a file that is no timestamp.
const EXCERPT: usize = 40;

/// The smallest accepted Unix time (2001-09-09). A smaller number lost digits or counts something
/// else.
const LEAST: i64 = 1_000_000_000;

/// The time in an answer to `GET /timestamp`: Unix seconds or an RFC 3339 time in its body, else
/// Last-Modified.
///
/// # Errors
/// When the answer has no time, or one that is impossible at `now`.
pub fn of(answer: &Answer, now: Timestamp) -> Result<Timestamp, Failure> {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.is_html() {
        return Err(Failure::Html);
    }
    let modified = || answer.last_modified.as_deref().and_then(|text| http_date(text, now));
    let time = parse(&text)
        .or_else(modified)
        .ok_or_else(|| Failure::NotATimestamp(excerpt(text.trim(), EXCERPT)))?;
    if is_ahead(time, now) { Err(Failure::FromTheFuture(time)) } else { Ok(time) }
}

/// Reads Unix seconds or an RFC 3339 time. Whitespace around it is ignored.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim_start_matches(BYTE_ORDER_MARK).trim();
    if text.bytes().all(|octet| octet.is_ascii_digit()) {
        let seconds = text.parse().ok().filter(|seconds| *seconds >= LEAST)?;
        return Timestamp::from_second(seconds).ok();
    }
    moment::parse(text).ok()
}

/// The date of an HTTP header, in any of the three forms that a recipient has to read (RFC 9110
/// section 5.6.7).
pub fn http_date(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let fixed = || jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    rfc850_date(text, now).or_else(|| asctime_date(text)).or_else(fixed)
}

/// Reads `Sunday, 06-Nov-94 08:49:37 GMT`. The year is the last one with these two digits that is
/// at most 50 years ahead.
fn rfc850_date(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (weekday, rest) = text.split_once(", ")?;
    let date = strtime::parse("%d-%b-%y %H:%M:%S GMT", rest).ok()?.to_datetime().ok()?;
    let latest = now.to_zoned(TimeZone::UTC).datetime().checked_add(50.years()).ok()?;
    let in_year = |year: i16| date.with().year(year).build().ok().filter(|date| *date <= latest);
    let digits = date.year().rem_euclid(100);
    let century = latest.year() - latest.year().rem_euclid(100);
    let date =
        [century, century - 100].into_iter().find_map(|century| in_year(century + digits))?;
    let is_weekday =
        !weekday.is_empty() && weekday.bytes().all(|octet| octet.is_ascii_alphabetic());
    is_weekday.then(|| TimeZone::UTC.to_timestamp(date).ok()).flatten()
}

/// Reads `Sun Nov  6 08:49:37 1994`, which is UTC.
fn asctime_date(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(' ')?;
    let date = strtime::parse("%b %e %H:%M:%S %Y", rest).ok()?.to_datetime().ok()?;
    TimeZone::UTC.to_timestamp(date).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(body: &str, last_modified: Option<&str>) -> Answer {
        Answer {
            body: body.as_bytes().to_vec(),
            last_modified: last_modified.map(str::to_owned),
            ..Answer::default()
        }
    }

    #[test]
    fn a_timestamp_is_seconds_or_rfc_3339_or_last_modified() {
        let now: Timestamp = "2026-11-24T18:00:00Z".parse().unwrap();
        let of =
            |body: &str, modified| of(&answer(body, modified), now).map(|time| time.to_string());
        let good = |text: &str| Ok(text.to_owned());
        assert_eq!(of("1795539600\n", None), good("2026-11-24T17:00:00Z"));
        assert_eq!(of("2026-11-24T17:00:00Z\n", None), good("2026-11-24T17:00:00Z"));
        assert_eq!(of(" 2026-11-24T18:00:00+01:00", None), good("2026-11-24T17:00:00Z"));
        let modified = Some("Tue, 24 Nov 2026 16:00:00 GMT");
        assert_eq!(of("", modified), good("2026-11-24T16:00:00Z"));
        assert_eq!(of("Tue Nov 24 17:00:00 UTC 2026\n", modified), good("2026-11-24T16:00:00Z"));
        // The body takes precedence over the header.
        assert_eq!(of("1795539600", modified), good("2026-11-24T17:00:00Z"));
    }

    #[test]
    fn what_is_none_is_called_what_it_is() {
        let now: Timestamp = "2026-11-24T18:00:00Z".parse().unwrap();
        let of = |body: &str, modified| of(&answer(body, modified), now).unwrap_err();
        let modified = Some("Tue, 24 Nov 2026 16:00:00 GMT");
        assert_eq!(of("<html><body>Welcome", modified), Failure::Html);
        assert_eq!(of("  <!DOCTYPE html>", None), Failure::Html);
        assert_eq!(of("", None), Failure::NotATimestamp(String::new()));
        assert_eq!(of("179553", None), Failure::NotATimestamp("179553".to_owned()));
        assert_eq!(of("1795539600000", None).name(), "not-a-timestamp");
        assert_eq!(of("soon", Some("yesterday")), Failure::NotATimestamp("soon".to_owned()));
        let harmless = "so\\non \\u001b[2J\\u202e".to_owned();
        assert_eq!(of("so\non \u{1b}[2J\u{202e}", None), Failure::NotATimestamp(harmless));
        assert_eq!(of("2026-11-24T18:05:01Z", None).name(), "from-the-future");
    }

    /// The examples of RFC 9110 section 5.6.7, and its rule for years of two digits.
    #[test]
    fn dates_are_read_in_all_three_forms() {
        let at = |now: &str, text: &str| {
            http_date(text, now.parse().unwrap()).map(|time| time.to_string())
        };
        let of = |text: &str| at("2026-11-24T18:00:00Z", text);
        let then = Some("1994-11-06T08:49:37Z".to_owned());
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), then);
        assert_eq!(of("Sunday, 06-Nov-94 08:49:37 GMT"), then);
        assert_eq!(of("Sun Nov  6 08:49:37 1994"), then);
        assert_eq!(of("Tue Nov 24 16:00:00 2026"), Some("2026-11-24T16:00:00Z".to_owned()));
        assert_eq!(of("Tuesday, 24-Nov-26 16:00:00 GMT"), Some("2026-11-24T16:00:00Z".to_owned()));
        assert_eq!(of("Tuesday, 24-Nov-76 18:00:00 GMT"), Some("2076-11-24T18:00:00Z".to_owned()));
        assert_eq!(
            of("Wednesday, 24-Nov-76 18:00:01 GMT"),
            Some("1976-11-24T18:00:01Z".to_owned())
        );
        // Around the turn of a century.
        assert_eq!(
            at("2099-12-31T23:00:00Z", "Friday, 01-Jan-00 00:30:00 GMT"),
            Some("2100-01-01T00:30:00Z".to_owned())
        );
        assert_eq!(
            at("2100-01-01T00:30:00Z", "Thursday, 31-Dec-99 23:00:00 GMT"),
            Some("2099-12-31T23:00:00Z".to_owned())
        );
        // 2000 had a leap day, 2100 has none.
        assert_eq!(
            at("2061-01-01T00:00:00Z", "Tuesday, 29-Feb-00 00:00:00 GMT"),
            Some("2000-02-29T00:00:00Z".to_owned())
        );
        for text in [
            "",
            "yesterday",
            "06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Sunday, 06-Nov-94 25:49:37 GMT",
            "Sun Nov 31 08:49:37 1994",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn times_of_no_clock_are_none() {
        assert_eq!(
            parse("2026-11-24T17:00:00.12345678901Z").map(Timestamp::as_second),
            Some(1_795_539_600)
        );
        assert_eq!(parse("2026-11-25T17:00:00+24:00"), None);
        assert_eq!(parse("\u{feff}1795539600\n").map(Timestamp::as_second), Some(1_795_539_600));
    }

    proptest! {
        #[test]
        fn no_octets_panic(body in prop::collection::vec(any::<u8>(), 0..80), modified in "((Sun|Sunday),? )?[0-9]{0,2}[- ](Nov|Feb)?[- ][0-9:GMT -]{0,30}|.{0,40}", digits in "[0-9]{0,24}", now in any::<i32>()) {
            let now = Timestamp::from_second(now.into()).unwrap();
            for body in [body, digits.into_bytes()] {
                let answer = Answer { body, last_modified: Some(modified.clone()), ..Answer::default() };
                let _ = of(&answer, now).map_err(|failure| failure.to_string());
            }
        }

        #[test]
        fn seconds_are_read_back(seconds in LEAST..200_000_000_000i64) {
            let time = Timestamp::from_second(seconds).unwrap();
            prop_assert_eq!(parse(&seconds.to_string()), Some(time));
            prop_assert_eq!(parse(&time.to_string()), Some(time));
        }
    }
}
