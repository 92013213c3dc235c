//! The feed: the document in which the coordinator publishes the state of the mirrors. It is taken
//! as a whole or not at all.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;

use super::{FeedError, FeedFault, FeedRequirements, MAX_FEED_SIZE, State};
use crate::fleet::by_host_key;
use crate::geo::area::Area;
use crate::problem::clock::is_ahead;
use crate::problem::json::strict_map;
use crate::problem::{moment, without_mark};
use crate::release::{DatedRelease, Release, Share};

/// A valid feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Serial number, which rises with each new feed.
    pub serial: u64,
    /// Time at which the coordinator wrote it.
    pub generated: Timestamp,
    /// The release to announce, if the feed has one.
    pub release: Option<Release>,
    /// Health of mirrors by host. A mirror that is not listed is up.
    pub mirrors: BTreeMap<String, MirrorHealth>,
    /// Why the coordinator does not trust what it sees, if it has frozen all states.
    pub frozen: Option<String>,
}

/// The health of one mirror.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MirrorHealth {
    /// State of the mirror.
    pub state: State,
    /// Start of the state.
    #[serde(default, deserialize_with = "moment::deserialize_option")]
    pub since: Option<Timestamp>,
    /// Version of main.cvd on the mirror.
    #[serde(default, deserialize_with = "mirror_version")]
    pub main: Option<u32>,
    /// Version of daily.cvd on the mirror.
    #[serde(default, deserialize_with = "mirror_version")]
    pub daily: Option<u32>,
    /// Version of bytecode.cvd on the mirror.
    #[serde(default, deserialize_with = "mirror_version")]
    pub bytecode: Option<u32>,
    /// Addresses whose state differs from the mirror's.
    #[serde(default, deserialize_with = "strict_map")]
    pub addresses: BTreeMap<IpAddr, State>,
    /// Countries and continents whose clients are never answered the mirror, in addition to those
    /// of the fleet file.
    #[serde(default, rename = "not-for", deserialize_with = "areas")]
    pub not_for: BTreeSet<Area>,
    /// A remark for people.
    #[serde(default)]
    pub note: String,
    /// The share of its capacity by which it is answered.
    #[serde(default = "whole", deserialize_with = "weight")]
    pub weight: Share,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u64,
    serial: u64,
    #[serde(deserialize_with = "moment::deserialize")]
    generated: Timestamp,
    #[serde(default)]
    release: Option<Release>,
    #[serde(default, deserialize_with = "strict_map")]
    mirrors: BTreeMap<String, MirrorHealth>,
    #[serde(default)]
    frozen: Option<Frozen>,
}

/// Why a coordinator has frozen all states: a text that is not blank.
#[derive(Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Frozen(String);

#[derive(serde::Deserialize)]
struct FormatOnly {
    format: u64,
}

/// The objects of a feed. serde would also accept an array for each of them, and assign its values
/// to keys by their order.
#[allow(dead_code, reason = "the values only need to be readable")]
#[derive(serde::Deserialize)]
struct Objects {
    #[serde(default)]
    release: Option<Map>,
    #[serde(default)]
    mirrors: BTreeMap<String, Map>,
}

type Map = BTreeMap<String, serde_json::Value>;

const NO_OBJECT: &str = "the feed is not a JSON object";

/// Refuses arrays in the place of objects.
fn check_objects(bytes: &[u8]) -> Result<(), FeedError> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(syntax(NO_OBJECT));
    }
    let read = serde_json::from_slice(bytes);
    let Objects { .. } = read.map_err(|error| FeedError::Syntax(error.into()))?;
    Ok(())
}

fn syntax(what: impl Into<String>) -> FeedError {
    FeedError::Syntax(FeedFault::new(what))
}

impl Feed {
    /// The feed as far as it says something of this moment: states that begin later have no start.
    pub fn as_of(&self, time: Timestamp) -> Cow<'_, Self> {
        let begins_later = |mirror: &MirrorHealth| mirror.since.is_some_and(|since| since > time);
        if !self.mirrors.values().any(begins_later) {
            return Cow::Borrowed(self);
        }
        let mut feed = self.clone();
        for mirror in feed.mirrors.values_mut().filter(|mirror| begins_later(mirror)) {
            mirror.since = None;
        }
        Cow::Owned(feed)
    }

    /// Reads a feed. A byte order mark is ignored (RFC 8259 section 8.1), although the signature
    /// covers it.
    ///
    /// # Errors
    /// If the feed is too large, or is not a document of format 1.
    pub fn parse(bytes: &[u8]) -> Result<Self, FeedError> {
        if bytes.len() > MAX_FEED_SIZE {
            return Err(FeedError::TooLarge(bytes.len()));
        }
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(syntax("it is UTF-16; save it as UTF-8"));
        }
        let bytes = without_mark(bytes);
        if bytes.trim_ascii().is_empty() {
            return Err(syntax("it is empty"));
        }
        if bytes.trim_ascii_start().first() == Some(&b'[') {
            return Err(syntax(NO_OBJECT));
        }
        let document: Document = serde_json::from_slice(bytes).map_err(|error| {
            // A document of a later format fails at its first new key, but the format is the
            // reason.
            match serde_json::from_slice::<FormatOnly>(bytes) {
                Ok(FormatOnly { format }) if format != 1 => wrong_format(format),
                _ => FeedError::Syntax(error.into()),
            }
        })?;
        if document.format != 1 {
            return Err(wrong_format(document.format));
        }
        check_objects(bytes)?;
        let Document { serial, generated, release, mirrors, frozen, .. } = document;
        let mirrors = by_host_key(mirrors).map_err(syntax)?;
        let frozen = frozen.map(|Frozen(reason)| reason);
        Ok(Self { serial, generated, release, mirrors, frozen })
    }

    /// What static data must be compiled for, so that this feed can be in force.
    pub fn requirements(&self) -> FeedRequirements {
        let databases = self.release.iter().flat_map(|release| release.extra.keys().cloned());
        let restricted = self.mirrors.iter().filter(|(_, mirror)| !mirror.not_for.is_empty());
        FeedRequirements {
            databases: databases.collect(),
            not_for: restricted
                .map(|(host, mirror)| (host.clone(), mirror.not_for.clone()))
                .collect(),
        }
    }

    /// The feed's release, dated by the feed.
    pub fn dated_release(&self) -> Option<DatedRelease<'_>> {
        Some(DatedRelease { release: self.release.as_ref()?, generated: self.generated })
    }

    /// Checks that the feed is not from the future: it would count as fresh for too long.
    ///
    /// # Errors
    /// If the feed was generated more than 5 minutes after `now`.
    pub fn timely(&self, now: Timestamp) -> Result<(), FeedError> {
        if is_ahead(self.generated, now) {
            return Err(FeedError::FromTheFuture(self.generated));
        }
        Ok(())
    }

    /// Whether this feed replaces `in_force`; false if both are the same.
    ///
    /// # Errors
    /// If the serial is lower than that of `in_force`, or the same with other content.
    pub fn follows(&self, in_force: &Self) -> Result<bool, FeedError> {
        match self.serial.cmp(&in_force.serial) {
            std::cmp::Ordering::Greater => Ok(true),
            std::cmp::Ordering::Equal if self == in_force => Ok(false),
            std::cmp::Ordering::Equal => Err(FeedError::SerialReused(self.serial)),
            std::cmp::Ordering::Less => {
                Err(FeedError::SerialBehind { offered: self.serial, in_force: in_force.serial })
            }
        }
    }
}

impl TryFrom<String> for Frozen {
    type Error = &'static str;

    fn try_from(reason: String) -> Result<Self, Self::Error> {
        if reason.trim().is_empty() {
            return Err("`frozen` is blank: say why, or leave it out");
        }
        Ok(Self(reason))
    }
}

fn whole() -> Share {
    Share::WHOLE
}

/// A number above 0, and at most 1.
fn weight<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
    let number = <f64 as serde::Deserialize>::deserialize(deserializer)?;
    Share::above_zero(number).ok_or_else(|| {
        serde::de::Error::custom("a mirror's weight is not a number above 0, up to 1")
    })
}

/// Version of a database on a mirror.
fn mirror_version<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    match <Option<u32> as serde::Deserialize>::deserialize(deserializer)? {
        Some(0) => {
            Err(serde::de::Error::custom("a mirror's version is 0: leave out unknown versions"))
        }
        version => Ok(version),
    }
}

/// Countries and continents. The error of an unknown one has its position in the text.
fn areas<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<Area>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(try_from = "String")]
    struct Listed(Area);
    impl TryFrom<String> for Listed {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            text.parse().map(Self)
        }
    }
    let listed = <Vec<Listed> as serde::Deserialize>::deserialize(deserializer)?;
    Ok(listed.into_iter().map(|Listed(area)| area).collect())
}

fn wrong_format(format: u64) -> FeedError {
    syntax(format!("format {format} is not known; this version reads format 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{
      "format": 1, "serial": 5, "generated": "2026-11-22T17:00:00Z",
      "mirrors": { "a.example": { "state": "up", "since": "2026-11-20T02:11:00Z", "main": 63,
                                   "addresses": { "2001:db8::10": "down" }, "note": "" } }
    }"#;

    fn message(text: &str) -> String {
        Feed::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_feed_of_the_format_is_read() {
        let feed = Feed::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(
            feed.mirrors["a.example"].addresses[&"2001:db8::10".parse().unwrap()],
            State::Down
        );
        assert!(feed.release.is_none() && feed.frozen.is_none());
        assert_eq!(feed.mirrors["a.example"].weight, Share::WHOLE);
        let with = |text: &str| GOOD.replace("\"note\"", &format!("\"weight\": {text}, \"note\""));
        for (text, share) in [("0.25", 0.25), ("1", 1.0), ("1e-9", 1e-6)] {
            let feed = Feed::parse(with(text).as_bytes()).unwrap();
            assert_eq!(feed.mirrors["a.example"].weight, Share::new(share).unwrap(), "{text}");
        }
        let frozen =
            |text: &str| GOOD.replace("\"serial\"", &format!("\"frozen\": {text}, \"serial\""));
        let read = |text: &str| Feed::parse(frozen(text).as_bytes()).unwrap().frozen;
        assert_eq!(read("\"no witness answers\"").as_deref(), Some("no witness answers"));
        assert_eq!(read("null"), None);
    }

    #[test]
    fn errors_name_the_fault_and_its_position() {
        assert!(message(&GOOD.replace("\"up\"", "\"upp\"")).contains("unknown variant `upp`"));
        assert!(message(&GOOD.replace("\"up\"", "\"upp\"")).contains("line 3"));
        assert!(message(&GOOD.replace("\"format\": 1", "\"format\": 2")).contains("format 2"));
        assert!(message(&GOOD.replace("\"note\"", "\"nope\"")).contains("unknown field `nope`"));
        assert!(message(&GOOD.replace("\"main\": 63", "\"main\": 0")).contains("version is 0"));
        assert!(message(&GOOD.replace("2001:db8::10", "2001:db8::1x")).contains("line 4"));
        for weight in ["0", "-0.5", "1.5", "1e400", "\"1\"", "null"] {
            let text = GOOD.replace("\"note\"", &format!("\"weight\": {weight}, \"note\""));
            assert!(message(&text).contains("line 4"), "{weight}: {}", message(&text));
        }
        for frozen in ["\"\"", "\" \"", "true"] {
            let text = GOOD.replace("\"serial\"", &format!("\"frozen\": {frozen}, \"serial\""));
            assert!(message(&text).contains("line 2"), "{frozen}: {}", message(&text));
        }
        let twice = r#"{"format":1,"serial":1,"generated":"2026-11-22T17:00:00Z","mirrors":{"a":{"state":"up"},"a":{"state":"down"}}}"#;
        assert!(message(twice).contains("given twice"));
        assert!(
            Feed::parse(&vec![b' '; MAX_FEED_SIZE + 1]).unwrap_err().to_string().contains("16 MiB")
        );
    }

    /// FORMATS "zones/mirrors.toml": a feed may restrict a mirror as the fleet file does.
    #[test]
    fn not_for_is_read_and_what_is_unknown_is_refused_with_its_place() {
        let with = |list: &str| GOOD.replace("\"note\": \"\"", &format!("\"not-for\":\n{list}"));
        let feed = Feed::parse(with("[\"CN\", \"continent:AS\", \"cn\"]").as_bytes()).unwrap();
        let areas = ["continent:AS", "CN"].map(|area| area.parse().unwrap());
        assert_eq!(feed.mirrors["a.example"].not_for, areas.into());
        let required = feed.requirements();
        assert_eq!(required.not_for, BTreeMap::from([("a.example".to_owned(), areas.into())]));
        assert_eq!(
            Feed::parse(GOOD.as_bytes()).unwrap().requirements(),
            FeedRequirements::default()
        );
        for bad in
            ["[\"XY\"]", "[\"DE\", \"continent:XX\"]", "\"DE\"", "[\"unknown\"]", "[1]", "null"]
        {
            assert!(message(&with(bad)).contains("line 5"), "{bad}: {}", message(&with(bad)));
        }
        assert!(message(&with("[\"XY\"]")).contains("\"XY\" is not a country code"));
    }

    #[test]
    fn a_byte_order_mark_is_ignored() {
        let feed = Feed::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(Feed::parse(format!("\u{feff}{GOOD}").as_bytes()), Ok(feed));
        assert!(message(&format!("\u{feff}\u{feff}{GOOD}")).contains("line 1"));
        let utf16: Vec<u8> =
            format!("\u{feff}{GOOD}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(
            Feed::parse(&utf16).unwrap_err().to_string().contains("it is UTF-16; save it as UTF-8")
        );
    }

    #[test]
    fn times_have_any_fraction_and_only_offsets_below_a_day() {
        let with = |generated: &str, since: &str| {
            GOOD.replace("2026-11-22T17:00:00Z", generated).replace("2026-11-20T02:11:00Z", since)
        };
        let text =
            with("2026-11-22T18:00:00.12345678901234567890+01:00", "2026-11-20T02:11:00.5-23:59");
        let feed = Feed::parse(text.as_bytes()).unwrap();
        assert_eq!(feed.generated.to_string(), "2026-11-22T17:00:00.123456789Z");
        assert_eq!(feed.mirrors["a.example"].since.unwrap().to_string(), "2026-11-21T02:10:00.5Z");
        assert!(
            message(&with("2026-11-23T17:00:00+24:00", "2026-11-20T02:11:00Z"))
                .contains("24 hours")
        );
        assert!(
            message(&with("2026-11-22T17:00:00Z", "2026-11-21T03:11:00+25:00"))
                .contains("25 hours")
        );
    }

    #[test]
    fn serials_only_rise() {
        let feed = Feed::parse(GOOD.as_bytes()).unwrap();
        let newer = Feed { serial: 6, ..feed.clone() };
        assert_eq!(newer.follows(&feed), Ok(true));
        assert_eq!(feed.follows(&feed), Ok(false));
        assert!(matches!(feed.follows(&newer), Err(FeedError::SerialBehind { .. })));
        let other = Feed { mirrors: BTreeMap::new(), ..feed.clone() };
        assert_eq!(other.follows(&feed), Err(FeedError::SerialReused(5)));
    }

    #[test]
    fn a_clock_may_be_five_minutes_ahead() {
        let feed = Feed::parse(GOOD.as_bytes()).unwrap();
        let at = |time: &str| feed.timely(time.parse().unwrap());
        assert_eq!(at("2026-11-22T17:00:00Z"), Ok(()));
        assert_eq!(at("2026-11-22T16:55:00Z"), Ok(()));
        assert_eq!(at("2026-11-22T16:54:59Z"), Err(FeedError::FromTheFuture(feed.generated)));
    }

    proptest! {
        #[test]
        fn no_mutation_panics(at in 0usize..400, octet in any::<u8>(), cut in 0usize..400) {
            let mut bytes = GOOD.as_bytes().to_vec();
            if let Some(slot) = bytes.get_mut(at) { *slot = octet; }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = Feed::parse(&bytes);
        }
    }

    #[test]
    fn what_begins_later_has_no_start() {
        let feed = Feed::parse(GOOD.as_bytes()).unwrap();
        let starts = |time: &str| -> usize {
            let feed = feed.as_of(time.parse().unwrap());
            feed.mirrors.values().filter(|mirror| mirror.since.is_some()).count()
        };
        assert_eq!(starts("2099-01-01T00:00:00Z"), 1);
        assert_eq!(starts("1999-01-01T00:00:00Z"), 0);
    }
}
