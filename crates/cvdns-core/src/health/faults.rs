//! All that is wrong with a feed's text. A server needs only the first of it; who writes the feed wants the rest too.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Feed, FeedError, MirrorHealth};
use crate::problem::moment::Moment;
use crate::problem::without_mark;
use crate::release::Release;

/// Something in a feed that makes it unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line and octet in it, from 1, where it has a place.
    pub at: Option<(usize, usize)>,
    /// What is wrong.
    pub what: String,
}

/// Tries to read a value.
type Try = fn(&str) -> Result<(), serde_json::Error>;

/// The keys of a feed, and how each value is tried.
const KEYS: [(&str, Try); 5] = [
    ("format", is::<u64>),
    ("serial", is::<u64>),
    ("generated", is::<Moment>),
    ("release", is::<Option<Release>>),
    ("mirrors", is::<BTreeMap<String, Box<RawValue>>>),
];

/// Those without which there is no feed.
const REQUIRED: [&str; 3] = ["format", "serial", "generated"];

/// Everything that is wrong with the text: nothing exactly where [`Feed::parse`] takes it.
pub fn faults(octets: &[u8]) -> Vec<Fault> {
    let Err(first) = Feed::parse(octets) else { return Vec::new() };
    let text = without_mark(octets);
    let mark = octets.len() - text.len();
    let mut found = faults_of(text, &first);
    // Places are those in the file, whose first line begins with the mark.
    for (line, octet) in found.iter_mut().filter_map(|fault| fault.at.as_mut()) {
        *octet += if *line == 1 { mark } else { 0 };
    }
    found
}

fn faults_of(octets: &[u8], first: &FeedError) -> Vec<Fault> {
    let mut found = match std::str::from_utf8(octets) {
        Ok(text) if matches!(first, FeedError::Syntax(_)) => gather(text),
        _ => Vec::new(),
    };
    if found.is_empty() {
        let has_place = place_in(&first.to_string()).is_some();
        found.push(match serde_json::from_slice::<serde::de::IgnoredAny>(octets) {
            Err(error) if matches!(first, FeedError::Syntax(_)) && has_place => {
                Fault::of(&error, (1, 1))
            }
            _ => {
                Fault { at: place_in(&first.to_string()), what: without_place(&first.to_string()) }
            }
        });
    }
    found
}

/// What is wrong with each part on its own; nothing where there are no parts.
fn gather(text: &str) -> Vec<Fault> {
    let Ok(parts) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some(format) = parts.get("format").filter(|format| format.get() != "1") {
        let what = format!("format {} is not known; this version reads format 1", format.get());
        found.push(Fault { at: Some(place(text, format.get())), what });
    }
    for (key, value) in &parts {
        match KEYS.iter().find(|(known, _)| known == key) {
            None => found.push(Fault {
                at: Some(place(text, value.get())),
                what: format!("the key {key:?} is not known"),
            }),
            Some((_, read)) => {
                found.extend(
                    read(value.get())
                        .err()
                        .map(|error| Fault::of(&error, place(text, value.get()))),
                );
            }
        }
    }
    let mirrors = parts.get("mirrors").and_then(|mirrors| serde_json::from_str(mirrors.get()).ok());
    let mirrors: BTreeMap<String, &RawValue> = mirrors.unwrap_or_default();
    for (host, said) in &mirrors {
        let error = is::<MirrorHealth>(said.get()).err();
        found.extend(error.map(|error| Fault::of(&error, place(text, said.get())).within(host)));
    }
    let missing = REQUIRED.iter().filter(|key| !parts.contains_key(**key));
    found
        .extend(missing.map(|key| Fault { at: None, what: format!("the key {key:?} is missing") }));
    found.sort_by_key(|fault| fault.at);
    found
}

fn is<T: DeserializeOwned>(text: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<T>(text).map(drop)
}

/// Line and octet, from 1, at which a part of the text begins.
fn place(text: &str, part: &str) -> (usize, usize) {
    // The part is borrowed from the text, so this is where it stands in it.
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, start - line_start + 1)
}

impl Fault {
    /// An error within a part that begins at this line and octet.
    fn of(error: &serde_json::Error, (line, octet): (usize, usize)) -> Self {
        let at = match error.line() {
            0 | 1 => (line, octet.saturating_add(error.column().saturating_sub(1))),
            within => (line.saturating_add(within - 1), error.column().max(1)),
        };
        Self { at: Some(at), what: without_place(&error.to_string()) }
    }

    fn within(self, host: &str) -> Self {
        Self { what: format!("{host}: {}", self.what), ..self }
    }
}

/// An error's text without the place that `serde_json` puts behind it.
fn without_place(text: &str) -> String {
    text.rsplit_once(" at line ").map_or(text, |(what, _)| what).to_owned()
}

/// That place.
fn place_in(text: &str) -> Option<(usize, usize)> {
    let (_, place) = text.rsplit_once(" at line ")?;
    let (line, column) = place.split_once(" column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BAD: &str = r#"{
  "format": 1, "serial": -5, "generated": "yesterday",
  "surprise": 1,
  "release": { "software": "1.4.6", "main": 0, "daily": 1, "bytecode": 1, "flevel": 90 },
  "mirrors": {
    "a.example": { "state": "upp" },
    "b.example": { "state": "up",
                   "addresses": { "192.0.2.256": "down" } },
    "c.example": { "state": "up" }
  }
}"#;

    #[test]
    fn all_faults_are_found_each_with_its_place() {
        let found = faults(BAD.as_bytes());
        let lines: Vec<_> = found.iter().map(|fault| fault.at.unwrap().0).collect();
        assert_eq!(lines, [2, 2, 3, 4, 6, 8], "{found:#?}");
        assert!(found[4].what.starts_with("a.example: unknown variant `upp`"), "{found:#?}");
        assert!(found.iter().all(|fault| !fault.what.contains(" at line ")), "{found:#?}");
        let found = faults(b"{}");
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].what.contains("\"format\" is missing"), "{found:#?}");
        assert_eq!(faults(b"{\n  \"format\": 1,\n  oops\n}")[0].at, Some((3, 3)));
        let marked = |text: &str| faults(format!("\u{feff}{text}").as_bytes());
        assert_eq!(marked("{\n  \"format\": 1,\n  oops\n}")[0].at, Some((3, 3)));
        let found = marked("{\"format\": 7, \"serial\": 1}");
        assert!(
            found
                .iter()
                .any(|fault| fault.at == Some((1, 15)) && fault.what.starts_with("format 7")),
            "{found:#?}"
        );
        assert_eq!(faults(b"\xff\xfe{\0}\0")[0].what, "it is UTF-16; save it as UTF-8");
        let twice = br#"{"format":1,"serial":1,"generated":"2026-11-22T17:00:00Z","mirrors":{"a":{"state":"up"},"A":{"state":"up"}}}"#;
        assert!(faults(twice)[0].what.contains("is given twice"));
    }

    proptest! {
        #[test]
        fn there_is_a_fault_exactly_where_a_feed_is_refused(at in 0usize..400, octet in any::<u8>(), cut in 0usize..80) {
            let good = BAD.replace("-5", "5").replace("yesterday", "2026-11-22T17:00:00Z").replace("\"surprise\": 1,", "")
                .replace("\"main\": 0", "\"main\": 1").replace("upp", "up").replace(".256", ".25");
            prop_assert_eq!(faults(good.as_bytes()), vec![]);
            let mut octets = good.into_bytes();
            if let Some(slot) = octets.get_mut(at) { *slot = octet; }
            octets.truncate(octets.len().saturating_sub(cut.saturating_sub(40)));
            prop_assert_eq!(faults(&octets).is_empty(), Feed::parse(&octets).is_ok());
        }
    }
}
