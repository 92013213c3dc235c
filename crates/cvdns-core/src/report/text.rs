//! The text of a report: JSON, as it is written and read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Evidence, MAX_REPORT_SIZE, Report, ReportError, Sighting};
use crate::fleet::by_host_key;
use crate::health::FeedFault;
use crate::problem::json::strict_map;
use crate::problem::{moment, without_mark};
use crate::schema::read::duration_of;

/// The only format.
const FORMAT: u64 = 1;

/// Most octets of a monitor's name, which names files too.
const LONGEST_NAME: usize = 63;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u64,
    monitor: String,
    serial: u64,
    #[serde(deserialize_with = "moment::deserialize")]
    generated: Timestamp,
    interval: String,
    #[serde(deserialize_with = "strict_map")]
    mirrors: BTreeMap<String, Addresses>,
}

#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Addresses(#[serde(deserialize_with = "strict_map")] BTreeMap<IpAddr, Entry>);

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    found: Found,
    #[serde(deserialize_with = "moment::deserialize")]
    checked: Timestamp,
    #[serde(default, deserialize_with = "moment::deserialize_option")]
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    main: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    daily: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytecode: Option<u32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Found {
    Serves,
    Answers,
    Faulty,
    Dead,
    Unchecked,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u64,
}

/// The objects of a report. serde would also accept an array for each of them, and assign its
/// values to keys by their order.
#[allow(dead_code, reason = "the values only need to be readable")]
#[derive(Deserialize)]
struct Objects {
    mirrors: BTreeMap<String, BTreeMap<String, BTreeMap<String, serde_json::Value>>>,
}

impl Report {
    /// Reads a report. A byte order mark is ignored (RFC 8259 section 8.1), although the signature
    /// covers it.
    ///
    /// # Errors
    /// If the report is too large, or is not a document of format 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        if bytes.len() > MAX_REPORT_SIZE {
            return Err(ReportError::TooLarge(bytes.len()));
        }
        let bytes = without_mark(bytes);
        match bytes.trim_ascii_start().first() {
            None => return Err(fault("it is empty")),
            Some(b'{') => {}
            Some(_) => return Err(fault("the report is not a JSON object")),
        }
        let document: Document = serde_json::from_slice(bytes).map_err(|error| {
            // A document of a later format fails at its first new key, but the format is the
            // reason.
            match serde_json::from_slice::<FormatOnly>(bytes) {
                Ok(FormatOnly { format }) if format != FORMAT => wrong_format(format),
                _ => ReportError::Syntax(error.into()),
            }
        })?;
        if document.format != FORMAT {
            return Err(wrong_format(document.format));
        }
        let objects = serde_json::from_slice(bytes);
        let Objects { .. } = objects.map_err(|error| ReportError::Syntax(error.into()))?;
        Self::of(document)
    }

    fn of(document: Document) -> Result<Self, ReportError> {
        let Document { monitor, serial, generated, interval, mirrors, .. } = document;
        if !is_monitor_name(&monitor) {
            return Err(fault(format!("the monitor's name {monitor:?} is not {MONITOR_NAME}")));
        }
        let interval = duration_of(&interval).map_err(|what| fault(format!("interval: {what}")))?;
        if interval < Duration::from_secs(1) {
            return Err(fault("its interval is less than a second"));
        }
        let interval = Duration::from_secs(interval.as_secs());
        let mut read = BTreeMap::new();
        for (host, Addresses(entries)) in by_host_key(mirrors).map_err(fault)? {
            let mut addresses = BTreeMap::new();
            for (address, entry) in entries {
                let sighting = entry.sighting(generated);
                let sighting =
                    sighting.map_err(|what| fault(format!("{host}, {address}: {what}")))?;
                if addresses.insert(address.to_canonical(), sighting).is_some() {
                    return Err(fault(format!("{host}: {address} is given twice")));
                }
            }
            read.insert(host, addresses);
        }
        Ok(Self { monitor, serial, generated, interval, mirrors: read })
    }

    /// The text of the report, which [`Report::parse`] reads as the same.
    ///
    /// # Errors
    /// If JSON cannot express it.
    pub fn to_text(&self) -> Result<Vec<u8>, String> {
        let entries = |addresses: &BTreeMap<IpAddr, Sighting>| {
            Addresses(addresses.iter().map(|(address, of)| (*address, Entry::of(of))).collect())
        };
        let document = Document {
            format: FORMAT,
            monitor: self.monitor.clone(),
            serial: self.serial,
            generated: self.generated,
            interval: format!("{}s", self.interval.as_secs()),
            mirrors: self.mirrors.iter().map(|(host, of)| (host.clone(), entries(of))).collect(),
        };
        let mut bytes = serde_json::to_vec(&document).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl Entry {
    fn of(Sighting { checked, evidence }: &Sighting) -> Self {
        let mut entry = Self {
            found: Found::Answers,
            checked: *checked,
            timestamp: None,
            main: None,
            daily: None,
            bytecode: None,
            reason: String::new(),
        };
        let (found, reason) = match evidence {
            Evidence::Serves { timestamp, versions: [main, daily, bytecode] } => {
                entry.timestamp = Some(*timestamp);
                (entry.main, entry.daily, entry.bytecode) =
                    (Some(*main), Some(*daily), Some(*bytecode));
                (Found::Serves, "")
            }
            Evidence::Answers => (Found::Answers, ""),
            Evidence::Faulty(reason) => (Found::Faulty, reason.as_str()),
            Evidence::Dead(reason) => (Found::Dead, reason.as_str()),
            Evidence::Unchecked(reason) => (Found::Unchecked, reason.as_str()),
        };
        Self { found, reason: reason.to_owned(), ..entry }
    }

    /// What the entry says, in a report that was written at this time.
    fn sighting(self, generated: Timestamp) -> Result<Sighting, String> {
        let Self { found, checked, timestamp, main, daily, bytecode, reason } = self;
        if checked > generated {
            return Err(format!("it was checked at {checked}, after the report was written"));
        }
        let versions = [main, daily, bytecode];
        let evidence = match found {
            Found::Serves => {
                let [Some(main), Some(daily), Some(bytecode)] = versions else {
                    return Err("it serves, and a version is missing".to_owned());
                };
                let timestamp = timestamp.ok_or("it serves, and its timestamp is missing")?;
                let versions = [main, daily, bytecode];
                if versions.contains(&0) {
                    return Err("a version is 0; they begin with 1".to_owned());
                }
                return Ok(Sighting {
                    checked,
                    evidence: Evidence::Serves { timestamp, versions },
                });
            }
            Found::Answers => Evidence::Answers,
            Found::Faulty => Evidence::Faulty(reason),
            Found::Dead => Evidence::Dead(reason),
            Found::Unchecked => Evidence::Unchecked(reason),
        };
        if timestamp.is_some() || versions.iter().any(Option::is_some) {
            return Err("it does not serve, and has a timestamp or a version".to_owned());
        }
        Ok(Sighting { checked, evidence })
    }
}

/// What the name of a monitor is.
pub const MONITOR_NAME: &str =
    "1 to 63 letters, digits, dots, hyphens and underscores that begin with a letter or digit";

/// Whether a text can be the name of a monitor.
pub fn is_monitor_name(text: &str) -> bool {
    let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-._".contains(&octet);
    text.len() <= LONGEST_NAME
        && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.bytes().all(is_allowed)
}

fn fault(what: impl Into<String>) -> ReportError {
    ReportError::Syntax(FeedFault { at: None, what: what.into() })
}

fn wrong_format(format: u64) -> ReportError {
    fault(format!("format {format} is not known; this version reads format {FORMAT}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{
      "format": 1, "monitor": "fra1", "serial": 5, "generated": "2026-11-22T17:00:00Z", "interval": "5m",
      "mirrors": { "A.example.": {
        "192.0.2.1": { "found": "serves", "checked": "2026-11-22T16:58:00Z", "timestamp": "2026-11-22T16:00:00Z", "main": 63, "daily": 28129, "bytecode": 339 },
        "2001:db8::1": { "found": "dead", "checked": "2026-11-22T16:57:00Z", "reason": "no connection within 10s" } } }
    }"#;

    fn message(text: &str) -> String {
        Report::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report = Report::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((report.monitor.as_str(), report.serial), ("fra1", 5));
        assert_eq!(report.interval, Duration::from_secs(300));
        let addresses = &report.mirrors["a.example"];
        let of = |address: &str| &addresses[&address.parse::<IpAddr>().unwrap()].evidence;
        let timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
        let versions = [63, 28_129, 339];
        assert_eq!(*of("192.0.2.1"), Evidence::Serves { timestamp, versions });
        assert_eq!(*of("2001:db8::1"), Evidence::Dead("no connection within 10s".to_owned()));
        assert_eq!(Report::parse(&report.to_text().unwrap()), Ok(report));
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        let with = |from: &str, to: &str| message(&GOOD.replace(from, to));
        for (from, to, words) in [
            ("\"format\": 1", "\"format\": 2", "format 2 is not known"),
            ("\"fra1\"", "\"../fra1\"", "\"../fra1\" is not 1 to 63 letters"),
            ("\"fra1\"", "\"\"", "is not 1 to 63 letters"),
            ("\"5m\"", "\"0s\"", "less than a second"),
            ("\"5m\"", "\"soon\"", "interval: \"soon\" is not a duration"),
            ("\"serves\"", "\"up\"", "unknown variant `up`"),
            ("\"main\": 63, ", "", "a.example, 192.0.2.1: it serves, and a version is missing"),
            ("\"main\": 63", "\"main\": 0", "a version is 0"),
            ("\"serves\"", "\"answers\"", "it does not serve, and has a timestamp"),
            ("T16:57", "T17:57", "after the report was written"),
            ("2001:db8::1", "::ffff:192.0.2.1", "192.0.2.1 is given twice"),
            ("2001:db8::1", "2001:db8::x", "line 5"),
            ("\"reason\"", "\"why\"", "unknown field `why`"),
            ("\"serial\": 5, ", "", "missing field `serial`"),
        ] {
            let found = with(from, to);
            assert!(found.contains(words), "{from} {to}: {found}");
        }
        assert!(message(&GOOD[..300]).contains("it is cut off"), "{}", message(&GOOD[..300]));
        assert!(message("[]").contains("not a JSON object") && message(" ").contains("empty"));
        let large = Report::parse(&vec![b' '; MAX_REPORT_SIZE + 1]).unwrap_err();
        assert!(large.to_string().contains("16 MiB"));
        // serde takes an array for an object.
        let array = r#"{"format":1,"monitor":"a","serial":1,"generated":"2026-11-22T17:00:00Z","interval":"5m","mirrors":{"a":{"192.0.2.1":["answers","2026-11-22T17:00:00Z"]}}}"#;
        assert!(Report::parse(array.as_bytes()).is_err());
    }

    #[test]
    fn serials_rise_and_clocks_may_be_five_minutes_ahead() {
        let report = Report::parse(GOOD.as_bytes()).unwrap();
        let newer = Report { serial: 6, ..report.clone() };
        assert_eq!(newer.follows(&report), Ok(true));
        assert_eq!(report.follows(&report), Ok(false));
        assert_eq!(report.follows(&newer).unwrap_err().reason(), "serial-behind");
        let other = Report { mirrors: BTreeMap::new(), ..report.clone() };
        assert_eq!(other.follows(&report).unwrap_err().reason(), "serial-reused");
        let at = |time: &str| report.timely(time.parse().unwrap());
        assert_eq!(at("2026-11-22T16:55:00Z"), Ok(()));
        assert_eq!(at("2026-11-22T16:54:59Z").unwrap_err().reason(), "future");
    }

    proptest! {
        #[test]
        fn no_mutation_panics(at in 0usize..700, octet in any::<u8>(), cut in 0usize..700) {
            let mut bytes = GOOD.as_bytes().to_vec();
            if let Some(slot) = bytes.get_mut(at) { *slot = octet; }
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Ok(report) = Report::parse(&bytes) {
                prop_assert_eq!(Report::parse(&report.to_text().unwrap()), Ok(report));
            }
        }
    }
}
