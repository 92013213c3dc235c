//! Availability over time as a strip of cells.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

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
    /// The time that was checked.
    pub checked: SignedDuration,
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

    /// Whether less than all was served.
    fn is_outage(self) -> bool {
        matches!(self, Self::Available(part) if part < 1.0)
    }

    /// Whether something was wrong.
    fn is_wrong(self) -> bool {
        self.is_outage() || self == Self::Late
    }
}

impl Step {
    fn name(self, at: Timestamp) -> String {
        match self {
            Self::Hour => format::moment(at),
            Self::Day | Self::NarrowDay => format::day(at),
        }
    }

    /// The time of a cell.
    fn time(self) -> SignedDuration {
        SignedDuration::from_hours(if self == Self::Hour { 1 } else { 24 })
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

    /// The available part in words, such as `99.5 % of 3 hours checked`.
    pub(crate) fn share(&self, step: Step) -> String {
        let share = |part| format!("{}{}", format::percent(part), self.basis(step));
        self.available.map_or_else(|| "not checked".to_owned(), share)
    }

    /// The time that was checked, after what is said of it. It is empty if nine tenths of the
    /// strip's time were checked: then a percentage says what it seems to say.
    fn basis(&self, step: Step) -> String {
        let cells = i32::try_from(self.cells.len()).unwrap_or(i32::MAX);
        let enough = step.time().saturating_mul(cells) / 10 * 9;
        if self.checked >= enough {
            String::new()
        } else {
            format!(" of {} checked", format::span(self.checked))
        }
    }

    /// What the picture shows, in a sentence.
    pub(crate) fn words(&self, step: Step) -> String {
        let Some(part) = self.available else { return "Nothing was checked.".to_owned() };
        let count = |is: fn(Measured) -> bool| {
            let number = self.cells.iter().filter(|cell| is(cell.measured)).count();
            let end = if number == 1 { "" } else { "s" };
            (number > 0).then(|| format!("{number} {}{end}", step.unit()))
        };
        let outages = count(Measured::is_outage);
        let late = count(|measured| measured == Measured::Late);
        let mut words = format!("{} available{}", format::percent(part), self.basis(step));
        if outages.is_none() && late.is_none() {
            words.push_str(", without an outage");
        }
        for (what, number) in [("outages", outages), ("old files", late)] {
            if let Some(number) = number {
                // Writing to a string does not fail.
                let _ = write!(words, ", {what} in {number}");
            }
        }
        words.push('.');
        words
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strip(measured: &[Measured]) -> Strip {
        let start: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let cells = measured.iter().zip(0..).map(|(measured, day)| Cell {
            from: start + jiff::SignedDuration::from_hours(24 * day),
            measured: *measured,
        });
        let cells: Vec<Cell> = cells.collect();
        let checked = SignedDuration::from_hours(24 * cells.len() as i64);
        Strip { cells, available: Some(0.9), checked }
    }

    #[test]
    fn a_strip_says_what_it_shows() {
        use Measured::{Available, Late, Planned, Unchecked};
        let all = strip(&[
            Available(1.0),
            Available(1.0),
            Available(0.0),
            Available(0.0),
            Planned,
            Late,
            Available(0.5),
            Unchecked,
        ]);
        assert_eq!(all.words(Step::Day), "90 % available, outages in 3 days, old files in 1 day.");
        let outages =
            ["2026-11-07: 50 %", "2026-11-06: served old files", "2026-11-03 to 2026-11-04: 0 %"];
        assert_eq!(all.outages(Step::Day, 3), (outages.map(str::to_owned).to_vec(), 0));
        assert_eq!(all.outages(Step::Day, 1), (vec![outages[0].to_owned()], 2));
        assert_eq!(
            all.ends(Step::Day).unwrap(),
            ("2026-11-01".to_owned(), "2026-11-08".to_owned())
        );
        assert_eq!(
            strip(&[Available(1.0)]).words(Step::Hour),
            "90 % available, without an outage."
        );
        let nothing = Strip::default();
        assert_eq!(nothing.words(Step::Day), "Nothing was checked.");
        let share = nothing.share(Step::Day);
        assert_eq!((share, nothing.ends(Step::Day)), ("not checked".to_owned(), None));
        assert!(nothing.draw(Step::Day).starts_with("<svg"));
    }

    /// A percentage of a minute is none of a day, 30 days and a year.
    #[test]
    fn a_short_time_is_named_beside_its_share() {
        let month = [Measured::Available(1.0); 30];
        for (checked, share) in [
            (SignedDuration::from_mins(1), "90 % of 1 minute checked"),
            (SignedDuration::from_hours(26 * 24), "90 % of 26 days checked"),
            (SignedDuration::from_hours(27 * 24), "90 %"),
            (SignedDuration::from_hours(30 * 24), "90 %"),
        ] {
            assert_eq!(Strip { checked, ..strip(&month) }.share(Step::Day), share);
        }
        let day = Strip { checked: SignedDuration::from_hours(22), ..strip(&month[..24]) };
        assert_eq!(day.share(Step::Hour), "90 %");
        let words = Strip { checked: SignedDuration::from_hours(3), ..day }.words(Step::Hour);
        assert_eq!(words, "90 % available of 3 hours checked, without an outage.");
    }

    fn measured() -> impl Strategy<Value = Measured> {
        prop_oneof![
            4 => Just(Measured::Available(1.0)),
            1 => any::<f64>().prop_map(Measured::Available),
            2 => (0.0..1.0).prop_map(Measured::Available),
            1 => Just(Measured::Late),
            1 => Just(Measured::Planned),
            1 => Just(Measured::Unchecked),
        ]
    }

    proptest! {
        /// The bars of a strip, read back from the picture, cover its cells one after another, and
        /// each has the height of what was measured.
        #[test]
        fn bars_cover_the_cells(all in proptest::collection::vec(measured(), 0..400), narrow: bool) {
            let strip = strip(&all);
            let (step, gap) = if narrow { (Step::NarrowDay, 0) } else { (Step::Day, 2) };
            let picture = strip.draw(step);
            let mut next = 0;
            for bar in picture.split("<path d=\"M").skip(1) {
                let (x, rest) = bar.split_once(' ').unwrap();
                let (x, width): (usize, usize) = (
                    x.parse().unwrap(),
                    rest.split_once('h').unwrap().1.split_once('v').unwrap().0.parse().unwrap(),
                );
                let height: usize =
                    rest.split_once('v').unwrap().1.split_once('h').unwrap().0.parse().unwrap();
                prop_assert_eq!(x, next);
                let cells = (width + gap) / WIDTH;
                for cell in &all[x / WIDTH..x / WIDTH + cells] {
                    prop_assert_eq!(cell.drawn().1, height);
                }
                next = x + cells * WIDTH;
            }
            prop_assert_eq!(next, all.len() * WIDTH);
        }
    }
}
