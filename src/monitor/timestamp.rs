//! The file `timestamp`, by which the network tells how fresh a mirror is (CLIENTS: "Mirror states").

use jiff::Timestamp;

use super::failure::Failure;
use super::fetch::Answer;
use crate::release::MAX_AHEAD;

/// Most octets of the file: a time has a few dozen.
pub const MAX_SIZE: u64 = 4096;

/// The least Unix time that is taken for one (2001-09-09): what is less has lost digits, or counts something else.
const LEAST: i64 = 1_000_000_000;

/// The moment that an answer to `GET /timestamp` tells: Unix seconds or an RFC 3339 time in its body, else Last-Modified.
///
/// # Errors
/// When it tells none, or one that cannot be at `now`.
pub fn of(answer: &Answer, now: Timestamp) -> Result<Timestamp, Failure> {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.is_html() {
        return Err(Failure::Html);
    }
    let modified = || answer.last_modified.as_deref().and_then(http_date);
    let time = parse(&text).or_else(modified).ok_or_else(|| Failure::NotATimestamp(excerpt(&text)))?;
    match now.checked_add(MAX_AHEAD) {
        Ok(latest) if time > latest => Err(Failure::FromTheFuture(time)),
        _ => Ok(time),
    }
}

/// Unix seconds, or an RFC 3339 time; blanks around it do not matter.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.bytes().all(|octet| octet.is_ascii_digit()) {
        let seconds = text.parse().ok().filter(|seconds| *seconds >= LEAST)?;
        return Timestamp::from_second(seconds).ok();
    }
    text.parse().ok()
}

/// The date of an HTTP header (RFC 9110 section 5.6.7), in the form that servers have to send.
pub fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// The first few characters, fit for a line of a log.
fn excerpt(text: &str) -> String {
    let text = text.trim();
    let mut out: String = text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(40).is_some() {
        out.push('…');
    }
    out
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
        let of = |body: &str, modified| of(&answer(body, modified), now).map(|time| time.to_string());
        let good = |text: &str| Ok(text.to_owned());
        assert_eq!(of("1795539600\n", None), good("2026-11-24T17:00:00Z"));
        assert_eq!(of("2026-11-24T17:00:00Z\n", None), good("2026-11-24T17:00:00Z"));
        assert_eq!(of(" 2026-11-24T18:00:00+01:00", None), good("2026-11-24T17:00:00Z"));
        let modified = Some("Tue, 24 Nov 2026 16:00:00 GMT");
        assert_eq!(of("", modified), good("2026-11-24T16:00:00Z"));
        assert_eq!(of("Tue Nov 24 17:00:00 UTC 2026\n", modified), good("2026-11-24T16:00:00Z"));
        // The body says more than the header.
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
        assert_eq!(of("2026-11-24T18:05:01Z", None).name(), "from-the-future");
    }

    proptest! {
        #[test]
        fn no_octets_panic(body in prop::collection::vec(any::<u8>(), 0..80), modified in ".{0,40}", digits in "[0-9]{0,24}", now in any::<i32>()) {
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
