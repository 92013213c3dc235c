//! The feed as it is written (FORMATS: "The feed").

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::memory::{Memory, Mirror};
use super::target::Target;
use crate::health::State;
use crate::release::Release;

/// A feed.
#[derive(Debug, Serialize)]
pub(super) struct Document<'d> {
    pub(super) format: u64,
    pub(super) serial: u64,
    pub(super) generated: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) release: Option<&'d Release>,
    pub(super) mirrors: &'d Mirrors,
}

/// By host.
pub(super) type Mirrors = BTreeMap<String, Entry>;

/// What it says of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    state: State,
    since: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    main: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    daily: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytecode: Option<u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    addresses: BTreeMap<IpAddr, State>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

/// What is said of all mirrors. One of which nothing is known is left out, and so taken to be up.
pub(super) fn mirrors(memory: &Memory, targets: &[Target]) -> Mirrors {
    let mut addresses: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
    for target in targets {
        addresses.entry(&target.host).or_default().push(target.address);
    }
    let said = addresses.iter().filter_map(|(host, addresses)| {
        let mirror = memory.mirrors.get(*host)?;
        mirror.known().next()?;
        Some(((*host).to_owned(), Entry::of(mirror, addresses)))
    });
    said.collect()
}

impl Entry {
    fn of(mirror: &Mirror, addresses: &[IpAddr]) -> Self {
        let mut versions = [None::<u32>; 3];
        let mut differing = BTreeMap::new();
        let mut notes: Vec<(IpAddr, &str)> = Vec::new();
        for address in addresses {
            let known = mirror.addresses.get(address).and_then(|of| of.known.as_ref());
            // An address that nobody ever saw working is not answered beside those that are known (CLIENTS: "health
            // per address").
            let (state, reason) =
                known.map_or((State::Down, "never checked"), |known| (known.state, &known.reason));
            if state != mirror.state {
                differing.insert(*address, state);
            }
            if !reason.is_empty() {
                notes.push((*address, reason));
            }
            let served = known.and_then(|known| known.versions).filter(|_| state == mirror.state);
            for (lowest, version) in versions.iter_mut().zip(served.into_iter().flatten()) {
                *lowest = Some(lowest.map_or(version, |lowest| lowest.min(version)));
            }
        }
        if !matches!(mirror.state, State::Up | State::Old) {
            versions = [None; 3];
        }
        let [main, daily, bytecode] = versions;
        let note = note(&notes, addresses.len());
        Self { state: mirror.state, since: mirror.since, main, daily, bytecode, addresses: differing, note }
    }
}

/// The reasons, each with its address unless it is of all of them.
fn note(notes: &[(IpAddr, &str)], addresses: usize) -> String {
    match notes.split_first() {
        None => String::new(),
        Some(((_, first), rest))
            if notes.len() == addresses && rest.iter().all(|(_, note)| note == first) =>
        {
            (*first).to_owned()
        }
        Some(_) => {
            let notes: Vec<String> =
                notes.iter().map(|(address, note)| format!("{address}: {note}")).collect();
            notes.join("; ")
        }
    }
}
