//! Metrics of transfers to secondary servers.

use std::fmt::Error;

use jiff::Timestamp;

use super::encoder::MetricsEncoder;
use crate::transfer::{RefusalReason, SecondaryStatus, TransferDesk, TransferStatus};

impl MetricsEncoder<'_, '_> {
    /// Transfers to secondary servers, if there are any.
    pub(super) fn transfers(&mut self, desk: &TransferDesk, now: Timestamp) -> Result<(), Error> {
        let Some(status) = TransferStatus::of(desk, now) else { return Ok(()) };
        let sent = desk.tally().by_form().map(|(form, count)| ([("form", form)], count));
        let help = "Completed answers to requests for transfers, by form: the SOA record alone, \
                    differences (IXFR) or whole zones (AXFR)";
        self.counters("transfers", help, sent)?;
        let help = "Octets of these answers";
        self.counter("transfer_octets", help, desk.tally().octets())?;
        let refused = RefusalReason::LABELS.into_iter().zip(desk.refusals());
        let refused = refused.map(|(reason, count)| ([("reason", reason)], count));
        self.counters("transfers_refused", "Refused requests and signatures, by reason", refused)?;
        let under_way = status.under_way as u64;
        self.gauge("transfers_under_way", "Transfers that are under way", under_way)?;
        let zones = status.zones.iter().map(|of| ([("zone", &*of.zone)], u64::from(of.serial)));
        self.gauges("transfer_zone_serial", "Serial of each transferred zone", zones)?;
        self.secondaries(&status.secondaries)
    }

    fn secondaries(&mut self, secondaries: &[SecondaryStatus]) -> Result<(), Error> {
        let each = || secondaries.iter().map(|of| (labels(of), of));
        let behind = each().map(|(labels, of)| (labels, of.behind.unwrap_or_default()));
        let help = "How long a secondary has not had the newest version of some zone; 0 if it has";
        self.gauges("transfer_secondary_behind_seconds", help, behind)?;
        let notified = each().flat_map(|([address, key], of)| {
            [("answered", of.notified), ("failed", of.notify_failures)]
                .map(|(outcome, count)| ([address, key, ("outcome", outcome)], count))
        });
        self.counters("transfer_notifications", "Notifications of secondaries", notified)?;
        let zones = || {
            each().flat_map(|([address, key], of)| {
                of.zones.iter().map(move |zone| ([address, key, ("zone", &*zone.zone)], zone))
            })
        };
        let serials = zones().filter_map(|(labels, of)| Some((labels, u64::from(of.serial?))));
        let help = "Serial that a secondary has of a zone, as far as it has shown one";
        self.gauges("transfer_secondary_serial", help, serials)?;
        let taken = zones().filter_map(|(labels, of)| Some((labels, of.at?.as_second())));
        let help = "When a secondary took that serial, or showed that it has it";
        self.gauges("transfer_secondary_serial_timestamp_seconds", help, taken)
    }
}

fn labels(secondary: &SecondaryStatus) -> [(&str, &str); 2] {
    [("secondary", &*secondary.address), ("key", &*secondary.key)]
}
