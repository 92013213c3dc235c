//! Which mirrors the rules exclude, by plain lists of what is true, and of what was checked when.

use std::collections::BTreeMap;

use cvdns_core::health::{Feed, State};
use cvdns_core::release::Share;

use super::truth::{
    DAY, HOUR, LOSSES, MIRRORS, Shows, held, is_lost, lost_between, release_time, shows, timestamp,
};

/// The shipped settings, in minutes.
const STUCK_AFTER: i64 = 6 * HOUR;
const FAULT_AFTER: i64 = 15;
const OLD_AFTER: i64 = DAY;
const REMOVED_AFTER: i64 = 2 * DAY;
const LAG: u32 = 1;

/// An address that is well is checked at a random point of each hour: two checks are less than two
/// hours apart. The step of the clock, and the feed of the next step, come on top.
pub(super) const CHECK: i64 = 2 * HOUR + 10;

/// After a loss all is as it should be.
const SETTLED: i64 = HOUR + 10;

/// What is true of an address, and what was found.
struct Address {
    mirror: usize,
    is_ipv6: bool,
    /// What it shows, and since when.
    is: (Shows, i64),
    /// What its last check showed.
    found: Shows,
    /// Since when checks have found that it fails.
    failing_since: Option<i64>,
    /// The version that it served last.
    served: Option<u32>,
}

/// The lists.
pub(super) struct Rules {
    addresses: Vec<Address>,
    /// The version of each mirror, and since when.
    held: Vec<(u32, i64)>,
    /// How often an address was excluded, by reason.
    pub(super) reasons: BTreeMap<&'static str, usize>,
    /// The addresses that were excluded at the last step at which that was certain.
    excluded: Vec<bool>,
    /// What feeds said of each mirror.
    returns: Vec<Return>,
    /// How often a mirror had a weight, by quarters.
    pub(super) weights: [usize; 5],
}

/// How a mirror comes back, by the feeds.
#[derive(Clone, Copy, Default)]
struct Return {
    out_since: Option<i64>,
    is_returning: bool,
    up_since: Option<i64>,
}

impl Rules {
    /// Each address by its mirror and whether it is one of IPv6.
    pub(super) fn new(addresses: impl Iterator<Item = (usize, bool)>) -> Self {
        let address = |(mirror, is_ipv6)| Address {
            mirror,
            is_ipv6,
            is: (Shows::Well, 0),
            found: Shows::Well,
            failing_since: None,
            served: None,
        };
        let addresses: Vec<Address> = addresses.map(address).collect();
        Self {
            held: (0..MIRRORS).map(|mirror| (held(mirror, 0), 0)).collect(),
            reasons: BTreeMap::new(),
            excluded: vec![false; addresses.len()],
            returns: vec![Return::default(); MIRRORS],
            weights: [0; 5],
            addresses,
        }
    }

    /// The truth goes on.
    pub(super) fn advance(&mut self, minute: i64) {
        for address in &mut self.addresses {
            let is = shows(address.mirror, address.is_ipv6, minute);
            if is != address.is.0 {
                address.is = (is, minute);
            }
        }
        for (mirror, known) in self.held.iter_mut().enumerate() {
            let version = held(mirror, minute);
            if version != known.0 {
                *known = (version, minute);
            }
        }
    }

    /// An address was checked. Without a network nothing is found.
    pub(super) fn checked(&mut self, number: usize, minute: i64) {
        if is_lost(minute) {
            return;
        }
        let address = &mut self.addresses[number];
        address.found = address.is.0;
        if address.found == Shows::Well {
            address.served = Some(self.held[address.mirror].0);
            address.failing_since = None;
        } else {
            address.failing_since.get_or_insert(minute);
        }
    }

    /// Why clients must not be answered an address while this is announced.
    fn reason(&self, address: &Address, announced: u32, minute: i64) -> Option<&'static str> {
        let (is, is_since) = address.is;
        let (version, version_since) = self.held[address.mirror];
        // Times do not run while the coordinator has no network.
        let lasts = |since: i64| minute - since - lost_between(since, minute);
        let passed = release_time(version + LAG + 1).max(version_since);
        let old = timestamp(address.mirror, minute) + OLD_AFTER;
        let fails_for = address.failing_since.map_or(0, lasts);
        if address.found == Shows::Dead || is == Shows::Dead && lasts(is_since) >= CHECK {
            Some("unreachable")
        } else if address.found == Shows::Faulty && fails_for >= FAULT_AFTER
            || is == Shows::Faulty && lasts(is_since) >= FAULT_AFTER + CHECK
        {
            Some("faulty")
        } else if lasts(old) >= REMOVED_AFTER + CHECK {
            Some("removed")
        } else if lasts(passed) >= STUCK_AFTER + CHECK {
            Some("stuck")
        } else if address.served.is_some_and(|served| served + LAG < announced)
            || version + LAG < announced && lasts(version_since) >= CHECK
        {
            Some("behind")
        } else {
            None
        }
    }

    /// Why each address is excluded at a step; of those that are not, nothing is said while the
    /// coordinator has no network or has just got it back.
    pub(super) fn excluded(&mut self, announced: u32, minute: i64) -> Vec<Option<&'static str>> {
        let reasons = self.addresses.iter().map(|one| self.reason(one, announced, minute));
        let mut reasons: Vec<Option<&'static str>> = reasons.collect();
        for reason in reasons.iter().flatten() {
            *self.reasons.entry(reason).or_default() += 1;
        }
        if is_clear(minute) {
            self.excluded = reasons.iter().map(Option::is_some).collect();
        } else {
            // Who was out stays out, unless it has come back meanwhile.
            for (reason, was_excluded) in reasons.iter_mut().zip(&self.excluded) {
                if !was_excluded {
                    *reason = None;
                }
            }
        }
        reasons
    }

    /// Rule: "A mirror that comes back after more than an hour out is given back its weight
    /// over `ramp` in four steps."
    pub(super) fn check_weights(&mut self, feed: &Feed, minute: i64) {
        for (mirror, back) in self.returns.iter_mut().enumerate() {
            let said = &feed.mirrors[super::host(mirror)];
            let is_usable = matches!(said.state, State::Up | State::Old);
            if is_usable {
                let out = back.out_since.take().map_or(0, |since| minute - since);
                back.is_returning |= out > HOUR;
            } else {
                back.out_since.get_or_insert(minute);
            }
            if said.state == State::Up && back.is_returning {
                *back = Return { up_since: Some(minute), ..Return::default() };
            }
            let up_for = back.up_since.map_or(i64::MAX, |since| minute - since);
            let expected = match up_for {
                _ if !is_usable => 4,
                _ if back.is_returning => 1,
                ..10 => 1,
                10..20 => 2,
                20..30 => 3,
                _ => 4,
            };
            let weight = Share::of(expected as u128, 4);
            assert_eq!(said.weight, weight, "{} at {minute}", super::host(mirror));
            self.weights[expected] += 1;
        }
    }
}

/// Whether the coordinator has a network, and has had it for long enough.
pub(super) fn is_clear(minute: i64) -> bool {
    LOSSES.iter().all(|(from, to)| !(*from..to + SETTLED).contains(&minute))
}

/// The version that must be announced: what was released `stuck-after` ago, but for the lag; `None`
/// while the time of a loss is in between.
pub(super) fn least_announced(minute: i64) -> Option<u32> {
    let from = minute - STUCK_AFTER - CHECK;
    let is_certain = lost_between(from - SETTLED, minute) == 0 && from > 0;
    is_certain.then(|| super::truth::released(from) - LAG)
}
