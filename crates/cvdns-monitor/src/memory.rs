//! What the coordinator remembers from one check to the next, and over restarts.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rule::{Evidence, Known};
use super::target::Target;
use cvdns_core::health::State;
use cvdns_core::release::Release;
use cvdns_io::{read_bytes, replace};

/// Most octets of the file: some hundred thousand addresses.
const MAX_SIZE: u64 = 64 << 20;

/// The one format that there is.
const FORMAT: u64 = 1;

/// All that is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    format: u64,
    /// The serial of the feed that was written last.
    pub(super) serial: u64,
    /// The release that was written last.
    pub(super) release: Option<Release>,
    /// How many checks there were, by what they showed.
    pub(super) checks: Checks,
    /// By host.
    pub(super) mirrors: BTreeMap<String, Mirror>,
}

/// What is remembered of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mirror {
    /// The best state of its addresses.
    pub(super) state: State,
    /// Since when.
    pub(super) since: Timestamp,
    /// By address.
    pub(super) addresses: BTreeMap<IpAddr, Address>,
}

/// What is remembered of an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    /// When it was checked last.
    pub(super) checked: Timestamp,
    /// When it is next.
    pub(super) due: Timestamp,
    /// What is known of it; nothing, where it could never be checked.
    pub(super) known: Option<Known>,
}

/// How many checks there were, by what they showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checks {
    /// All that a mirror must serve.
    pub(super) serving: u64,
    /// Something else.
    pub(super) faulty: u64,
    /// No answer.
    pub(super) dead: u64,
    /// Nothing about the mirror.
    pub(super) unchecked: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            format: FORMAT,
            serial: 0,
            release: None,
            checks: Checks::default(),
            mirrors: BTreeMap::new(),
        }
    }
}

impl Memory {
    /// Reads the file. Where that cannot be, a file that is there is put aside, and the second part says so.
    pub(super) fn load(path: &Path) -> (Self, Option<String>) {
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return (Self::default(), None);
            }
            _ => {}
        }
        let read = read_bytes(path, MAX_SIZE).and_then(|bytes| Self::parse(&bytes));
        match read {
            Ok(memory) => (memory, None),
            Err(error) => {
                let aside = path.with_extension("json.broken");
                let moved = match std::fs::rename(path, &aside) {
                    Ok(()) => format!("it is put aside as {}", aside.display()),
                    Err(error) => format!("and cannot be put aside: {error}"),
                };
                let text = format!(
                    "the memory of earlier checks is not usable ({}: {error}); {moved}, and what was known is learned anew",
                    path.display()
                );
                (Self::default(), Some(text))
            }
        }
    }

    /// Reads the content of the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let memory: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if memory.format == FORMAT {
            Ok(memory)
        } else {
            Err(format!(
                "format {} is not known; this version reads format {FORMAT}",
                memory.format
            ))
        }
    }

    /// Writes the file.
    pub(super) fn save(&self, path: &Path) -> Result<(), String> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        replace(path, &bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Forgets whom the fleet no longer has.
    pub(super) fn keep(&mut self, targets: &[Target]) {
        let there: HashSet<(&str, IpAddr)> =
            targets.iter().map(|target| (target.host.as_str(), target.address)).collect();
        for (host, mirror) in &mut self.mirrors {
            mirror.addresses.retain(|address, _| there.contains(&(host.as_str(), *address)));
        }
        self.mirrors.retain(|_, mirror| !mirror.addresses.is_empty());
    }

    /// What is remembered of a target.
    pub(super) fn of(&self, target: &Target) -> Option<&Address> {
        self.mirrors.get(&target.host)?.addresses.get(&target.address)
    }

    /// What is remembered of all addresses.
    pub(super) fn addresses_mut(&mut self) -> impl Iterator<Item = &mut Address> {
        self.mirrors.values_mut().flat_map(|mirror| mirror.addresses.values_mut())
    }

    /// Remembers what is known of a target after a check at `now`.
    pub(super) fn note(&mut self, target: &Target, address: Address, now: Timestamp) {
        let fresh = || Mirror { state: State::Up, since: now, addresses: BTreeMap::new() };
        let mirror = self.mirrors.entry(target.host.clone()).or_insert_with(fresh);
        mirror.addresses.insert(target.address, address);
        let state = mirror.best();
        if let Some(state) = state.filter(|state| *state != mirror.state) {
            (mirror.state, mirror.since) = (state, now);
        }
    }

    /// Counts a check.
    pub(super) fn count(&mut self, evidence: &Evidence) {
        let counter = match evidence {
            Evidence::Serves { .. } => &mut self.checks.serving,
            Evidence::Faulty(_) => &mut self.checks.faulty,
            Evidence::Dead(_) => &mut self.checks.dead,
            Evidence::Unchecked(_) => &mut self.checks.unchecked,
        };
        *counter = counter.saturating_add(1);
    }
}

impl Mirror {
    /// The best state of the addresses of which something is known: a mirror is as good as the best way to it.
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
        assert_eq!(Memory::load(&path), (Memory::default(), None));
        let memory = Memory::parse(GOOD.as_bytes()).unwrap();
        memory.save(&path).unwrap();
        assert_eq!(Memory::load(&path), (memory, None));

        for broken in ["", "{", &GOOD[..300], &GOOD.replace("\"format\":1", "\"format\":2")] {
            std::fs::write(&path, broken).unwrap();
            let (memory, warning) = Memory::load(&path);
            assert_eq!(memory, Memory::default());
            let warning = warning.unwrap();
            assert!(warning.contains("is put aside as"), "{warning}");
            assert!(!path.exists());
            assert_eq!(
                std::fs::read_to_string(dir.path().join("memory.json.broken")).unwrap(),
                broken
            );
        }
    }

    proptest! {
        #[test]
        fn no_mutation_panics(at in 0usize..600, octet in any::<u8>(), cut in 0usize..600) {
            let mut bytes = GOOD.as_bytes().to_vec();
            if let Some(slot) = bytes.get_mut(at) { *slot = octet; }
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = Memory::parse(&bytes);
        }
    }
}
