//! Joins what several monitors report into one result for each address. It is pure: no clock, files
//! or sockets.
//!
//! A report counts while it is fresh. Monitors of one operator have one vote, and no monitor votes
//! on mirrors of its own operator or network. A monitor that calls up much less than the others is
//! *insane* in that address family, as if it were cut off, and has no vote until it agrees again
//! for a while. With too few sane monitors the family is frozen. Otherwise an address serves if at
//! least two thirds of the votes say so, and fails if at most one third do. Where more than half of
//! the addresses that were well are lost at once, it is most of the monitors that are cut off: the
//! others look insane then, or none does. That freezes the family too.
//!
//! - `table` is what each monitor says of each address; `sanity` judges the monitors by it.
//! - `tally` counts the votes on an address, and `median` joins what they saw.
//! - `reach` finds the continents from which a mirror cannot be reached.
//! - `words` says who saw what.

mod median;
mod reach;
mod sanity;
mod standing;
mod table;
mod tally;
mod words;

#[cfg(test)]
mod oracle_tests;

pub use sanity::{Agreement, Soundness};
pub use standing::{Cut, Standing};
pub use table::{Family, Seat, Subject};
pub use tally::Outcome;

use std::collections::BTreeSet;

use jiff::Timestamp;

use self::table::Table;

/// What follows from the reports.
#[derive(Debug, Clone)]
pub struct Combined {
    /// The judgement of each seat, in their order.
    pub seats: Vec<SeatVerdict>,
    /// Why all states of a family are left as they were; `None` while votes count.
    pub frozen: [Option<String>; 2],
    /// What follows for each address, in their order.
    pub outcomes: Vec<Outcome>,
    /// What the next round needs to know of this one.
    pub standing: Standing,
}

/// The judgement of a seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatVerdict {
    /// Whether its report is fresh.
    pub is_fresh: bool,
    /// What it agrees on with the others, in each family.
    pub agreement: [Agreement; 2],
    /// Whether it has a vote, in each family.
    pub is_sane: [bool; 2],
    /// Whether it has the vote of its operator on any address.
    pub votes: bool,
}

/// Joins the reports of the seats on these addresses; `before` is what the last round left.
pub fn combine(
    seats: &[Seat<'_>],
    subjects: &[Subject<'_>],
    before: &Standing,
    now: Timestamp,
) -> Combined {
    let table = Table::new(seats, subjects, now);
    let mut standing = before.clone();
    standing.keep(seats, subjects);
    let agreement: Vec<[Agreement; 2]> =
        (0..seats.len()).map(|seat| Family::BOTH.map(|of| table.agreement(seat, of))).collect();
    let mut sane = Vec::with_capacity(seats.len());
    for ((seat, agreement), fresh) in seats.iter().zip(&agreement).zip(&table.fresh) {
        let judged = standing.judge(&seat.member.name.value, agreement, *fresh, now);
        sane.push(judged.map(|of| *fresh && of.is_sane()));
    }
    let reaching: Vec<[bool; 2]> =
        agreement.iter().map(|of| of.map(Agreement::reaches_half)).collect();
    let outcomes: Vec<Outcome> =
        (0..subjects.len()).map(|number| tally::count(&table, number, &sane, &reaching)).collect();
    let frozen = Family::BOTH.map(|family| {
        let too_few = table.frozen(family, &sane);
        too_few.or_else(|| tally::loss(subjects, &outcomes, family))
    });
    standing.freeze(&frozen, now);
    let mut voters = BTreeSet::new();
    for (subject, outcome) in subjects.iter().zip(&outcomes) {
        voters.extend(outcome.voters.iter().copied());
        if !subject.family().is_in(&[frozen.each_ref().map(Option::is_some)], 0) {
            standing.see(subject.host, outcome);
        }
    }
    standing.settle(now);
    let verdict = |(seat, agreement): (usize, [Agreement; 2])| SeatVerdict {
        is_fresh: table.fresh.get(seat).copied().unwrap_or_default(),
        agreement,
        is_sane: sane.get(seat).copied().unwrap_or_default(),
        votes: voters.contains(&seat),
    };
    let seats = agreement.into_iter().enumerate().map(verdict).collect();
    Combined { seats, frozen, outcomes, standing }
}
