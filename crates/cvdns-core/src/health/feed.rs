//! The feed: the document in which the coordinator publishes the state of the mirrors. It is taken
//! as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;

use super::{FeedError, FeedFault, MAX_FEED_SIZE, State};
use crate::fleet::by_host_key;
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
    /// Why and since when the coordinator doubts its own checks and leaves all states as they were.
    pub frozen: Option<String>,
    /// The release to announce, if the feed has one.
    pub release: Option<Release>,
    /// Health of mirrors by host. A mirror that is not listed is up.
    pub mirrors: BTreeMap<String, MirrorHealth>,
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
    /// Share of its capacity with which the mirror is answered, above 0.
    #[serde(default = "whole", deserialize_with = "weight")]
    pub weight: Share,
    /// A remark for people.
    #[serde(default)]
    pub note: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u64,
    serial: u64,
    #[serde(deserialize_with = "moment::deserialize")]
    generated: Timestamp,
    #[serde(default, deserialize_with = "frozen")]
    frozen: Option<String>,
    #[serde(default)]
    release: Option<Release>,
    #[serde(default, deserialize_with = "strict_map")]
    mirrors: BTreeMap<String, MirrorHealth>,
}

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

/// Refuses arrays in the place of objects.
fn check_objects(bytes: &[u8]) -> Result<(), FeedError> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(syntax("the feed is not a JSON object"));
    }
    let read = serde_json::from_slice(bytes);
    let Objects { .. } = read.map_err(|error| FeedError::Syntax(error.into()))?;
    Ok(())
}

fn syntax(what: impl Into<String>) -> FeedError {
    FeedError::Syntax(FeedFault::new(what))
}

impl Feed {
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
        let Document { serial, generated, frozen, release, mirrors, .. } = document;
        let mirrors = by_host_key(mirrors).map_err(syntax)?;
        Ok(Self { serial, generated, frozen, release, mirrors })
    }

    /// Names of the release's databases beyond those that every release has.
    pub fn extra_databases(&self) -> BTreeSet<String> {
        self.release.iter().flat_map(|release| release.extra.keys().cloned()).collect()
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

/// The reason of a coordinator that doubts its checks.
fn frozen<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match <Option<String> as serde::Deserialize>::deserialize(deserializer)? {
        Some(reason) if reason.is_empty() => {
            Err(serde::de::Error::custom("`frozen` is empty: write the reason, or leave it out"))
        }
        reason => Ok(reason),
    }
}

fn whole() -> Share {
    Share::WHOLE
}

/// Share of a mirror's capacity.
fn weight<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
    let weight = <f64 as serde::Deserialize>::deserialize(deserializer)?;
    Share::new(weight).filter(|share| *share > Share::NONE).ok_or_else(|| {
        serde::de::Error::custom(format!("the weight {weight} is not above 0 and at most 1"))
    })
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
        assert!(feed.release.is_none());
    }

    #[test]
    fn errors_name_the_fault_and_its_position() {
        assert!(message(&GOOD.replace("\"up\"", "\"upp\"")).contains("unknown variant `upp`"));
        assert!(message(&GOOD.replace("\"up\"", "\"upp\"")).contains("line 3"));
        assert!(message(&GOOD.replace("\"format\": 1", "\"format\": 2")).contains("format 2"));
        assert!(message(&GOOD.replace("\"note\"", "\"nope\"")).contains("unknown field `nope`"));
        assert!(message(&GOOD.replace("\"main\": 63", "\"main\": 0")).contains("version is 0"));
        assert!(message(&GOOD.replace("2001:db8::10", "2001:db8::1x")).contains("line 4"));
        let twice = r#"{"format":1,"serial":1,"generated":"2026-11-22T17:00:00Z","mirrors":{"a":{"state":"up"},"a":{"state":"down"}}}"#;
        assert!(message(twice).contains("given twice"));
        assert!(
            Feed::parse(&vec![b' '; MAX_FEED_SIZE + 1]).unwrap_err().to_string().contains("16 MiB")
        );
    }

    #[test]
    fn a_coordinator_may_doubt_itself_and_give_less_than_all_weight() {
        let with = |frozen: &str, weight: &str| {
            let text = GOOD.replace("\"serial\"", &format!("\"frozen\": {frozen}, \"serial\""));
            text.replace("\"note\"", &format!("\"weight\": {weight}, \"note\""))
        };
        let feed = Feed::parse(with("\"no network\"", "0.25").as_bytes()).unwrap();
        assert_eq!(feed.frozen.as_deref(), Some("no network"));
        assert_eq!(feed.mirrors["a.example"].weight, Share::new(0.25).unwrap());
        let feed = Feed::parse(with("null", "1").as_bytes()).unwrap();
        assert_eq!((feed.frozen, feed.mirrors["a.example"].weight), (None, Share::WHOLE));
        assert!(message(&with("\"\"", "1")).contains("`frozen` is empty"));
        for weight in ["0", "-0.5", "1.01", "0.0000000001"] {
            assert!(message(&with("null", weight)).contains("above 0"), "{weight}");
        }
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
}
