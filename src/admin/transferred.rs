//! Zones that are transferred from primaries, in the status.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::view::{ServerCondition, TransferredCondition};
use cvdns_core::explain::format::age;
use cvdns_core::snapshot::Unavailable;

/// A zone that is transferred from primaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferredStatus {
    /// The name of the zone.
    pub zone: String,
    /// The addresses of its primaries, in the order in which they are asked.
    pub primaries: Vec<String>,
    /// `served`, `not-transferred` or `expired`.
    pub state: String,
    /// The serial of its records; `None` if there are none yet.
    pub serial: Option<u32>,
    /// When a primary last confirmed it; `None` if nobody knows.
    pub checked: Option<Timestamp>,
    /// Seconds since then.
    pub age: Option<i64>,
    /// When it expires, unless a primary confirms it before; `None` without records.
    pub expires: Option<Timestamp>,
    /// What is wrong with its primaries or with what they send, for people; `None` if nothing is.
    pub complaint: Option<String>,
    /// How often a primary failed, by reason.
    pub failures: BTreeMap<String, u64>,
    /// How often a version was taken over, by `axfr` and `ixfr`.
    pub transfers: BTreeMap<String, u64>,
}

/// The labels of states, in the status and of metrics.
pub(super) fn state(condition: &TransferredCondition) -> &'static str {
    match condition.unavailable {
        None => "served",
        Some(Unavailable::NotTransferred) => "not-transferred",
        Some(Unavailable::Expired) => "expired",
    }
}

/// The labels of ways to transfer a zone, in the order of
/// [`transfers`](TransferredCondition::transfers).
pub(super) const WAYS: [&str; 2] = ["axfr", "ixfr"];

impl TransferredStatus {
    pub(super) fn all(condition: &ServerCondition, now: Timestamp) -> Vec<Self> {
        condition.transferred.iter().map(|zone| Self::of(zone, now)).collect()
    }

    fn of(condition: &TransferredCondition, now: Timestamp) -> Self {
        let failures = condition.failures.iter();
        let transfers = WAYS.into_iter().zip(condition.transfers);
        Self {
            zone: condition.zone.clone(),
            primaries: condition.primaries.clone(),
            state: state(condition).to_owned(),
            serial: condition.serial,
            checked: condition.checked,
            age: condition.checked.map(|checked| now.duration_since(checked).as_secs()),
            expires: condition.expires.filter(|expires| *expires > Timestamp::MIN),
            complaint: condition.complaint.clone(),
            failures: failures.map(|(reason, count)| ((*reason).to_owned(), *count)).collect(),
            transfers: transfers.map(|(way, count)| (way.to_owned(), count)).collect(),
        }
    }

    /// The zone in a line, for people.
    pub(super) fn line(&self) -> String {
        let Self { zone, primaries, serial, age: seconds, .. } = self;
        let from = primaries.join(", ");
        let confirmed = match seconds {
            Some(seconds) => format!("confirmed {} ago", age((*seconds).max(0))),
            None => "nobody knows when it was confirmed".to_owned(),
        };
        match (serial, self.state.as_str()) {
            (Some(serial), "served") => {
                format!("{zone}: serial {serial} from {from}, {confirmed}")
            }
            (Some(serial), _) => {
                format!("{zone}: EXPIRED, SERVFAIL: serial {serial} from {from}, {confirmed}")
            }
            (None, _) => format!("{zone}: NOT transferred yet, SERVFAIL: from {from}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_served() {
        let now: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        let condition = |unavailable, serial, checked: Option<&str>| TransferredCondition {
            zone: "z.example".to_owned(),
            primaries: vec!["192.0.2.7:53".to_owned()],
            unavailable,
            serial,
            checked: checked.map(|checked| checked.parse().unwrap()),
            expires: None,
            complaint: None,
            failures: BTreeMap::new(),
            transfers: [1, 2],
            confirmations: 3,
        };
        let line = |unavailable, serial, checked| {
            TransferredStatus::of(&condition(unavailable, serial, checked), now).line()
        };
        assert_eq!(
            line(None, Some(7), Some("2026-11-30T22:55:00Z")),
            "z.example: serial 7 from 192.0.2.7:53, confirmed 1h 5m ago"
        );
        assert_eq!(
            line(Some(Unavailable::Expired), Some(7), None),
            "z.example: EXPIRED, SERVFAIL: serial 7 from 192.0.2.7:53, nobody knows when it was confirmed"
        );
        assert_eq!(
            line(Some(Unavailable::NotTransferred), None, None),
            "z.example: NOT transferred yet, SERVFAIL: from 192.0.2.7:53"
        );
    }
}
