//! Metrics of the state of the server: program, feed, record and mirrors.

use std::fmt::Error;

use jiff::Timestamp;

use super::encoder::MetricsEncoder;
use crate::admin::view::{SecretsCondition, ServerCondition};
use cvdns_core::release::{Announced, Gate};
use cvdns_core::snapshot::Snapshot;

impl MetricsEncoder<'_, '_> {
    /// Version, start time, reloads and compilations.
    pub(super) fn program(&mut self, condition: &ServerCondition) -> Result<(), Error> {
        let version = [([("version", env!("CARGO_PKG_VERSION"))], 1u64)];
        self.gauges("build_info", "Version of the program; the value is 1", version)?;
        self.gauge(
            "start_time_seconds",
            "When the server was started",
            seconds(condition.started),
        )?;
        let [done, failed] = condition.reloads;
        let reloads = [([("outcome", "done")], done), ([("outcome", "failed")], failed)];
        let help = "Reloads of the configuration; a failed one changes nothing";
        self.counters("reloads", help, reloads)?;
        self.counter("snapshots_compiled", "Compiled snapshots", condition.compiled)?;
        self.counter(
            "state_write_errors",
            "Files of the state directory that could not be written",
            condition.state_write_errors,
        )?;
        self.sources(condition)?;
        let last = condition.compile_time.as_secs_f64();
        self.gauge("snapshot_compile_seconds", "How long the newest snapshot took to compile", last)
    }

    /// Files whose age matters.
    fn sources(&mut self, condition: &ServerCondition) -> Result<(), Error> {
        if let Some(size) = condition.database_size {
            let help = "When the country database was made";
            self.gauge("geoip_build_timestamp_seconds", help, size.built)?;
            let networks = size.networks as u64;
            self.gauge("geoip_networks", "Networks with data in the country database", networks)?;
        }
        let [done, failed] = condition.database_updates;
        let updates = [([("outcome", "done")], done), ([("outcome", "failed")], failed)];
        let help = "New country databases that were seen; a failed one changes nothing";
        self.counters("geoip_updates", help, updates)?;
        condition.database_usable.map_or(Ok(()), |usable| {
            let help =
                "0 if the file of the country database is not that in force and cannot be used";
            self.gauge("geoip_file_usable", help, i64::from(usable))
        })
    }

    /// The file of the secrets of cookies.
    pub(super) fn cookie_secrets(&mut self, secrets: &SecretsCondition) -> Result<(), Error> {
        if let Some(changed) = secrets.changed {
            let help = "When the secrets of cookies in force were changed in their file";
            self.gauge("cookie_secrets_changed_timestamp_seconds", help, seconds(changed))?;
        }
        if secrets.is_named {
            let usable = i64::from(secrets.complaint.is_none());
            let help = "0 if the file of the secrets of cookies cannot be used";
            self.gauge("cookie_secrets_usable", help, usable)?;
        }
        Ok(())
    }

    /// The sources of the feed.
    fn feed_sources(&mut self, condition: &ServerCondition) -> Result<(), Error> {
        let sources = condition.sources.iter();
        let in_force = sources.clone().map(|source| {
            let is_in_force = condition.read_from.as_ref() == Some(&source.name);
            ([("source", source.name.as_str())], i64::from(is_in_force))
        });
        let help = "1 if the feed in force came from this source";
        self.gauges("feed_source_in_force", help, in_force)?;
        let help = "0 if the source cannot be read, or has no feed that can be used";
        let usable = sources
            .clone()
            .map(|source| ([("source", source.name.as_str())], i64::from(source.is_usable)));
        self.gauges("feed_source_usable", help, usable)?;
        let generated = sources.filter_map(|source| {
            let (_, generated) = source.newest?;
            Some(([("source", source.name.as_str())], generated.as_second()))
        });
        let help = "When the newest feed of this source was generated";
        self.gauges("feed_source_generated_timestamp_seconds", help, generated)
    }

    /// The bundle of zone files.
    fn bundle(&mut self, condition: &ServerCondition) -> Result<(), Error> {
        let Some(bundle) = &condition.bundle else { return Ok(()) };
        let help = "Serial of the bundle in force";
        self.gauge("bundle_serial", help, bundle.serial)?;
        let help = "When the bundle in force was made";
        self.gauge("bundle_generated_timestamp_seconds", help, bundle.generated.as_second())?;
        let help = "0 if the bundle that is published cannot be had or used";
        self.gauge("bundle_usable", help, i64::from(bundle.is_usable))?;
        let refusals =
            bundle.refusals.iter().map(|(reason, count)| ([("reason", *reason)], *count));
        self.counters("bundle_errors", "Failed attempts to get a bundle, by reason", refusals)
    }

    /// The feed.
    pub(super) fn feed(
        &mut self,
        condition: &ServerCondition,
        now: Timestamp,
    ) -> Result<(), Error> {
        let refusals =
            condition.refusals.iter().map(|(reason, count)| ([("reason", *reason)], *count));
        self.counters("feed_errors", "Failed attempts to get a feed, by reason", refusals)?;
        let held = condition.held.as_ref().map_or(0, |held| held.serial);
        self.gauge("feed_held_serial", "Serial of the feed that is held back; 0 if none is", held)?;
        let overrides = condition.overrides.len() as u64;
        self.gauge("overrides_in_force", "The operator's overrides in force", overrides)?;
        let refusals = condition.overrides_refusals.iter();
        let refusals = refusals.map(|(reason, count)| ([("reason", *reason)], *count));
        let help = "Failed attempts to get overrides from a URL, by reason";
        self.counters("overrides_errors", help, refusals)?;
        if let Some(serial) = condition.overrides_serial {
            let help = "Serial of the overrides in force, which come from a URL";
            self.gauge("overrides_serial", help, serial)?;
        }
        if let Some(usable) = condition.overrides_usable {
            let help = "0 if the file of overrides, or what is at their URL, cannot be used";
            self.gauge("overrides_usable", help, i64::from(usable))?;
        }
        self.bundle(condition)?;
        self.feed_sources(condition)?;
        let Some(feed) = &condition.feed else { return Ok(()) };
        let help = "1 if the coordinator does not trust what it sees and has frozen all states";
        self.gauge("feed_frozen", help, i64::from(feed.frozen.is_some()))?;
        self.gauge("feed_serial", "Serial of the feed in force", feed.serial)?;
        let generated = feed.generated.as_second();
        self.gauge(
            "feed_generated_timestamp_seconds",
            "When the feed in force was generated",
            generated,
        )?;
        self.gauge(
            "feed_age_seconds",
            "Age of the feed in force",
            seconds(now) - seconds(feed.generated),
        )?;
        self.gauge(
            "feed_fresh",
            "1 if the feed in force is younger than max-age",
            i64::from(feed.fresh),
        )
    }

    /// The announced versions and the quorum behind them.
    pub(super) fn record(
        &mut self,
        snapshot: &Snapshot,
        condition: &ServerCondition,
        now: Timestamp,
    ) -> Result<(), Error> {
        let dynamic_data = &snapshot.dynamic_data;
        let available = dynamic_data.announced().is_some() && !dynamic_data.has_expired();
        self.gauge("record_available", "1 if there is a record to answer", i64::from(available))?;
        let unusable = condition.unusable_files as u64;
        self.gauge("record_files_unusable", "Files of the record that cannot be used", unusable)?;
        let expired = i64::from(dynamic_data.has_expired());
        self.gauge(
            "record_expired",
            "1 if the record is too old and answered with SERVFAIL",
            expired,
        )?;
        let help = "1 if mirrors with more than half of the usable capacity are stuck";
        self.gauge("release_suspect", help, i64::from(dynamic_data.suspect()))?;
        dynamic_data.announced().map_or(Ok(()), |announced| self.announced(announced, now))
    }

    fn announced(&mut self, announced: &Announced, now: Timestamp) -> Result<(), Error> {
        let databases =
            || announced.release.databases().map(|(name, version)| ([("database", name)], version));
        self.gauges("record_version", "Version announced by the record", databases())?;
        let gates = || announced.gates.iter().map(|gate| ([("database", gate.database)], gate));
        let released = gates().map(|(labels, gate)| (labels, gate.released));
        self.gauges("record_released_version", "Version of the release", released)?;
        // Nobody knows a share while the version of no usable mirror is known.
        let known = || gates().filter(|(_, gate)| gate.is_known);
        let held = known().map(|(labels, gate)| (labels, gate.held.ratio()));
        let help = "Share of the usable mirrors' capacity that holds the announced version";
        self.gauges("record_held_ratio", help, held)?;
        let held = known().map(|(labels, gate)| (labels, gate.released_held.ratio()));
        let help = "Share of the usable mirrors' capacity that holds the released version";
        self.gauges("record_released_held_ratio", help, held)?;
        let quorum = gates().map(|(labels, gate)| (labels, gate.quorum.ratio()));
        self.gauges("record_quorum_ratio", "Share required to announce a version", quorum)?;
        let waiting = |gate: &Gate| {
            let since = gate.waits_since.map_or(0.0, |since| seconds(now) - seconds(since));
            since.max(0.0)
        };
        let waiting = gates().map(|(labels, gate)| (labels, waiting(gate)));
        let help = "How long newer versions than the announced one have been offered; 0 if none is";
        self.gauges("record_waiting_seconds", help, waiting)?;
        self.gauge("record_stamp_timestamp_seconds", "Stamp of the record", announced.stamp)?;
        self.gauge(
            "record_age_seconds",
            "Age of the record's stamp",
            seconds(now) - announced.stamp as f64,
        )
    }

    /// Mirrors by state, and paths that fall back.
    pub(super) fn mirrors(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let dynamic_data = &snapshot.dynamic_data;
        let states = snapshot.mirrors_by_condition();
        let states =
            states.iter().map(|(condition, count)| ([("state", condition.label())], *count));
        self.gauges("mirrors", "Mirrors by state; each host counts once", states)?;
        let each = snapshot
            .mirror_conditions()
            .map(|(host, condition)| ([("mirror", host), ("state", condition.label())], 1u64));
        self.gauges("mirror_state", "State of each mirror; the value is 1", each)?;
        let lagging = dynamic_data.lagging() as u64;
        self.gauge(
            "mirrors_lagging",
            "Mirrors that work but are too far behind the record",
            lagging,
        )?;
        let stuck = dynamic_data.stuck().len() as u64;
        self.gauge("mirrors_stuck", "Mirrors that work but no longer move", stuck)?;
        let settling = dynamic_data.settling() as u64;
        self.gauge("mirrors_settling", "Mirrors left out for changing state too often", settling)?;
        let lagging = dynamic_data.lagging_paths() as u64;
        self.gauge(
            "paths_lagging",
            "Paths, counted once for each limit, that have only lagging mirrors",
            lagging,
        )?;
        let open = dynamic_data.fail_open() as u64;
        self.gauge(
            "paths_fail_open",
            "Paths, counted once for each limit, that have no working mirror",
            open,
        )
    }
}

fn seconds(moment: Timestamp) -> f64 {
    moment.as_millisecond() as f64 / 1e3
}
