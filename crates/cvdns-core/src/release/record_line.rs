//! The record as a line of text, which private mirrors keep in `dns.txt`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::{Release, is_number, is_software};
use crate::problem::BYTE_ORDER_MARK;
use crate::problem::clock::{AHEAD, is_ahead};

/// The contents of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordLine {
    /// The release. A record has no extra databases.
    pub release: Release,
    /// The stamp: when the versions were last confirmed to be the newest.
    pub stamp: Timestamp,
}

/// Why a text is not a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordLineError {
    /// It does not have exactly one non-empty line; the number of lines.
    Lines(usize),
    /// It does not have eight fields; the number of fields.
    Fields(usize),
    /// A field is not valid.
    Field {
        /// Number of the field, from 1.
        number: usize,
        /// Text of the field, cut to 40 characters.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// Its stamp is more than [`MAX_AHEAD`](crate::problem::clock::MAX_AHEAD) after now.
    FromTheFuture(Timestamp),
}

impl RecordLine {
    /// Reads a record such as `1.4.6:63:28129:1789910940:1:90:49192:339`. Quotes around it, which
    /// dig writes, and a byte order mark in front of it are ignored.
    ///
    /// # Errors
    /// If clients would refuse the record, or its stamp is more than 5 minutes after `now`.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, RecordLineError> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = match (lines.next(), lines.count()) {
            (Some(line), 0) => line,
            (first, more) => {
                return Err(RecordLineError::Lines(usize::from(first.is_some()) + more));
            }
        };
        let line = line.strip_prefix('"').and_then(|line| line.strip_suffix('"')).unwrap_or(line);
        let fields: Vec<&str> = line.split(':').collect();
        let [software, main, daily, stamp, flag, flevel, safebrowsing, bytecode] = fields[..]
        else {
            return Err(RecordLineError::Fields(fields.len()));
        };
        if !is_software(software) {
            return Err(wrong(1, software, "a ClamAV version in digits and dots such as 1.4.6"));
        }
        let warn = match flag {
            "0" => false,
            "1" => true,
            _ => return Err(wrong(5, flag, "0 or 1")),
        };
        let release = Release {
            software: software.to_owned(),
            main: version(2, main)?,
            daily: version(3, daily)?,
            bytecode: version(8, bytecode)?,
            flevel: whole(6, flevel, "a functionality level such as 90")?,
            warn,
            safebrowsing: whole(7, safebrowsing, "a number such as 49192")?,
            extra: BTreeMap::new(),
            rollback: false,
        };
        Ok(Self { release, stamp: moment(stamp, now)? })
    }
}

fn wrong(number: usize, text: &str, expected: &'static str) -> RecordLineError {
    // No field of a record is that long, and the file may be anything.
    let text = text.chars().take(40).collect();
    RecordLineError::Field { number, text, expected }
}

fn whole(number: usize, text: &str, expected: &'static str) -> Result<u32, RecordLineError> {
    text.parse().ok().filter(|_| is_number(text)).ok_or_else(|| wrong(number, text, expected))
}

fn version(number: usize, text: &str) -> Result<u32, RecordLineError> {
    let expected = "a database version, 1 or more";
    whole(number, text, expected)
        .and_then(|v| if v == 0 { Err(wrong(number, text, expected)) } else { Ok(v) })
}

fn moment(text: &str, now: Timestamp) -> Result<Timestamp, RecordLineError> {
    let seconds = text.parse().ok().filter(|_| is_number(text));
    let moment = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let moment =
        moment.ok_or_else(|| wrong(4, text, "a stamp in Unix seconds such as 1789910940"))?;
    if is_ahead(moment, now) { Err(RecordLineError::FromTheFuture(moment)) } else { Ok(moment) }
}

impl fmt::Display for RecordLineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lines(count) => write!(f, "{count} lines; expected one, the record"),
            Self::Fields(count) => {
                write!(f, "{count} fields; expected the 8 of a record, with 7 colons between them")
            }
            Self::Field { number, text, expected } => {
                write!(f, "field {number} is \"{text}\"; expected {expected}")
            }
            Self::FromTheFuture(stamp) => {
                write!(f, "its stamp is {stamp}, {AHEAD}")
            }
        }
    }
}

impl std::error::Error for RecordLineError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "1.4.6:63:28129:1789910940:1:90:49192:339";

    fn parse(text: &str) -> Result<RecordLine, RecordLineError> {
        RecordLine::parse(text, "2026-11-24T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn what_is_written_is_read() {
        let line = parse(GOOD).unwrap();
        assert_eq!(line.release.record(line.stamp.as_second()), GOOD);
        for text in [
            format!("{GOOD}\n"),
            format!("\"{GOOD}\"\r\n"),
            format!("\n  {GOOD}  \n\n"),
            format!("\u{feff}{GOOD}\r\n"),
        ] {
            assert_eq!(parse(&text), Ok(line.clone()), "{text:?}");
        }
        assert!(!parse(&GOOD.replace(":1:90", ":0:90")).unwrap().release.warn);
    }

    #[test]
    fn records_that_clients_would_refuse_are_refused() {
        let says = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(parse(""), Err(RecordLineError::Lines(0)));
        assert_eq!(parse(&format!("{GOOD}\n{GOOD}")), Err(RecordLineError::Lines(2)));
        assert_eq!(parse(&GOOD[..30]), Err(RecordLineError::Fields(6)));
        assert_eq!(parse(&format!("{GOOD}:1")), Err(RecordLineError::Fields(9)));
        for (from, to, words) in [
            ("1.4.6", "1.4.6-rc", "field 1 is \"1.4.6-rc\"; expected a ClamAV version"),
            (":63:", ":0:", "field 2 is \"0\"; expected a database version, 1 or more"),
            (":28129:", "::", "field 3 is \"\""),
            (":28129:", ":+1:", "field 3 is \"+1\""),
            (":339", ":-339", "field 8 is \"-339\""),
            (":1:90", ":2:90", "field 5 is \"2\"; expected 0 or 1"),
            (":1789910940", ":now", "field 4 is \"now\"; expected a stamp"),
            (
                ":1789910940",
                ":1795500000",
                "its stamp is 2026-11-24T06:00:00Z, more than 5 minutes",
            ),
        ] {
            let text = GOOD.replace(from, to);
            assert!(says(&text).contains(words), "{words}: {}", says(&text));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-z.:\" \n-]{0,80}") {
            let _ = parse(&text);
        }
    }
}
