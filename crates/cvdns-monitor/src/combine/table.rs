//! What each monitor says of each address, as far as it counts.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use cvdns_core::config::Member;
use cvdns_core::report::{Report, Sighting};

use super::sanity::Agreement;
use crate::rule::later;

/// How much longer than twice its interval a result holds, as in the history: checks take time.
const SLACK: Duration = Duration::from_secs(600);

/// A monitor and its last report.
#[derive(Debug, Clone, Copy)]
pub struct Seat<'s> {
    /// The monitor.
    pub member: &'s Member,
    /// Its last report that was accepted.
    pub report: Option<&'s Report>,
}

/// An address of the fleet.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// Its mirror.
    pub host: &'s str,
    /// The address.
    pub address: IpAddr,
    /// Whether it served when it was last judged.
    pub is_well: bool,
}

/// An address family. A monitor may see one of them only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4 = 0,
    /// IPv6.
    V6 = 1,
}

impl Family {
    /// Both of them, in the order of their numbers.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// What a list of seats says of a seat and this family.
    pub(crate) fn is_in(self, seats: &[[bool; 2]], seat: usize) -> bool {
        let of = seats.get(seat).copied().unwrap_or_default();
        let [v4, v6] = of;
        if self == Self::V4 { v4 } else { v6 }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl Subject<'_> {
    /// The family of the address.
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }
}

/// What all monitors say of all addresses.
pub(super) struct Table<'t> {
    pub(super) seats: &'t [Seat<'t>],
    pub(super) subjects: &'t [Subject<'t>],
    /// Whether the report of each seat is fresh.
    pub(super) fresh: Vec<bool>,
    /// For each address, what each seat found that may count: it works or fails. Seats without a
    /// fresh report have found nothing.
    rows: Vec<Vec<Option<&'t Sighting>>>,
    /// The number of the operator of each seat, and how many operators there are.
    pub(super) operators: Vec<usize>,
    pub(super) operator_count: usize,
}

impl<'t> Table<'t> {
    pub(super) fn new(seats: &'t [Seat<'t>], subjects: &'t [Subject<'t>], now: Timestamp) -> Self {
        let fresh: Vec<bool> =
            seats.iter().map(|seat| seat.report.is_some_and(|of| of.is_fresh(now))).collect();
        let cell = |seat: &Seat<'t>, fresh: bool, subject: &Subject<'_>| {
            let report = seat.report.filter(|_| fresh)?;
            let sighting = report.mirrors.get(subject.host)?.get(&subject.address)?;
            let holds = later(sighting.checked, hold(report)) >= now;
            let counts = sighting.evidence.is_good() || sighting.evidence.is_bad();
            (holds && counts && may_vote(seat.member, subject)).then_some(sighting)
        };
        let row = |subject: &Subject<'_>| {
            let cells = seats.iter().zip(&fresh);
            cells.map(|(seat, fresh)| cell(seat, *fresh, subject)).collect()
        };
        let rows = subjects.iter().map(row).collect();
        let mut names: Vec<&str> = Vec::new();
        let mut operators = Vec::with_capacity(seats.len());
        for Seat { member, .. } in seats {
            let known = names.iter().position(|name| *name == member.operator);
            operators.push(known.unwrap_or(names.len()));
            if known.is_none() {
                names.push(&member.operator);
            }
        }
        Self { seats, subjects, fresh, rows, operators, operator_count: names.len() }
    }

    /// What each seat found of an address, where that may count.
    pub(super) fn row(&self, subject: usize) -> impl Iterator<Item = (usize, &'t Sighting)> + '_ {
        let cells = self.rows.get(subject).into_iter().flatten().enumerate();
        cells.filter_map(|(seat, cell)| Some((seat, (*cell)?)))
    }

    /// The family of an address.
    pub(super) fn family(&self, subject: usize) -> Family {
        self.subjects.get(subject).map_or(Family::V4, Subject::family)
    }

    pub(super) fn operator(&self, seat: usize) -> usize {
        self.operators.get(seat).copied().unwrap_or_default()
    }

    /// Of the seats for which `counts` holds, the first of each operator, with what it found.
    pub(super) fn voices(
        &self,
        subject: usize,
        counts: impl Fn(usize) -> bool,
    ) -> Vec<(usize, &'t Sighting)> {
        let mut spoken = vec![false; self.operator_count];
        let mut voices = Vec::with_capacity(self.operator_count);
        for (seat, sighting) in self.row(subject).filter(|(seat, _)| counts(*seat)) {
            let Some(spoken) = spoken.get_mut(self.operator(seat)) else { continue };
            if !std::mem::replace(spoken, true) {
                voices.push((seat, sighting));
            }
        }
        voices
    }

    /// What a seat agrees on with the others: of the addresses of a family that most of them call
    /// up, and of which it found anything, those that it calls up as well.
    pub(super) fn agreement(&self, seat: usize, family: Family) -> Agreement {
        let own = self.operator(seat);
        let mut agreement = Agreement::default();
        for (number, subject) in self.subjects.iter().enumerate() {
            if subject.family() != family {
                continue;
            }
            let Some((_, found)) = self.row(number).find(|(of, _)| *of == seat) else { continue };
            let others = self.voices(number, |of| self.operator(of) != own);
            let up = others.iter().filter(|(_, sighting)| sighting.evidence.is_good()).count();
            if up.saturating_mul(2) > others.len() {
                agreement.note(found.evidence.is_good());
            }
        }
        agreement
    }

    /// Why all states of a family are left as they are; `None` if enough operators have a sane
    /// monitor. Those that do not check the family are left out.
    pub(super) fn frozen(&self, family: Family, sane: &[[bool; 2]]) -> Option<String> {
        if !self.subjects.iter().any(|subject| subject.family() == family) {
            return None;
        }
        let mut takes_part = vec![false; self.operator_count];
        let mut counts = vec![false; self.operator_count];
        for (seat, of) in self.seats.iter().enumerate() {
            let operator = self.operator(seat);
            let checks = of.report.is_none_or(|report| checks(report, family));
            if let Some(takes_part) = takes_part.get_mut(operator).filter(|_| checks) {
                *takes_part = true;
            }
            let counted = family.is_in(sane, seat) && of.report.is_some() && checks;
            if let Some(counts) = counts.get_mut(operator).filter(|_| counted) {
                *counts = true;
            }
        }
        let of = |list: &[bool]| list.iter().filter(|yes| **yes).count();
        let (all, sane) = (of(&takes_part), of(&counts));
        let is_enough = sane >= 2 && sane.saturating_mul(2) >= all;
        let name = family.name();
        (!is_enough).then(|| format!("{sane} of {all} monitors can be counted for {name}"))
    }
}

/// How long a result of a report holds.
fn hold(report: &Report) -> Duration {
    report.interval.saturating_mul(2).saturating_add(SLACK)
}

/// Whether a monitor has a vote on an address: not on its own operator's mirrors, nor on those that
/// it sees without crossing the Internet.
pub(super) fn may_vote(member: &Member, subject: &Subject<'_>) -> bool {
    !member.is_near(subject.address) && !member.owns(subject.host)
}

/// Whether a report has a result of an address of a family.
fn checks(report: &Report, family: Family) -> bool {
    let mut all = report.mirrors.values().flatten();
    all.any(|(address, sighting)| {
        let counts = sighting.evidence.is_good() || sighting.evidence.is_bad();
        counts && Family::of(*address) == family
    })
}
