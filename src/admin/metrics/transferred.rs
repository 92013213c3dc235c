//! Metrics of zones that are transferred from primaries.

use std::fmt::Error;
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;

use super::encoder::MetricsEncoder;
use crate::admin::transferred::{WAYS, state};
use crate::admin::view::{NotifyCounts, TransferredCondition};

impl MetricsEncoder<'_, '_> {
    /// Each zone that is transferred.
    pub(super) fn transferred(
        &mut self,
        zones: &[TransferredCondition],
        notifies: &NotifyCounts,
        now: Timestamp,
    ) -> Result<(), Error> {
        if zones.is_empty() {
            return Ok(());
        }
        let each = || zones.iter().map(|zone| ([("zone", zone.zone.as_str())], zone));
        let states =
            zones.iter().map(|zone| ([("zone", zone.zone.as_str()), ("state", state(zone))], 1u64));
        let help = "State of each zone that is transferred from a primary; the value is 1";
        self.gauges("transferred_zone_state", help, states)?;
        let serials = each().filter_map(|(labels, zone)| Some((labels, u64::from(zone.serial?))));
        self.gauges("transferred_zone_serial", "Serial of a zone in force", serials)?;
        let ages = each().filter_map(|(labels, zone)| {
            Some((labels, now.duration_since(zone.checked?).as_secs().max(0).cast_unsigned()))
        });
        let help = "Time since a primary last confirmed a zone";
        self.gauges("transferred_zone_age_seconds", help, ages)?;
        let left = each().filter_map(|(labels, zone)| {
            let left = zone.expires?.duration_since(now).as_secs().max(0);
            Some((labels, left.cast_unsigned()))
        });
        let help = "Time until a zone expires, unless a primary confirms it";
        self.gauges("transferred_zone_expires_seconds", help, left)?;
        let failing = each().map(|(labels, zone)| (labels, u64::from(zone.complaint.is_some())));
        let help = "1 if a primary of a zone, or what it sends, failed at the last check";
        self.gauges("transferred_zone_failing", help, failing)?;
        let confirmations = each().map(|(labels, zone)| (labels, zone.confirmations));
        let help = "Checks at which a primary confirmed the version of a zone in force";
        self.counters("transferred_zone_confirmations", help, confirmations)?;
        let transfers = zones.iter().flat_map(|zone| {
            let of = |(way, count)| ([("zone", zone.zone.as_str()), ("type", way)], count);
            WAYS.into_iter().zip(zone.transfers).map(of)
        });
        let help = "Versions of a zone that were taken over";
        self.counters("transferred_zone_versions", help, transfers)?;
        let failures = zones.iter().flat_map(|zone| {
            let of = |(reason, count): (&&'static str, &u64)| {
                ([("zone", zone.zone.as_str()), ("reason", *reason)], *count)
            };
            zone.failures.iter().map(of)
        });
        let help = "Primaries that failed at a check, and versions that were refused, by reason";
        self.counters("transferred_zone_errors", help, failures)?;
        let counts = [
            ([("outcome", "accepted")], notifies.accepted.load(Relaxed)),
            ([("outcome", "refused")], notifies.refused.load(Relaxed)),
        ];
        self.counters("notifies", "NOTIFY requests for zones of primaries", counts)
    }
}
