//! Tells how the server stands: in the log, and to those who ask.

use std::sync::Arc;

use tracing::{info, warn};

use super::Force;
use crate::admin::ServerCondition;
use crate::daemon::{LOGGED, standings};
use cvdns_core::config::{Config, waiting_for_restart};
use cvdns_core::health::unknown_mirrors;
use cvdns_core::problem::{HAS_MARK, without_mark};
use cvdns_core::snapshot::Snapshot;

impl Force {
    /// Shows how the server stands.
    pub(super) fn show(&self) {
        let [stale, stale_line] = self.stale;
        let snapshot = self.snapshots.load();
        let feed = snapshot.meta.feed.clone();
        let no_record =
            !snapshot.static_data.texts.is_empty() && snapshot.dynamic_data.announced().is_none();
        let reasons = [
            (feed.is_none() && self.loaded.feed.is_some())
                .then(|| "no feed: all mirrors count as up".to_owned()),
            stale.then(|| "the feed is older than max-age".to_owned()),
            stale_line.then(|| "the record in `record-file` is older than max-age".to_owned()),
            self.offering.complaints().first().cloned(),
            no_record.then(|| "no release: there is no record".to_owned()),
        ];
        self.condition.store(Arc::new(ServerCondition {
            feed,
            held: snapshot.meta.held.clone(),
            refusals: self.refusals.clone(),
            unusable_files: self.offering.complaints().len(),
            overrides: self.overriding.in_force(self.compiled),
            not_ready: reasons.into_iter().flatten().collect(),
            source: self.loaded.feed.as_ref().map(ToString::to_string),
            database: self.loaded.countries.described.clone(),
            started: self.since_start.started,
            reloads: self.since_start.reloads,
            compiled: self.since_start.snapshots,
            compile_time: self.since_start.compile_time,
        }));
    }

    /// Without a feed all mirrors are up.
    pub(in crate::daemon) fn log_without_feed(&self) {
        let record = if self.offering.is_the_feeds() { ", and there is no record" } else { "" };
        if let Some(source) = &self.loaded.feed {
            warn!("no feed from {source}: all mirrors count as up{record}");
        } else {
            info!("no feed is configured: all mirrors count as up{record}");
        }
    }

    /// Names what was changed in the configuration and takes effect at a restart only.
    pub(super) fn warn_of_restart(&self, new: &Config) {
        let changed = waiting_for_restart(&self.started, new);
        if !changed.is_empty() {
            warn!("changed: {}; takes effect at a restart", changed.join(", "));
        }
    }

    pub(super) fn log_feed(&mut self) {
        if let Some(feed) = self.feed() {
            let mirrors = standings::summary(&self.snapshots.load());
            info!("feed {} of {} is in force: {mirrors}", feed.serial, feed.generated);
        }
        self.log_notes();
    }

    /// What the feed says of mirrors that nobody has, and that it has a byte order mark, unless that was said before.
    pub(super) fn log_notes(&mut self) {
        let fleets = self.loaded.inputs.zones.iter().map(|zone| &*zone.fleet);
        let mut found = self.feed().map(|feed| unknown_mirrors(feed, fleets)).unwrap_or_default();
        let octets = self.feed.as_ref().map(|in_force| in_force.document.octets.as_slice());
        if octets.is_some_and(|octets| without_mark(octets).len() < octets.len()) {
            found.push(format!("{}: {}", HAS_MARK.0, HAS_MARK.1));
        }
        log_some(
            found
                .iter()
                .filter(|note| !self.noted.contains(*note))
                .map(|note| format!("feed: {note}")),
        );
        self.noted = found.into_iter().collect();
    }

    pub(super) fn log_fail_open(&self, snapshot: &Snapshot) {
        let open = |snapshot: &Snapshot| snapshot.fail_open_paths();
        let (before, now) = (open(&self.snapshots.load()), open(snapshot));
        if now > 0 && now != before {
            warn!(
                "{now} paths have no usable mirror: all their mirrors are answered as if they were up, for 30 s at a time"
            );
        } else if now == 0 && before > 0 {
            info!("every path has usable mirrors again");
        }
    }

    pub(super) fn log_start(&self) {
        let static_data = self.static_data();
        // Static zones may be many thousand, and all that is to be said of them is their number.
        let with_mirrors =
            || self.loaded.inputs.zones.iter().filter(|zone| zone.file.mirrors.is_some());
        for zone in with_mirrors().take(LOGGED) {
            let mirrors = zone.fleet.enabled().count();
            let mut countries: Vec<_> =
                zone.fleet.enabled().map(|(_, mirror)| mirror.country).collect();
            countries.sort_unstable();
            countries.dedup();
            let origins = zone.zones.len();
            let shape = if origins == 1 { String::new() } else { format!(" ({origins} zones)") };
            info!(
                "zone {}{shape}: {mirrors} mirrors in {} countries",
                zone.file.origin.value,
                countries.len()
            );
        }
        if let Some(more @ 1..) = with_mirrors().count().checked_sub(LOGGED) {
            info!("{more} more zone files with mirrors");
        }
        info!("{}; {}", static_data.summary(), self.loaded.countries.described);
        if let Some(source) = &self.loaded.feed {
            let state = self.loaded.state.as_ref();
            let kept = state
                .map(|state| format!(", and is kept in {}", state.display()))
                .unwrap_or_default();
            info!("the feed comes from {source}{kept}");
        }
    }
}

/// Warns of the first few.
pub(super) fn log_some(lines: impl Iterator<Item = impl std::fmt::Display>) {
    let mut lines = lines.fuse();
    for line in lines.by_ref().take(LOGGED) {
        warn!("{line}");
    }
    let more = lines.count();
    if more > 0 {
        warn!("{more} more like these: `cvdns check` shows them");
    }
}
