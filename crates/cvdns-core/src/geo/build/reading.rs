//! What all kinds of sources have in common: ranges of addresses in countries, or on continents.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::problem::{Line, Problem, Problems};
use crate::geo::area::Area;
use crate::geo::country::{Continent, Country, UnknownCountry};

/// What a source says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In the order of the file.
    pub entries: Vec<Entry>,
    /// Networks that the source itself says nothing of (`??`, `ZZ`, no location).
    pub nowhere: usize,
    /// Codes that are no countries, when those are let pass: their networks are left out.
    pub left_out: Vec<LeftOut>,
    /// When the data was made, in Unix seconds, if the source says so.
    pub date: Option<i64>,
    /// Whose data it is, and its licence if the source names one.
    pub credit: String,
}

/// A range of addresses in a country, or on a continent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The addresses.
    pub span: Span,
    /// Where they are; never [`Area::Unknown`].
    pub area: Area,
}

/// First and last address of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// IPv4.
    V4(u32, u32),
    /// IPv6.
    V6(u128, u128),
}

impl Span {
    /// The addresses of a network.
    pub fn of(net: IpNet) -> Span {
        match net {
            IpNet::V4(net) => Span::V4(net.network().into(), net.broadcast().into()),
            IpNet::V6(net) => Span::V6(net.network().into(), net.broadcast().into()),
        }
    }

    /// How many addresses there are, less one: the whole of IPv6 does not fit a number.
    pub fn size(self) -> u128 {
        match self {
            Span::V4(first, last) => u128::from(last.saturating_sub(first)),
            Span::V6(first, last) => last.saturating_sub(first),
        }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Span::V4(first, last) => {
                write!(f, "{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(last))
            }
            Span::V6(first, last) => {
                write!(f, "{}-{}", Ipv6Addr::from(first), Ipv6Addr::from(last))
            }
        }
    }
}

/// A code that is no country, whose networks were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The code as the source has it.
    pub code: String,
    /// How many lines have it.
    pub lines: usize,
    /// The first of them, counted from 1.
    pub first: usize,
    /// Why it is no country.
    pub reason: UnknownCountry,
}

/// What to do with well-formed codes that are no countries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCodes {
    /// They are problems.
    Refuse,
    /// Their networks are left out, and listed.
    LeaveOut,
}

/// A source while it is read: gathers entries and problems.
pub(super) struct Reading {
    file: String,
    unknown_codes: UnknownCodes,
    parsed: Parsed,
    left_out: BTreeMap<String, LeftOut>,
    problems: Problems,
}

impl Reading {
    pub(super) fn new(file: &str, unknown_codes: UnknownCodes) -> Reading {
        Reading {
            file: file.to_owned(),
            unknown_codes,
            parsed: Parsed::default(),
            left_out: BTreeMap::new(),
            problems: Problems::default(),
        }
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds a range by its code, `code` being a part of the line.
    pub(super) fn add(&mut self, line: &Line<'_>, span: Span, code: &str) {
        // ZZ is ISO 3166's "unknown" by agreement of users; ?? is what IPFire's export writes, - what IP2Location's does.
        if matches!(code, "??" | "-") || code.eq_ignore_ascii_case("zz") {
            self.parsed.nowhere += 1;
            return;
        }
        match Country::parse(code) {
            Ok(country) => self.add_area(span, country.into()),
            Err(reason) => {
                let formed = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
                if formed && self.unknown_codes == UnknownCodes::LeaveOut {
                    let seen = self.left_out.entry(code.to_owned()).or_insert_with(|| LeftOut {
                        code: code.to_owned(),
                        lines: 0,
                        first: line.number,
                        reason,
                    });
                    seen.lines += 1;
                } else {
                    self.problems.push(line.problem(code, reason.to_string()));
                }
            }
        }
    }

    /// Adds a range of which the source knows the continent alone, by its code, which is a part of the line; or counts it as one
    /// that it says nothing of, when the code is empty.
    pub(super) fn add_continent(&mut self, line: &Line<'_>, span: Span, code: &str) {
        match Continent::parse(code) {
            Some(continent) => self.add_area(span, continent.into()),
            None if code.is_empty() => self.add_nowhere(),
            None => {
                let expected =
                    "expected a continent's code: AF, AN, AS, EU, NA, OC or SA, or nothing";
                self.problems.push(line.problem(code, format!("{code:?}: {expected}")));
            }
        }
    }

    pub(super) fn add_area(&mut self, span: Span, area: Area) {
        self.parsed.entries.push(Entry { span, area });
    }

    /// Counts a network that the source says nothing of.
    pub(super) fn add_nowhere(&mut self) {
        self.parsed.nowhere += 1;
    }

    /// Refuses a file whose last line has no end.
    pub(super) fn check_end(&mut self, text: &str) {
        if let Some(problem) = unfinished(&self.file, text) {
            self.problems.push(problem);
        }
    }

    /// Checks a range's order.
    pub(super) fn span<T: Ord>(
        &mut self,
        line: &Line<'_>,
        first: T,
        last: T,
        at: &str,
    ) -> Option<(T, T)> {
        if first <= last {
            return Some((first, last));
        }
        self.problems
            .push(line.problem(at, "the range ends before it starts; expected `start` <= `end`"));
        None
    }

    /// All or nothing.
    pub(super) fn finish(mut self, date: Option<i64>, credit: String) -> Result<Parsed, Problems> {
        let parsed = &mut self.parsed;
        if self.problems.is_empty() && parsed.entries.is_empty() && self.left_out.is_empty() {
            let message =
                "the file has no networks; expected at least one; fetch it again or leave it out";
            self.problems.push(Problem::of_file(&self.file, message));
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        parsed.left_out = self.left_out.into_values().collect();
        parsed.date = date;
        parsed.credit = credit;
        Ok(self.parsed)
    }
}

/// A file made by a program ends with the end of a line, else its end is missing.
pub(super) fn unfinished(file: &str, text: &str) -> Option<Problem> {
    if text.ends_with('\n') {
        return None;
    }
    let (index, last) = text.lines().enumerate().last()?;
    let line = Line { file, number: index + 1, text: last };
    let end = last.get(last.len()..).unwrap_or(last);
    Some(line.problem(end, "the last line has no end: the file is cut off; fetch it again"))
}

/// Midnight UTC of a date as `YYYYMMDD`, in Unix seconds.
pub(super) fn compact_date(text: &str) -> Option<i64> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text.get(range);
    let date = jiff::civil::Date::new(
        part(0..4)?.parse().ok()?,
        part(4..6)?.parse().ok()?,
        part(6..8)?.parse().ok()?,
    );
    let zoned = date.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}
