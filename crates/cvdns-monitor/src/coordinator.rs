//! What the coordinator knows and does between checks, without threads and clocks.

use std::collections::HashSet;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use super::document::{Mirrors, mirrors};
use super::memory::{Address, Memory};
use super::notify::Change;
use super::rule::{Evidence, Rule};
use super::schedule::{Planned, Schedule};
use super::target::Target;
use cvdns_core::health::State;

/// The fleet and what is known of it.
pub(super) struct Coordinator {
    pub(super) targets: Vec<Target>,
    pub(super) memory: Memory,
    rule: Rule,
    schedule: Schedule,
    /// Targets that are being checked.
    under_way: HashSet<usize>,
}

/// What is known of an address, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its mirror.
    pub mirror: String,
    /// The address.
    pub address: IpAddr,
    /// Its state; none where nothing is known.
    pub state: Option<State>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When it was checked last.
    pub checked: Option<Timestamp>,
    /// The timestamp that it served last.
    pub timestamp: Option<Timestamp>,
    /// The version of main.cvd that it served last.
    pub main: Option<u32>,
    /// Of daily.cvd.
    pub daily: Option<u32>,
    /// Of bytecode.cvd.
    pub bytecode: Option<u32>,
    /// Why it is in that state.
    pub reason: String,
}

impl Coordinator {
    pub(super) fn new(
        targets: Vec<Target>,
        mut memory: Memory,
        rule: Rule,
        schedule: Schedule,
    ) -> Self {
        memory.keep(&targets);
        Self { targets, memory, rule, schedule, under_way: HashSet::new() }
    }

    /// Takes over another fleet and other settings; what is under way counts no longer.
    pub(super) fn renew(&mut self, targets: Vec<Target>, rule: Rule, schedule: Schedule) {
        self.memory.keep(&targets);
        (self.targets, self.rule, self.schedule) = (targets, rule, schedule);
        self.under_way.clear();
    }

    /// Brings forward what was planned by longer intervals than those that hold now; `chance` gives any numbers.
    pub(super) fn hasten(&mut self, now: Timestamp, mut chance: impl FnMut() -> u64) {
        for address in self.memory.addresses_mut() {
            let planned = Planned { checked: address.checked, due: address.due };
            address.due = self.schedule.hastened(address.known.as_ref(), planned, now, chance());
        }
    }

    /// Takes the targets whose time has come, or all; mirrors with an announced downtime are left in peace.
    pub(super) fn take_due(&mut self, now: Timestamp, all: bool) -> Vec<usize> {
        let is_due = |target: &Target| {
            let due = self.memory.of(target).is_none_or(|of| of.due <= now);
            (all || due) && !target.is_away(now)
        };
        let due =
            self.targets.iter().enumerate().filter(|(_, target)| is_due(target)).map(|(i, _)| i);
        let due: Vec<usize> = due.filter(|i| !self.under_way.contains(i)).collect();
        self.under_way.extend(&due);
        due
    }

    /// Whether something is known of every target that can be checked.
    pub(super) fn knows_all(&self, now: Timestamp) -> bool {
        self.targets.iter().all(|target| target.is_away(now) || self.memory.of(target).is_some())
    }

    /// The next moment at which a target's time comes.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let free = self.targets.iter().enumerate().filter(|(i, _)| !self.under_way.contains(i));
        free.map(|(_, target)| self.memory.of(target).map_or(Timestamp::MIN, |of| of.due)).min()
    }

    /// Takes what a check of a target showed.
    pub(super) fn learn(
        &mut self,
        target: usize,
        evidence: &Evidence,
        now: Timestamp,
        chance: u64,
    ) -> Option<Change> {
        self.under_way.remove(&target);
        let target = self.targets.get(target)?;
        self.memory.count(evidence);
        let before = self.memory.of(target).and_then(|of| of.known.as_ref());
        let was = before.map_or(State::Up, |known| known.state);
        let known = self.rule.judge(before, evidence, now);
        let due = self.schedule.next(known.as_ref(), now, chance);
        let (is, reason) =
            known.as_ref().map_or((was, ""), |known| (known.state, known.reason.as_str()));
        let reason = reason.to_owned();
        self.memory.note(target, Address { checked: now, due, known }, now);
        (was != is).then(|| Change {
            time: now,
            mirror: target.host.clone(),
            address: target.address,
            from: was,
            to: is,
            reason,
            mirror_state: self.memory.mirrors.get(&target.host).map_or(is, |mirror| mirror.state),
        })
    }

    /// What the feed says of the mirrors.
    pub(super) fn mirrors(&self) -> Mirrors {
        mirrors(&self.memory, &self.targets)
    }

    /// What is known of every address.
    pub(super) fn rows(&self) -> Vec<Row> {
        self.targets.iter().map(|target| self.row_of(target)).collect()
    }

    /// What is known of the address of this number.
    pub(super) fn row(&self, target: usize) -> Option<Row> {
        self.targets.get(target).map(|target| self.row_of(target))
    }

    fn row_of(&self, target: &Target) -> Row {
        let of = self.memory.of(target);
        let known = of.and_then(|of| of.known.as_ref());
        let version = |i: usize| known.and_then(|known| known.versions?.get(i).copied());
        Row {
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
