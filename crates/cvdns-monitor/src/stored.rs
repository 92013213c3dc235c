//! The state on disk: what the coordinator knows from earlier checks, over restarts too.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::combine::Standing;
use super::doubt::Frozen;
use super::learnt::Taken;
use super::ramp::Outage;
use super::rule::{Evidence, Known};
use super::target::Target;
use cvdns_core::health::State;
use cvdns_core::release::Release;
use cvdns_io::{put_aside, read_bytes, replace};

/// The largest size of the file in octets: some hundred thousand addresses.
const MAX_SIZE: u64 = 64 << 20;

/// The only format.
const FORMAT: u64 = 1;

/// All that the state file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredState {
    format: u64,
    /// The serial of the last feed.
    pub(super) serial: u64,
    /// The release of the last feed.
    pub(super) release: Option<Release>,
    /// The number of checks by result.
    pub(super) checks: Checks,
    /// Why and since when all states are left as they were; `None` while checks are believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) frozen: Option<Frozen>,
    /// When an operator last had all failures believed; those of before raise no doubt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) believed: Option<Timestamp>,
    /// What the last round of combining reports left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) standing: Option<Standing>,
    /// What was last learnt from reports.
    #[serde(default, skip_serializing_if = "Taken::is_empty")]
    pub(super) taken: Taken,
    /// Mirrors by host name.
    pub(super) mirrors: BTreeMap<String, Mirror>,
}

/// The stored state of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mirror {
    /// The best state of its addresses.
    pub(super) state: State,
    /// When it entered this state.
    pub(super) since: Timestamp,
    /// When it was out, for the weight with which it comes back.
    #[serde(default)]
    pub(super) outage: Outage,
    /// Its addresses.
    pub(super) addresses: BTreeMap<IpAddr, Address>,
}

/// The stored state of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    /// The time of its last check; `None` before the first one.
    pub(super) checked: Option<Timestamp>,
    /// The time of its next check.
    pub(super) due: Timestamp,
    /// What is known about it; `None` if it could never be checked.
    pub(super) known: Option<Known>,
}

/// The number of checks by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checks {
    /// Checks in which the address served all that a mirror must.
    pub(super) serving: u64,
    /// Checks in which it answered, but not as a mirror must.
    pub(super) faulty: u64,
    /// Checks without an answer.
    pub(super) dead: u64,
    /// Checks that failed for reasons that are not the mirror's.
    pub(super) unchecked: u64,
}

impl Default for StoredState {
    fn default() -> Self {
        Self {
            format: FORMAT,
            serial: 0,
            release: None,
            checks: Checks::default(),
            frozen: None,
            believed: None,
            standing: None,
            taken: Taken::new(),
            mirrors: BTreeMap::new(),
        }
    }
}

impl StoredState {
    /// Reads the file. A file that cannot be read is moved aside; the second value then is a
    /// message about it.
    pub(super) fn load(path: &Path) -> (Self, Option<String>) {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return (Self::default(), None);
            }
            _ => {}
        }
        let read = read_bytes(path, MAX_SIZE).and_then(|bytes| Self::parse(&bytes));
        match read {
            Ok(stored) => (stored, None),
            Err(error) => {
                let outcome = put_aside(path, "json.broken");
                let text = format!(
                    "the memory of earlier checks is not usable ({}: {error}); {outcome}, and every address is checked again from the start",
                    path.display()
                );
                (Self::default(), Some(text))
            }
        }
    }

    /// Reads the content of the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let stored: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if stored.format == FORMAT {
            Ok(stored)
        } else {
            Err(format!(
                "format {} is not known; this version reads format {FORMAT}",
                stored.format
            ))
        }
    }

    /// Writes the file.
    pub(super) fn save(&self, path: &Path) -> Result<(), String> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        replace(path, &bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Removes addresses that the fleet no longer has.
    pub(super) fn keep(&mut self, targets: &[Target], now: Timestamp) {
        let there: HashSet<(&str, IpAddr)> =
            targets.iter().map(|target| (target.host.as_str(), target.address)).collect();
        for (host, mirror) in &mut self.mirrors {
            let before = mirror.addresses.len();
            mirror.addresses.retain(|address, _| there.contains(&(host.as_str(), *address)));
            if mirror.addresses.len() < before {
                mirror.settle(now);
            }
        }
        self.mirrors.retain(|_, mirror| !mirror.addresses.is_empty());
    }

    /// The stored state of a target.
    pub(super) fn of(&self, target: &Target) -> Option<&Address> {
        self.mirrors.get(&target.host)?.addresses.get(&target.address)
    }

    /// The stored state of a target, to be changed.
    pub(super) fn of_mut(&mut self, target: &Target) -> Option<&mut Address> {
        self.mirrors.get_mut(&target.host)?.addresses.get_mut(&target.address)
    }

    /// The stored state of all addresses.
    pub(super) fn addresses_mut(&mut self) -> impl Iterator<Item = &mut Address> {
        self.mirrors.values_mut().flat_map(|mirror| mirror.addresses.values_mut())
    }

    /// Stores what is known about a target after a check at `now`.
    pub(super) fn note(&mut self, target: &Target, address: Address, now: Timestamp) {
        let first = address.known.as_ref().map_or((State::Up, now), |of| (of.state, of.since));
        let mirror = self.mirrors.entry(target.host.clone()).or_insert_with(|| Mirror {
            state: first.0,
            since: first.1,
            outage: Outage::default(),
            addresses: BTreeMap::new(),
        });
        mirror.addresses.insert(target.address, address);
        mirror.settle(now);
    }

    /// Counts a check.
    pub(super) fn count(&mut self, evidence: &Evidence) {
        let counter = match evidence {
            Evidence::Serves { .. } | Evidence::Answers => &mut self.checks.serving,
            Evidence::Faulty(_) => &mut self.checks.faulty,
            Evidence::Dead(_) => &mut self.checks.dead,
            Evidence::Unchecked(_) => &mut self.checks.unchecked,
        };
        *counter = counter.saturating_add(1);
    }
}

impl Mirror {
    /// Takes the state of its best address.
    fn settle(&mut self, now: Timestamp) {
        let Some(state) = self.best() else { return };
        self.outage.note(self.state, self.since, state, now);
        if state != self.state {
            (self.state, self.since) = (state, now);
        }
    }

    /// The best state of the addresses about which something is known: a mirror is as good as its
    /// best address.
    fn best(&self) -> Option<State> {
        let rank = |state: &State| match state {
            State::Up => 0,
            State::Old => 1,
            State::Down => 2,
            State::Drained => 3,
            State::Removed => 4,
        };
        self.known().map(|(_, known)| known.state).min_by_key(rank)
    }

    /// The addresses of which something is known.
    pub(super) fn known(&self) -> impl Iterator<Item = (IpAddr, &Known)> {
        self.addresses.iter().filter_map(|(address, of)| Some((*address, of.known.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"format":1,"serial":7,"release":null,"checks":{"serving":1,"faulty":0,"dead":0,"unchecked":0},
        "mirrors":{"a.example":{"state":"up","since":"2026-11-24T00:00:00Z","addresses":{"192.0.2.1":
        {"checked":"2026-11-24T00:00:00Z","due":"2026-11-24T01:00:00Z","known":{"state":"up","since":"2026-11-24T00:00:00Z",
        "reason":"","good":1,"serving":1,"old-from":null,"timestamp":"2026-11-24T00:00:00Z","versions":[63,28129,339]}}}}}}"#;

    #[test]
    fn memory_is_kept_and_a_broken_one_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("memory.json");
        assert_eq!(StoredState::load(&path), (StoredState::default(), None));
        let stored = StoredState::parse(GOOD.as_bytes()).unwrap();
        stored.save(&path).unwrap();
        assert_eq!(StoredState::load(&path), (stored, None));

        for broken in ["", "{", &GOOD[..300], &GOOD.replace("\"format\":1", "\"format\":2")] {
            std::fs::write(&path, broken).unwrap();
            let (stored, warning) = StoredState::load(&path);
            assert_eq!(stored, StoredState::default());
            let warning = warning.unwrap();
            assert!(warning.contains("is put aside as"), "{warning}");
            assert!(!path.exists());
            assert_eq!(
                std::fs::read_to_string(dir.path().join("memory.json.broken")).unwrap(),
                broken
            );
        }
    }

    /// A memory of version 0.1.0 has neither what the rule needs now nor doubts.
    #[test]
    fn a_memory_of_the_version_before_is_read() {
        let stored = StoredState::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((stored.serial, &stored.frozen), (7, &None));
        let mirror = &stored.mirrors["a.example"];
        assert_eq!(mirror.outage, Outage::default());
        let address = &mirror.addresses[&IpAddr::from([192, 0, 2, 1])];
        assert_eq!(address.checked, Some("2026-11-24T00:00:00Z".parse().unwrap()));
        let known = address.known.as_ref().unwrap();
        assert!(known.is_well() && !known.new && known.failing_since.is_none());
    }

    proptest! {
        #[test]
        fn no_mutation_panics(at in 0usize..600, octet in any::<u8>(), cut in 0usize..600) {
            let mut bytes = GOOD.as_bytes().to_vec();
            if let Some(slot) = bytes.get_mut(at) { *slot = octet; }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = StoredState::parse(&bytes);
        }
    }
}
