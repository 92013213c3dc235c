//! What a round of combining leaves for the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cvdns_core::geo::country::Continent;

use super::sanity::{Agreement, Soundness};
use super::table::{Seat, Subject};
use super::tally::Outcome;
use crate::rule::later;

/// For how long a continent must see a mirror again before its clients are sent there: servers
/// compile their data anew for each change.
const SEEN_AGAIN: Duration = Duration::from_secs(15 * 60);

/// What a round leaves for the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    /// Whether each monitor is sane, in each family.
    #[serde(default)]
    soundness: BTreeMap<String, [Soundness; 2]>,
    /// Since when each family is frozen.
    #[serde(default)]
    frozen_since: [Option<Timestamp>; 2],
    /// The continents from which mirrors cannot be reached, by host and code.
    #[serde(default)]
    cut: BTreeMap<String, BTreeMap<String, Cut>>,
    /// What was found in this round, by host.
    #[serde(skip)]
    round: BTreeMap<String, Found>,
}

/// A continent from which a mirror cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cut {
    /// Since when it is seen from there again.
    pub seen_since: Option<Timestamp>,
    /// Who says so, for people.
    pub reason: String,
}

/// From where a mirror was found to be out of reach, with the reason, and from where it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Found {
    cut: BTreeMap<&'static str, String>,
    seen: BTreeSet<&'static str>,
}

impl Standing {
    /// Forgets monitors, mirrors and continents that are no longer there.
    pub(super) fn keep(&mut self, seats: &[Seat<'_>], subjects: &[Subject<'_>]) {
        let names: BTreeSet<&str> =
            seats.iter().map(|seat| seat.member.name.value.as_str()).collect();
        self.soundness.retain(|name, _| names.contains(name.as_str()));
        let hosts: BTreeSet<&str> = subjects.iter().map(|subject| subject.host).collect();
        let mut operators: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for Seat { member, .. } in seats {
            let continent = member.country.continent().code();
            operators.entry(continent).or_default().insert(&member.operator);
        }
        let is_told = |code: &str| operators.get(code).is_some_and(|of| of.len() >= 2);
        for continents in self.cut.values_mut() {
            continents.retain(|code, _| is_told(code));
        }
        self.cut.retain(|host, continents| hosts.contains(host.as_str()) && !continents.is_empty());
    }

    /// Whether a monitor is sane, in each family.
    pub fn soundness(&self, name: &str) -> [Soundness; 2] {
        self.soundness.get(name).copied().unwrap_or_default()
    }

    /// Judges a monitor by what it agrees on in each family.
    pub(super) fn judge(
        &mut self,
        name: &str,
        agreement: &[Agreement; 2],
        is_fresh: bool,
        now: Timestamp,
    ) -> [Soundness; 2] {
        let was = self.soundness(name);
        let [v4, v6] = was;
        let [of_v4, of_v6] = *agreement;
        let is = [v4.after(of_v4, is_fresh, now), v6.after(of_v6, is_fresh, now)];
        self.soundness.insert(name.to_owned(), is);
        is
    }

    pub(super) fn freeze(&mut self, frozen: &[Option<String>; 2], now: Timestamp) {
        for (since, frozen) in self.frozen_since.iter_mut().zip(frozen) {
            *since = frozen.as_ref().map(|_| since.unwrap_or(now));
        }
    }

    /// Since when each family is frozen.
    pub fn frozen_since(&self) -> [Option<Timestamp>; 2] {
        self.frozen_since
    }

    /// Takes what was found of an address.
    pub(super) fn see(&mut self, host: &str, outcome: &Outcome) {
        let found = self.round.entry(host.to_owned()).or_default();
        for (continent, reason) in &outcome.cut {
            found.cut.entry(continent.code()).or_insert_with(|| reason.clone());
        }
        found.seen.extend(outcome.seen.iter().map(|continent| continent.code()));
    }

    /// Draws the conclusion of a round: a mirror is cut off from a continent that reaches none of
    /// its addresses, until it is seen from there for a while.
    pub(super) fn settle(&mut self, now: Timestamp) {
        for (host, Found { cut, seen }) in std::mem::take(&mut self.round) {
            let known = self.cut.entry(host).or_default();
            known.retain(|code, of| {
                if !seen.contains(code.as_str()) {
                    return true;
                }
                let since = of.seen_since.unwrap_or(now);
                of.seen_since = Some(since);
                later(since, SEEN_AGAIN) > now
            });
            for (code, reason) in cut.into_iter().filter(|(code, _)| !seen.contains(code)) {
                known.insert(code.to_owned(), Cut { seen_since: None, reason });
            }
        }
        self.cut.retain(|_, continents| !continents.is_empty());
    }

    /// The mirrors that cannot be reached from a continent, with these continents and who says so.
    pub fn cut(&self) -> impl Iterator<Item = (&str, Continent, &Cut)> {
        self.cut.iter().flat_map(|(host, continents)| {
            continents
                .iter()
                .filter_map(move |(code, cut)| Some((host.as_str(), Continent::parse(code)?, cut)))
        })
    }
}
