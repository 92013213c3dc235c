//! What an export is made from, and how BIND matches clients to views.

use std::sync::Arc;

use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::signatures::SignatureStore;
use cvdns_core::wire::name::Name;

/// Everything that an export is made from.
#[derive(Debug, Clone)]
pub struct ExportInput {
    /// The snapshot whose answers are exported.
    pub snapshot: Arc<Snapshot>,
    /// The serial of the feed in force.
    pub feed: Option<u64>,
    /// The countries of client networks.
    pub countries: Arc<CountryMap>,
    /// What signs signed zones; `None` if whoever serves the files signs by itself.
    pub signer: Option<ExportSigner>,
}

/// Signs exported zones.
#[derive(Debug, Clone)]
pub struct ExportSigner {
    /// The signatures that were made.
    pub store: Arc<SignatureStore>,
    /// The moment in Unix seconds.
    pub now: i64,
}

impl ExportInput {
    /// The first zone that has no data, as it was never transferred from its primary or is expired.
    pub(super) fn zone_without_data(&self) -> Option<&Name> {
        let zones = &self.snapshot.static_data.zones;
        zones.iter().find(|zone| zone.unavailable.is_some()).map(|zone| &zone.origin)
    }
}

/// How BIND matches clients to its views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclKind {
    /// By its own country database (`geoip country DE;`).
    Geoip,
    /// By lists of all networks: BIND needs no database.
    Prefixes,
}
