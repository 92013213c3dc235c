//! Zones as they are transferred to other servers: what an export writes without views.

use cvdns_core::release::STAMP_PERIOD;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::static_data::Zone;
use cvdns_transfer::history::Content;
use cvdns_transfer::records::{RecordCollector, ZoneRecord};
use cvdns_transfer::serial;
use cvdns_transfer::version::Soa;

use super::clients::ClientSet;
use super::zone::{ExportZone, zones_where};

/// A zone as it is transferred.
#[derive(Debug)]
pub struct TransferredZone {
    /// The number of the zone in the snapshot.
    pub number: u32,
    /// Whether any answer depends on the client. The content then has the answers for clients that
    /// the country database does not know.
    pub depends_on_clients: bool,
    /// Whether neither feed nor clock change the zone.
    pub is_static: bool,
    /// What the zone says. `None` if it is larger than 4 GiB.
    pub content: Option<Content>,
}

/// The zones of a snapshot that are `wanted` and have data, in their order. `feed` is the serial of
/// the feed in force.
pub fn transferred(
    snapshot: &Snapshot,
    feed: Option<u64>,
    wanted: &dyn Fn(u32, &Zone) -> bool,
) -> Vec<TransferredZone> {
    let zones =
        zones_where(snapshot, &|number, zone| zone.unavailable.is_none() && wanted(number, zone));
    zones.iter().map(|zone| transferred_zone(snapshot, zone, feed)).collect()
}

fn transferred_zone(
    snapshot: &Snapshot,
    zone: &ExportZone<'_>,
    feed: Option<u64>,
) -> TransferredZone {
    let is_static = !zone.has_pools && !zone.has_texts;
    TransferredZone {
        number: zone.number,
        depends_on_clients: zone.client_plan.is_some(),
        is_static,
        content: content(snapshot, zone, feed, is_static),
    }
}

fn content(
    snapshot: &Snapshot,
    zone: &ExportZone<'_>,
    feed: Option<u64>,
    is_static: bool,
) -> Option<Content> {
    let shared = zone.shared();
    let of_clients = zone.of_client(&shared, ClientSet::Undistinguished);
    let mut records = RecordCollector::default();
    for record in shared.records.iter().chain(&of_clients) {
        let (owner, rdata) = (&*record.owner, &*record.rdata);
        records.add(ZoneRecord { owner, rtype: record.rtype, ttl: record.ttl, rdata })?;
    }
    let soa = Soa::new(zone.soa.ttl(), zone.soa.first()?)?;
    Some(Content {
        zone: zone.origin.clone(),
        sum: sum(snapshot, zone, soa.serial(), feed),
        soa,
        records: records.finish(),
        follows_sum: is_static,
    })
}

/// The sum of the serials of a zone's sources. `master` is the serial of its master file.
pub(super) fn sum(
    snapshot: &Snapshot,
    zone: &ExportZone<'_>,
    master: u32,
    feed: Option<u64>,
) -> u32 {
    let half_hour = snapshot
        .dynamic_data
        .announced()
        .map(|announced| (announced.stamp / STAMP_PERIOD).cast_unsigned() as u32);
    serial::sum(
        master,
        feed.filter(|_| zone.has_pools || zone.has_texts),
        half_hour.filter(|_| zone.has_texts),
    )
}
