//! Transfers as status and metrics show them.

use std::collections::BTreeMap;

use cvdns_core::wire::name::Name;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::desk::TransferDesk;
use super::refusals::RefusalReason;
use super::secondary::SecondaryServer;
use super::served::{Served, ServedZone};

/// Transfers to secondary servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferStatus {
    /// The zones that are transferred, the catalog zone not included.
    pub zones: Vec<TransferredZone>,
    /// Zones that are not transferred, as their answers depend on the client.
    pub client_names: Vec<String>,
    /// The servers that may transfer zones.
    pub secondaries: Vec<SecondaryStatus>,
    /// Completed answers to requests by form: `soa`, `ixfr` or `axfr`.
    pub sent: BTreeMap<String, u64>,
    /// Refused requests by reason.
    pub refused: BTreeMap<String, u64>,
    /// Transfers that are under way.
    pub under_way: usize,
}

/// A zone that is transferred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferredZone {
    /// The origin.
    pub zone: String,
    /// The serial of its newest version.
    pub serial: u32,
    /// Since when it has that version.
    pub since: Timestamp,
    /// Number of its records, the SOA record included.
    pub records: usize,
    /// Number of differences that are kept for IXFR.
    pub differences: usize,
}

/// A server that may transfer zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondaryStatus {
    /// The address or network, as in the configuration.
    pub address: String,
    /// The name of its key.
    pub key: String,
    /// Number of notifications that it answered.
    pub notified: u64,
    /// Number of notifications that it did not answer, or not as it should.
    pub notify_failures: u64,
    /// Why the last notification failed, for people; `None` if it did not.
    pub notify_error: Option<String>,
    /// Seconds for which it has not had the newest version of some zone; `None` if it has all.
    pub behind: Option<i64>,
    /// What it has of each zone that it may transfer.
    pub zones: Vec<SecondaryZone>,
}

/// What a secondary has of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondaryZone {
    /// The origin.
    pub zone: String,
    /// The serial that it took last, or showed that it has; `None` if it has shown none.
    pub serial: Option<u32>,
    /// When it took it, or showed that it has it.
    pub at: Option<Timestamp>,
    /// Whether that is the newest version.
    pub current: bool,
}

impl TransferStatus {
    /// The status now; `None` if nobody may transfer anything.
    pub fn of(desk: &TransferDesk, now: Timestamp) -> Option<Self> {
        let served = desk.served();
        if served.secondaries.is_empty() {
            return None;
        }
        let mut client_names: Vec<String> =
            served.refused.iter().map(ToString::to_string).collect();
        client_names.sort_unstable();
        let refused = RefusalReason::LABELS.into_iter().zip(desk.refusals());
        let named = |(label, count): (&str, u64)| (label.to_owned(), count);
        Some(Self {
            zones: served.zones.values().map(TransferredZone::of).collect(),
            client_names,
            secondaries: served
                .secondaries
                .iter()
                .map(|secondary| SecondaryStatus::of(secondary, desk, &served, now))
                .collect(),
            sent: desk.tally().by_form().map(named).into(),
            refused: refused.filter(|(_, count)| *count > 0).map(named).collect(),
            under_way: desk.under_way(),
        })
    }
}

impl TransferredZone {
    fn of(zone: &ServedZone) -> Self {
        let newest = zone.history.newest();
        Self {
            zone: newest.zone.to_string(),
            serial: newest.serial(),
            since: zone.since,
            records: newest.records.len() + 1,
            differences: zone.history.differences().len(),
        }
    }
}

impl SecondaryStatus {
    fn of(
        secondary: &SecondaryServer,
        desk: &TransferDesk,
        served: &Served,
        now: Timestamp,
    ) -> Self {
        let id = secondary.id();
        let (mut zones, mut behind) = (Vec::new(), None);
        let has_taken = |zone: &Name| desk.progress().of(&id, zone).taken.is_some();
        for zone in served.expected_of(secondary, has_taken) {
            let newest = zone.history.newest();
            let known = desk.progress().of(&id, &newest.zone);
            let current = known.taken.is_some_and(|taken| taken.serial == newest.serial());
            if !current {
                let since = known.behind_since.unwrap_or(zone.since);
                let seconds = now.duration_since(since).as_secs().max(0);
                behind = behind.max(Some(seconds));
            }
            zones.push(SecondaryZone {
                zone: newest.zone.to_string(),
                serial: known.taken.map(|taken| taken.serial),
                at: known.taken.map(|taken| taken.at),
                current,
            });
        }
        let notified = desk.notified().of(&id);
        Self {
            address: id.address,
            key: id.key,
            notified: notified.answered,
            notify_failures: notified.failed,
            notify_error: notified.error,
            behind,
            zones,
        }
    }
}
