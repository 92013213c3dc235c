//! All faults of a feed's text. A server needs only the first; the author of the feed wants to see
//! all of them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::feed::Frozen;
use super::{Feed, FeedError, FeedFault, MirrorHealth};
use crate::problem::moment::Moment;
use crate::problem::without_mark;
use crate::release::Release;

/// Checks that a text can be read as a value.
type Check = fn(&str) -> Result<(), serde_json::Error>;

/// The keys of a feed, and the check of each value.
const KEYS: [(&str, Check); 6] = [
    ("format", is::<u64>),
    ("serial", is::<u64>),
    ("generated", is::<Moment>),
    ("release", is::<Option<Release>>),
    ("mirrors", is::<BTreeMap<String, Box<RawValue>>>),
    ("frozen", is::<Option<Frozen>>),
];

/// The keys that a feed must have.
const REQUIRED: [&str; 3] = ["format", "serial", "generated"];

/// All faults of a feed. There are none exactly if [`Feed::parse`] accepts it.
pub fn feed_faults(octets: &[u8]) -> Vec<FeedFault> {
    let Err(first) = Feed::parse(octets) else { return Vec::new() };
    let text = without_mark(octets);
    let mark = octets.len() - text.len();
    let mut found = faults_of(text, first);
    // Columns in the first line count the byte order mark.
    for (line, column) in found.iter_mut().filter_map(|fault| fault.at.as_mut()) {
        *column += if *line == 1 { mark } else { 0 };
    }
    found
}

/// The faults of a text that [`Feed::parse`] refused with this error.
fn faults_of(octets: &[u8], first: FeedError) -> Vec<FeedFault> {
    let FeedError::Syntax(first) = first else {
        return vec![FeedFault::new(first.to_string())];
    };
    let found = std::str::from_utf8(octets).map(faults_of_parts).unwrap_or_default();
    if !found.is_empty() {
        return found;
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(octets) {
        // The text is not JSON, and serde_json says where.
        Err(error) if first.at.is_some() => vec![error.into()],
        _ => vec![first],
    }
}

/// The faults of each part on its own; none if the text has no parts.
fn faults_of_parts(text: &str) -> Vec<FeedFault> {
    let Ok(parts) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some(format) = parts.get("format").filter(|format| format.get() != "1") {
        let what = format!("format {} is not known; this version reads format 1", format.get());
        found.push(FeedFault { at: Some(position(text, format.get())), what });
    }
    for (key, value) in &parts {
        match KEYS.iter().find(|(known, _)| known == key) {
            None => found.push(FeedFault {
                at: Some(position(text, value.get())),
                what: format!("the key {key:?} is not known"),
            }),
            Some((_, check)) => {
                let error = check(value.get()).err();
                let start = position(text, value.get());
                found.extend(error.map(|error| FeedFault::within(&error, start)));
            }
        }
    }
    let mirrors = parts.get("mirrors").and_then(|mirrors| serde_json::from_str(mirrors.get()).ok());
    let mirrors: BTreeMap<String, &RawValue> = mirrors.unwrap_or_default();
    for (host, value) in &mirrors {
        if let Err(error) = is::<MirrorHealth>(value.get()) {
            let fault = FeedFault::within(&error, position(text, value.get()));
            found.push(FeedFault { what: format!("{host}: {}", fault.what), ..fault });
        }
    }
    let missing = REQUIRED.iter().filter(|key| !parts.contains_key(**key));
    found.extend(missing.map(|key| FeedFault::new(format!("the key {key:?} is missing"))));
    found.sort_by_key(|fault| fault.at);
    found
}

fn is<T: DeserializeOwned>(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<T>(text).map(drop)
}

/// Line and column, from 1, at which a part of the text begins.
fn position(text: &str, part: &str) -> (usize, usize) {
    // The part is borrowed from the text, so the difference of the addresses is its offset.
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, start - line_start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BAD: &str = r#"{
  "format": 1, "serial": -5, "generated": "yesterday",
  "surprise": 1, "frozen": " ",
  "release": { "software": "1.4.6", "main": 0, "daily": 1, "bytecode": 1, "flevel": 90 },
  "mirrors": {
    "a.example": { "state": "upp" },
    "b.example": { "state": "up",
                   "addresses": { "192.0.2.256": "down" } },
    "c.example": { "state": "up" }
  }
}"#;

    #[test]
    fn all_faults_are_found_each_with_its_position() {
        let found = feed_faults(BAD.as_bytes());
        let lines: Vec<_> = found.iter().map(|fault| fault.at.unwrap().0).collect();
        assert_eq!(lines, [2, 2, 3, 3, 4, 6, 8], "{found:#?}");
        assert!(found[5].what.starts_with("a.example: unknown variant `upp`"), "{found:#?}");
        assert!(found.iter().all(|fault| !fault.what.contains(" at line ")), "{found:#?}");
        let found = feed_faults(b"{}");
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].what.contains("\"format\" is missing"), "{found:#?}");
        assert_eq!(feed_faults(b"{\n  \"format\": 1,\n  oops\n}")[0].at, Some((3, 3)));
        let marked = |text: &str| feed_faults(format!("\u{feff}{text}").as_bytes());
        assert_eq!(marked("{\n  \"format\": 1,\n  oops\n}")[0].at, Some((3, 3)));
        let found = marked("{\"format\": 7, \"serial\": 1}");
        assert!(
            found
                .iter()
                .any(|fault| fault.at == Some((1, 15)) && fault.what.starts_with("format 7")),
            "{found:#?}"
        );
        assert_eq!(feed_faults(b"\xff\xfe{\0}\0")[0].what, "it is UTF-16; save it as UTF-8");
        let twice = br#"{"format":1,"serial":1,"generated":"2026-11-22T17:00:00Z","mirrors":{"a":{"state":"up"},"A":{"state":"up"}}}"#;
        assert!(feed_faults(twice)[0].what.contains("is given twice"));
    }

    proptest! {
        #[test]
        fn there_is_a_fault_exactly_where_a_feed_is_refused(at in 0usize..400, octet in any::<u8>(), cut in 0usize..80) {
            let good = BAD.replace("-5", "5").replace("yesterday", "2026-11-22T17:00:00Z").replace("\"surprise\": 1, \"frozen\": \" \",", "\"frozen\": \"x\",")
                .replace("\"main\": 0", "\"main\": 1").replace("upp", "up").replace(".256", ".25");
            prop_assert_eq!(feed_faults(good.as_bytes()), vec![]);
            let mut octets = good.into_bytes();
            if let Some(slot) = octets.get_mut(at) { *slot = octet; }
            octets.truncate(octets.len().saturating_sub(cut.saturating_sub(40)));
            prop_assert_eq!(feed_faults(&octets).is_empty(), Feed::parse(&octets).is_ok());
        }
    }
}
