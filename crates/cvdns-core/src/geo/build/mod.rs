//! Building a country database from lists of networks.
//!
//! The format of a source is recognised by its content. Where two sources overlap, the later one on
//! the command line wins. Within a source the smaller network wins, and of two networks of the same
//! size that of the later line. The same sources in the same order with the same date give the same
//! file, octet for octet.

pub mod csv;
pub mod delegated;
pub mod geolite2;
pub mod ipfire;
mod problem;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeSet;
use std::fmt;

pub use self::problem::{Position, Problem, Problems};
pub use self::reader::{AddressRange, LeftOut, LocatedRange, ParsedSource, UnknownCodes};
use self::writer::DatabaseWriter;

/// A file with a list of networks, in memory.
#[derive(Clone, Debug)]
pub struct Source {
    /// File name, for messages.
    pub name: String,
    /// Content of the file.
    pub text: String,
}

impl Source {
    /// Decodes the content of a file.
    ///
    /// # Errors
    /// The file is compressed or not UTF-8.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Source, Problem> {
        if bytes.starts_with(&[0x1f, 0x8b])
            || bytes.starts_with(b"PK\x03\x04")
            || bytes.starts_with(b"\xfd7zXZ")
        {
            return Err(Problem::of_file(name, "the file is compressed; unpack it first"));
        }
        match String::from_utf8(bytes) {
            // Spreadsheets write a byte order mark before the first line.
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
                let at = Some(Position { line, column, text: String::new() });
                let message = "this is not UTF-8 text; expected a list of networks (see `cvdns geoip build --help`)";
                Err(Problem { file: name.to_owned(), at, message: message.to_owned() })
            }
        }
    }
}

/// The format of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// See [`ipfire`].
    Ipfire,
    /// See [`delegated`].
    Delegated,
    /// See [`csv`].
    Csv,
    /// Blocks of [`geolite2`].
    GeoLiteBlocks,
    /// Locations of [`geolite2`], which the blocks refer to.
    GeoLiteLocations,
}

impl SourceKind {
    /// Recognises a format by the first line that is not a comment, and by the comments before it.
    /// `None` is an unknown format.
    pub fn detect(text: &str) -> Option<SourceKind> {
        let line = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#'))?;
        if geolite2::looks_like_locations(line) {
            Some(SourceKind::GeoLiteLocations)
        } else if geolite2::looks_like_blocks(line) {
            Some(SourceKind::GeoLiteBlocks)
        } else if delegated::looks_like(line) {
            Some(SourceKind::Delegated)
        } else if ipfire::looks_like(text, line) {
            Some(SourceKind::Ipfire)
        } else {
            csv::looks_like(line).then_some(SourceKind::Csv)
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SourceKind::Ipfire => "IPFire",
            SourceKind::Delegated => "delegated",
            SourceKind::Csv => "CSV",
            SourceKind::GeoLiteBlocks => "GeoLite2 blocks",
            SourceKind::GeoLiteLocations => "GeoLite2 locations",
        })
    }
}

/// Options of a build.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Build date of the database, in Unix seconds; `None` takes the newest date of the sources.
    pub date: Option<i64>,
    /// Build date if neither `date` nor a source has one, in Unix seconds.
    pub fallback_date: i64,
    /// Whether networks with unknown codes are left out of all sources. They are always left out of
    /// IPFire's lists, which have some in every release that only IPFire can correct.
    pub leave_out_unknown: bool,
}

/// The result of a build.
#[derive(Clone, Debug)]
pub struct Built {
    /// Content of the MMDB file.
    pub bytes: Vec<u8>,
    /// Build date of the database, in Unix seconds.
    pub date: i64,
    /// Summaries of the sources, in the order given.
    pub sources: Vec<SourceSummary>,
    /// Number of countries in the database.
    pub countries: usize,
    /// Number of ranges left out because they are where IPv6 repeats IPv4 (such as `2002::/16`).
    pub aliased: usize,
}

/// Summary of a source.
#[derive(Clone, Debug)]
pub struct SourceSummary {
    /// File name.
    pub name: String,
    /// Format of the source.
    pub kind: SourceKind,
    /// Number of ranges with a country or a continent; for a file of locations, of all locations.
    pub networks: usize,
    /// Number of ranges for which the source has neither country nor continent.
    pub unlocated: usize,
    /// Unknown codes whose networks were left out.
    pub left_out: Vec<LeftOut>,
    /// Date of the data in Unix seconds; `None` if the source has none.
    pub date: Option<i64>,
}

/// Builds a database. `progress` is called now and then with the number of ranges written and the
/// number of all ranges.
///
/// # Errors
/// All problems of all sources. Everything that is left out is counted in [`Built`].
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

    let mut database = DatabaseWriter::new(date, &description);
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

/// Parses all sources, locations before the blocks that refer to them.
fn parse_all(
    sources: &[Source],
    options: &Options,
) -> Result<Vec<(SourceSummary, ParsedSource)>, Problems> {
    let mut problems = Problems::default();
    let kinds: Vec<Option<SourceKind>> =
        sources.iter().map(|source| SourceKind::detect(&source.text)).collect();
    let mut locations: Option<geolite2::Locations> = None;
    for (source, _) in
        sources.iter().zip(&kinds).filter(|(_, kind)| **kind == Some(SourceKind::GeoLiteLocations))
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
        if kind == SourceKind::GeoLiteBlocks && locations_failed {
            continue;
        }
        match parse_one(source, kind, locations.as_ref(), options) {
            Err(more) => problems.extend(more),
            Ok(mut parsed) => {
                let networks = match kind {
                    SourceKind::GeoLiteLocations => {
                        locations.as_ref().map_or(0, geolite2::Locations::len)
                    }
                    _ => parsed.entries.len(),
                };
                let summary = SourceSummary {
                    name: source.name.clone(),
                    kind,
                    networks,
                    unlocated: parsed.unlocated,
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
    kind: SourceKind,
    locations: Option<&geolite2::Locations>,
    options: &Options,
) -> Result<ParsedSource, Problems> {
    let Source { name, text } = source;
    let codes =
        if options.leave_out_unknown { UnknownCodes::LeaveOut } else { UnknownCodes::Refuse };
    match kind {
        SourceKind::Ipfire => ipfire::parse(name, text, UnknownCodes::LeaveOut),
        SourceKind::Delegated => delegated::parse(name, text, codes),
        SourceKind::Csv => csv::parse(name, text, codes),
        SourceKind::GeoLiteLocations => Ok(ParsedSource::default()),
        SourceKind::GeoLiteBlocks => {
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
    let at = Some(Position { line: index + 1, column: 1, text: line.to_owned() });
    Problem { file: source.name.clone(), at, message: message.to_owned() }
}
