//! Opens the reports of the monitors that a coordinator combines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::nats_document::NatsDocument;
use super::nats_place::NatsPlace;
use super::remote::{FetchTimeouts, Fetched, Fetcher, TrustedRoots};
use super::roots;
use super::source::{FeedSource, FeedSources};
use cvdns_core::config::{Config, Member, NATS_REPORT};
use cvdns_core::health::signature_path;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::report::MAX_REPORT_SIZE;
use cvdns_io::{read_bytes, read_signature};
use cvdns_monitor::{ReadReport, ReportSource, SignedReport};

/// The members that a configuration names, with their reports. Problems are noted.
pub fn members(
    path: &Path,
    config: &Config,
    problems: &mut Problems,
) -> Vec<(Member, ReportSource)> {
    let members = &config.monitor.members;
    let operators: BTreeSet<&str> = members.iter().map(|of| of.operator.as_str()).collect();
    if operators.len() < 2 {
        let whole = Location::file(&path.display().to_string());
        let what = format!(
            "{} of {} cannot be combined: nothing would ever change",
            cvdns_core::problem::plural(members.len(), "report", "reports"),
            cvdns_core::problem::plural(operators.len(), "operator", "operators")
        );
        let help = "add a [[monitor.member]] for each monitor; it takes two operators or more";
        problems.error(whole, what, help);
    }
    let interval = config.monitor.combine_interval;
    let sources: Vec<(&Member, Option<FeedSource>)> =
        members.iter().map(|of| (of, source_of(path, config, of, problems))).collect();
    let named = sources.iter().filter_map(|(_, source)| source.clone());
    let roots = roots(path, config, &FeedSources::of_several(named.collect()), problems);
    let opened = sources.into_iter().filter_map(|(member, source)| {
        let source = source?;
        let name = member.name.value.clone();
        Some((member.clone(), opened(source, name, roots.clone(), interval)))
    });
    opened.collect()
}

fn opened(
    source: FeedSource,
    name: String,
    roots: TrustedRoots,
    interval: Duration,
) -> ReportSource {
    let place = source.to_string();
    match source {
        FeedSource::File(path) => ReportSource::new(place, move || of_file(path.clone())),
        FeedSource::Url(url) => {
            ReportSource::new(place, move || of_url(&url, &roots, FetchTimeouts::of(interval)))
        }
        FeedSource::Nats(nats) => {
            ReportSource::new(format!("{place}, report of {name}"), move || of_nats(&nats, &name))
        }
    }
}

/// Where a member's report comes from.
fn source_of(
    path: &Path,
    config: &Config,
    member: &Member,
    problems: &mut Problems,
) -> Option<FeedSource> {
    let named = &member.source;
    if named.value != NATS_REPORT {
        return FeedSource::of_named(path, named, "report.json", problems);
    }
    if config.nats.is_none() {
        let what = "the report comes through NATS, and nothing says where that is";
        let help = "add a section [nats] with servers = [\"tls://HOST:4222\"]";
        problems.error(named.location.clone(), what, help);
    }
    // What is wrong with the section is noted once, where it is read for everybody.
    let place = NatsPlace::of(path, config, &mut Problems::default())?;
    Some(FeedSource::Nats(Box::new(place)))
}

/// A report in NATS that is got again and again.
fn of_nats(place: &NatsPlace, name: &str) -> ReadReport {
    let (place, document) = (place.clone(), NatsDocument::Report(name.to_owned()));
    let mut last: Option<SignedReport> = None;
    Box::new(move |again| {
        let read = place.read(&document)?;
        let (octets, signature) = read.ok_or_else(|| format!("there is none in {place} yet"))?;
        let signed = SignedReport { octets, signature };
        if !again && last.as_ref() == Some(&signed) {
            return Ok(None);
        }
        last = Some(signed.clone());
        Ok(Some(signed))
    })
}

/// A file that is read again and again.
fn of_file(path: PathBuf) -> ReadReport {
    let mut last: Option<SignedReport> = None;
    Box::new(move |again| {
        let octets = read_bytes(&path, MAX_REPORT_SIZE as u64)?;
        let signature = read_signature(&signature_path(&path))?;
        let signed = SignedReport { octets, signature };
        if !again && last.as_ref() == Some(&signed) {
            return Ok(None);
        }
        last = Some(signed.clone());
        Ok(Some(signed))
    })
}

/// A URL that is fetched again and again.
fn of_url(url: &str, roots: &TrustedRoots, timeouts: FetchTimeouts) -> ReadReport {
    let mut fetcher = Fetcher::new(url, roots, true, timeouts).limited(MAX_REPORT_SIZE);
    let url = url.to_owned();
    Box::new(move |again| {
        if again {
            fetcher.forget_etag();
        }
        match fetcher.fetch() {
            Ok(Fetched::NotModified) => Ok(None),
            Ok(Fetched::New { octets, signature }) => Ok(Some(SignedReport { octets, signature })),
            Err(error) => Err(format!("cannot fetch {url}: {error}")),
        }
    })
}
