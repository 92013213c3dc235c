//! The state of the coordinator and its steps between checks, without threads and clocks.

use std::collections::HashSet;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::document::{Mirrors, mirrors};
use super::notify::Change;
use super::rule::{Evidence, Rule};
use super::schedule::{Planned, Schedule};
use super::stored::{Address, StoredState};
use super::target::Target;
use cvdns_core::health::State;

/// The fleet and what is known about it.
pub(super) struct Coordinator {
    pub(super) targets: Vec<Target>,
    pub(super) stored: StoredState,
    rule: Rule,
    schedule: Schedule,
    /// Numbers of the targets that are being checked.
    under_way: HashSet<usize>,
}

/// What is known about an address, for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressRow {
    /// Its mirror.
    pub mirror: String,
    /// The address.
    pub address: IpAddr,
    /// Its state; `None` while nothing is known.
    pub state: Option<State>,
    /// When it entered this state.
    pub since: Option<Timestamp>,
    /// The time of its last check.
    pub checked: Option<Timestamp>,
    /// The timestamp that it last served.
    pub timestamp: Option<Timestamp>,
    /// The version of main.cvd that it last served.
    pub main: Option<u32>,
    /// The version of daily.cvd that it last served.
    pub daily: Option<u32>,
    /// The version of bytecode.cvd that it last served.
    pub bytecode: Option<u32>,
    /// Why it is in that state.
    pub reason: String,
}

impl Coordinator {
    pub(super) fn new(
        targets: Vec<Target>,
        mut stored: StoredState,
        rule: Rule,
        schedule: Schedule,
    ) -> Self {
        stored.keep(&targets);
        Self { targets, stored, rule, schedule, under_way: HashSet::new() }
    }

    /// Takes a new fleet and new settings. Results of checks under way no longer count.
    pub(super) fn renew(&mut self, targets: Vec<Target>, rule: Rule, schedule: Schedule) {
        self.stored.keep(&targets);
        (self.targets, self.rule, self.schedule) = (targets, rule, schedule);
        self.under_way.clear();
    }

    /// Brings checks forward that were planned by longer intervals than the present ones. `random`
    /// returns random numbers.
    pub(super) fn hasten(&mut self, now: Timestamp, mut random: impl FnMut() -> u64) {
        for address in self.stored.addresses_mut() {
            let planned = Planned { checked: address.checked, due: address.due };
            address.due = self.schedule.hastened(address.known.as_ref(), planned, now, random());
        }
    }

    /// Takes the targets that are due, or all of them. Mirrors in an announced downtime are not
    /// checked.
    pub(super) fn take_due(&mut self, now: Timestamp, all: bool) -> Vec<usize> {
        let is_due = |target: &Target| {
            let due = self.stored.of(target).is_none_or(|of| of.due <= now);
            (all || due) && !target.is_away(now)
        };
        let due =
            self.targets.iter().enumerate().filter(|(_, target)| is_due(target)).map(|(i, _)| i);
        let due: Vec<usize> = due.filter(|i| !self.under_way.contains(i)).collect();
        self.under_way.extend(&due);
        due
    }

    /// Whether every target that can be checked was checked.
    pub(super) fn knows_all(&self, now: Timestamp) -> bool {
        self.targets.iter().all(|target| target.is_away(now) || self.stored.of(target).is_some())
    }

    /// The next time at which a target is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let free = self.targets.iter().enumerate().filter(|(i, _)| !self.under_way.contains(i));
        free.map(|(_, target)| self.stored.of(target).map_or(Timestamp::MIN, |of| of.due)).min()
    }

    /// Takes the result of a check.
    pub(super) fn learn(
        &mut self,
        target: usize,
        evidence: &Evidence,
        now: Timestamp,
        random: u64,
    ) -> Option<Change> {
        self.under_way.remove(&target);
        let target = self.targets.get(target)?;
        self.stored.count(evidence);
        let before = self.stored.of(target).and_then(|of| of.known.as_ref());
        let was = before.map_or(State::Up, |known| known.state);
        let known = self.rule.judge(before, evidence, now);
        let due = self.schedule.next(known.as_ref(), now, random);
        let (is, reason) =
            known.as_ref().map_or((was, ""), |known| (known.state, known.reason.as_str()));
        let reason = reason.to_owned();
        self.stored.note(target, Address { checked: now, due, known }, now);
        (was != is).then(|| Change {
            time: now,
            mirror: target.host.clone(),
            address: target.address,
            from: was,
            to: is,
            reason,
            mirror_state: self.stored.mirrors.get(&target.host).map_or(is, |mirror| mirror.state),
        })
    }

    /// The mirrors of the feed.
    pub(super) fn mirrors(&self) -> Mirrors {
        mirrors(&self.stored, &self.targets)
    }

    /// A row for every address.
    pub(super) fn rows(&self) -> Vec<AddressRow> {
        self.targets.iter().map(|target| self.row_of(target)).collect()
    }

    /// The row of the target with this number.
    pub(super) fn row(&self, target: usize) -> Option<AddressRow> {
        self.targets.get(target).map(|target| self.row_of(target))
    }

    fn row_of(&self, target: &Target) -> AddressRow {
        let of = self.stored.of(target);
        let known = of.and_then(|of| of.known.as_ref());
        let version = |i: usize| known.and_then(|known| known.versions?.get(i).copied());
        AddressRow {
            mirror: target.host.clone(),
            address: target.address,
            state: known.map(|known| known.state),
            since: known.map(|known| known.since),
            checked: of.map(|of| of.checked),
            timestamp: known.and_then(|known| known.timestamp),
            main: version(0),
            daily: version(1),
            bytecode: version(2),
            reason: known.map_or_else(|| "never checked".to_owned(), |known| known.reason.clone()),
        }
    }
}
