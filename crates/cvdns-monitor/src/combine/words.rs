//! Who saw what, for people: "5 of 7 monitors: the connection is refused; DE and US disagree".

use std::collections::{BTreeMap, BTreeSet};

use cvdns_core::geo::country::Continent;
use cvdns_core::problem::{excerpt, plural};

use super::reach::Vote;
use super::table::Table;
use crate::rule::Evidence;

/// Most characters of a monitor's reason.
const LONGEST: usize = 120;

/// Most places that are named; the number of the others follows.
const NAMED: usize = 5;

/// The votes on an address.
pub(super) struct Words<'w, 't> {
    pub(super) table: &'w Table<'t>,
    /// Those that say it serves.
    pub(super) good: &'w [Vote<'t>],
    /// Those that say it fails.
    pub(super) bad: &'w [Vote<'t>],
}

impl Words<'_, '_> {
    /// Why an address fails.
    pub(super) fn failing(&self) -> String {
        let disagree = match self.good {
            [] => String::new(),
            [one] => format!("; {} disagrees", self.places(std::slice::from_ref(one))),
            good => format!("; {} disagree", self.places(good)),
        };
        format!("{}: {}{disagree}", self.share(), self.reason())
    }

    /// Why nothing follows, as the votes are divided.
    pub(super) fn undecided(&self) -> String {
        format!("{}: {}", self.seen_to_fail(), self.reason())
    }

    /// Who sees it fail although it serves; empty if nobody does.
    pub(super) fn dissent(&self) -> String {
        if self.bad.is_empty() { String::new() } else { self.undecided() }
    }

    /// Why a mirror is not for a continent.
    pub(super) fn out_of_reach(&self, continent: Continent) -> String {
        let monitors = plural(self.bad.len(), "monitor", "monitors");
        format!("{monitors} in {} cannot reach it: {}", continent.code(), self.reason())
    }

    fn share(&self) -> String {
        let all = self.good.len().saturating_add(self.bad.len());
        format!("{} of {}", self.bad.len(), plural(all, "monitor", "monitors"))
    }

    fn seen_to_fail(&self) -> String {
        let verb = if self.bad.len() == 1 { "sees" } else { "see" };
        format!("{} {verb} it fail ({})", self.share(), self.places(self.bad))
    }

    /// The reason that most give; of several, the one of the first monitor.
    fn reason(&self) -> String {
        let reasons = self.bad.iter().filter_map(|(_, sighting)| match &sighting.evidence {
            Evidence::Faulty(reason) | Evidence::Dead(reason) => Some(reason.as_str()),
            _ => None,
        });
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in reasons.clone() {
            let count = counts.entry(reason).or_default();
            *count = count.saturating_add(1);
        }
        let most = counts.values().copied().max().unwrap_or_default();
        let first = { reasons }.find(|reason| counts.get(reason) == Some(&most));
        excerpt(first.filter(|reason| !reason.is_empty()).unwrap_or("it fails"), LONGEST)
    }

    /// The countries of these monitors. Where a monitor in the same country says the contrary, they
    /// are named.
    fn places(&self, votes: &[Vote<'_>]) -> String {
        let is_among = |seat: usize| votes.iter().any(|(of, _)| *of == seat);
        let country = |seat: usize| Some(self.table.seats.get(seat)?.member.country);
        let others = self.good.iter().chain(self.bad).map(|(seat, _)| *seat);
        let contrary: BTreeSet<_> = others.filter(|seat| !is_among(*seat)).map(country).collect();
        let mut places: Vec<&str> = Vec::new();
        for (seat, _) in votes {
            let Some(member) = self.table.seats.get(*seat).map(|of| of.member) else { continue };
            let place = if contrary.contains(&Some(member.country)) {
                member.name.value.as_str()
            } else {
                member.country.code()
            };
            if !places.contains(&place) {
                places.push(place);
            }
        }
        listed(&places)
    }
}

/// Why nothing follows, as too few have checked an address.
pub(super) fn too_few(heard: usize, eligible: usize) -> String {
    if eligible == 0 {
        return "no monitor has a vote on it".to_owned();
    }
    format!("only {heard} of {} checked it", plural(eligible, "monitor has", "monitors have"))
}

/// `DE`, `DE and US`, `DE, US and JP`, `DE, US, JP, FR, NL and 3 others`.
fn listed(places: &[&str]) -> String {
    let more = places.len().saturating_sub(NAMED);
    match places {
        [] => "nobody".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] if more == 0 => format!("{} and {last}", first.join(", ")),
        _ => {
            let named = places.get(..NAMED).unwrap_or_default().join(", ");
            format!("{named} and {}", plural(more, "other", "others"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_listed_as_people_do() {
        assert_eq!(listed(&["DE"]), "DE");
        assert_eq!(listed(&["DE", "US"]), "DE and US");
        assert_eq!(listed(&["DE", "US", "JP"]), "DE, US and JP");
        assert_eq!(listed(&["A", "B", "C", "D", "E"]), "A, B, C, D and E");
        assert_eq!(listed(&["A", "B", "C", "D", "E", "F"]), "A, B, C, D, E and 1 other");
    }
}
