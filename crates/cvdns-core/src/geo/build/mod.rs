//! Making a country database from lists of networks.
//!
//! Sources are recognised by their content. Where two of them overlap, the later one on the command line wins; inside
//! one, the smaller network wins, and of two of the same size the later line. The same sources in the same order, with
//! the same date, give the same bytes.

pub mod csv;
pub mod delegated;
pub mod geolite2;
pub mod ipfire;
mod problem;
mod reading;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeSet;
use std::fmt;

pub use self::problem::{Place, Problem, Problems};
pub use self::reading::{Entry, LeftOut, Parsed, Span, UnknownCodes};
use self::writer::Database;

/// A file of networks, in memory.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Takes the bytes of a file for text.
    ///
    /// # Errors
    /// A compressed file, or one that is not UTF-8.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Source, Problem> {
        if bytes.starts_with(&[0x1f, 0x8b])
            || bytes.starts_with(b"PK\x03\x04")
            || bytes.starts_with(b"\xfd7zXZ")
        {
            return Err(Problem::of_file(name, "the file is compressed; unpack it first"));
        }
        match String::from_utf8(bytes) {
            // Spreadsheets put a byte order mark before their first line.
            Ok(text) => {
                let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
                Ok(Source { name: name.to_owned(), text })
            }
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = error.as_bytes().get(..valid).unwrap_or_default();
                let before = String::from_utf8_lossy(before);
                let line = before.matches('\n').count() + 1;
                let column =
                    before.rsplit('\n').next().map_or(0, |start| start.chars().count()) + 1;
                let at = Some(Place { line, column, text: String::new() });
                let message = "this is not UTF-8 text; expected a list of networks (see `cvdns geoip build --help`)";
                Err(Problem { file: name.to_owned(), at, message: message.to_owned() })
            }
        }
    }
}

/// The kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// See [`ipfire`].
    Ipfire,
    /// See [`delegated`].
    Delegated,
    /// See [`csv`].
    Csv,
    /// Blocks of [`geolite2`].
    GeoLiteBlocks,
    /// Locations of [`geolite2`], which blocks are joined with.
    GeoLiteLocations,
}

impl Kind {
    /// What a file is, by its first line that is no comment, and by the comments before it.
    pub fn detect(text: &str) -> Option<Kind> {
        let line = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
        if geolite2::looks_like_locations(line) {
            Some(Kind::GeoLiteLocations)
        } else if geolite2::looks_like_blocks(line) {
            Some(Kind::GeoLiteBlocks)
        } else if delegated::looks_like(line) {
            Some(Kind::Delegated)
        } else if ipfire::looks_like(text, line) {
            Some(Kind::Ipfire)
        } else {
            csv::looks_like(line).then_some(Kind::Csv)
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Ipfire => "IPFire",
            Kind::Delegated => "delegated",
            Kind::Csv => "CSV",
            Kind::GeoLiteBlocks => "GeoLite2 blocks",
            Kind::GeoLiteLocations => "GeoLite2 locations",
        })
    }
}

/// How to build.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The date that the database gets, in Unix seconds, instead of the newest of its sources.
    pub date: Option<i64>,
    /// The date if neither `date` nor a source has one.
    pub fallback_date: i64,
    /// Whether codes that are no countries are left out in all kinds of sources. They always are in IPFire's, which has
    /// some in every release that nobody but IPFire can repair.
    pub leave_out_unknown: bool,
}

/// What came out of it.
#[derive(Clone, Debug)]
pub struct Built {
    /// The file.
    pub bytes: Vec<u8>,
    /// The date that it has, in Unix seconds.
    pub date: i64,
    /// What each source gave, in their order.
    pub sources: Vec<SourceSummary>,
    /// How many countries there are in it.
    pub countries: usize,
    /// Ranges left out because they lie where IPv6 repeats IPv4 (`2002::/16` and the like).
    pub aliased: usize,
}

/// What a source gave.
#[derive(Clone, Debug)]
pub struct SourceSummary {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Ranges with a country or a continent; for locations, how many there are.
    pub networks: usize,
    /// Ranges that the source itself says nothing of.
    pub nowhere: usize,
    /// Codes that are no countries.
    pub left_out: Vec<LeftOut>,
    /// When the data was made, in Unix seconds, if the source says so.
    pub date: Option<i64>,
}

/// Builds a database. `progress` is called now and then with ranges written and their number.
///
/// # Errors
/// All that is wrong with any source. Nothing is skipped that is not counted in [`Built`].
pub fn build(
    sources: &[Source],
    options: &Options,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Built, Problems> {
    let parsed = parse_all(sources, options)?;
    let credits: BTreeSet<&str> = parsed
        .iter()
        .map(|(_, parsed)| parsed.credit.as_str())
        .filter(|credit| !credit.is_empty())
        .collect();
    let description = format!(
        "Countries of networks, from: {}",
        credits.into_iter().collect::<Vec<_>>().join("; ")
    );
    let newest = parsed.iter().filter_map(|(_, parsed)| parsed.date).max();
    let date = options.date.or(newest).unwrap_or(options.fallback_date);
    let total = parsed.iter().map(|(_, parsed)| parsed.entries.len() as u64).sum();

    let mut database = Database::new(date, &description);
    let mut summaries = Vec::new();
    let mut countries = BTreeSet::new();
    let mut before = 0;
    for (source, (summary, parsed)) in sources.iter().zip(parsed) {
        countries.extend(parsed.entries.iter().filter_map(|entry| entry.area.country()));
        let count = parsed.entries.len() as u64;
        let fail = |error| {
            Problems::from(Problem::of_file(&source.name, format!("writing MMDB: {error}")))
        };
        database.add(parsed.entries, &mut |done| progress(before + done, total)).map_err(fail)?;
        before += count;
        progress(before, total);
        summaries.push(summary);
    }
    let aliased = database.aliased;
    if database.networks == 0 {
        let what = "all networks lie where IPv6 repeats IPv4, which no database holds twice";
        return Err(Problem::of_file("sources", what).into());
    }
    let fail =
        |error| Problems::from(Problem::of_file("the database", format!("writing MMDB: {error}")));
    let bytes = database.finish().map_err(fail)?;
    Ok(Built { bytes, date, sources: summaries, countries: countries.len(), aliased })
}

/// Reads all sources, locations before the blocks that need them.
fn parse_all(
    sources: &[Source],
    options: &Options,
) -> Result<Vec<(SourceSummary, Parsed)>, Problems> {
    let mut problems = Problems::default();
    let kinds: Vec<Option<Kind>> =
        sources.iter().map(|source| Kind::detect(&source.text)).collect();
    let mut locations: Option<geolite2::Locations> = None;
    for (source, _) in
        sources.iter().zip(&kinds).filter(|(_, kind)| **kind == Some(Kind::GeoLiteLocations))
    {
        match geolite2::parse_locations(&source.name, &source.text) {
            Ok(more) => locations.get_or_insert_default().extend(more),
            Err(more) => problems.extend(more),
        }
    }
    let locations_failed = !problems.is_empty();
    let mut all = Vec::new();
    for (source, kind) in sources.iter().zip(kinds) {
        let Some(kind) = kind else {
            problems.push(unknown_kind(source));
            continue;
        };
        if kind == Kind::GeoLiteBlocks && locations_failed {
            continue;
        }
        match parse_one(source, kind, locations.as_ref(), options) {
            Err(more) => problems.extend(more),
            Ok(mut parsed) => {
                let networks = match kind {
                    Kind::GeoLiteLocations => {
                        locations.as_ref().map_or(0, geolite2::Locations::len)
                    }
                    _ => parsed.entries.len(),
                };
                let summary = SourceSummary {
                    name: source.name.clone(),
                    kind,
                    networks,
                    nowhere: parsed.nowhere,
                    left_out: std::mem::take(&mut parsed.left_out),
                    date: parsed.date,
                };
                all.push((summary, parsed));
            }
        }
    }
    if problems.is_empty() && all.iter().all(|(_, parsed)| parsed.entries.is_empty()) {
        problems.push(Problem::of_file(
            "sources",
            "there is no network with a country or a continent in any of them",
        ));
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

fn parse_one(
    source: &Source,
    kind: Kind,
    locations: Option<&geolite2::Locations>,
    options: &Options,
) -> Result<Parsed, Problems> {
    let Source { name, text } = source;
    let codes =
        if options.leave_out_unknown { UnknownCodes::LeaveOut } else { UnknownCodes::Refuse };
    match kind {
        Kind::Ipfire => ipfire::parse(name, text, UnknownCodes::LeaveOut),
        Kind::Delegated => delegated::parse(name, text, codes),
        Kind::Csv => csv::parse(name, text, codes),
        Kind::GeoLiteLocations => Ok(Parsed::default()),
        Kind::GeoLiteBlocks => {
            let locations = locations.ok_or_else(|| {
                let message = "these are GeoLite2 blocks, which need their locations; name \
                               GeoLite2-Country-Locations-en.csv of the same release too";
                Problem::of_file(name, message)
            })?;
            geolite2::parse_blocks(name, text, locations, codes)
        }
    }
}

fn unknown_kind(source: &Source) -> Problem {
    let line = source
        .text
        .lines()
        .enumerate()
        .find(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let Some((index, line)) = line else {
        let message =
            "the file is empty; expected a list of networks; fetch it again or leave it out";
        return Problem::of_file(&source.name, message);
    };
    let message = "not a list of networks that is known here; expected `network,CC`, `start,end,CC`, IPFire's export, a \
                   registry's delegated file, or GeoLite2 Country CSV";
    let at = Some(Place { line: index + 1, column: 1, text: line.to_owned() });
    Problem { file: source.name.clone(), at, message: message.to_owned() }
}
