//! The text of a bundle: JSON, as it is written and read.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Bundle, BundleError, FILE_NAME, MAX_BUNDLE_SIZE, is_file_name};
use crate::health::FeedFault;
use crate::problem::json::strict_map;
use crate::problem::{moment, without_mark};

/// The only format.
const FORMAT: u64 = 1;

/// Most octets of a bundle's name, which is a part of names in NATS.
const LONGEST_NAME: usize = 63;

/// Most files.
const MAX_FILES: usize = 10_000;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u64,
    bundle: String,
    serial: u64,
    #[serde(deserialize_with = "moment::deserialize")]
    generated: Timestamp,
    zones: Vec<String>,
    #[serde(deserialize_with = "strict_map")]
    files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u64,
}

impl Bundle {
    /// Reads a bundle. A byte order mark is ignored (RFC 8259 section 8.1), although the signature
    /// covers it.
    ///
    /// # Errors
    /// If it is too large, or is not a document of format 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > MAX_BUNDLE_SIZE {
            return Err(BundleError::TooLarge(bytes.len()));
        }
        let bytes = without_mark(bytes);
        match bytes.trim_ascii_start().first() {
            None => return Err(fault("it is empty")),
            Some(b'{') => {}
            Some(_) => return Err(fault("the bundle is not a JSON object")),
        }
        let document: Document = serde_json::from_slice(bytes).map_err(|error| {
            // A document of a later format fails at its first new key, but the format is the
            // reason.
            match serde_json::from_slice::<FormatOnly>(bytes) {
                Ok(FormatOnly { format }) if format != FORMAT => wrong_format(format),
                _ => BundleError::Syntax(error.into()),
            }
        })?;
        if document.format != FORMAT {
            return Err(wrong_format(document.format));
        }
        let Document { bundle: name, serial, generated, zones, files, .. } = document;
        let bundle = Self { name, serial, generated, zones, files };
        bundle.check().map_err(fault)?;
        Ok(bundle)
    }

    /// The text of the bundle, which [`Bundle::parse`] reads as the same.
    ///
    /// # Errors
    /// If it would be refused, in words for people.
    pub fn to_text(&self) -> Result<Vec<u8>, String> {
        self.check()?;
        let document = Document {
            format: FORMAT,
            bundle: self.name.clone(),
            serial: self.serial,
            generated: self.generated,
            zones: self.zones.clone(),
            files: self.files.clone(),
        };
        let mut bytes = serde_json::to_vec(&document).map_err(|error| error.to_string())?;
        bytes.push(b'\n');
        if bytes.len() > MAX_BUNDLE_SIZE {
            return Err(BundleError::TooLarge(bytes.len()).to_string());
        }
        Ok(bytes)
    }

    fn check(&self) -> Result<(), String> {
        let Self { name, zones, files, .. } = self;
        if !is_bundle_name(name) {
            return Err(format!("the bundle's name {name:?} is not {BUNDLE_NAME}"));
        }
        if files.len() > MAX_FILES {
            let count = files.len();
            return Err(format!("{count} files are more than the {MAX_FILES} of a bundle"));
        }
        if let Some(name) = files.keys().find(|name| !is_file_name(name)) {
            return Err(format!("the file name {name:?} is not {FILE_NAME}"));
        }
        if zones.is_empty() {
            return Err("it has no zones".to_owned());
        }
        let mut seen = BTreeSet::new();
        for zone in zones {
            if !files.contains_key(zone) {
                return Err(format!("the zone file {zone:?} is not among its files"));
            }
            if !seen.insert(zone) {
                return Err(format!("the zone file {zone:?} is named twice"));
            }
        }
        Ok(())
    }
}

/// What the name of a bundle is.
pub const BUNDLE_NAME: &str = "1 to 63 letters, digits, hyphens and underscores";

/// Whether a text can be the name of a bundle.
pub fn is_bundle_name(text: &str) -> bool {
    let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(is_allowed)
}

fn fault(what: impl Into<String>) -> BundleError {
    BundleError::Syntax(FeedFault { at: None, what: what.into() })
}

fn wrong_format(format: u64) -> BundleError {
    fault(format!("format {format} is not known; this version reads format {FORMAT}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{
      "format": 1, "bundle": "main", "serial": 5, "generated": "2026-12-01T17:00:00Z",
      "zones": ["zones/clam.toml"],
      "files": { "zones/clam.toml": "format = 1\n", "mirrors.toml": "" }
    }"#;

    fn message(text: &str) -> String {
        Bundle::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written() {
        let bundle = Bundle::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((bundle.name.as_str(), bundle.serial), ("main", 5));
        assert_eq!(bundle.zones, ["zones/clam.toml"]);
        assert_eq!(bundle.files["zones/clam.toml"], "format = 1\n");
        assert_eq!(Bundle::parse(&bundle.to_text().unwrap()), Ok(bundle));
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        for (from, to, words) in [
            ("\"format\": 1", "\"format\": 2", "format 2 is not known"),
            ("\"main\"", "\"ma.in\"", "\"ma.in\" is not 1 to 63 letters"),
            ("\"main\"", "\"\"", "is not 1 to 63 letters"),
            ("\"mirrors.toml\"", "\"../mirrors.toml\"", "\"../mirrors.toml\" is not a path"),
            ("\"mirrors.toml\"", "\"/etc/passwd\"", "\"/etc/passwd\" is not a path"),
            ("\"mirrors.toml\"", "\"zones/clam.toml\"", "\"zones/clam.toml\" is given twice"),
            ("[\"zones/clam.toml\"]", "[]", "it has no zones"),
            ("[\"zones/clam.toml\"]", "[\"x\"]", "\"x\" is not among its files"),
            (
                "[\"zones/clam.toml\"]",
                "[\"zones/clam.toml\", \"zones/clam.toml\"]",
                "\"zones/clam.toml\" is named twice",
            ),
            ("\"serial\": 5, ", "", "missing field `serial`"),
            ("\"serial\": 5", "\"serial\": -5", "line 2"),
            ("\"serial\"", "\"why\": 1, \"serial\"", "unknown field `why`"),
            ("\"\" }", "7 }", "line 4"),
        ] {
            let found = message(&GOOD.replacen(from, to, 1));
            assert!(found.contains(words), "{from} {to}: {found}");
        }
        assert!(message(&GOOD[..150]).contains("it is cut off"), "{}", message(&GOOD[..150]));
        assert!(message("[]").contains("not a JSON object") && message(" ").contains("empty"));
        let large = Bundle::parse(&vec![b' '; MAX_BUNDLE_SIZE + 1]).unwrap_err();
        assert!(large.to_string().contains("32 MiB"));
    }

    #[test]
    fn what_would_be_refused_is_not_written() {
        let good = Bundle::parse(GOOD.as_bytes()).unwrap();
        let says = |bundle: Bundle| bundle.to_text().unwrap_err();
        assert!(says(Bundle { zones: Vec::new(), ..good.clone() }).contains("no zones"));
        assert!(says(Bundle { name: "a/b".to_owned(), ..good.clone() }).contains("name"));
        let mut large = good.clone();
        large.files.insert("x".to_owned(), "x".repeat(MAX_BUNDLE_SIZE));
        assert!(says(large).contains("32 MiB"));
        let mut many = good;
        many.files.extend((0..MAX_FILES).map(|number| (number.to_string(), String::new())));
        assert!(says(many).contains("10002 files are more"));
    }

    #[test]
    fn another_bundle_and_one_of_the_future_are_refused() {
        let bundle = Bundle::parse(GOOD.as_bytes()).unwrap();
        let at = |name, time: &str| {
            bundle.expected(name, time.parse().unwrap()).map_err(|error| error.reason())
        };
        assert_eq!(at("main", "2026-12-01T16:55:00Z"), Ok(()));
        assert_eq!(at("main", "2026-12-01T16:54:59Z"), Err("future"));
        assert_eq!(at("test", "2026-12-01T17:00:00Z"), Err("other-name"));
    }

    proptest! {
        #[test]
        fn no_mutation_panics(at in 0usize..250, octet in any::<u8>(), cut in 0usize..250) {
            let mut bytes = GOOD.as_bytes().to_vec();
            if let Some(slot) = bytes.get_mut(at) { *slot = octet; }
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Ok(bundle) = Bundle::parse(&bytes) {
                prop_assert_eq!(Bundle::parse(&bundle.to_text().unwrap()), Ok(bundle));
            }
        }
    }
}
