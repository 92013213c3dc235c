//! What is known of a stretch of time.

use jiff::Timestamp;
use serde::Serialize;

/// Seconds of a stretch of time by what an address did in them. The rest of the stretch is
/// unknown: no check says anything of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Seconds in which it served.
    pub served: u32,
    /// Those of `served` in which it was in the state `old` or `removed`.
    pub late: u32,
    /// Seconds in which it failed.
    pub failed: u32,
    /// Seconds of an announced downtime.
    pub away: u32,
}

/// What a cell mostly says, for display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// Nothing is known.
    Unknown,
    /// It served in all that is known.
    Served,
    /// It served in all that is known, in part of it in the state `old` or `removed`.
    Late,
    /// It served and failed.
    Partly,
    /// It failed in all that is known.
    Failed,
    /// An announced downtime is all that is known.
    Away,
}

impl Cell {
    /// The share of the time in which it served: 0 to 1. Time that is unknown, and downtimes, do
    /// not count. `None` if there is no other time.
    pub fn availability(&self) -> Option<f64> {
        let all = u64::from(self.served) + u64::from(self.failed);
        (all > 0).then(|| f64::from(self.served) / all as f64)
    }

    /// What the cell mostly says.
    pub fn kind(&self) -> CellKind {
        match (self.served, self.late, self.failed, self.away) {
            (0, _, 0, 0) => CellKind::Unknown,
            (0, _, 0, _) => CellKind::Away,
            (0, _, _, _) => CellKind::Failed,
            (_, 0, 0, _) => CellKind::Served,
            (_, _, 0, _) => CellKind::Late,
            _ => CellKind::Partly,
        }
    }

    /// Seconds of which something is known.
    pub fn known(&self) -> u32 {
        self.served.saturating_add(self.failed).saturating_add(self.away)
    }

    /// Adds the seconds of another cell.
    pub fn add(&mut self, other: &Self) {
        self.served = self.served.saturating_add(other.served);
        self.late = self.late.saturating_add(other.late);
        self.failed = self.failed.saturating_add(other.failed);
        self.away = self.away.saturating_add(other.away);
    }
}

/// Cells of equal length, the oldest first. The last one is under way. A mirror's cells are the
/// sums of those of its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Strip {
    /// When the first cell begins.
    pub from: Timestamp,
    /// The length of a cell in seconds.
    pub step: u32,
    /// The cells.
    pub cells: Vec<Cell>,
}

impl Strip {
    /// The sum of all cells.
    pub fn sum(&self) -> Cell {
        self.cells.iter().fold(Cell::default(), |mut sum, cell| {
            sum.add(cell);
            sum
        })
    }

    /// The share of the time in which it served, as [`Cell::availability`] has it.
    pub fn availability(&self) -> Option<f64> {
        self.sum().availability()
    }

    /// Adds the cells of a strip of the same time.
    pub(super) fn add(&mut self, other: &Self) {
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
            cell.add(other);
        }
    }
}

/// The strips of an address or a mirror, all up to now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Strips {
    /// The last 24 hours, by hour (UTC).
    pub day: Strip,
    /// The last 30 days, by day (UTC).
    pub month: Strip,
    /// The last 365 days, by day (UTC).
    pub year: Strip,
}

impl Strips {
    /// Adds strips of the same time.
    pub(super) fn add(&mut self, other: &Self) {
        self.day.add(&other.day);
        self.month.add(&other.month);
        self.year.add(&other.year);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_announced_is_neither_served_nor_failed() {
        let cell = |served, late, failed, away| Cell { served, late, failed, away };
        assert_eq!(cell(0, 0, 0, 0).availability(), None);
        assert_eq!(cell(0, 0, 0, 9).availability(), None);
        assert_eq!(cell(3, 0, 1, 100).availability(), Some(0.75));
        let kinds = [
            (cell(0, 0, 0, 0), CellKind::Unknown),
            (cell(0, 0, 0, 1), CellKind::Away),
            (cell(0, 0, 2, 1), CellKind::Failed),
            (cell(5, 0, 0, 1), CellKind::Served),
            (cell(5, 5, 0, 0), CellKind::Late),
            (cell(5, 1, 1, 0), CellKind::Partly),
        ];
        for (cell, kind) in kinds {
            assert_eq!(cell.kind(), kind, "{cell:?}");
        }
    }
}
