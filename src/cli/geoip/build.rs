//! `cvdns geoip build`: lists of networks in, a country database out.

use std::fs;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::super::output::{Failure, print_json, say};
use super::super::table::print_table;
use crate::load::MAX_DATABASE;
use cvdns_core::geo::build::{Built, Options, Problems, Source, build};
use cvdns_core::geo::database::CountryDatabase;
use cvdns_core::geo::date::date_text;
use cvdns_io::{read_bytes, replace};

/// Arguments of `cvdns geoip build`.
#[derive(Args, Clone, Debug)]
pub struct BuildArgs {
    /// Where the database goes; an existing one is replaced at once, when all went well.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Files to make it of.
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,
    /// The date that the database gets, YYYY-MM-DD (UTC) or RFC 3339. Default: that of the newest source, as it says
    /// itself; if none does, when the newest was last written.
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub date: Option<i64>,
    /// Leave networks out whose code is no country, instead of refusing the source. IPFire's are always left out. They
    /// are listed.
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
    let bar = progress_bar();
    let built = build(&sources, &options, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let built = built.map_err(|problems| Failure::new(problems.to_string()))?;
    let name = args.out.display().to_string();
    // What cannot be read back must not replace a file that can.
    let database = CountryDatabase::from_bytes(built.bytes.clone(), &name)
        .map_err(|error| Failure::new(format!("the database just made is refused: {error}")))?;
    replace(&args.out, &built.bytes).map_err(|error| Failure::new(format!("{name}: {error}")))?;
    print_summary(&Summary::of(&name, &built, database.metadata().networks), args.json)?;
    Ok(ExitCode::SUCCESS)
}

/// All of them, or all that is wrong with them.
pub(super) fn read_sources(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
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
    if problems.is_empty() { Ok(sources) } else { Err(Failure::new(problems.to_string())) }
}

/// When the newest file was last written, in Unix seconds; 0 if that cannot be known.
fn newest_write(paths: &[PathBuf]) -> i64 {
    let times = paths.iter().filter_map(|path| {
        let age = fs::metadata(path).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(age.as_secs()).ok()
    });
    times.max().unwrap_or(0)
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) =
        ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len} ranges, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

#[derive(Serialize)]
struct Summary {
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

impl Summary {
    fn of(file: &str, built: &Built, networks: usize) -> Summary {
        let sources = built.sources.iter().map(|source| SourceRow {
            file: source.name.clone(),
            kind: source.kind.to_string(),
            date: source.date.map(date_text),
            networks: source.networks,
            without_country: source.nowhere,
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
        Summary {
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

fn print_summary(summary: &Summary, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(summary);
    }
    for source in &summary.sources {
        for left in &source.left_out {
            say!(
                "cvdns: {}:{}: left out {} networks: {}",
                source.file,
                left.first_line,
                left.networks,
                left.reason
            );
        }
    }
    if summary.aliased > 0 {
        say!(
            "cvdns: left out {} ranges in ::/96, ::ffff:0:0/96, 2001::/32 or 2002::/16, which stand for IPv4 addresses",
            summary.aliased
        );
    }
    let header = ["Source", "Kind", "Date", "Networks", "Without country", "Left out"];
    let rows = summary.sources.iter().map(|source| {
        vec![
            source.file.clone(),
            source.kind.clone(),
            source.date.clone().unwrap_or_else(|| "-".to_owned()),
            source.networks.to_string(),
            source.without_country.to_string(),
            source.left_out.iter().map(|left| left.networks).sum::<usize>().to_string(),
        ]
    });
    print_table(&header, rows)?;
    let Summary { file, date, bytes, networks, countries, .. } = summary;
    let total =
        format!("{networks} networks in {countries} countries, {bytes} bytes, dated {date}");
    print_table(&[], [vec![format!("{file}: {total}")]])
}
