//! The continents from which an address cannot be reached, while the rest of the world sees it.

use std::collections::BTreeMap;

use cvdns_core::geo::country::Continent;
use cvdns_core::report::Sighting;

use super::table::Table;

/// A vote: the number of a seat, and what it found.
pub(super) type Vote<'t> = (usize, &'t Sighting);

/// From where an address is seen, and from where not.
pub(super) struct Reach<'t> {
    /// The continents in which all of two or more operators fail to reach it, while two thirds of
    /// two or more others see it; each with its monitors.
    pub(super) cut: BTreeMap<Continent, Vec<Vote<'t>>>,
    /// The continents in which anybody sees it.
    pub(super) seen: Vec<Continent>,
}

impl<'t> Reach<'t> {
    /// `votes` are those of sane monitors. `reaching` says which monitors see half of what the
    /// others do, in each family: those that have lost a part of the world, but not all of it.
    pub(super) fn of(
        table: &Table<'t>,
        subject: usize,
        votes: &[Vote<'t>],
        reaching: &[[bool; 2]],
    ) -> Self {
        let family = table.family(subject);
        let tells = |seat: usize| family.is_in(reaching, seat);
        let mut by: BTreeMap<Continent, Vec<Vote<'t>>> = BTreeMap::new();
        for vote in table.voices(subject, tells) {
            if let Some(continent) = continent(table, vote.0) {
                by.entry(continent).or_default().push(vote);
            }
        }
        let is_good = |(_, sighting): &Vote<'_>| sighting.evidence.is_good();
        let seen = by.iter().filter(|(_, there)| there.iter().any(is_good));
        let seen: Vec<Continent> = seen.map(|(continent, _)| *continent).collect();
        by.retain(|here, there| {
            let rest = votes.iter().filter(|(seat, _)| continent(table, *seat) != Some(*here));
            let all = rest.clone().count();
            let up = rest.filter(|vote| is_good(vote)).count();
            let rest_sees = all >= 2 && up.saturating_mul(3) >= all.saturating_mul(2);
            there.len() >= 2 && !there.iter().any(is_good) && rest_sees
        });
        Self { cut: by, seen }
    }

    /// Whether a seat is on a continent from which the address cannot be reached.
    pub(super) fn is_cut_off(&self, table: &Table<'_>, seat: usize) -> bool {
        continent(table, seat).is_some_and(|of| self.cut.contains_key(&of))
    }
}

/// The continent of a seat.
fn continent(table: &Table<'_>, seat: usize) -> Option<Continent> {
    Some(table.seats.get(seat)?.member.country.continent())
}
