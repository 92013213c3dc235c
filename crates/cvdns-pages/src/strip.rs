//! Availability over time as a strip of cells.

use jiff::Timestamp;

/// The history of a mirror, or of one of its addresses.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The last day, by hours or checks.
    pub day: Strip,
    /// The last 30 days, by days.
    pub month: Strip,
    /// The last year, by days.
    pub year: Strip,
}

/// A span of time in cells, the oldest first.
#[derive(Debug, Clone, Default)]
pub struct Strip {
    /// The cells, without gaps.
    pub cells: Vec<Cell>,
    /// The available part of the time that was checked, 0 to 1; `None` if nothing was checked.
    pub available: Option<f64>,
}

/// A part of the time of a strip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Its start.
    pub from: Timestamp,
    /// What was measured.
    pub measured: Measured,
}

/// What was measured in a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measured {
    /// The available part of the time that was checked, 0 to 1.
    Available(f64),
    /// An announced downtime, or the operator's word, took the mirror out for all of the time.
    Planned,
    /// Nothing was checked.
    Unchecked,
}
