//! The state of the coordinator and its steps between checks, without threads and clocks.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::arrival::admit;
use super::document::{Mirrors, mirrors};
use super::doubt::{Round, Witnesses};
use super::remarks::Remarks;
use super::rule::{Known, Rule, later};
use super::schedule::{Planned, Schedule};
use super::stored::StoredState;
use super::target::Target;
use crate::{MonitorInputs, Role};
use cvdns_core::health::{Feed, State};

/// The fleet and what is known about it.
pub struct Coordinator {
    pub(super) targets: Vec<Target>,
    pub(super) stored: StoredState,
    pub(super) conduct: Conduct,
    /// Numbers of the targets that are being checked.
    pub(super) under_way: HashSet<usize>,
    /// The addresses that were well, once one of them has failed; while frozen, always.
    pub(super) round: Option<Round>,
    /// When the witnesses were last asked, and whether their answer is still to come.
    asked: Option<Timestamp>,
    asking: bool,
    /// Whether the answer to come is too old for the present round.
    ask_again: bool,
    /// Whether all addresses are being checked in one go, after which there is one verdict.
    pub(super) at_once: bool,
    /// What is said of addresses beside the reasons of their states.
    pub(super) remarks: Remarks,
}

/// The settings of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conduct {
    pub(super) rule: Rule,
    pub(super) schedule: Schedule,
    /// Time over which a mirror is given back its weight.
    pub(super) ramp: Duration,
    /// Whether addresses that are new to the fleet are not answered for now.
    pub(super) newcomers_wait: bool,
    /// Whether there are witnesses.
    pub(super) has_witnesses: bool,
    /// Whether the coordinator takes into account that it may be wrong.
    pub(super) doubts: bool,
}

impl Conduct {
    /// The settings that inputs contain.
    pub(super) fn of(inputs: &MonitorInputs) -> Self {
        let settings = &inputs.settings;
        Self {
            rule: Rule {
                old_after: settings.old_after,
                removed_after: settings.removed_after,
                good_checks: settings.good_checks,
                fault_after: settings.fault_after,
                lag: inputs.lag,
            },
            schedule: Schedule { interval: settings.interval, retry: settings.retry_interval },
            ramp: settings.ramp,
            newcomers_wait: settings.newcomers_wait,
            has_witnesses: !settings.witnesses.is_empty() && inputs.role == Role::Alone,
            // Of one among several monitors it is the others that tell.
            doubts: inputs.role != Role::Reports,
        }
    }
}

/// What is known about an address, for display.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
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
    /// The time from which on it was too far behind the release; `None` if it is not.
    #[serde(skip)]
    pub behind_since: Option<Timestamp>,
    /// Why it is in that state. "withheld: " and why it fails, if it keeps its state only because
    /// the coordinator doubts what it finds.
    pub reason: String,
}

impl Coordinator {
    /// `feed` is the feed that was written last.
    pub(super) fn new(
        targets: Vec<Target>,
        stored: StoredState,
        conduct: Conduct,
        feed: Option<&Feed>,
        now: Timestamp,
    ) -> Self {
        let mut coordinator = Self {
            targets: Vec::new(),
            stored,
            conduct,
            under_way: HashSet::new(),
            round: None,
            asked: None,
            asking: false,
            ask_again: false,
            at_once: false,
            remarks: Remarks::default(),
        };
        coordinator.renew(targets, conduct, feed, now);
        coordinator
    }

    /// Takes a new fleet and new settings. Results of checks under way no longer count.
    pub(super) fn renew(
        &mut self,
        targets: Vec<Target>,
        conduct: Conduct,
        feed: Option<&Feed>,
        now: Timestamp,
    ) {
        admit(&mut self.stored, &targets, feed, conduct.newcomers_wait, now);
        (self.targets, self.conduct) = (targets, conduct);
        self.under_way.clear();
        (self.asked, self.asking, self.ask_again) = (None, false, false);
        let open = self.round.take().is_some();
        if !self.conduct.doubts {
            self.stored.frozen = None;
        }
        if open || self.stored.frozen.is_some() {
            // What was withheld is found again.
            let (well, failed) = self.well(now);
            self.hurry(well.union(&failed).copied(), now);
        }
        if self.stored.frozen.is_some() {
            self.round = Some(self.new_round(now));
        }
    }

    /// Believes whatever is found, and so ends a freeze.
    pub(super) fn believe_all(&mut self) {
        self.conduct.doubts = false;
        (self.stored.frozen, self.round) = (None, None);
    }

    /// Brings checks forward that were planned by longer intervals than the present ones. `random`
    /// returns random numbers.
    pub(super) fn hasten(&mut self, now: Timestamp, mut random: impl FnMut() -> u64) {
        for address in self.stored.addresses_mut() {
            // An address that was never checked is due.
            let Some(checked) = address.checked else { continue };
            let planned = Planned { checked, due: address.due };
            let schedule = self.conduct.schedule;
            address.due = schedule.hastened(address.known.as_ref(), planned, now, random());
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
        let mut due: Vec<usize> = due.filter(|i| !self.under_way.contains(i)).collect();
        self.under_way.extend(&due);
        let doubtful = self.doubtful(now);
        self.under_way.extend(&doubtful);
        due.extend(doubtful);
        due
    }

    /// The targets that must be checked before the present round has a verdict: those whose checks
    /// are planned next, so that hardly more checks are made.
    fn doubtful(&self, now: Timestamp) -> Vec<usize> {
        let Some(round) = self.round.as_ref().filter(|_| self.stored.frozen.is_none()) else {
            return Vec::new();
        };
        let (waiting, free): (Vec<usize>, Vec<usize>) =
            round.unknown().partition(|number| self.under_way.contains(number));
        let due = |number: usize| {
            let target = self.targets.get(number).filter(|target| !target.is_away(now))?;
            Some((self.stored.of(target)?.due, number))
        };
        let mut free: Vec<(Timestamp, usize)> = free.into_iter().filter_map(due).collect();
        free.sort_unstable();
        free.truncate(round.lacks().saturating_sub(waiting.len()));
        free.into_iter().map(|(_, number)| number).collect()
    }

    /// Plans the next check of these targets for `due`.
    pub(super) fn hurry(&mut self, numbers: impl IntoIterator<Item = usize>, due: Timestamp) {
        for number in numbers {
            let Some(target) = self.targets.get(number) else { continue };
            if let Some(address) = self.stored.of_mut(target) {
                address.due = due;
            }
        }
    }

    /// The targets that are well, and those that were less than an interval ago and fail.
    fn well(&self, now: Timestamp) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let interval = self.conduct.schedule.interval;
        let failed = |known: &Known| {
            let since = known.failing_since.filter(|since| later(*since, interval) > now);
            let since = since.filter(|since| Some(*since) > self.stored.believed);
            let left = |since| known.state.is_usable() || known.since >= since;
            known.timestamp.is_some() && since.is_some_and(left)
        };
        let of = |is: &dyn Fn(&Known) -> bool| {
            let all = self.targets.iter().enumerate().filter(|(_, target)| !target.is_away(now));
            let is =
                |target| self.stored.of(target).and_then(|of| of.known.as_ref()).is_some_and(is);
            all.filter(|(_, target)| is(target)).map(|(number, _)| number).collect()
        };
        (of(&Known::is_well), of(&failed))
    }

    /// A round that begins now.
    pub(super) fn new_round(&mut self, now: Timestamp) -> Round {
        let (well, failed) = self.well(now);
        self.ask_again = self.asking;
        if !self.asking {
            self.asked = None;
        }
        let witnesses = if self.conduct.has_witnesses { Witnesses::Asked } else { Witnesses::None };
        Round::new(&well, &failed, witnesses)
    }

    /// Whether to ask the witnesses now; then they count as being asked.
    pub fn asks_witnesses(&mut self, now: Timestamp) -> bool {
        let asks = self.conduct.has_witnesses && !self.asking && self.witnesses_due() <= now;
        if asks {
            (self.asked, self.asking) = (Some(now), true);
        }
        asks
    }

    fn witnesses_due(&self) -> Timestamp {
        let after = |asked| later(asked, self.conduct.schedule.retry);
        self.asked.map_or(Timestamp::MIN, after)
    }

    /// Whether an answer of the witnesses counts. Otherwise they are to be asked again.
    pub(super) fn hears_witnesses(&mut self) -> bool {
        self.asking = false;
        let counts = !std::mem::take(&mut self.ask_again);
        if !counts {
            self.asked = None;
        }
        counts
    }

    /// Whether every target that can be checked was checked.
    pub(super) fn knows_all(&self, now: Timestamp) -> bool {
        let checked = |target| self.stored.of(target).is_some_and(|of| of.checked.is_some());
        self.targets.iter().all(|target| target.is_away(now) || checked(target))
    }

    /// The next time at which a target is due, the witnesses are, or a weight rises.
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let free = self.targets.iter().enumerate().filter(|(i, _)| !self.under_way.contains(i));
        let due = |target| self.stored.of(target).map_or(Timestamp::MIN, |of| of.due);
        let steps = self
            .stored
            .mirrors
            .values()
            .filter_map(|of| of.outage.next_step(self.conduct.ramp, now));
        let witnesses = (self.conduct.has_witnesses && !self.asking).then(|| self.witnesses_due());
        free.map(|(_, target)| due(target)).chain(steps).chain(witnesses).min()
    }

    /// The mirrors of the feed.
    pub(super) fn mirrors(&self, now: Timestamp) -> Mirrors {
        mirrors(&self.stored, &self.targets, &self.remarks, self.conduct.ramp, now)
    }

    /// Why the feed says that all states are left as they were; `None` while checks are believed.
    pub fn frozen(&self) -> Option<String> {
        self.stored.frozen.as_ref().map(super::doubt::Frozen::text)
    }

    /// A row for every address, with what is found and not believed.
    pub fn rows(&self) -> Vec<AddressRow> {
        let row = |(number, target): (usize, &Target)| {
            let mut row = self.row_of(target);
            let withheld = self.round.as_ref().and_then(|round| round.withheld_reason(number));
            // An address that is not answered has the reason for that.
            if let Some(reason) = withheld.filter(|_| row.state.is_none_or(State::is_usable)) {
                row.reason = format!("withheld: {reason}");
            }
            let reason = std::mem::take(&mut row.reason);
            row.reason = self.remarks.shown(&row.mirror, row.address, reason);
            row
        };
        self.targets.iter().enumerate().map(row).collect()
    }

    /// The row of the target with this number.
    pub(super) fn row(&self, target: usize) -> Option<AddressRow> {
        self.targets.get(target).map(|target| self.row_of(target))
    }

    pub(super) fn row_of(&self, target: &Target) -> AddressRow {
        let of = self.stored.of(target);
        let known = of.and_then(|of| of.known.as_ref());
        let version = |i: usize| known.and_then(|known| known.versions?.get(i).copied());
        AddressRow {
            mirror: target.host.clone(),
            address: target.address,
            state: known.map(|known| known.state),
            since: known.map(|known| known.since),
            checked: of.and_then(|of| of.checked),
            timestamp: known.and_then(|known| known.timestamp),
            main: version(0),
            daily: version(1),
            bytecode: version(2),
            behind_since: known.and_then(|known| known.behind_since),
            reason: known.map_or_else(|| "never checked".to_owned(), |known| known.reason.clone()),
        }
    }
}
