//! The history of an invented mirror.

use cvdns_core::health::State;
use cvdns_pages::{Cell, History, Measured, Strip};
use jiff::{SignedDuration, Timestamp};

use super::now;

/// A history that ends with the state.
pub(super) fn history(state: State, since: Timestamp, index: usize) -> History {
    History {
        day: strip(24, 1, state, since, index),
        month: strip(30, 24, state, since, index),
        year: strip(365, 24, state, since, index),
    }
}

fn strip(cells: i64, hours: i64, state: State, since: Timestamp, index: usize) -> Strip {
    let step = SignedDuration::from_hours(hours);
    let end = now().as_second() / (hours * 3600) * (hours * 3600);
    let end = Timestamp::from_second(end).unwrap();
    let cells: Vec<Cell> = (0..cells)
        .map(|cell| {
            let from = end - step * (cells - 1 - cell) as i32;
            let day = from.as_second() / 86_400;
            Cell { from, measured: measured(day, from + step, state, since, index) }
        })
        .collect();
    let parts = cells.iter().filter_map(|cell| match cell.measured {
        Measured::Available(part) => Some(part),
        Measured::Late => Some(1.0),
        Measured::Planned | Measured::Unchecked => None,
    });
    let (sum, count) = parts.fold((0.0, 0), |(sum, count), part| (sum + part, count + 1));
    let checked = step * count;
    Strip { checked, cells, available: (count > 0).then(|| sum / f64::from(count)) }
}

fn measured(day: i64, end: Timestamp, state: State, since: Timestamp, index: usize) -> Measured {
    if end > since {
        match state {
            State::Up => {}
            State::Old => return Measured::Late,
            State::Drained => return Measured::Planned,
            State::Down | State::Removed => return Measured::Available(0.0),
        }
    }
    match (day * 7919 + index as i64 * 104_729) % 97 {
        1 => Measured::Available(0.97),
        2 => Measured::Available(0.62),
        3 if day % 2 == 0 => Measured::Available(0.0),
        4 => Measured::Planned,
        5 if index.is_multiple_of(4) => Measured::Unchecked,
        _ => Measured::Available(1.0),
    }
}
