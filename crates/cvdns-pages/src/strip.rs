//! Availability over time as a strip of cells.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::format;

/// The history of a mirror.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The last day, by hours.
    pub day: Strip,
    /// The last 30 days, by days.
    pub month: Strip,
    /// The last year, by days.
    pub year: Strip,
}

/// A span of time in cells of equal length, the oldest first.
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
    /// The mirror served all of the time that was checked, but what it served was too old.
    Late,
    /// An announced downtime.
    Planned,
    /// Nothing was checked.
    Unchecked,
}

/// How the cells of a strip are named and drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Hours, each with a gap.
    Hour,
    /// Days, each with a gap.
    Day,
    /// Days so narrow that equal ones are drawn as one.
    NarrowDay,
}

/// A run of equal neighbours: the first, the last, and their number.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: Cell,
    last: Cell,
    start: usize,
    count: usize,
}

/// Width of a cell in the units of the picture.
const WIDTH: usize = 10;
/// Height of the picture.
const HEIGHT: usize = 40;

impl Measured {
    /// The class in the style, and the height, so that no colour is needed to read a strip.
    fn drawn(self) -> (&'static str, usize) {
        match self {
            Self::Available(part) if part >= 1.0 => ("full", HEIGHT),
            Self::Available(part) if part >= 0.95 => ("most", 30),
            Self::Available(part) if part > 0.0 => ("some", 20),
            Self::Available(_) => ("none", 10),
            Self::Late => ("late", HEIGHT),
            Self::Planned => ("planned", 20),
            Self::Unchecked => ("unchecked", 3),
        }
    }

    fn words(self) -> String {
        match self {
            Self::Available(part) => format::percent(part),
            Self::Late => "served old files".to_owned(),
            Self::Planned => "announced downtime".to_owned(),
            Self::Unchecked => "not checked".to_owned(),
        }
    }

    /// Whether something was wrong.
    fn is_wrong(self) -> bool {
        match self {
            Self::Available(part) => part < 1.0,
            Self::Late => true,
            Self::Planned | Self::Unchecked => false,
        }
    }
}

impl Step {
    fn name(self, at: Timestamp) -> String {
        match self {
            Self::Hour => format::moment(at),
            Self::Day | Self::NarrowDay => format::day(at),
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day | Self::NarrowDay => "day",
        }
    }
}

impl Run {
    /// Its time and what was measured in it.
    fn words(&self, step: Step) -> String {
        let first = step.name(self.first.from);
        let measured = self.first.measured.words();
        if self.count == 1 {
            format!("{first}: {measured}")
        } else {
            format!("{first} to {}: {measured}", step.name(self.last.from))
        }
    }
}

impl Strip {
    /// The start of the first cell and of the last one; `None` without cells.
    pub(crate) fn ends(&self, step: Step) -> Option<(String, String)> {
        let (first, last) = (self.cells.first()?, self.cells.last()?);
        Some((step.name(first.from), step.name(last.from)))
    }

    /// The available part in words.
    pub(crate) fn share(&self) -> String {
        self.available.map_or_else(|| "not checked".to_owned(), format::percent)
    }

    /// What the picture shows, in a sentence.
    pub(crate) fn words(&self, step: Step) -> String {
        let wrong = self.cells.iter().filter(|cell| cell.measured.is_wrong()).count();
        let unit = step.unit();
        match (self.available, wrong) {
            (None, _) => "Nothing was checked.".to_owned(),
            (Some(part), 0) => format!("{} available, without an outage.", format::percent(part)),
            (Some(part), 1) => {
                format!("{} available, with an outage in 1 {unit}.", format::percent(part))
            }
            (Some(part), _) => {
                format!("{} available, with outages in {wrong} {unit}s.", format::percent(part))
            }
        }
    }

    /// The outages, the newest first: their times and what was available in each. The second value
    /// is the number of those that are left out above `most`.
    pub(crate) fn outages(&self, step: Step, most: usize) -> (Vec<String>, usize) {
        let runs: Vec<Run> =
            self.runs().into_iter().filter(|run| run.first.measured.is_wrong()).collect();
        let shown = runs.iter().rev().take(most).map(|run| run.words(step)).collect();
        (shown, runs.len().saturating_sub(most))
    }

    /// The strip as an SVG element for a page.
    pub(crate) fn draw(&self, step: Step) -> String {
        let width = self.cells.len().max(1).saturating_mul(WIDTH);
        let mut out = format!(
            "<svg class=\"strip\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" \
             role=\"img\" aria-label=\"{}\">",
            self.words(step)
        );
        for run in self.runs_of(step) {
            let (class, height) = run.first.measured.drawn();
            let x = run.start.saturating_mul(WIDTH);
            let y = HEIGHT.saturating_sub(height);
            // A gap between cells, where there is room for one.
            let gap = if step == Step::NarrowDay { 0 } else { 2 };
            let width = run.count.saturating_mul(WIDTH).saturating_sub(gap);
            // Writing to a string does not fail.
            let _ = write!(out, "<g class=\"{class}\"><title>{}</title>", run.words(step));
            if height < HEIGHT {
                let _ =
                    write!(out, "<path class=\"rest\" d=\"M{x} 0h{width}v{HEIGHT}h-{width}z\"/>");
            }
            let _ = write!(out, "<path d=\"M{x} {y}h{width}v{height}h-{width}z\"/></g>");
        }
        out.push_str("</svg>");
        out
    }

    fn runs_of(&self, step: Step) -> Vec<Run> {
        if step == Step::NarrowDay {
            return self.runs();
        }
        let cells = self.cells.iter().enumerate();
        cells.map(|(start, cell)| Run { first: *cell, last: *cell, start, count: 1 }).collect()
    }

    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (start, cell) in self.cells.iter().enumerate() {
            match runs.last_mut() {
                Some(run) if run.first.measured == cell.measured => {
                    run.last = *cell;
                    run.count = run.count.saturating_add(1);
                }
                _ => runs.push(Run { first: *cell, last: *cell, start, count: 1 }),
            }
        }
        runs
    }
}
