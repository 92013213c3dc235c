//! `cvdns geoip build`: builds a country database from lists of networks.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use clap::Args;

use serde::Serialize;

use crate::cli::output::{Failure, eprint_line, print_json, progress_bar};
use crate::cli::table::{or_dash, print_table};
use crate::load::MAX_DATABASE;
use cvdns_core::geo::build::{Built, Options, Problems, Source, build};
use cvdns_core::geo::database::CountryDatabase;
use cvdns_core::geo::date::date_text;
use cvdns_io::{read_bytes, replace};

/// Arguments of `cvdns geoip build`.
#[derive(Args, Clone, Debug)]
pub struct BuildArgs {
    /// Write the database to this file. An existing file is replaced atomically, and only on
    /// success.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Files to build it from.
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// The date of the database, YYYY-MM-DD (UTC) or RFC 3339. Default: the newest date that a
    /// source states, or else the newest modification time of a source.
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub date: Option<i64>,
    /// Leave out and list networks whose code is not a country, instead of refusing the source.
    /// Those of IPFire are always left out.
    #[arg(long)]
    pub skip_unknown: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
}

fn parse_date(text: &str) -> Result<i64, String> {
    let seconds = match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.as_second(),
        Err(_) => text
            .parse::<jiff::civil::Date>()
            .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC))
            .map(|zoned| zoned.timestamp().as_second())
            .map_err(|_| "expected a date such as 2026-06-25 or 2026-06-25T04:33:59Z".to_owned())?,
    };
    if seconds < 0 {
        return Err("expected a date of 1970 or later".to_owned());
    }
    Ok(seconds)
}

pub(super) fn run(args: &BuildArgs) -> Result<ExitCode, Failure> {
    let sources = read_sources(&args.sources)?;
    let options = Options {
        date: args.date,
        fallback_date: newest_write(&args.sources),
        leave_out_unknown: args.skip_unknown,
    };
    let bar = progress_bar("{wide_bar} {human_pos}/{human_len} ranges, {eta} left");
    let built = build(&sources, &options, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let built = built.map_err(|problems| Failure::Lines(problems.to_string()))?;
    let name = args.out.display().to_string();
    // A database that cannot be read back must not replace one that can.
    let database = CountryDatabase::from_bytes(built.bytes.clone(), &name)
        .map_err(|error| Failure::new(format!("the new database cannot be read back: {error}")))?;
    replace(&args.out, &built.bytes).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    print_summary(&BuildSummary::of(&name, &built, database.metadata().networks), args.json)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads all sources; the error lists everything that is wrong with them.
fn read_sources(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    let mut problems = Problems::default();
    for path in paths {
        let name = path.display().to_string();
        let source = match read_bytes(path, MAX_DATABASE) {
            Ok(bytes) => Source::from_bytes(&name, bytes),
            Err(error) => Err(cvdns_core::geo::build::Problem::of_file(&name, error)),
        };
        match source {
            Ok(source) => sources.push(source),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(sources) } else { Err(Failure::Lines(problems.to_string())) }
}

/// The newest modification time of the files, in Unix seconds; 0 if it cannot be read.
fn newest_write(paths: &[PathBuf]) -> i64 {
    let times = paths.iter().filter_map(|path| {
        let age = fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(age.as_secs()).ok()
    });
    times.max().unwrap_or(0)
}

#[derive(Serialize)]
struct BuildSummary {
    file: String,
    date: String,
    build_epoch: i64,
    bytes: usize,
    networks: usize,
    countries: usize,
    aliased: usize,
    sources: Vec<SourceRow>,
}

#[derive(Serialize)]
struct SourceRow {
    file: String,
    kind: String,
    date: Option<String>,
    networks: usize,
    without_country: usize,
    left_out: Vec<LeftOutRow>,
}

#[derive(Serialize)]
struct LeftOutRow {
    code: String,
    networks: usize,
    first_line: usize,
    reason: String,
}

impl BuildSummary {
    fn of(file: &str, built: &Built, networks: usize) -> BuildSummary {
        let sources = built.sources.iter().map(|source| SourceRow {
            file: source.name.clone(),
            kind: source.kind.to_string(),
            date: source.date.map(date_text),
            networks: source.networks,
            without_country: source.unlocated,
            left_out: source
                .left_out
                .iter()
                .map(|left| LeftOutRow {
                    code: left.code.clone(),
                    networks: left.lines,
                    first_line: left.first,
                    reason: left.reason.to_string(),
                })
                .collect(),
        });
        BuildSummary {
            file: file.to_owned(),
            date: date_text(built.date),
            build_epoch: built.date,
            bytes: built.bytes.len(),
            networks,
            countries: built.countries,
            aliased: built.aliased,
            sources: sources.collect(),
        }
    }
}

fn print_summary(summary: &BuildSummary, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(summary);
    }
    for source in &summary.sources {
        for left in &source.left_out {
            eprint_line!(
                "cvdns: {}:{}: left out {} networks: {}",
                source.file,
                left.first_line,
                left.networks,
                left.reason
            );
        }
    }
    if summary.aliased > 0 {
        eprint_line!(
            "cvdns: left out {} ranges in ::/96, ::ffff:0:0/96, 2001::/32 or 2002::/16, which \
             represent IPv4 addresses",
            summary.aliased
        );
    }
    let header = ["Source", "Kind", "Date", "Networks", "Without country", "Left out"];
    let rows = summary.sources.iter().map(|source| {
        vec![
            source.file.clone(),
            source.kind.clone(),
            or_dash(source.date.as_ref()),
            source.networks.to_string(),
            source.without_country.to_string(),
            source.left_out.iter().map(|left| left.networks).sum::<usize>().to_string(),
        ]
    });
    print_table(&header, rows)?;
    let BuildSummary { file, date, bytes, networks, countries, .. } = summary;
    let total =
        format!("{networks} networks in {countries} countries, {bytes} bytes, dated {date}");
    print_table(&[], [vec![format!("{file}: {total}")]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let failure = format!("{:?}", read_sources(&["/dev/null".into()]).err().unwrap());
        assert!(failure.contains("a device, not a regular file"), "{failure}");
    }
}
