//! Whether to believe that mirrors fail: perhaps it is the coordinator's own network.
//!
//! A mirror that fails is one of many mirrors. When most of those that were well fail within a
//! round, the coordinator itself is the likelier cause. So the failure of an address that was well
//! is withheld until at least half of the others have been seen to serve. This module is pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rule::Evidence;

/// With fewer addresses that were well, most of them may fail by chance: only witnesses tell.
const LEAST: usize = 4;

/// Why and since when the coordinator leaves all states as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
}

impl Frozen {
    /// The text in the feed.
    pub(super) fn text(&self) -> String {
        format!("{} since {}", self.reason, self.since)
    }
}

/// What is known of the witnesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Witnesses {
    /// There are none.
    None,
    /// They are being asked.
    Asked,
    /// At least one of them answers.
    Answer,
    /// None of them answers.
    Silent,
}

/// The addresses that were well when one of them failed, and what is found of them since.
#[derive(Debug)]
pub(super) struct Round {
    /// The numbers of their targets.
    members: BTreeSet<usize>,
    /// Whether each of them served in its last check.
    served: BTreeMap<usize, bool>,
    /// Results that have not been believed yet.
    withheld: BTreeMap<usize, Evidence>,
    witnesses: Witnesses,
    /// Whether there are enough members to tell anything.
    is_telling: bool,
}

/// What follows from a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too little is known yet.
    Open,
    /// The mirrors fail.
    Believe,
    /// The coordinator fails, for this reason.
    Doubt(String),
}

impl Round {
    /// A round of the addresses that are `well`, and of those that were until less than an interval
    /// ago.
    pub(super) fn new(
        well: &BTreeSet<usize>,
        failed: &BTreeSet<usize>,
        witnesses: Witnesses,
    ) -> Self {
        let served = failed.iter().map(|number| (*number, false)).collect();
        let members: BTreeSet<usize> = well.union(failed).copied().collect();
        let is_telling = members.len() >= LEAST;
        Self { members, served, withheld: BTreeMap::new(), witnesses, is_telling }
    }

    /// Whether the round could find anything out.
    pub(super) fn is_of_use(&self) -> bool {
        self.is_telling || self.witnesses != Witnesses::None
    }

    pub(super) fn has(&self, number: usize) -> bool {
        self.members.contains(&number)
    }

    /// Takes the last result of a member; returns whether it did not serve before.
    pub(super) fn note(&mut self, number: usize, serves: bool) -> bool {
        self.has(number) && self.served.insert(number, serves) != Some(true)
    }

    /// Keeps a result that is not believed yet.
    pub(super) fn withhold(&mut self, number: usize, evidence: Evidence) {
        self.withheld.insert(number, evidence);
    }

    /// Why an address fails, if that was found and is withheld.
    pub(super) fn withheld_reason(&self, number: usize) -> Option<&str> {
        match self.withheld.get(&number)? {
            Evidence::Faulty(reason) | Evidence::Dead(reason) | Evidence::Unchecked(reason) => {
                Some(reason)
            }
            Evidence::Serves { .. } | Evidence::Answers => None,
        }
    }

    /// Leaves out members that cannot be checked now.
    pub(super) fn leave_out(&mut self, away: impl Fn(usize) -> bool) {
        self.members.retain(|number| !away(*number));
        self.served.retain(|number, _| self.members.contains(number));
    }

    pub(super) fn hear(&mut self, witnesses: Witnesses) {
        self.witnesses = witnesses;
    }

    /// The members that do not serve, or of which nothing is known yet.
    pub(super) fn unserved(&self) -> impl Iterator<Item = usize> {
        self.members.iter().copied().filter(|number| self.served.get(number) != Some(&true))
    }

    /// The members of which nothing is known yet.
    pub(super) fn unknown(&self) -> impl Iterator<Item = usize> {
        self.members.iter().copied().filter(|number| !self.served.contains_key(number))
    }

    /// How many more members have to serve before failures are believed.
    pub(super) fn lacks(&self) -> usize {
        if !self.is_telling {
            return 0;
        }
        self.members.len().div_ceil(2).saturating_sub(self.count(true))
    }

    fn count(&self, serves: bool) -> usize {
        self.served.values().filter(|served| **served == serves).count()
    }

    /// The verdict. With `no_more`, no more results will come: those that there are decide.
    pub(super) fn verdict(&self, no_more: bool) -> Verdict {
        if self.witnesses == Witnesses::Silent {
            return Verdict::Doubt("no witness answers".to_owned());
        }
        let (served, failed) = (self.count(true), self.count(false));
        let all = if no_more { served.saturating_add(failed) } else { self.members.len() };
        if self.is_telling && failed > all / 2 {
            return Verdict::Doubt(format!("{failed} of {all} addresses that were well fail"));
        }
        let is_clear = !self.is_telling || no_more || self.lacks() == 0;
        if is_clear && self.witnesses != Witnesses::Asked {
            Verdict::Believe
        } else {
            Verdict::Open
        }
    }

    /// Whether the coordinator's checks work again: less than half of the members fail.
    pub(super) fn is_over(&self) -> bool {
        let works = !self.is_telling
            || self.members.is_empty()
            || self.unserved().count() < self.members.len().div_ceil(2);
        works && matches!(self.witnesses, Witnesses::None | Witnesses::Answer)
    }

    /// The results that are withheld.
    pub(super) fn withheld(&self) -> impl Iterator<Item = (usize, &Evidence)> {
        self.withheld.iter().map(|(number, evidence)| (*number, evidence))
    }

    /// The results that were withheld.
    pub(super) fn into_withheld(self) -> BTreeMap<usize, Evidence> {
        self.withheld
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round(well: usize, failed: usize, witnesses: Witnesses) -> Round {
        let failed: BTreeSet<usize> = (well..well + failed).collect();
        Round::new(&(0..well).collect(), &failed, witnesses)
    }

    fn noted(mut round: Round, results: &[bool]) -> Round {
        for (number, serves) in results.iter().enumerate() {
            round.note(number, *serves);
        }
        round
    }

    fn doubt(text: &str) -> Verdict {
        Verdict::Doubt(text.to_owned())
    }

    #[test]
    fn half_must_serve_before_one_that_fails_is_believed() {
        let of = |results: &[bool]| noted(round(6, 0, Witnesses::None), results).verdict(false);
        let (t, f) = (true, false);
        assert_eq!(of(&[f]), Verdict::Open);
        assert_eq!(of(&[f, f, f, t, t]), Verdict::Open);
        assert_eq!(of(&[f, t, t]), Verdict::Open);
        assert_eq!(of(&[f, t, t, t]), Verdict::Believe);
        assert_eq!(of(&[f, f, f, t, t, t]), Verdict::Believe);
        assert_eq!(of(&[f, f, f, f]), doubt("4 of 6 addresses that were well fail"));
        // Some were well until less than an interval ago.
        let eroded = |results: &[bool]| noted(round(4, 3, Witnesses::None), results).verdict(false);
        assert_eq!(eroded(&[f]), doubt("4 of 7 addresses that were well fail"));
        // A result that no longer holds is replaced.
        let mut again = noted(round(6, 0, Witnesses::None), &[f, f, f, t, t]);
        assert!(again.note(0, true) && !again.note(0, true));
        assert_eq!(again.verdict(false), Verdict::Believe);
    }

    #[test]
    fn few_addresses_say_nothing_and_witnesses_do() {
        assert!(!round(3, 0, Witnesses::None).is_of_use());
        assert!(
            round(4, 0, Witnesses::None).is_of_use() && round(1, 0, Witnesses::Asked).is_of_use()
        );
        let few = |witnesses| noted(round(3, 0, witnesses), &[false; 3]);
        assert_eq!(few(Witnesses::Asked).verdict(false), Verdict::Open);
        assert_eq!(few(Witnesses::Answer).verdict(false), Verdict::Believe);
        assert_eq!(few(Witnesses::Silent).verdict(false), doubt("no witness answers"));
        assert_eq!(
            (few(Witnesses::Silent).is_over(), few(Witnesses::Answer).is_over()),
            (false, true)
        );
        // Most of them fail, whatever witnesses say.
        let most = noted(round(5, 0, Witnesses::Answer), &[false; 3]);
        assert_eq!(most.verdict(false), doubt("3 of 5 addresses that were well fail"));
    }

    proptest! {
        /// Counted with plain lists: doubt if and only if more than half of those of which anything
        /// is known at the end fail, and no verdict before the end that the end contradicts.
        #[test]
        fn the_verdict_is_that_of_the_whole_round(results in prop::collection::vec(any::<bool>(), 4..40)) {
            let failing = results.iter().filter(|serves| !**serves).count();
            let expected = failing * 2 > results.len();
            let mut round = round(results.len(), 0, Witnesses::None);
            for (number, serves) in results.iter().enumerate() {
                match round.verdict(false) {
                    Verdict::Open => prop_assert!(round.lacks() > 0),
                    Verdict::Believe => prop_assert!(!expected),
                    Verdict::Doubt(_) => prop_assert!(expected),
                }
                round.note(number, *serves);
            }
            prop_assert_eq!(matches!(round.verdict(true), Verdict::Doubt(_)), expected);
            prop_assert_eq!(round.is_over(), failing * 2 < results.len());
        }

        /// The end of a round of which some results are missing.
        #[test]
        fn what_is_missing_at_the_end_does_not_count(results in prop::collection::vec(any::<Option<bool>>(), 4..40)) {
            let mut round = round(results.len(), 0, Witnesses::None);
            for (number, serves) in results.iter().enumerate() {
                if let Some(serves) = serves { round.note(number, *serves); }
            }
            let of = |wanted| results.iter().filter(|serves| **serves == Some(wanted)).count();
            let expected = of(false) > of(true);
            prop_assert_eq!(matches!(round.verdict(true), Verdict::Doubt(_)), expected);
        }
    }
}
