//! What the admin address shows beside snapshots: above all why the server is not ready.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Overdue, ServerState};
use crate::admin::{Access, ServerCondition, SourceCondition};
use crate::daemon::feed_sources::SourceState;
use cvdns_core::health::MirrorCondition;
use cvdns_core::snapshot::Snapshot;

impl ServerState {
    /// Updates what the admin address shows beside snapshots.
    pub(super) fn show(&self) {
        let snapshot = self.publisher.newest();
        self.condition.store(Arc::new(ServerCondition {
            feed: snapshot.meta.feed.clone(),
            held: snapshot.meta.held.clone(),
            refusals: self.feed.refusals().clone(),
            unusable_files: self.release.errors().len(),
            overrides: self.overrides.in_force(self.publisher.published()).cloned().collect(),
            not_ready: self.not_ready(&snapshot),
            sources: self.feed_sources(),
            read_from: self.feed.document().map(|document| document.source.to_string()),
            database: self.loaded.countries.described.clone(),
            database_size: self.loaded.countries.size,
            database_updates: self.countries.updates(),
            database_usable: (self.loaded.countries.path.as_ref())
                .map(|_| self.countries.complaint().is_none()),
            not_taken: self.not_taken(),
            overrides_source: self.overrides.remote_source().map(ToString::to_string),
            overrides_serial: self.overrides.document().map(|(_, document)| document.serial),
            overrides_usable: self.overrides.is_usable(),
            overrides_refusals: self.overrides.remote().refusals().clone(),
            state_write_errors: self.state_directory.write_errors(),
            access: Access {
                token_file: self.loaded.admin_token.clone(),
                hosts: self.loaded.config.admin.hosts.clone(),
            },
            started: self.started,
            reloads: self.reloads,
            compiled: self.publisher.compiled(),
            compile_time: self.publisher.compile_time(),
            bundle: self.bundle_condition(),
            transferred: self.transferred(),
            signing: self.signer.condition(self.publisher.published()),
        }));
    }

    /// Counts a reload that succeeded or failed.
    pub(in crate::daemon) fn count_reload(&mut self, succeeded: bool) {
        let [good, bad] = &mut self.reloads;
        *if succeeded { good } else { bad } += 1;
        self.show();
    }

    /// The state in a line, for the service manager.
    pub(in crate::daemon) fn status(&self) -> String {
        match self.feed.feed() {
            Some(feed) => format!("answers by feed {}", feed.serial),
            None => "answers without a feed".to_owned(),
        }
    }

    /// Why the server is not ready, for people.
    fn not_ready(&self, snapshot: &Snapshot) -> Vec<String> {
        let no_record =
            !snapshot.static_data.texts.is_empty() && snapshot.dynamic_data.announced().is_none();
        let is_overdue = |overdue| self.reporter.is_overdue(overdue);
        let reasons = [
            (snapshot.meta.feed.is_none() && !self.loaded.feeds.is_empty())
                .then(|| "no feed: all mirrors count as up".to_owned()),
            is_overdue(Overdue::Feed).then(|| "the feed is older than max-age".to_owned()),
            is_overdue(Overdue::RecordFile)
                .then(|| "the record in `record-file` is older than max-age".to_owned()),
            (self.overrides.has_url() && self.overrides.document().is_none())
                .then(|| "no overrides came from the URL of `overrides`".to_owned()),
            self.release.errors().first().cloned(),
            no_record.then(|| "no release: there is no record".to_owned()),
            no_mirror_up(snapshot),
            self.invalid_signatures(snapshot),
        ];
        reasons.into_iter().flatten().chain(self.unavailable_zones()).collect()
    }

    /// What an operator is told of a reload beside problems of the configuration, for people:
    /// sources that go on with what was read of them before, or have not been read, each with the
    /// reason.
    pub(in crate::daemon) fn remarks(&self) -> Vec<String> {
        let held = self.feed.held().map(|held| {
            let (serial, takes_away) = (held.serial, held.takes_away);
            let in_force = self.feed_meanwhile();
            format!("feed {serial} is held back, as it takes away {takes_away}; {in_force}")
        });
        let unread = self.overrides.remote_source().filter(|_| {
            self.overrides.has_url()
                && self.overrides.document().is_none()
                && self.overrides.remote().complaint().is_none()
        });
        let unread = unread.map(|source| {
            let meanwhile = self.overrides.meanwhile(self.publisher.published());
            format!("no overrides have come from {source} yet; {meanwhile}")
        });
        let files = self.release.errors().iter().map(|error| format!("the record: {error}"));
        let expired = self.expired_zones().map(|zone| format!("the zone {zone} is expired"));
        let remarks = self.not_taken().into_iter().chain(held).chain(unread).chain(files);
        remarks.chain(expired).collect()
    }

    /// Sources that go on with what was read of them before, as what is there now cannot be used,
    /// each with the reason, for people.
    fn not_taken(&self) -> Vec<String> {
        let feeds = self.feed.complaints().map(|(source, why)| {
            format!("the feed {source} is not taken: {why}; {}", self.feed_meanwhile())
        });
        let overrides = self.overrides.complaint(self.publisher.published());
        let database = self.countries.complaint().map(ToOwned::to_owned);
        let bundle = self.bundle_complaint();
        feeds.chain(overrides).chain(bundle).chain(database).chain(self.zone_complaints()).collect()
    }

    /// The sources of the feed, and how new their feeds are.
    fn feed_sources(&self) -> Vec<SourceCondition> {
        let of = |state: &SourceState| SourceCondition {
            name: state.source.to_string(),
            newest: state.newest().map(|newest| (newest.serial, newest.generated)),
            is_usable: state.complaint.current().is_empty(),
        };
        self.feed.sources().map(of).collect()
    }

    /// What holds while a feed is not taken.
    fn feed_meanwhile(&self) -> String {
        match self.feed.feed() {
            Some(feed) => format!("feed {} stays in force", feed.serial),
            None => "all mirrors count as up".to_owned(),
        }
    }

    /// From when on feed and `record-file` are too old (`max-age`).
    pub(super) fn ages(&self) -> [(Overdue, Option<Timestamp>); 2] {
        let from = |since: Timestamp| since.checked_add(self.loaded.config.feed.max_age).ok();
        [
            (Overdue::Feed, self.feed.feed().and_then(|feed| from(feed.generated))),
            (Overdue::RecordFile, self.release.record_file_stamp().and_then(from)),
        ]
    }
}

/// That no mirror is up, if there are enabled ones.
fn no_mirror_up(snapshot: &Snapshot) -> Option<String> {
    let counts = snapshot.mirrors_by_condition();
    let is_up = |condition: &MirrorCondition| *condition == MirrorCondition::Up;
    let others: Vec<String> = counts
        .iter()
        .filter(|(condition, count)| **count > 0 && **condition != MirrorCondition::Disabled)
        .map(|(condition, count)| format!("{count} {}", condition.label()))
        .collect();
    let any_up = counts.iter().any(|(condition, count)| is_up(condition) && *count > 0);
    (!any_up && !others.is_empty()).then(|| {
        format!("no mirror is up ({}): others are answered in their place", others.join(", "))
    })
}
