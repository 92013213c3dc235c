//! Notes announced downtimes in the history, as nothing is checked in them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::history::Note;
use crate::rule::later;

/// The addresses that are in a downtime, as they were last noted.
#[derive(Debug, Default)]
pub(super) struct Downtimes {
    noted: Option<Timestamp>,
    addresses: HashSet<(String, IpAddr)>,
}

impl Downtimes {
    /// Those of the notes of addresses `away` that are to be recorded: all of them once in each
    /// `interval`, for as long as a check holds, and those whose downtime begins.
    pub(super) fn due(
        &mut self,
        mut away: Vec<Note>,
        interval: Duration,
        now: Timestamp,
    ) -> Vec<Note> {
        let key = |note: &Note| (note.host.clone(), note.address);
        let addresses = away.iter().map(key).collect();
        // A clock that went back must not silence this.
        let rests = |noted: Timestamp| noted <= now && now < later(noted, interval);
        if self.noted.is_some_and(rests) {
            away.retain(|note| !self.addresses.contains(&key(note)));
        } else {
            self.noted = Some(now);
        }
        self.addresses = addresses;
        away
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Check, Found};

    #[test]
    fn a_downtime_is_noted_when_it_begins_and_once_in_each_interval() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let note = |last: u8, minute: i64| Note {
            host: "a.example".to_owned(),
            address: IpAddr::from([192, 0, 2, last]),
            check: Check {
                at: at(minute),
                found: Found::Away,
                withheld: false,
                state: None,
                reason: String::new(),
                versions: None,
            },
            change: None,
        };
        let mut downtimes = Downtimes::default();
        let mut recorded = |away: &[u8], minute: i64| -> Vec<IpAddr> {
            let away = away.iter().map(|last| note(*last, minute)).collect();
            let notes = downtimes.due(away, Duration::from_secs(3600), at(minute));
            notes.iter().map(|note| note.address).collect()
        };
        let ip = |last: u8| IpAddr::from([192, 0, 2, last]);
        assert_eq!(recorded(&[1], 0), [ip(1)]);
        assert_eq!(recorded(&[1, 2], 10), [ip(2)]);
        assert!(recorded(&[1, 2], 59).is_empty());
        assert_eq!(recorded(&[1, 2], 60), [ip(1), ip(2)]);
        assert!(recorded(&[], 70).is_empty());
        assert_eq!(recorded(&[2], 80), [ip(2)]);
        assert_eq!(recorded(&[2], 5), [ip(2)], "the clock went back");
    }
}
