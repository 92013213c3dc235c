//! How the coordinator learns from what several monitors found together.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::combine::{Combined, Family, Outcome, Standing, Subject};
use super::coordinator::Coordinator;
use super::doubt::Frozen;
use super::learn::{News, Random};
use super::learnt::Learnt;
use super::remarks::{Remark, Remarks};
use super::rule::{Evidence, Known};
use super::target::Target;

impl Coordinator {
    /// The addresses of the fleet, in the order of their numbers.
    pub(super) fn subjects(&self) -> Vec<Subject<'_>> {
        self.targets.iter().map(|target| self.subject(target)).collect()
    }

    fn subject<'t>(&self, target: &'t Target) -> Subject<'t> {
        let known = self.stored.of(target).and_then(|of| of.known.as_ref());
        // Whoever believes all that is found has no doubt that it is lost.
        let is_well = self.conduct.doubts && known.is_some_and(Known::is_well);
        Subject { host: &target.host, address: target.address, is_well }
    }

    /// What the last round of combining left.
    pub(super) fn standing(&self) -> Standing {
        self.stored.standing.clone().unwrap_or_default()
    }

    /// Takes what several monitors found together.
    pub(super) fn take(
        &mut self,
        combined: Combined,
        now: Timestamp,
        random: Random<'_>,
    ) -> Vec<News> {
        let Combined { frozen, outcomes, standing, .. } = combined;
        let mut news: Vec<News> = self.turn(&frozen, &standing, now).into_iter().collect();
        self.remarks = self.remarks_of(&outcomes, &standing);
        self.stored.standing = Some(standing);
        for (number, outcome) in outcomes.into_iter().enumerate() {
            let Some(target) = self.targets.get(number) else { continue };
            let family = Family::of(target.address);
            let is_frozen = family.is_in(&[frozen.each_ref().map(Option::is_some)], 0);
            if is_frozen || target.is_away(now) || !self.is_new(number, &outcome) {
                continue;
            }
            self.stored.count(&outcome.evidence);
            news.extend(self.believe(number, &outcome.evidence, now, random));
        }
        self.forget_strangers();
        news
    }

    /// Begins or ends a freeze. Its time does not count for the addresses of its family.
    fn turn(
        &mut self,
        frozen: &[Option<String>; 2],
        standing: &Standing,
        now: Timestamp,
    ) -> Option<News> {
        let [before, after] = [self.standing().frozen_since(), standing.frozen_since()];
        for (family, (before, after)) in Family::BOTH.into_iter().zip(before.into_iter().zip(after))
        {
            if let (Some(since), None) = (before, after) {
                let span = now.duration_since(since).max(SignedDuration::ZERO).unsigned_abs();
                self.shift(family, span);
            }
        }
        let reasons: Vec<&str> = frozen.iter().flatten().map(String::as_str).collect();
        let since = after.into_iter().flatten().min();
        let is = since.map(|since| Frozen { since, reason: reasons.join("; ") });
        let was = std::mem::replace(&mut self.stored.frozen, is.clone());
        match (was, is) {
            (None, Some(is)) => Some(News::Frozen(is)),
            (Some(was), None) => Some(News::Thawed(was)),
            _ => None,
        }
    }

    fn shift(&mut self, family: Family, span: Duration) {
        let all = self.stored.mirrors.values_mut().flat_map(|mirror| &mut mirror.addresses);
        let of_family = all.filter(|(address, _)| Family::of(**address) == family);
        for known in of_family.filter_map(|(_, address)| address.known.as_mut()) {
            known.shift(span);
        }
    }

    /// Whether an outcome says more than the last one that was learnt of its address; then it
    /// counts as learnt.
    fn is_new(&mut self, number: usize, outcome: &Outcome) -> bool {
        let Some((target, as_of)) = self.targets.get(number).zip(outcome.as_of) else {
            return false;
        };
        let learnt = Learnt::of(&outcome.evidence, as_of);
        let taken = self.stored.taken.entry(target.host.clone()).or_default();
        let last = taken.get(&target.address);
        let is_new = last.is_none_or(|last| learnt.is_after(*last));
        if is_new {
            taken.insert(target.address, learnt);
        }
        is_new
    }

    fn forget_strangers(&mut self) {
        let mirrors = &self.stored.mirrors;
        self.stored.taken.retain(|host, addresses| {
            let mirror = mirrors.get(host);
            addresses.retain(|of, _| mirror.is_some_and(|it| it.addresses.contains_key(of)));
            !addresses.is_empty()
        });
    }

    fn remarks_of(&self, outcomes: &[Outcome], standing: &Standing) -> Remarks {
        let mut remarks = Remarks::default();
        for (target, outcome) in self.targets.iter().zip(outcomes) {
            let remark = match &outcome.evidence {
                Evidence::Unchecked(text) => Remark { text: text.clone(), is_open: true },
                _ if outcome.remark.is_empty() => continue,
                _ => Remark { text: outcome.remark.clone(), is_open: false },
            };
            remarks.note(&target.host, target.address, remark);
        }
        for (host, continent, cut) in standing.cut() {
            remarks.cut(host, continent, &cut.reason);
        }
        remarks
    }
}
