//! The report for people: tables and sentences.

use std::collections::{BTreeMap, BTreeSet};

use super::failures::listed;
use super::load::MirrorReport;
use super::replay::BeforeAfter;
use super::report::{AnswerReport, AnsweredMirror, PathReport, Simulation, Summary, ZoneReport};
use crate::cli::output::{Failure, print_line};
use crate::cli::table::{or_dash, print_table};
use cvdns_core::problem::plural;

/// Areas that a cell lists at most; `--json` has all.
const MAX_AREAS: usize = 8;

/// Mirrors that a cell lists at most; `--json` has all.
const MAX_MIRRORS: usize = 4;

const PATHS: [&str; 6] = ["CLIENTS", "PATH", "CHANGE", "BEFORE", "AFTER", "FIRST IN ANSWERS"];

const MIRRORS: [&str; 8] = [
    "MIRROR",
    "COUNTRY",
    "SHARE BEFORE",
    "SHARE AFTER",
    "RATE BEFORE",
    "RATE AFTER",
    "CAPACITY",
    "LOAD",
];

impl Simulation {
    pub(super) fn print(&self) -> Result<(), Failure> {
        if !self.down.is_empty() {
            let hosts = self.down.iter().map(|mirror| mirror.host.as_str()).collect();
            let count = plural(self.down.len(), "mirror fails", "mirrors fail");
            print_line(format!("{count}: {}", listed(hosts)))?;
        }
        for zone in &self.zones {
            zone.print(self.r#type)?;
        }
        Ok(())
    }
}

impl ZoneReport {
    fn print(&self, rtype: &str) -> Result<(), Failure> {
        print_line(format!("{}: clients ask for {} {rtype}\n", self.zone, self.name))?;
        if !self.paths.is_empty() {
            print_table(&PATHS, self.paths.iter().map(PathReport::cells))?;
            print_line("")?;
        }
        if !self.mirrors.is_empty() {
            let mut mirrors: Vec<&MirrorReport> = self.mirrors.iter().collect();
            mirrors.sort_by(|one, other| other.urgency().total_cmp(&one.urgency()));
            print_table(&MIRRORS, mirrors.into_iter().map(MirrorReport::cells))?;
            print_line("")?;
        }
        print_line(self.summary.text())
    }
}

impl PathReport {
    fn cells(&self) -> Vec<String> {
        vec![
            self.clients(),
            or_dash((!self.path.is_empty()).then(|| self.path.join(" "))),
            self.change.to_owned(),
            self.before.cell(),
            self.after.cell(),
            self.first_places(),
        ]
    }

    fn clients(&self) -> String {
        let countries = self.countries.iter().map(|code| (*code).to_owned());
        let continents = self.continents.iter().map(|code| format!("continent:{code}"));
        let unknown = self.unknown.then(|| "unknown".to_owned());
        shortened(countries.chain(continents).chain(unknown).collect(), MAX_AREAS, " ")
    }

    /// The mirrors that lead answers, before or after, with their shares: those that change most
    /// come first.
    fn first_places(&self) -> String {
        let shares = |answer: &AnswerReport| -> BTreeMap<String, f64> {
            let leads = answer.mirrors.iter().filter(|mirror| mirror.share > 0.0);
            leads.map(|mirror| (mirror.host.clone(), mirror.share)).collect()
        };
        let (before, after) = (shares(&self.before), shares(&self.after));
        let hosts: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let share = |of: &BTreeMap<String, f64>, host: &String| of.get(host).copied();
        let mut all: Vec<(f64, String)> = hosts
            .into_iter()
            .map(|host| {
                let (old, new) = (share(&before, host), share(&after, host));
                let moved = (new.unwrap_or_default() - old.unwrap_or_default()).abs();
                (moved, share_change(host, old, new))
            })
            .collect();
        // The sort is stable: hosts whose shares move equally stay in their order.
        all.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        shortened(all.into_iter().map(|(_, text)| text).collect(), MAX_MIRRORS, ", ")
    }
}

fn share_change(host: &str, before: Option<f64>, after: Option<f64>) -> String {
    match (before, after) {
        (None, Some(after)) => format!("+{host} {}", percent(after)),
        (Some(before), None) => format!("-{host} {}", percent(before)),
        (Some(before), Some(after)) if before.total_cmp(&after).is_eq() => {
            format!("{host} {}", percent(before))
        }
        (before, after) => {
            let [before, after] = [before, after].map(|share| percent(share.unwrap_or_default()));
            format!("{host} {before} to {after}")
        }
    }
}

impl AnswerReport {
    /// `DE 3, FR 2 drawn`: how many mirrors of each pool lead answers, and how many are only behind
    /// others.
    fn cell(&self) -> String {
        let mut pools: Vec<(&str, usize, usize)> = Vec::new();
        for AnsweredMirror { pool, place, .. } in &self.mirrors {
            if pools.last().is_none_or(|(last, ..)| last != pool) {
                pools.push((pool, 0, 0));
            }
            if let Some((_, front, drawn)) = pools.last_mut() {
                if *place == "front" { *front += 1 } else { *drawn += 1 }
            }
        }
        let cells = pools.into_iter().map(|(pool, front, drawn)| match (front, drawn) {
            (front, 0) => format!("{pool} {front}"),
            (0, drawn) => format!("{pool} {drawn} drawn"),
            (front, drawn) => format!("{pool} {front} and {drawn} drawn"),
        });
        let mirrors = cells.collect::<Vec<_>>().join(", ");
        match self.reach {
            "nodata" => "nothing".to_owned(),
            "open" => format!("{mirrors} (none works)"),
            "lagging" => format!("{mirrors} (lagging)"),
            _ => mirrors,
        }
    }
}

impl MirrorReport {
    fn cells(&self) -> Vec<String> {
        let BeforeAfter { before: share_before, after: share_after } = self.share;
        vec![
            self.host.clone(),
            self.country.to_owned(),
            percent(share_before),
            percent(share_after),
            rate(self.rate.before),
            rate(self.rate.after),
            rate(self.capacity),
            self.load(),
        ]
    }

    /// By this the mirrors are ordered: those above their capacity come first.
    fn urgency(&self) -> f64 {
        let load = self.rate.after as f64 / self.capacity.max(1) as f64;
        if self.exceeded.after && !self.works.after { f64::INFINITY } else { load }
    }

    /// The rate as a part of the capacity, with a mark if it is too much.
    fn load(&self) -> String {
        let works = self.works.after;
        match (works, self.exceeded.after) {
            (false, false) => "down".to_owned(),
            (false, true) => "down EXCEEDED".to_owned(),
            (true, exceeded) => {
                let load = percent(self.rate.after as f64 / self.capacity.max(1) as f64);
                if exceeded { format!("{load} EXCEEDED") } else { load }
            }
        }
    }
}

impl Summary {
    fn text(&self) -> String {
        let falling = match self.fall_back.len() {
            0 => "No country falls back".to_owned(),
            count => format!(
                "{} of {} {} back ({})",
                count,
                plural(self.countries, "country", "countries"),
                if count == 1 { "falls" } else { "fall" },
                listed(self.fall_back.clone())
            ),
        };
        let (Some(exceeded), Some(demand), Some(unmet)) = (self.exceeded, self.demand, self.unmet)
        else {
            return format!(
                "{falling}. Rates need a demand: [[demand]] in the zone file, or --demand FILE."
            );
        };
        let over = match exceeded.after {
            0 => "no mirror is".to_owned(),
            count => plural(count, "mirror is", "mirrors are"),
        };
        let was = if exceeded.before == exceeded.after {
            String::new()
        } else {
            format!(" ({} before)", exceeded.before)
        };
        let all = rate(demand);
        let met = match (unmet.before, unmet.after) {
            (_, 0) => format!("The demand of {all} is met."),
            (0, after) => format!("Of the demand of {all}, {} is unmet.", rate(after)),
            (before, after) => {
                format!(
                    "Of the demand of {all}, {} is unmet ({} before).",
                    rate(after),
                    rate(before)
                )
            }
        };
        format!("{falling}, and {over} over capacity{was}. {met}")
    }
}

/// The first words, and how many more there are.
fn shortened(mut words: Vec<String>, most: usize, separator: &str) -> String {
    let more = words.len().saturating_sub(most);
    words.truncate(most);
    let list = words.join(separator);
    match (list.is_empty(), more) {
        (true, _) => "-".to_owned(),
        (false, 0) => list,
        (false, more) => format!("{list}{separator}and {more} more"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A rate given in kbit/s, in the largest unit of which it is one or more, with up to two
/// decimals.
fn rate(kbit: u64) -> String {
    if kbit == 0 {
        return "0".to_owned();
    }
    let units = [(1_000_000_000, "Tbit/s"), (1_000_000, "Gbit/s"), (1_000, "Mbit/s")];
    let (factor, unit) =
        units.into_iter().find(|(factor, _)| kbit >= *factor).unwrap_or((1, "kbit/s"));
    let number = format!("{:.2}", kbit as f64 / factor as f64);
    format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_the_unit_that_people_use() {
        for (kbit, text) in [
            (0, "0"),
            (999, "999kbit/s"),
            (1_000, "1Mbit/s"),
            (12_000_000, "12Gbit/s"),
            (12_345_678, "12.35Gbit/s"),
            (100_000, "100Mbit/s"),
            (2_500_000_000, "2.5Tbit/s"),
        ] {
            assert_eq!(rate(kbit), text);
        }
    }

    #[test]
    fn the_summary_says_what_it_comes_to() {
        let none = Summary {
            fall_back: vec![],
            countries: 250,
            exceeded: None,
            demand: None,
            unmet: None,
        };
        assert!(none.text().starts_with("No country falls back. Rates need a demand"));
        let met = Summary {
            exceeded: Some(BeforeAfter { before: 0, after: 0 }),
            demand: Some(12_000_000),
            unmet: Some(BeforeAfter { before: 0, after: 0 }),
            ..none
        };
        assert_eq!(
            met.text(),
            "No country falls back, and no mirror is over capacity. The demand of 12Gbit/s is met."
        );
        let unmet = Summary {
            fall_back: vec!["DE"],
            exceeded: Some(BeforeAfter { before: 1, after: 2 }),
            unmet: Some(BeforeAfter { before: 500, after: 2_000_000 }),
            ..met
        };
        assert_eq!(
            unmet.text(),
            "1 of 250 countries falls back (DE), and 2 mirrors are over capacity (1 before). Of the \
             demand of 12Gbit/s, 2Gbit/s is unmet (500kbit/s before)."
        );
    }
}
