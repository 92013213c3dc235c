//! What secondaries may transfer at the moment.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use jiff::Timestamp;

use cvdns_core::snapshot::{StaticData, Unavailable};
use cvdns_core::wire::name::Name;
use cvdns_transfer::{History, Keyring};

use super::secondary::{SecondaryId, SecondaryServer};

/// A zone that is transferred.
#[derive(Debug, Clone)]
pub struct ServedZone {
    /// Its newest version, and the differences that lead to it.
    pub history: Arc<History>,
    /// Since when it has that version.
    pub since: Timestamp,
}

/// Keys, secondaries and zones of a moment.
#[derive(Debug, Default)]
pub struct Served {
    /// All keys.
    pub keys: Arc<Keyring>,
    /// The servers that may transfer zones.
    pub secondaries: Vec<SecondaryServer>,
    /// The zones that any of them may transfer, but the catalog.
    pub zones: BTreeMap<String, ServedZone>,
    /// Zones that have no data that may be answered, with what they had. They stay in catalogs:
    /// secondaries would drop them with all that they still may answer.
    pub suspended: BTreeMap<String, ServedZone>,
    /// Zones that are transferred once this process keeps their versions.
    pub waiting: HashSet<Name>,
    /// Zones that are not transferred, as their answers depend on the client.
    pub refused: HashSet<Name>,
    /// The name of the catalog.
    pub catalog: Option<Name>,
    /// The catalog, by the patterns of those who may have it.
    pub catalogs: HashMap<String, ServedZone>,
    /// Most octets over UDP (`edns-udp-size`).
    pub udp_size: u16,
    /// What is answered, for zones that nobody transfers.
    pub static_data: Weak<StaticData>,
}

/// What becomes of a request for a zone.
#[derive(Debug)]
pub enum Found {
    /// The zone may be transferred.
    Zone(ServedZone),
    /// Nobody with this address and key may transfer anything.
    Stranger,
    /// The secondary may not transfer this zone.
    NotTaken,
    /// The zone's answers depend on the client.
    DependsOnClients,
    /// The zone has no data that may be answered.
    Unavailable(Unavailable),
    /// The zone is transferred in a moment.
    Waiting,
    /// There is no such zone here.
    NotHere,
}

/// What [`Served::zones`] is sorted by.
pub(super) fn zone_key(zone: &Name) -> String {
    zone.to_lower().to_string()
}

impl Served {
    /// The zone for whoever asks from this address with this key, and who that is.
    pub fn find(&self, zone: &Name, address: IpAddr, key: &Name) -> (Option<SecondaryId>, Found) {
        let mut known = None;
        for secondary in &self.secondaries {
            if !secondary.is_it(address, key) {
                continue;
            }
            known.get_or_insert(secondary);
            if let Some(found) = self.of(secondary, zone) {
                return (Some(secondary.id()), Found::Zone(found.clone()));
            }
        }
        let found = match known {
            None => Found::Stranger,
            Some(_) if self.waiting.contains(zone) => Found::Waiting,
            Some(_) if self.refused.contains(zone) => Found::DependsOnClients,
            Some(_) => self.not_transferred(zone, address, key),
        };
        (known.map(SecondaryServer::id), found)
    }

    /// Why a zone is not transferred to a secondary that may transfer others.
    fn not_transferred(&self, zone: &Name, address: IpAddr, key: &Name) -> Found {
        let Some(data) = self.static_data.upgrade() else { return Found::NotHere };
        let Some(here) = data.zones.iter().find(|here| here.origin == *zone) else {
            return Found::NotHere;
        };
        let takes = |of: &SecondaryServer| of.is_it(address, key) && of.takes.takes(zone);
        match here.unavailable.filter(|_| self.secondaries.iter().any(takes)) {
            Some(why) => Found::Unavailable(why),
            None => Found::NotTaken,
        }
    }

    /// The zone, if this secondary may transfer it.
    pub fn of(&self, secondary: &SecondaryServer, zone: &Name) -> Option<&ServedZone> {
        if self.catalog.as_ref() == Some(zone) {
            return self.catalogs.get(&secondary.patterns());
        }
        self.zones.get(&zone_key(zone)).filter(|_| secondary.takes.takes(zone))
    }

    /// The zones that a secondary is expected to have, the catalog first. That is expected only of
    /// one that has transferred it before: not every secondary takes catalogs.
    pub fn expected_of<'s>(
        &'s self,
        secondary: &'s SecondaryServer,
        has_catalog: impl Fn(&Name) -> bool,
    ) -> impl Iterator<Item = &'s ServedZone> {
        let catalog = self.catalog.as_ref().filter(|catalog| has_catalog(catalog));
        let catalog = catalog.and_then(|_| self.catalogs.get(&secondary.patterns()));
        let takes = |zone: &&ServedZone| secondary.takes.takes(&zone.history.newest().zone);
        catalog.into_iter().chain(self.zones.values().filter(takes))
    }
}
