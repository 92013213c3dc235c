//! Zones as they are transferred to other servers: what an export writes without views.

use std::sync::Arc;

use cvdns_core::release::STAMP_PERIOD;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::signatures::ZoneRecord;
use cvdns_core::snapshot::static_data::Zone;
use cvdns_transfer::version::Soa;
use cvdns_transfer::{Content, SignsSoa, serial};

use super::clients::ClientSet;
use super::input::ExportSigner;
use super::record_set::record_set;
use super::soa_signer::SoaSigner;
use super::zone::{ExportZone, zones_where};

/// A zone as it is transferred.
#[derive(Debug)]
pub struct TransferredZone {
    /// The number of the zone in the snapshot.
    pub number: u32,
    /// Whether any answer depends on the client. The content then has the answers for clients that
    /// the country database does not know.
    pub depends_on_clients: bool,
    /// Whether neither feed nor clock change the zone. Signatures end with time.
    pub is_static: bool,
    /// What the zone says. `None` if it is larger than 4 GiB.
    pub content: Option<Content>,
}

/// What zones are transferred from.
#[derive(Debug, Clone, Copy)]
pub struct TransferInput<'s> {
    /// The snapshot whose answers are transferred.
    pub snapshot: &'s Snapshot,
    /// The serial of the feed in force.
    pub feed: Option<u64>,
    /// What signs signed zones; `None` if secondaries sign by themselves.
    pub signer: Option<&'s ExportSigner>,
}

/// The zones that are `wanted` and have data, in their order.
pub fn transferred(
    input: TransferInput<'_>,
    wanted: &dyn Fn(u32, &Zone) -> bool,
) -> Vec<TransferredZone> {
    let has_data = |number, zone: &Zone| zone.unavailable.is_none() && wanted(number, zone);
    let mut zones = zones_where(input.snapshot, &has_data);
    for zone in zones.iter_mut().filter(|_| input.signer.is_some()) {
        zone.without_keys = false;
    }
    zones.iter().map(|zone| transferred_zone(input, zone)).collect()
}

fn transferred_zone(input: TransferInput<'_>, zone: &ExportZone<'_>) -> TransferredZone {
    let signed = input.snapshot.static_data.zone(zone.number);
    let signed = signed.filter(|zone| zone.signing.is_some());
    let signed = input.signer.zip(signed);
    TransferredZone {
        number: zone.number,
        depends_on_clients: zone.client_plan.is_some(),
        is_static: zone.is_static() && signed.is_none(),
        content: content(input, zone, signed),
    }
}

fn content(
    input: TransferInput<'_>,
    zone: &ExportZone<'_>,
    signed: Option<(&ExportSigner, &Zone)>,
) -> Option<Content> {
    let shared = zone.shared();
    let of_clients = zone.of_client(&shared, ClientSet::Undistinguished);
    let soa = Soa::new(zone.soa.ttl(), zone.soa.first()?)?;
    let mut records: Vec<ZoneRecord> = shared.records;
    records.extend(of_clients);
    let mut soa_signer = None;
    if let Some((signer, of_zone)) = signed {
        records.extend(zone.signatures(signer, of_zone, records.clone()));
        let signs = SoaSigner::new(signer, of_zone, zone.soa.ttl(), zone.soa.first()?)?;
        soa_signer = Some(Arc::new(signs) as Arc<dyn SignsSoa>);
    }
    Some(Content {
        zone: zone.origin.clone(),
        sum: sum(input.snapshot, zone, soa.serial(), input.feed),
        soa,
        records: record_set(&records)?,
        soa_signer,
        follows_sum: zone.is_static(),
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
