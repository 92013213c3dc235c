//! `cvdns cvd`: prints the headers of database files, or the version record made from them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::config_path::is_default;
use super::offline::{Offline, SourcedFeed};
use super::output::{Failure, eprint_line, print_json};
use super::problems::print;
use super::table::print_table;
use crate::load::{
    self, DATABASE_EXTENSIONS, FeedSource, FollowedSources, ReleaseFiles, TrustedRoots,
};
use cvdns_core::health::{Feed, FeedError};
use cvdns_core::problem::Problems;
use cvdns_core::release::cvd::Header;
use cvdns_core::release::{
    self, CORE_DATABASES, RecordLine, Release, ReleaseSources, database_record,
};

/// Arguments of `cvdns cvd`.
#[derive(Args, Clone, Debug)]
pub struct CvdArgs {
    /// CVD and CLD files, such as `/var/lib/clamav/*.c[vl]d`.
    #[arg(value_name = "FILE", required_unless_present = "record")]
    pub files: Vec<PathBuf>,
    /// Print only the record, as a line for dns.txt. With files, their versions are used and the
    /// other fields come from the configured feed or `record-file`; without files, it is the record
    /// that serve would answer now.
    #[arg(long)]
    pub record: bool,
    /// Use this software version instead of the configured one.
    #[arg(long, value_name = "VERSION", requires = "record")]
    pub software: Option<String>,
    /// Print the header fields as JSON.
    #[arg(long, conflicts_with = "record")]
    pub json: bool,
}

/// A file and its header.
#[derive(Serialize)]
struct Database {
    file: String,
    #[serde(skip)]
    name: Option<&'static str>,
    #[serde(flatten)]
    header: Header,
}

/// Prints headers or a record. Exit status 1 if a file is not a valid database.
pub fn run(args: &CvdArgs, config: &Path) -> ExitCode {
    let now = Timestamp::now();
    let mut databases = Vec::new();
    let mut all_good = true;
    for path in &args.files {
        match load::read_header(path, now) {
            Ok(header) => databases.push(Database::new(path, header)),
            Err(error) => {
                eprint_line!("cvdns: {error}");
                all_good = false;
            }
        }
    }
    let done = match (args.record, args.json) {
        (true, _) if !all_good => Ok(()),
        (true, _) => print_record(args, &databases, config, now),
        (false, true) => print_json(&databases),
        (false, false) => print_headers(&databases),
    };
    match done {
        Ok(()) if all_good => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(failure) => failure.report(),
    }
}

impl Database {
    fn new(path: &Path, header: Header) -> Self {
        let is = |name: &&&str| {
            DATABASE_EXTENSIONS
                .iter()
                .any(|extension| path.ends_with(format!("{name}.{extension}")))
        };
        Self {
            file: path.display().to_string(),
            name: CORE_DATABASES.iter().find(is).copied(),
            header,
        }
    }

    fn row(&self) -> Vec<String> {
        let Header { version, signatures, flevel, time, builder, md5, .. } = &self.header;
        vec![
            self.file.clone(),
            version.to_string(),
            signatures.to_string(),
            flevel.to_string(),
            time.to_string(),
            builder.clone(),
            md5.clone(),
        ]
    }
}

fn print_headers(databases: &[Database]) -> Result<(), Failure> {
    if databases.is_empty() {
        return Ok(());
    }
    let header = ["FILE", "VERSION", "SIGNATURES", "FLEVEL", "BUILT", "BUILDER", "MD5"];
    print_table(&header, databases.iter().map(Database::row))
}

fn print_record(
    args: &CvdArgs,
    databases: &[Database],
    config: &Path,
    now: Timestamp,
) -> Result<(), Failure> {
    let (mut release, stamp) = if databases.is_empty() {
        announced(config, now)?
    } else {
        let stamp = release::half_hour(now);
        print_other_databases(databases, stamp);
        let base = configured_release(config, now)?;
        (release_of_files(databases, base, args.software.as_deref())?, stamp)
    };
    if let Some(software) = &args.software {
        release.software.clone_from(software);
    }
    let record = release.record(stamp);
    // The record must be one that `record-file` accepts.
    RecordLine::parse(&record, now)
        .map_err(|error| Failure::new(format!("the record {record}: {error}")))?;
    writeln!(std::io::stdout().lock(), "{record}")?;
    Ok(())
}

/// The release and the stamp that serve would announce if it started now.
fn announced(config: &Path, now: Timestamp) -> Result<(Release, i64), Failure> {
    let offline = Offline::load(config, now)?.remembering();
    if let Some(error) = offline.errors.first() {
        return Err(Failure::new(error));
    }
    let sourced = offline.feed(None)?;
    if let Some(SourcedFeed { source, feed }) = &sourced {
        feed.timely(now).map_err(|error| Failure::new(unusable(source, &error)))?;
    }
    let snapshot = offline.snapshot(sourced.as_ref().map(|sourced| &sourced.feed), None)?;
    if snapshot.dynamic_data.has_expired() {
        return Err(Failure::new(
            "the record is too old: serve would answer SERVFAIL (`on-stale`)",
        ));
    }
    let announced = snapshot.dynamic_data.announced();
    announced.map(|announced| (announced.release.clone(), announced.stamp)).ok_or_else(|| {
        Failure::new(
            "no release: the configuration has neither a feed with a release nor a `record-file`",
        )
    })
}

/// The release of a configuration; `None` if there is no configuration.
fn configured_release(config: &Path, now: Timestamp) -> Result<Option<Release>, Failure> {
    // The default configuration need not exist; one that `--config` names must.
    if !config.exists() && is_default(config) {
        return Ok(None);
    }
    let mut problems = Problems::default();
    let Some(FollowedSources { feeds, roots, supply, .. }) =
        load::followed_sources(config, &mut problems).filter(|_| !problems.has_errors())
    else {
        print(&problems);
        return Err(Failure::new("name another configuration with --config"));
    };
    // The versions come from the files of the command line.
    let supply = ReleaseFiles { directory: None, ..supply };
    let mut errors = Vec::new();
    let sources = supply.read(&ReleaseSources::default(), now, &mut errors);
    // `record-file` may be the file that is being written: `cvdns cvd --record … > dns.txt` begins
    // with an empty file.
    let sources = if errors.is_empty() { sources } else { ReleaseSources::default() };
    for error in errors {
        eprint_line!("cvdns: {error}; the other fields of the record are taken from elsewhere");
    }
    let feed = read_feed(feeds.first(), &roots, now)?;
    Ok(sources.release(feed.as_ref().and_then(Feed::dated_release)).map(|(release, _)| release))
}

fn read_feed(
    source: Option<&FeedSource>,
    roots: &TrustedRoots,
    now: Timestamp,
) -> Result<Option<Feed>, Failure> {
    let read = |source: &FeedSource| {
        let octets = source.read(roots)?;
        let feed = Feed::parse(&octets).and_then(|feed| feed.timely(now).map(|()| feed));
        feed.map_err(|error| unusable(source, &error))
    };
    source.map(read).transpose().map_err(Failure::new)
}

fn unusable(source: &FeedSource, error: &FeedError) -> String {
    format!("the feed {source} is not usable: {error}")
}

/// The release with the versions of the files and the other fields of `base`.
fn release_of_files(
    databases: &[Database],
    base: Option<Release>,
    software: Option<&str>,
) -> Result<Release, Failure> {
    let mut versions = [0; 3];
    for (number, (version, database)) in versions.iter_mut().zip(CORE_DATABASES).enumerate() {
        let of_file = databases
            .iter()
            .filter(|of| of.name == Some(database))
            .map(|of| of.header.version)
            .max();
        let of_base = || base.as_ref().and_then(|base| base.core().get(number).copied());
        *version = of_file.or_else(of_base).ok_or_else(|| {
            Failure::new(format!(
                "the record needs the version of {database}: name its file too, or a configuration"
            ))
        })?;
    }
    if let Some(base) = base {
        return Ok(base.with_core(versions));
    }
    let Some(software) = software else {
        let what = "the record needs a software version: give one, such as --software 1.4.6, or \
                    name a configuration whose feed or `record-file` has it";
        return Err(Failure::new(what));
    };
    let flevel = databases.iter().map(|database| database.header.flevel).max().unwrap_or_default();
    Ok(Release::of(software, versions, flevel))
}

/// Prints the files that the record of the core databases does not cover, with their own records.
fn print_other_databases(databases: &[Database], stamp: i64) {
    for Database { file, header, .. } in databases.iter().filter(|database| database.name.is_none())
    {
        let own = database_record(header.version, stamp);
        eprint_line!(
            "cvdns: {file} is not part of the record of main, daily and bytecode; its own is {own}"
        );
    }
}
