//! How the coordinator learns from the result of a check: it is believed, withheld until more is
//! known, or, while the coordinator doubts itself, left out.

use jiff::{SignedDuration, Timestamp};

use super::coordinator::{AddressRow, Coordinator};
use super::doubt::{Frozen, Round, Verdict, Witnesses};
use super::history::{Check, Found, Note};
use super::notify::Change;
use super::rule::{Evidence, Known, Moment, behind, later};
use super::stored::Address;
use cvdns_core::health::State;

/// What has come of a result.
#[derive(Debug)]
pub(super) enum News {
    /// A result was believed.
    Found(Box<Finding>),
    /// A result was not believed, and is left out.
    Withheld(Box<Note>),
    /// From now on all states are left as they are.
    Frozen(Frozen),
    /// Checks are believed again.
    Thawed(Frozen),
}

/// A result that was believed.
#[derive(Debug)]
pub(super) struct Finding {
    /// What was known of the address before.
    pub(super) before: AddressRow,
    /// What is known of it now.
    pub(super) after: AddressRow,
    /// The change of its state.
    pub(super) change: Option<Change>,
    /// Whether it was new to the fleet, and no check of it was good.
    pub(super) was_new: bool,
    /// Why it could not be checked.
    pub(super) unchecked: Option<String>,
    /// The check, for the history.
    pub(super) note: Note,
}

impl News {
    /// What the history has of it.
    pub(super) fn into_note(self) -> Option<Note> {
        match self {
            Self::Found(finding) => Some(finding.note),
            Self::Withheld(note) => Some(*note),
            Self::Frozen(_) | Self::Thawed(_) => None,
        }
    }
}

/// A source of random numbers.
pub(super) type Random<'r> = &'r mut dyn FnMut() -> u64;

impl Coordinator {
    /// Takes the result of a check.
    pub(super) fn learn(
        &mut self,
        number: usize,
        evidence: Evidence,
        now: Timestamp,
        random: Random<'_>,
    ) -> Vec<News> {
        self.under_way.remove(&number);
        if self.targets.get(number).is_none() {
            return Vec::new();
        }
        self.stored.count(&evidence);
        if self.stored.frozen.is_some() {
            return self.learn_frozen(number, evidence, now, random);
        }
        let fails = matches!(evidence, Evidence::Faulty(_) | Evidence::Dead(_));
        let fails_anew = fails && self.is_new_failure(number, &evidence, now);
        if fails_anew && self.round.is_none() && self.conduct.doubts {
            self.round = Some(self.new_round(now)).filter(Round::is_of_use);
        }
        let mut news = Vec::new();
        match &mut self.round {
            Some(round) if matches!(evidence, Evidence::Unchecked(_)) => {
                round.leave_out(|of| of == number);
                news.extend(self.believe(number, &evidence, now, random));
            }
            Some(round) if fails_anew => {
                round.note(number, false);
                round.withhold(number, evidence);
                self.put_off(number, now);
            }
            Some(round) => {
                round.note(number, !fails);
                news.extend(self.believe(number, &evidence, now, random));
            }
            None => news.extend(self.believe(number, &evidence, now, random)),
        }
        if !self.at_once {
            news.extend(self.decide(now, random));
        }
        news
    }

    /// Whether a failure is of an address that was well, or takes away one that could be answered.
    fn is_new_failure(&self, number: usize, evidence: &Evidence, now: Timestamp) -> bool {
        let Some(known) = self.known(number).filter(|known| known.state.is_usable()) else {
            return false;
        };
        let after = self.conduct.rule.judge(Some(known), evidence, self.moment(now));
        known.is_well() || after.is_some_and(|after| !after.state.is_usable())
    }

    /// Takes a result while all states are left as they are. Versions and timestamps of mirrors
    /// that serve go on, for they were seen; the record would wait for them otherwise.
    fn learn_frozen(
        &mut self,
        number: usize,
        evidence: Evidence,
        now: Timestamp,
        random: Random<'_>,
    ) -> Vec<News> {
        let serves = evidence.is_good();
        let served_again = self.round.as_mut().is_some_and(|round| round.note(number, serves));
        let before = self.known(number);
        let moment = self.moment(now);
        let after = self.conduct.rule.judge(before, &evidence, moment);
        let stays = before.map(|known| known.state) == after.map(|known| known.state);
        let mut news = Vec::new();
        if serves && stays {
            news.extend(self.believe(number, &evidence, now, random));
        } else {
            let note = self.note(number, &evidence, true, now);
            news.extend(note.map(|note| News::Withheld(Box::new(note))));
            if let Some(round) = &mut self.round {
                round.withhold(number, evidence);
            }
            self.put_off(number, now);
        }
        if self.at_once {
            return news;
        }
        // Where one is seen again, the others may be.
        if serves && served_again {
            self.hurry_unserved(now);
        }
        news.extend(self.decide(now, random));
        news
    }

    /// Takes an answer of the witnesses: whether any of them answered.
    pub(super) fn hear(&mut self, answer: bool, now: Timestamp, random: Random<'_>) -> Vec<News> {
        if !self.hears_witnesses() || !self.conduct.doubts {
            return Vec::new();
        }
        if !answer && self.round.is_none() {
            self.round = Some(self.new_round(now));
        }
        if let Some(round) = &mut self.round {
            round.hear(if answer { Witnesses::Answer } else { Witnesses::Silent });
        }
        if self.at_once {
            return Vec::new();
        }
        if answer && self.stored.frozen.is_some() {
            self.hurry_unserved(now);
        }
        self.decide(now, random)
    }

    /// Begins a round in which all addresses are checked at once; [`Self::conclude`] ends it.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.at_once = true;
        if self.round.is_none() && self.conduct.doubts {
            self.round = Some(self.new_round(now));
        }
    }

    /// Ends the round in which all addresses were checked at once.
    pub(super) fn conclude(&mut self, now: Timestamp, random: Random<'_>) -> Vec<News> {
        self.at_once = false;
        if !self.conduct.doubts {
            self.stored.believed = Some(now);
        }
        let Some(round) = &self.round else { return Vec::new() };
        if self.stored.frozen.is_some() {
            // All results are of this round.
            return if round.is_over() { self.thaw(true, now, random) } else { Vec::new() };
        }
        match round.verdict(true) {
            Verdict::Doubt(reason) => self.freeze(reason, now),
            Verdict::Believe | Verdict::Open => self.believe_withheld(now, random),
        }
    }

    /// Draws what follows from the present round.
    fn decide(&mut self, now: Timestamp, random: Random<'_>) -> Vec<News> {
        let Some(round) = &mut self.round else { return Vec::new() };
        let targets = &self.targets;
        round.leave_out(|number| targets.get(number).is_none_or(|target| target.is_away(now)));
        if self.stored.frozen.is_some() {
            return if round.is_over() { self.thaw(false, now, random) } else { Vec::new() };
        }
        match round.verdict(false) {
            Verdict::Open => Vec::new(),
            Verdict::Believe => self.believe_withheld(now, random),
            Verdict::Doubt(reason) => self.freeze(reason, now),
        }
    }

    fn freeze(&mut self, reason: String, now: Timestamp) -> Vec<News> {
        let frozen = Frozen { since: now, reason };
        self.stored.frozen = Some(frozen.clone());
        // Until now they could have been believed.
        let withheld = self.round.iter().flat_map(Round::withheld);
        let notes =
            withheld.filter_map(|(number, evidence)| self.note(number, evidence, true, now));
        let withheld = notes.map(|note| News::Withheld(Box::new(note)));
        [News::Frozen(frozen)].into_iter().chain(withheld).collect()
    }

    /// Goes on as before the freeze, whose time does not count. Results that were withheld are
    /// believed if all of them are of a `whole` round; otherwise these addresses are checked again
    /// at once, since what was found of them may be older than the end of the fault.
    fn thaw(&mut self, whole: bool, now: Timestamp, random: Random<'_>) -> Vec<News> {
        let Some(frozen) = self.stored.frozen.take() else { return Vec::new() };
        let span = now.duration_since(frozen.since).max(SignedDuration::ZERO).unsigned_abs();
        for known in self.stored.addresses_mut().filter_map(|address| address.known.as_mut()) {
            known.shift(span);
        }
        let mut news = vec![News::Thawed(frozen)];
        if whole {
            news.extend(self.believe_withheld(now, random));
        } else if let Some(round) = self.round.take() {
            self.hurry(round.unserved().collect::<Vec<_>>(), now);
            self.hurry(round.into_withheld().into_keys(), now);
        }
        news
    }

    /// Believes what was withheld, and ends the round.
    fn believe_withheld(&mut self, now: Timestamp, random: Random<'_>) -> Vec<News> {
        let withheld = self.round.take().map(Round::into_withheld).unwrap_or_default();
        let believe =
            |(number, evidence): (usize, Evidence)| self.believe(number, &evidence, now, random);
        withheld.into_iter().filter_map(believe).collect()
    }

    /// Believes a result.
    pub(super) fn believe(
        &mut self,
        number: usize,
        evidence: &Evidence,
        now: Timestamp,
        random: Random<'_>,
    ) -> Option<News> {
        let before = self.row(number)?;
        let target = self.targets.get(number)?;
        let was_new = self.known(number).is_some_and(|known| known.new);
        let was = before.state.unwrap_or(State::Up);
        let known = self.conduct.rule.judge(self.known(number), evidence, self.moment(now));
        let due = self.conduct.schedule.next(known.as_ref(), now, random());
        self.stored.note(target, Address { checked: Some(now), due, known }, now);
        let after = self.row_of(target);
        let is = after.state.unwrap_or(was);
        let change = (was != is).then(|| Change {
            time: now,
            mirror: after.mirror.clone(),
            address: after.address,
            from: was,
            to: is,
            reason: after.reason.clone(),
            mirror_state: self.stored.mirrors.get(&after.mirror).map_or(is, |mirror| mirror.state),
        });
        let unchecked = match evidence {
            Evidence::Unchecked(reason) => Some(reason.clone()),
            _ => None,
        };
        let mut note = self.note(number, evidence, false, now)?;
        note.change = change.as_ref().map(|change| (change.from, change.to));
        Some(News::Found(Box::new(Finding { before, after, change, was_new, unchecked, note })))
    }

    /// What the history has of a result, with the state that follows from it.
    fn note(
        &self,
        number: usize,
        evidence: &Evidence,
        withheld: bool,
        now: Timestamp,
    ) -> Option<Note> {
        let target = self.targets.get(number)?;
        let known = self.known(number);
        let (found, reason) = match evidence {
            Evidence::Serves { .. } | Evidence::Answers => {
                (Found::Serves, known.map(|known| self.shortcoming(known, now)).unwrap_or_default())
            }
            Evidence::Faulty(reason) => (Found::Faulty, reason.clone()),
            Evidence::Dead(reason) => (Found::Dead, reason.clone()),
            Evidence::Unchecked(reason) => (Found::Unchecked, reason.clone()),
        };
        Some(Note {
            host: target.host.clone(),
            address: target.address,
            check: Check {
                at: now,
                found,
                withheld,
                state: known.map(|known| known.state),
                reason,
                versions: known.and_then(|known| known.versions),
            },
            change: None,
        })
    }

    /// Why an address that serves is not well. The history keeps each text once: there are no ages
    /// in it, which would differ at each check.
    fn shortcoming(&self, known: &Known, now: Timestamp) -> String {
        if known.reason.is_empty() || known.good > 0 {
            return known.reason.clone();
        }
        let old = |timestamp: &Timestamp| later(*timestamp, self.conduct.rule.old_after) <= now;
        if let Some(timestamp) = known.timestamp.filter(old) {
            return format!("its timestamp is old ({timestamp})");
        }
        let release = self.moment(now).release;
        let behind = release.zip(known.versions).and_then(|(of, held)| behind(of, held));
        behind.map_or_else(|| known.reason.clone(), |behind| behind.to_string())
    }

    /// What the history has of the addresses that are not checked now, as their mirrors are in an
    /// announced downtime.
    pub(super) fn away(&self, now: Timestamp) -> impl Iterator<Item = Note> {
        let away = self.targets.iter().enumerate().filter(move |(_, target)| target.is_away(now));
        away.filter_map(move |(number, _)| {
            let mut note = self.note(number, &Evidence::Unchecked(String::new()), false, now)?;
            note.check.found = Found::Away;
            Some(note)
        })
    }

    /// Notes that a target was checked, without a result that is believed.
    fn put_off(&mut self, number: usize, now: Timestamp) {
        let due = later(now, self.conduct.schedule.retry);
        let Some(target) = self.targets.get(number) else { return };
        if let Some(address) = self.stored.of_mut(target) {
            (address.checked, address.due) = (Some(now), due);
        } else {
            let address = Address { checked: Some(now), due, known: None };
            self.stored.note(target, address, now);
        }
    }

    fn hurry_unserved(&mut self, now: Timestamp) {
        let unserved: Vec<usize> = self.round.iter().flat_map(Round::unserved).collect();
        self.hurry(unserved, now);
    }

    fn known(&self, number: usize) -> Option<&Known> {
        self.stored.of(self.targets.get(number)?)?.known.as_ref()
    }

    fn moment(&self, now: Timestamp) -> Moment {
        Moment {
            now,
            release: self.stored.release.as_ref().map(cvdns_core::release::Release::core),
        }
    }
}

#[cfg(test)]
#[path = "learn/tests.rs"]
mod tests;
