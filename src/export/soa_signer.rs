//! Signs the SOA record of an exported zone, whose serial is known last.

use std::fmt;
use std::sync::Arc;

use super::input::ExportSigner;
use super::record_set::record_set;
use cvdns_core::dnssec::ZoneSigning;
use cvdns_core::snapshot::signatures::{ZoneRecord, sign_soa};
use cvdns_core::snapshot::static_data::Zone;
use cvdns_core::wire::name::Name;
use cvdns_transfer::SignsSoa;
use cvdns_transfer::records::RecordSet;
use cvdns_transfer::version::Soa;

/// Signs a SOA record once its serial is known.
#[derive(Clone)]
pub(super) struct SoaSigner {
    signer: ExportSigner,
    origin: Name,
    signing: Arc<ZoneSigning>,
    soa: Soa,
}

impl SoaSigner {
    /// What signs a SOA record with this TTL in seconds and these data. `None` if the zone is not
    /// signed, or if they are not the data of a SOA record.
    pub(super) fn new(signer: &ExportSigner, zone: &Zone, ttl: u32, rdata: &[u8]) -> Option<Self> {
        Some(Self {
            signer: signer.clone(),
            origin: zone.origin.clone(),
            signing: zone.signing.clone()?,
            soa: Soa::new(ttl, rdata)?,
        })
    }

    /// The signatures of the record with a serial.
    pub(super) fn sign(&self, serial: u32) -> Vec<ZoneRecord> {
        let soa = self.soa.with_serial(serial);
        let ExportSigner { store, now } = &self.signer;
        sign_soa((&self.origin, &self.signing), (soa.ttl, soa.rdata()), store, *now)
    }
}

impl SignsSoa for SoaSigner {
    fn signatures(&self, soa: &Soa) -> RecordSet {
        record_set(&self.sign(soa.serial())).unwrap_or_default()
    }
}

impl PartialEq for SoaSigner {
    fn eq(&self, other: &Self) -> bool {
        self.origin == other.origin
            && self.soa == other.soa
            && self.signer.now == other.signer.now
            && Arc::ptr_eq(&self.signing, &other.signing)
    }
}

impl Eq for SoaSigner {}

impl fmt::Debug for SoaSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SoaSigner({})", self.origin)
    }
}
