//! Metrics of signatures.

use std::fmt::Error;

use jiff::Timestamp;

use super::encoder::MetricsEncoder;
use crate::admin::signing::{SigningCondition, SigningStatus};
use cvdns_core::snapshot::Snapshot;

impl MetricsEncoder<'_, '_> {
    /// Signatures, if any zone is signed.
    pub(super) fn signing(
        &mut self,
        snapshot: &Snapshot,
        condition: &SigningCondition,
    ) -> Result<(), Error> {
        let Some(status) = SigningStatus::of(snapshot, condition) else { return Ok(()) };
        self.gauge("dnssec_zones", "Signed zones", status.zones as u64)?;
        self.counter("dnssec_signatures", "Signatures made since the start", status.made)?;
        let help = "Signatures that could not be made, for want of random numbers";
        self.counter("dnssec_signatures_failed", help, status.failed)?;
        let help = "Sets of addresses that have places for signatures";
        self.gauge("dnssec_address_sets", help, status.places as u64)?;
        let help = "Sets of addresses that are not signed yet; who asks for one waits 20 µs";
        self.gauge("dnssec_address_sets_unsigned", help, status.empty as u64)?;
        self.gauge("dnssec_signature_octets", "Octets of all signatures", status.octets as u64)?;
        let help = "Time that snapshots have waited for signatures";
        let spent = condition.spent.as_secs_f64();
        self.counters("dnssec_signing_seconds", help, [([], spent)])?;
        let help = "When the next signature takes the place of another one";
        let second = |moment: Option<Timestamp>| moment.map_or(0, Timestamp::as_second);
        self.gauge("dnssec_renewal_timestamp_seconds", help, second(status.renewal))?;
        let help = "When the first signature expires";
        self.gauge("dnssec_expiry_timestamp_seconds", help, second(status.expiry))?;
        let help = "For how long signatures are valid, in the zone where that is shortest";
        self.gauge("dnssec_validity_seconds", help, status.validity)?;
        let help = "1 if the clock is behind a moment for which was signed already, otherwise 0";
        let is_behind = u64::from(status.ahead_of_clock.is_some());
        self.gauge("dnssec_clock_is_behind", help, is_behind)
    }
}
