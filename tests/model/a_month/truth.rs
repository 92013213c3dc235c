//! What each mirror of the month really is and holds. All of it follows from the number of the
//! mirror and the minute.

use crate::asking::Numbers;

pub(super) const MIRRORS: usize = 200;
pub(super) const COUNTRIES: usize = 40;
pub(super) const HOUR: i64 = 60;
pub(super) const DAY: i64 = 24 * HOUR;

/// The first minutes in which the coordinator has no network, and the first in which it has it
/// again.
pub(super) const LOSSES: [(i64, i64); 2] =
    [(6 * DAY + 14 * HOUR, 6 * DAY + 16 * HOUR), (19 * DAY + 5 * HOUR, 19 * DAY + 14 * HOUR)];

/// What a check shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Well,
    Faulty,
    Dead,
}
use Shows::{Dead, Faulty, Well};

/// From one minute to before another.
type Span = (i64, i64);

/// What is wrong with a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: it fetches each release within an hour.
    Steady,
    /// It fetches each release within four hours.
    Slow,
    /// It fetches each release nine hours later.
    Late,
    /// It fetches nothing for a while, and its timestamp shows it.
    Stuck(Span),
    /// It fetches nothing for a while, and its timestamp is fresh.
    StuckLiar(Span),
    /// It serves much older versions for a while, with a fresh timestamp.
    Restored(Span),
    /// It serves new versions, and for a while an old timestamp.
    OldTimestamp(Span),
    /// It shows this at the beginning of each period.
    Again { shows: Shows, every: i64, length: i64 },
    /// It is away for a while.
    Away(Span),
    /// Its IPv6 address is dead at the beginning of each period.
    OnlyIpv4 { every: i64, length: i64 },
}

/// The kinds are scattered over the countries.
pub(super) fn kind(mirror: usize) -> Kind {
    let days = |from: i64, length: i64| (from * DAY, (from + length) * DAY);
    // Four of five in one country go at once.
    if [7, 47, 87, 127].contains(&mirror) {
        return Kind::Away((26 * DAY + 35, 26 * DAY + 6 * HOUR));
    }
    // All of one country have old timestamps, and are answered until they are removed.
    if mirror % COUNTRIES == 11 {
        return Kind::OldTimestamp(days(16, 8));
    }
    let slot = mirror * 37 % MIRRORS;
    let number = i64::try_from(slot).unwrap();
    match number {
        0..4 => Kind::Late,
        4..8 => Kind::Stuck(days(number - 1, 60)),
        8..14 => {
            Kind::Stuck(((4 * number - 30) * DAY + 77, (4 * number - 30) * DAY + 77 + 60 * HOUR))
        }
        14..17 => Kind::Restored(days(number - 10, 4)),
        17..20 => Kind::StuckLiar(days(number - 8, 5)),
        20..23 => Kind::OldTimestamp(days(number - 15, 6)),
        23..28 => Kind::Again { shows: Faulty, every: 3 * DAY, length: 9 * HOUR },
        28..31 => Kind::Again { shows: Dead, every: 2 * HOUR, length: 20 },
        31..33 => Kind::Again { shows: Faulty, every: 40, length: 10 },
        33..41 => Kind::Again { shows: Dead, every: 4 * DAY, length: 7 * HOUR },
        41..47 => Kind::Away((3 * (number - 40) * DAY, (3 * (number - 40) + 2) * DAY)),
        47..51 => Kind::OnlyIpv4 { every: 5 * DAY, length: 2 * DAY },
        // A fifth of the network stops to fetch at once.
        51..91 => Kind::Stuck((12 * DAY + 61, 14 * DAY)),
        _ if number % 10 == 0 => Kind::Slow,
        _ => Kind::Steady,
    }
}

/// How far a mirror is in its period.
fn phase(mirror: usize, every: i64, minute: i64) -> i64 {
    (minute + i64::try_from(mirror).unwrap() * 7 * HOUR).rem_euclid(every)
}

fn within((from, to): Span, minute: i64) -> bool {
    (from..to).contains(&minute)
}

pub(super) fn is_lost(minute: i64) -> bool {
    LOSSES.iter().any(|loss| within(*loss, minute))
}

/// The minutes between two moments in which the coordinator had no network.
pub(super) fn lost_between(from: i64, to: i64) -> i64 {
    LOSSES.iter().map(|loss| (loss.1.min(to) - loss.0.max(from)).max(0)).sum()
}

/// What clients find at an address.
pub(super) fn shows(mirror: usize, is_ipv6: bool, minute: i64) -> Shows {
    match kind(mirror) {
        Kind::Again { shows, every, length } if phase(mirror, every, minute) < length => shows,
        Kind::OnlyIpv4 { every, length } if is_ipv6 && phase(mirror, every, minute) < length => {
            Dead
        }
        Kind::Away(span) if within(span, minute) => Dead,
        _ => Well,
    }
}

/// Before the month.
const FIRST: u32 = 28_129;

/// What is released: a version every three hours.
pub(super) fn released(minute: i64) -> u32 {
    FIRST.checked_add_signed(i32::try_from((minute + 145).div_euclid(180)).unwrap()).unwrap()
}

/// When a version was released.
pub(super) fn release_time(version: u32) -> i64 {
    (i64::from(version) - i64::from(FIRST)) * 180 - 145
}

/// The version that a mirror has that fetches.
fn fetched(mirror: usize, minute: i64) -> u32 {
    let has = |version: u32| {
        let mut numbers = Numbers(mirror as u64 * 1_000_003 + u64::from(version));
        let delay = match kind(mirror) {
            Kind::Late => 9 * 60 + numbers.below(30),
            Kind::Slow => numbers.below(240),
            _ => numbers.below(60),
        };
        release_time(version) + i64::try_from(delay).unwrap() <= minute
    };
    (0..=released(minute)).rev().find(|version| has(*version)).unwrap()
}

/// After a pause it takes a mirror this long to fetch what is new.
const CATCHING_UP: i64 = 20;

/// The version of daily.cvd that a mirror has.
pub(super) fn held(mirror: usize, minute: i64) -> u32 {
    let paused = |(from, to): Span| {
        if within((from, to + CATCHING_UP), minute) { from } else { minute }
    };
    match kind(mirror) {
        Kind::Stuck(span) | Kind::StuckLiar(span) | Kind::Away(span) => {
            fetched(mirror, paused(span))
        }
        Kind::Restored(span) if within(span, minute) => fetched(mirror, span.0) - 30,
        Kind::Again { shows: Dead, every, length } if every > DAY => {
            let from = minute - phase(mirror, every, minute);
            fetched(mirror, paused((from, from + length)))
        }
        _ => fetched(mirror, minute),
    }
}

/// The minute that a mirror's timestamp says.
pub(super) fn timestamp(mirror: usize, minute: i64) -> i64 {
    let minute = match kind(mirror) {
        Kind::Stuck(span) | Kind::OldTimestamp(span) if within(span, minute) => span.0,
        _ => minute,
    };
    minute - minute.rem_euclid(3 * HOUR)
}

/// Whether nothing has been wrong with a mirror for `span`, so that all know.
pub(super) fn is_well_for(span: i64, mirror: usize, minute: i64) -> bool {
    match kind(mirror) {
        Kind::Steady | Kind::Slow => true,
        Kind::Late => false,
        Kind::Stuck((from, to))
        | Kind::StuckLiar((from, to))
        | Kind::Restored((from, to))
        | Kind::OldTimestamp((from, to))
        | Kind::Away((from, to)) => !within((from, to + CATCHING_UP + span), minute),
        Kind::Again { every, length, .. } | Kind::OnlyIpv4 { every, length } => {
            phase(mirror, every, minute) >= length + span
        }
    }
}
