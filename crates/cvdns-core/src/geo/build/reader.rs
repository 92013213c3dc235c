//! The common part of all parsers: collecting the ranges and the problems of a source.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::problem::{Problem, Problems, SourceLine};
use crate::geo::area::Area;
use crate::geo::country::{Continent, Country, UnknownCountry};

/// The content of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedSource {
    /// Ranges in the order of the file.
    pub entries: Vec<LocatedRange>,
    /// Number of networks with neither country nor continent (`??`, `ZZ`, no location).
    pub unlocated: usize,
    /// Unknown codes whose networks are left out, if [`UnknownCodes`] allows that.
    pub left_out: Vec<LeftOut>,
    /// Date of the data in Unix seconds; `None` if the source has none.
    pub date: Option<i64>,
    /// Origin of the data, and its licence if the source names one.
    pub credit: String,
}

/// A range of addresses in a country or on a continent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocatedRange {
    /// First and last address.
    pub span: AddressRange,
    /// Area of the addresses; never [`Area::Unknown`].
    pub area: Area,
}

/// First and last address of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressRange {
    /// IPv4.
    V4(u32, u32),
    /// IPv6.
    V6(u128, u128),
}

impl AddressRange {
    /// The range of a network.
    pub fn of(net: IpNet) -> AddressRange {
        match net {
            IpNet::V4(net) => AddressRange::V4(net.network().into(), net.broadcast().into()),
            IpNet::V6(net) => AddressRange::V6(net.network().into(), net.broadcast().into()),
        }
    }

    /// Number of addresses less one: the number of all IPv6 addresses does not fit in 128 bits.
    pub fn size(self) -> u128 {
        match self {
            AddressRange::V4(first, last) => u128::from(last.saturating_sub(first)),
            AddressRange::V6(first, last) => last.saturating_sub(first),
        }
    }
}

impl std::fmt::Display for AddressRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            AddressRange::V4(first, last) => {
                write!(f, "{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(last))
            }
            AddressRange::V6(first, last) => {
                write!(f, "{}-{}", Ipv6Addr::from(first), Ipv6Addr::from(last))
            }
        }
    }
}

/// An unknown code whose networks were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The code as in the source.
    pub code: String,
    /// Number of lines with this code.
    pub lines: usize,
    /// Number of the first such line, from 1.
    pub first: usize,
    /// Why the code is not a country's.
    pub reason: UnknownCountry,
}

/// What to do with well-formed codes that are not countries'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCodes {
    /// Report them as problems.
    Refuse,
    /// Leave out their networks, and list the codes.
    LeaveOut,
}

/// Collects the ranges and problems of a source while it is parsed.
pub(super) struct SourceReader {
    file: String,
    unknown_codes: UnknownCodes,
    parsed: ParsedSource,
    left_out: BTreeMap<String, LeftOut>,
    problems: Problems,
}

impl SourceReader {
    pub(super) fn new(file: &str, unknown_codes: UnknownCodes) -> SourceReader {
        SourceReader {
            file: file.to_owned(),
            unknown_codes,
            parsed: ParsedSource::default(),
            left_out: BTreeMap::new(),
            problems: Problems::default(),
        }
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds a range with a country code, which is a slice of the line.
    pub(super) fn add(&mut self, line: &SourceLine<'_>, span: AddressRange, code: &str) {
        // Codes for an unknown country: ZZ, one of ISO 3166's user-assigned codes, by convention;
        // ?? in IPFire's export; - in IP2Location's.
        if matches!(code, "??" | "-") || code.eq_ignore_ascii_case("zz") {
            self.parsed.unlocated += 1;
            return;
        }
        match Country::parse(code) {
            Ok(country) => self.add_area(span, country.into()),
            Err(reason) => {
                let well_formed =
                    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
                if well_formed && self.unknown_codes == UnknownCodes::LeaveOut {
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

    /// Adds a range with only a continent code, which is a slice of the line. A range with an empty
    /// code is counted as having neither country nor continent.
    pub(super) fn add_continent(&mut self, line: &SourceLine<'_>, span: AddressRange, code: &str) {
        match Continent::parse(code) {
            Some(continent) => self.add_area(span, continent.into()),
            None if code.is_empty() => self.add_unlocated(),
            None => {
                let expected =
                    "expected a continent's code: AF, AN, AS, EU, NA, OC or SA, or nothing";
                self.problems.push(line.problem(code, format!("{code:?}: {expected}")));
            }
        }
    }

    pub(super) fn add_area(&mut self, span: AddressRange, area: Area) {
        self.parsed.entries.push(LocatedRange { span, area });
    }

    /// Counts a network with neither country nor continent.
    pub(super) fn add_unlocated(&mut self) {
        self.parsed.unlocated += 1;
    }

    /// Reports a last line without a line end.
    pub(super) fn check_end(&mut self, text: &str) {
        if let Some(problem) = check_last_line(&self.file, text) {
            self.problems.push(problem);
        }
    }

    /// Checks that a range does not end before it starts; `at` is the part of the line to blame.
    pub(super) fn span<T: Ord>(
        &mut self,
        line: &SourceLine<'_>,
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

    /// The content of the source, or all its problems.
    pub(super) fn finish(
        mut self,
        date: Option<i64>,
        credit: String,
    ) -> Result<ParsedSource, Problems> {
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

/// The problem of a file whose last line has no line end: programs write one, so the file was
/// truncated.
pub(super) fn check_last_line(file: &str, text: &str) -> Option<Problem> {
    if text.ends_with('\n') {
        return None;
    }
    let (index, last) = text.lines().enumerate().last()?;
    let line = SourceLine { file, number: index + 1, text: last };
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
