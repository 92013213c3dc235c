//! What the admin address shows of each source of the feed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::view::{ServerCondition, SourceCondition};

/// A source of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its path or URL.
    pub name: String,
    /// Whether the feed in force came from here.
    pub in_force: bool,
    /// Whether it could be read last time, and had a feed that can be used.
    pub usable: bool,
    /// The serial of its newest feed; `None` if none came from here since the start.
    pub serial: Option<u64>,
    /// When that feed was generated.
    pub generated: Option<Timestamp>,
    /// Seconds since that feed was generated.
    pub age: Option<i64>,
}

impl SourceStatus {
    /// That of each source, in the order of the configuration.
    pub(super) fn all(condition: &ServerCondition, now: Timestamp) -> Vec<Self> {
        let of = |source: &SourceCondition| {
            let generated = source.newest.map(|(_, generated)| generated);
            Self {
                name: source.name.clone(),
                in_force: condition.read_from.as_ref() == Some(&source.name),
                usable: source.is_usable,
                serial: source.newest.map(|(serial, _)| serial),
                generated,
                age: generated.map(|generated| now.duration_since(generated).as_secs()),
            }
        };
        condition.sources.iter().map(of).collect()
    }

    /// The names of all sources; `None` if there are none.
    pub(super) fn names(sources: &[SourceCondition]) -> Option<String> {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}
