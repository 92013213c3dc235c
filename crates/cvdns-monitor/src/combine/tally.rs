//! Counts the votes on an address.

use std::collections::BTreeSet;

use cvdns_core::geo::country::Continent;
use jiff::Timestamp;

use super::median::{failing, lower_median, serving};
use super::reach::{Reach, Vote};
use super::table::{Family, Subject, Table, may_vote};
use super::words::{Words, too_few};
use crate::rule::Evidence;

/// What follows for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the votes say together: nothing if it is [`Evidence::Unchecked`].
    pub evidence: Evidence,
    /// When it was checked: the lower median of those whose votes say so. `None`: nobody has.
    pub as_of: Option<Timestamp>,
    /// The continents from which it cannot be reached, and who says so.
    pub cut: Vec<(Continent, String)>,
    /// The continents from which it is seen.
    pub seen: Vec<Continent>,
    /// Whether enough voted, and less than two thirds say that it serves.
    pub is_lost: bool,
    /// Who sees it fail although it serves; empty if nobody does.
    pub remark: String,
    /// The seats whose votes were counted.
    pub voters: Vec<usize>,
}

/// Counts the votes on an address. Of each operator the first monitor that is sane has a vote.
pub(super) fn count(
    table: &Table<'_>,
    subject: usize,
    sane: &[[bool; 2]],
    reaching: &[[bool; 2]],
) -> Outcome {
    let family = table.family(subject);
    let is_sane = |seat: usize| family.is_in(sane, seat);
    let votes = table.voices(subject, is_sane);
    let reach = Reach::of(table, subject, &votes, reaching);
    let out_of_reach = |continent: Continent, bad: &[Vote<'_>]| {
        Words { table, good: &[], bad }.out_of_reach(continent)
    };
    let voters = votes.iter().map(|(seat, _)| *seat).collect();
    let eligible = eligible(table, subject, is_sane);
    let (away, votes): (Vec<Vote<'_>>, Vec<Vote<'_>>) =
        votes.into_iter().partition(|(seat, _)| reach.is_cut_off(table, *seat));
    let (good, bad): (Vec<Vote<'_>>, Vec<Vote<'_>>) =
        votes.iter().copied().partition(|(_, sighting)| sighting.evidence.is_good());
    let words = Words { table, good: &good, bad: &bad };
    let (all, up) = (votes.len(), good.len());
    let heard = all.saturating_add(away.len());
    let is_enough = heard >= eligible.min(2) && heard.saturating_mul(2) >= eligible && all > 0;
    let (evidence, side) = if !is_enough {
        (Evidence::Unchecked(too_few(heard, eligible)), &votes)
    } else if up.saturating_mul(3) >= all.saturating_mul(2) {
        (serving(&evidence_of(&good)), &good)
    } else if up.saturating_mul(3) <= all {
        (failing(&evidence_of(&bad), &words), &bad)
    } else {
        (Evidence::Unchecked(words.undecided()), &votes)
    };
    let remark = if evidence.is_good() { words.dissent() } else { String::new() };
    Outcome {
        is_lost: is_enough && !evidence.is_good(),
        as_of: lower_median(side.iter().map(|(_, sighting)| sighting.checked)),
        remark,
        cut: reach.cut.iter().map(|(of, bad)| (*of, out_of_reach(*of, bad))).collect(),
        seen: reach.seen,
        evidence,
        voters,
    }
}

fn evidence_of<'t>(votes: &[Vote<'t>]) -> Vec<&'t Evidence> {
    votes.iter().map(|(_, sighting)| &sighting.evidence).collect()
}

/// With fewer addresses that were well, most of them may fail by chance.
const LEAST: usize = 4;

/// Why a family is frozen, if more than half of its addresses that were well are lost at once.
pub(super) fn loss(
    subjects: &[Subject<'_>],
    outcomes: &[Outcome],
    family: Family,
) -> Option<String> {
    let all = subjects.iter().zip(outcomes);
    let well = all.filter(|(subject, outcome)| {
        subject.is_well && subject.family() == family && outcome.as_of.is_some()
    });
    let (well, lost) = (well.clone().count(), well.filter(|(_, of)| of.is_lost).count());
    let is_too_much = well >= LEAST && lost.saturating_mul(2) > well;
    let name = family.name();
    is_too_much.then(|| {
        format!("{lost} of {well} addresses that were well are not seen to serve by {name}")
    })
}

/// The operators that have a sane monitor which may vote on an address.
fn eligible(table: &Table<'_>, subject: usize, is_sane: impl Fn(usize) -> bool) -> usize {
    let Some(subject) = table.subjects.get(subject) else { return 0 };
    let seats = table.seats.iter().enumerate();
    let may = seats.filter(|(seat, of)| is_sane(*seat) && may_vote(of.member, subject));
    may.map(|(seat, _)| table.operator(seat)).collect::<BTreeSet<usize>>().len()
}
