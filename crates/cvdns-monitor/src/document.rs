//! The feed as it is written (FORMATS: "The feed").

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::ramp::Quarters;
use super::remarks::Remarks;
use super::stored::{Mirror, StoredState};
use super::target::Target;
use cvdns_core::health::State;
use cvdns_core::release::Release;

/// A feed.
#[derive(Debug, Serialize)]
pub(super) struct Document<'d> {
    pub(super) format: u64,
    pub(super) serial: u64,
    pub(super) generated: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) frozen: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) release: Option<&'d Release>,
    pub(super) mirrors: &'d Mirrors,
}

/// Entries by host name.
pub(super) type Mirrors = BTreeMap<String, MirrorEntry>;

/// The entry of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct MirrorEntry {
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
    #[serde(rename = "not-for", skip_serializing_if = "Vec::is_empty")]
    not_for: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<Quarters>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

/// The entries of all mirrors. A mirror about which nothing is known has no entry, and servers take
/// it to be up. `ramp` is the time over which mirrors are given back their weight.
pub(super) fn mirrors(
    stored: &StoredState,
    targets: &[Target],
    remarks: &Remarks,
    ramp: Duration,
    now: Timestamp,
) -> Mirrors {
    let mut addresses: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
    for target in targets {
        addresses.entry(&target.host).or_default().push(target.address);
    }
    let said = addresses.iter().filter_map(|(host, addresses)| {
        let mirror = stored.mirrors.get(*host)?;
        mirror.known().next()?;
        let weight = mirror.outage.weight(ramp, now).filter(|_| mirror.state.is_usable());
        let entry = MirrorEntry::of(host, mirror, addresses, remarks);
        Some(((*host).to_owned(), MirrorEntry { weight, ..entry }))
    });
    said.collect()
}

impl MirrorEntry {
    fn of(host: &str, mirror: &Mirror, addresses: &[IpAddr], remarks: &Remarks) -> Self {
        let mut versions = [None::<u32>; 3];
        let mut differing = BTreeMap::new();
        let mut notes: Vec<(IpAddr, &str)> = Vec::new();
        for address in addresses {
            let known = mirror.addresses.get(address).and_then(|of| of.known.as_ref());
            // An address that nobody ever saw working is not answered beside those that are known
            // (CLIENTS: "health per address").
            let (state, reason) =
                known.map_or((State::Down, "never checked"), |known| (known.state, &known.reason));
            let reason = remarks.public(host, *address, reason);
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
        if !mirror.state.is_usable() {
            versions = [None; 3];
        }
        let [main, daily, bytecode] = versions;
        let out_of_reach = remarks.out_of_reach(host);
        let note = note(&notes, addresses.len());
        let note = match out_of_reach {
            Some(reason) if note.is_empty() => reason,
            Some(reason) => format!("{note}; {reason}"),
            None => note,
        };
        Self {
            state: mirror.state,
            since: mirror.since,
            main,
            daily,
            bytecode,
            addresses: differing,
            not_for: remarks.not_for(host),
            weight: None,
            note,
        }
    }
}

/// The reasons. Each has its address, unless it applies to all addresses.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ramp::Outage;
    use crate::rule::{Evidence, Known, Moment, Rule};
    use crate::stored::Address;
    use cvdns_core::health::Feed;

    fn known(evidence: &Evidence) -> Option<Known> {
        let day = Duration::from_secs(86_400);
        let rule = Rule {
            old_after: day,
            removed_after: 2 * day,
            good_checks: 2,
            fault_after: day,
            lag: 1,
        };
        rule.judge(None, evidence, Moment { now: Timestamp::UNIX_EPOCH, release: None })
    }

    fn serves(daily: u32) -> Option<Known> {
        known(&Evidence::Serves { timestamp: Timestamp::UNIX_EPOCH, versions: [63, daily, 339] })
    }

    /// The entry of a mirror with these addresses (192.0.2.1 and up), as a server reads it.
    fn entry(addresses: Vec<Option<Known>>, state: State) -> cvdns_core::health::MirrorHealth {
        let now = Timestamp::UNIX_EPOCH;
        let address = |(n, known)| {
            (IpAddr::from([192, 0, 2, n]), Address { checked: Some(now), due: now, known })
        };
        let listed: Vec<IpAddr> =
            (1..=addresses.len() as u8).map(|n| IpAddr::from([192, 0, 2, n])).collect();
        let addresses = (1u8..).zip(addresses).map(address).collect();
        let outage = Outage::default();
        let entry = MirrorEntry::of(
            "a.example",
            &Mirror { state, since: now, outage, addresses },
            &listed,
            &Remarks::default(),
        );
        let mirrors = Mirrors::from([("a.example".to_owned(), entry)]);
        let document = Document {
            format: 1,
            serial: 1,
            generated: now,
            frozen: None,
            release: None,
            mirrors: &mirrors,
        };
        let mut feed = Feed::parse(&serde_json::to_vec(&document).unwrap()).unwrap();
        feed.mirrors.remove("a.example").unwrap()
    }

    #[test]
    fn versions_are_the_lowest_of_the_addresses_in_the_mirrors_state() {
        let dead = known(&Evidence::Dead("refused".to_owned()));
        let gone = Known { versions: Some([1, 1, 1]), ..dead.clone().unwrap() };
        let said = entry(vec![serves(10), serves(9), Some(gone)], State::Up);
        assert_eq!((said.main, said.daily, said.bytecode), (Some(63), Some(9), Some(339)));
        assert_eq!(said.addresses, BTreeMap::from([([192, 0, 2, 3].into(), State::Down)]));
        assert_eq!(said.note, "192.0.2.3: refused");
        // An unusable mirror holds no versions.
        let said = entry(vec![dead.clone(), dead], State::Down);
        assert_eq!((said.state, said.daily, said.addresses.len()), (State::Down, None, 0));
        assert_eq!(said.note, "refused");
    }

    #[test]
    fn an_address_that_was_never_checked_is_not_answered_beside_others() {
        let said = entry(vec![serves(10), None], State::Up);
        assert_eq!(said.addresses, BTreeMap::from([([192, 0, 2, 2].into(), State::Down)]));
        assert_eq!((said.daily, said.note.as_str()), (Some(10), "192.0.2.2: never checked"));
    }
}
