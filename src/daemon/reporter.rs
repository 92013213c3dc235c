//! Logs what changed: the feed in force, mirrors, the record, and what became too old.

use tracing::{info, warn};

use super::{mirror_changes, record_changes};
use crate::load::{FeedSources, Loaded};
use crate::logging::{LogOnce, log_first, warn_of};
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, unknown_hosts};
use cvdns_core::problem::{HAS_MARK, Problem, Problems, plural, without_mark};
use cvdns_core::snapshot::{Snapshot, StaticData};

/// What has been logged, and is logged again only when it changes.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    /// Whether changes of mirrors are logged. They are not while the server starts, as nothing was
    /// known of them before.
    logs_mirrors: bool,
    /// What the newest static data was compiled with problems about.
    problems: LogOnce,
    /// Remarks on the feed in force, and the mirror that each is about.
    unknown_mirrors: LogOnce<(Option<String>, String)>,
    overdue: LogOnce<Overdue>,
}

/// Something that is too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Overdue {
    /// The feed is older than `max-age`.
    Feed,
    /// The stamp of the record in `record-file` is older than `max-age`.
    RecordFile,
    /// The record is too old to be announced at all (`on-stale`).
    Record,
}

/// Most characters of a coordinator's reason in the log.
const MAX_REASON: usize = 1_000;

impl Reporter {
    /// Changes of mirrors are logged from now on.
    pub(super) fn log_mirrors(&mut self) {
        self.logs_mirrors = true;
    }

    /// Notes problems that were logged already.
    pub(super) fn note_problems(&mut self, problems: &Problems) {
        self.problems.update(problems.iter().map(mark));
    }

    /// Logs those problems of newly compiled static data that are new.
    pub(super) fn log_problems(&mut self, problems: &Problems) {
        let new = self.problems.update(problems.iter().map(mark)).new;
        let is_new = |problem: &&Problem| new.contains(&mark(problem));
        log_first(problems.iter().filter(is_new), warn_of, warn_of_more);
    }

    /// Logs which feed is in force, and remarks on it.
    pub(super) fn log_feed<'f>(
        &mut self,
        feed: Option<(&Feed, &[u8])>,
        fleets: impl Iterator<Item = &'f Fleet>,
        snapshot: &Snapshot,
    ) {
        if let Some((feed, _)) = feed {
            let mirrors = mirror_changes::summary(snapshot);
            let Feed { serial, generated, .. } = feed;
            info!(feed = serial, "feed {serial} of {generated} is in force: {mirrors}");
        }
        self.log_notes(feed, fleets);
    }

    /// Logs remarks on a feed and its octets, unless the feed before gave rise to the same: mirrors
    /// that are in no fleet, and a byte order mark.
    pub(super) fn log_notes<'f>(
        &mut self,
        feed: Option<(&Feed, &[u8])>,
        fleets: impl Iterator<Item = &'f Fleet>,
    ) {
        let unknown = feed.map(|(feed, _)| unknown_hosts(feed, fleets)).unwrap_or_default();
        let mut found: Vec<_> =
            unknown.into_iter().map(|(host, note)| (Some(host), note)).collect();
        if feed.is_some_and(|(_, octets)| without_mark(octets).len() < octets.len()) {
            found.push((None, format!("{}: {}", HAS_MARK.0, HAS_MARK.1)));
        }
        let new = self.unknown_mirrors.update(found).new;
        log_first(
            new,
            |(mirror, note)| {
                warn!(feed = feed.map(|(feed, _)| feed.serial), mirror, "feed: {note}");
            },
            warn_of_more,
        );
    }

    /// Logs how the snapshot `now` differs from the one before.
    pub(super) fn log_changes(&self, before: &Snapshot, now: &Snapshot) {
        log_fail_open(before.fail_open_paths(), now.fail_open_paths());
        log_frozen(before, now);
        if self.logs_mirrors {
            mirror_changes::log(before, now);
        }
        record_changes::log(&before.dynamic_data, &now.dynamic_data);
    }

    /// Logs what became too old, and what is fresh again. `release_is_feeds`: the release is as
    /// old as the feed.
    pub(super) fn log_overdue(&mut self, overdue: Vec<Overdue>, release_is_feeds: bool) {
        let changes = self.overdue.update(overdue);
        for overdue in changes.gone {
            match overdue {
                Overdue::Feed => info!("the feed is fresh again"),
                Overdue::RecordFile => info!("the record in `record-file` is fresh again"),
                // A new record is logged when it is announced.
                Overdue::Record => {}
            }
        }
        for overdue in changes.new {
            match overdue {
                Overdue::Feed if release_is_feeds => warn!(
                    "the feed is older than max-age: stamps are no longer renewed, mirrors stay as last known"
                ),
                Overdue::Feed => {
                    warn!("the feed is older than max-age: mirrors stay as last known");
                }
                Overdue::RecordFile => warn!(
                    "the stamp of the record in `record-file` is older than max-age: stamps are no longer renewed"
                ),
                Overdue::Record => {
                    warn!("the record is too old: SERVFAIL until it is renewed (`on-stale`)");
                }
            }
        }
    }

    /// Whether this was too old when the newest snapshot was compiled.
    pub(super) fn is_overdue(&self, overdue: Overdue) -> bool {
        self.overdue.current().contains(&overdue)
    }
}

/// What tells problems apart. The span's start stands for the line: to find the line, all lines
/// before it would have to be counted for each of many problems.
fn mark(problem: &Problem) -> String {
    format!("{}:{}: {}", problem.location.file_name(), problem.location.span().start, problem.what)
}

fn log_fail_open(before: usize, now: usize) {
    if now > 0 && now != before {
        warn!(
            count = now,
            "{now} paths have no usable mirror: all their mirrors are answered as if they were up, for 30 s at a time"
        );
    } else if now == 0 && before > 0 {
        info!("every path has usable mirrors again");
    }
}

/// Logs that the coordinator has frozen all states, and that it no longer has.
fn log_frozen(before: &Snapshot, now: &Snapshot) {
    let frozen =
        |snapshot: &Snapshot| snapshot.meta.feed.as_ref().and_then(|feed| feed.frozen.clone());
    match (frozen(before), frozen(now)) {
        (None, Some(reason)) => {
            let reason: String = reason.chars().take(MAX_REASON).collect();
            warn!(
                reason,
                "the coordinator does not trust what it sees, and has frozen all states: {reason}"
            );
        }
        (Some(_), None) if now.meta.feed.is_some() => {
            info!("the coordinator trusts what it sees again");
        }
        _ => {}
    }
}

fn warn_of_more(more: usize) {
    warn!(count = more, "{more} more like these: `cvdns check` shows them");
}

/// Logs that no feed is in force. `release_is_feeds`: the release would come from the feed too.
pub(super) fn log_without_feed(sources: &FeedSources, release_is_feeds: bool) {
    let record = if release_is_feeds { ", and there is no record" } else { "" };
    if sources.is_empty() {
        info!("no feed is configured: all mirrors count as up{record}");
    } else {
        warn!(source = %sources, "no feed from {sources}: all mirrors count as up{record}");
    }
}

/// Logs the settings that were changed by a reload and take effect at a restart only.
pub(super) fn warn_of_restart(changed: &[String]) {
    if !changed.is_empty() {
        let changed = changed.join(", ");
        warn!(key = changed, "changed: {changed}; takes effect at a restart");
    }
}

/// Logs what was read: zones with mirrors, the number of static ones, country database and feed.
pub(super) fn log_inputs(loaded: &Loaded, static_data: &StaticData) {
    // There may be many thousand static zones; their number says enough.
    log_first(
        loaded.inputs.zones.iter().filter(|zone| zone.file.mirrors.is_some()),
        |zone| {
            let mirrors = zone.fleet.enabled().count();
            let mut countries: Vec<_> =
                zone.fleet.enabled().map(|(_, mirror)| mirror.country).collect();
            countries.sort_unstable();
            countries.dedup();
            let origins = zone.zones.len();
            let shape = if origins == 1 { String::new() } else { format!(" ({origins} zones)") };
            let origin = &zone.file.origin.value;
            info!(
                zone = origin,
                count = mirrors,
                "zone {origin}{shape}: {} in {}",
                plural(mirrors, "mirror", "mirrors"),
                plural(countries.len(), "country", "countries")
            );
        },
        |more| info!("{more} more zone files with mirrors"),
    );
    if let Some((_, included @ [_, ..])) = loaded.config.files.split_first() {
        info!("included: {}", included.join(", "));
    }
    info!("{}; {}", static_data.summary(), loaded.countries.described);
    if !loaded.feeds.is_empty() {
        let sources = &loaded.feeds;
        let kept = match &loaded.state {
            Some(state) => format!(", and is kept in {}", state.display()),
            None => String::new(),
        };
        info!(source = %sources, "the feed comes from {sources}{kept}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdue_stays_so_until_it_is_not_found_again() {
        let mut reporter = Reporter::default();
        reporter.log_overdue(vec![Overdue::Feed, Overdue::Record], true);
        assert!(reporter.is_overdue(Overdue::Feed) && !reporter.is_overdue(Overdue::RecordFile));
        reporter.log_overdue(vec![Overdue::Record], true);
        assert!(!reporter.is_overdue(Overdue::Feed) && reporter.is_overdue(Overdue::Record));
    }

    #[test]
    fn notes_are_those_of_the_newest_feed() {
        let text = r#"{"format":1,"serial":1,"generated":"2026-11-22T17:00:00Z","mirrors":{"nobody.example":{"state":"up"}}}"#;
        let marked = format!("\u{feff}{text}");
        let feed = Feed::parse(text.as_bytes()).unwrap();
        let mut reporter = Reporter::default();
        reporter.log_notes(Some((&feed, marked.as_bytes())), std::iter::empty());
        assert_eq!(reporter.unknown_mirrors.current().len(), 2);
        reporter.log_notes(Some((&feed, text.as_bytes())), std::iter::empty());
        assert_eq!(reporter.unknown_mirrors.current().len(), 1);
        reporter.log_notes(None, std::iter::empty());
        assert!(reporter.unknown_mirrors.current().is_empty());
    }
}
