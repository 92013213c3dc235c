//! The release: the database versions that the coordinator announces, and the TXT record that is
//! made of them.

pub mod cvd;
mod gate;
mod history;
pub mod keys;
mod record_line;
mod sources;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::problem::json::strict_map;
use crate::problem::plural;

pub use gate::{Announced, Gate, HoldingBack, MirrorVersions, Share};
pub use history::{Stuck, StuckRule, VersionHistory, is_suspect};
pub use record_line::{RecordLine, RecordLineError};
pub use sources::{ReleaseSources, SourceState};

/// Seconds between two stamps of the record. Clients in the field have only ever seen whole half
/// hours.
pub const STAMP_PERIOD: i64 = 1800;

/// Seconds after which clients no longer trust a stamp. The time that a record spends in caches
/// counts.
const TRUSTED: i64 = 3 * 3600;

/// Longest TTL in seconds with which no cache holds a record that clients no longer trust. A record
/// may be half an hour old when it is answered.
pub const LONGEST_TTL: u32 = (TRUSTED - STAMP_PERIOD) as u32;

/// Version of safebrowsing.cvd in the record since that database was retired.
const RETIRED_SAFEBROWSING: u32 = 49_192;

/// The versions that the coordinator announces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Newest `ClamAV` version in digits and dots: old clients can compare nothing else.
    #[serde(deserialize_with = "software")]
    pub software: String,
    /// Version of main.cvd.
    #[serde(deserialize_with = "version")]
    pub main: u32,
    /// Version of daily.cvd.
    #[serde(deserialize_with = "version")]
    pub daily: u32,
    /// Version of bytecode.cvd.
    #[serde(deserialize_with = "version")]
    pub bytecode: u32,
    /// Lowest functionality level that the databases need.
    pub flevel: u32,
    /// Whether old clients warn their users that they are outdated.
    #[serde(default = "yes")]
    pub warn: bool,
    /// Version of the retired safebrowsing.cvd.
    #[serde(default = "retired")]
    pub safebrowsing: u32,
    /// Versions of extra databases.
    #[serde(default, deserialize_with = "extra")]
    pub extra: BTreeMap<String, u32>,
    /// Whether versions may be lower than those announced before.
    #[serde(default)]
    pub rollback: bool,
}

/// A release, and when its source last confirmed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedRelease<'o> {
    /// The release itself.
    pub release: &'o Release,
    /// Time at which the source last confirmed the release.
    pub generated: Timestamp,
}

/// How far a mirror is behind a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// Name of the database.
    pub database: &'static str,
    /// The version that the mirror has.
    pub version: u32,
    /// By how many versions it is behind.
    pub by: u32,
}

/// `daily 28121 is 8 versions behind the release`
impl std::fmt::Display for Behind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { database, version, by } = self;
        let by = plural(*by as usize, "version", "versions");
        write!(f, "{database} {version} is {by} behind the release")
    }
}

impl<'o> DatedRelease<'o> {
    /// Borrows the result of [`ReleaseSources::release`].
    pub fn of((release, generated): &'o (Release, Timestamp)) -> Self {
        Self { release, generated: *generated }
    }
}

impl Release {
    /// A release of which nothing else is known. Old clients warn their users.
    pub fn of(software: &str, [main, daily, bytecode]: [u32; 3], flevel: u32) -> Self {
        Self {
            software: software.to_owned(),
            main,
            daily,
            bytecode,
            flevel,
            warn: yes(),
            safebrowsing: retired(),
            extra: BTreeMap::new(),
            rollback: false,
        }
    }

    /// The versions of main, daily and bytecode, in this order.
    pub fn core(&self) -> [u32; 3] {
        [self.main, self.daily, self.bytecode]
    }

    /// The same release with these versions of main, daily and bytecode.
    #[must_use]
    pub fn with_core(&self, [main, daily, bytecode]: [u32; 3]) -> Self {
        Self { main, daily, bytecode, ..self.clone() }
    }

    /// Names and versions of the databases: main, daily, bytecode, then the extra ones.
    pub fn databases(&self) -> impl Iterator<Item = (&str, u32)> {
        CORE_DATABASES
            .into_iter()
            .zip(self.core())
            .chain(self.extra.iter().map(|(name, version)| (name.as_str(), *version)))
    }

    /// How far a mirror with these versions of main, daily and bytecode is behind the release, in
    /// the database in which it is farthest behind; `None` if it is behind in none.
    pub fn behind(&self, versions: [Option<u32>; 3]) -> Option<Behind> {
        let of = |((database, released), held): ((&'static str, u32), Option<u32>)| {
            let by = released.saturating_sub(held?);
            Some(Behind { database, version: held?, by })
        };
        let all = CORE_DATABASES.into_iter().zip(self.core()).zip(versions).filter_map(of);
        // Of several, the first.
        all.rev().max_by_key(|behind| behind.by).filter(|behind| behind.by > 0)
    }

    /// The text of the record: eight non-empty fields, separated by colons. Clients count them.
    pub fn record(&self, stamp: i64) -> String {
        let Self { software, main, daily, bytecode, flevel, safebrowsing, .. } = self;
        let flag = u8::from(self.warn);
        format!("{software}:{main}:{daily}:{stamp}:{flag}:{flevel}:{safebrowsing}:{bytecode}")
    }
}

/// Names of the databases that every release has.
pub const CORE_DATABASES: [&str; 3] = ["main", "daily", "bytecode"];

/// The text of the record of a single database: `version:stamp`.
pub fn database_record(version: u32, stamp: i64) -> String {
    format!("{version}:{stamp}")
}

/// The stamp at `now` in Unix seconds: the start of the current half hour, the same on every
/// server. After `fresh_until`, when the feed becomes stale, the stamp no longer advances.
pub fn stamp(now: Timestamp, fresh_until: Timestamp) -> i64 {
    half_hour(now.min(fresh_until))
}

/// The start of the half hour that contains `time`, in Unix seconds.
pub fn half_hour(time: Timestamp) -> i64 {
    let seconds = time.as_second();
    seconds - seconds.rem_euclid(STAMP_PERIOD)
}

/// The time from which a record with this TTL in seconds is too old to be answered, unless a newer
/// feed comes: caches would hold it longer than clients trust its stamp. It is never before
/// `fresh_until`.
pub fn expiry(fresh_until: Timestamp, ttl: u32) -> Timestamp {
    let last = stamp(fresh_until, fresh_until) + TRUSTED - i64::from(ttl);
    Timestamp::from_second(last).unwrap_or(Timestamp::MAX).max(fresh_until)
}

fn yes() -> bool {
    true
}

fn retired() -> u32 {
    RETIRED_SAFEBROWSING
}

fn software<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_software(&text) {
        Ok(text)
    } else {
        let message = format!(
            "software \"{text}\" is not digits and dots such as \"1.4.6\": clients would refuse the record"
        );
        Err(serde::de::Error::custom(message))
    }
}

/// Whether a text is digits and dots. The record has at most 255 octets, of which its other seven
/// fields take at most 87.
fn is_software(text: &str) -> bool {
    text.len() <= 128 && text.split('.').all(is_number)
}

/// Whether a text consists of digits only, without a sign, and is not empty.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn version<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(serde::de::Error::custom("a database version is 0; versions start at 1")),
        version => Ok(version),
    }
}

/// Most extra databases of a release. Each has names in every zone. ClamAV itself has had three.
const MAX_EXTRA: usize = 1000;

fn extra<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, u32>, D::Error> {
    let extra: BTreeMap<String, u32> = strict_map(deserializer)?;
    if extra.len() > MAX_EXTRA {
        let what = format!("{} extra databases; a release has {MAX_EXTRA} at most", extra.len());
        return Err(serde::de::Error::custom(what));
    }
    for (name, version) in &extra {
        let label = (1..=32).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if !label || CORE_DATABASES.contains(&name.as_str()) {
            let message = format!(
                "extra database \"{name}\": a name is 1 to 32 of a-z 0-9 - _, and not main, daily or bytecode"
            );
            return Err(serde::de::Error::custom(message));
        }
        if *version == 0 {
            return Err(serde::de::Error::custom(format!(
                "extra database \"{name}\" has version 0"
            )));
        }
    }
    Ok(extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(json: &str) -> Result<Release, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn the_record_has_eight_fields() {
        let text = r#"{"software":"1.4.6","main":63,"daily":28129,"bytecode":339,"flevel":90}"#;
        let record = release(text).unwrap().record(1_789_910_940);
        assert_eq!(record, "1.4.6:63:28129:1789910940:1:90:49192:339");
    }

    #[test]
    fn a_mirror_is_behind_in_its_worst_database() {
        let text = r#"{"software":"1.4.6","main":63,"daily":28129,"bytecode":339,"flevel":90}"#;
        let release = release(text).unwrap();
        assert_eq!(release.behind([None, Some(28_129), Some(400)]), None);
        let behind = release.behind([Some(62), Some(28_127), None]).unwrap();
        assert_eq!(behind.to_string(), "daily 28127 is 2 versions behind the release");
        let behind = release.behind([Some(62), Some(28_128), Some(338)]).unwrap();
        assert_eq!(behind.to_string(), "main 62 is 1 version behind the release");
    }

    #[test]
    fn releases_that_clients_would_choke_on_are_refused() {
        for bad in [
            r#"{"software":"1.4.6-rc","main":63,"daily":28129,"bytecode":339,"flevel":90}"#,
            r#"{"software":"","main":63,"daily":28129,"bytecode":339,"flevel":90}"#,
            r#"{"software":"1.4","main":0,"daily":28129,"bytecode":339,"flevel":90}"#,
            r#"{"software":"1.4","main":63,"bytecode":339,"flevel":90}"#,
            r#"{"software":"1.4","main":63,"daily":1,"bytecode":339,"flevel":90,"extra":{"A b":1}}"#,
            r#"{"software":"1.4","main":63,"daily":1,"bytecode":339,"flevel":90,"extra":{"t":1,"t":2}}"#,
        ] {
            assert!(release(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_stamp_is_the_half_hour_until_the_feed_is_stale() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let late = at("2030-01-01T00:00:00Z");
        assert_eq!(stamp(at("2026-11-22T17:29:59Z"), late), at("2026-11-22T17:00:00Z").as_second());
        assert_eq!(stamp(at("2026-11-22T17:30:00Z"), late), at("2026-11-22T17:30:00Z").as_second());
        assert_eq!(stamp(late, at("2026-11-22T17:40:00Z")), at("2026-11-22T17:30:00Z").as_second());
        assert_eq!(expiry(at("2026-11-22T17:40:00Z"), 1800), at("2026-11-22T20:00:00Z"));
        assert_eq!(expiry(at("2026-11-22T17:40:00Z"), 86_400), at("2026-11-22T17:40:00Z"));
    }
}
