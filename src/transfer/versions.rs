//! Makes a version of each transferred zone whenever answers change.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use tracing::error;

use cvdns_core::config::{ClientNames, Transfer};
use cvdns_core::snapshot::static_data::Zone;
use cvdns_core::snapshot::{Snapshot, StaticData, ZoneSerials};
use cvdns_core::wire::name::Name;
use cvdns_io::zone_stem;
use cvdns_transfer::catalog::catalog;
use cvdns_transfer::{Content, History, Keyring};

use super::desk::{TransferDesk, seconds};
use super::secondary::SecondaryServer;
use super::served::{Served, ServedZone, zone_key};
use crate::export::{TransferredZone, transferred};
use crate::load::Loaded;

/// The versions of all transferred zones.
#[derive(Debug)]
pub struct Versions {
    desk: Arc<TransferDesk>,
    zones: HashMap<Name, Tracked>,
    /// The catalog, by the patterns of those who may have it.
    catalogs: HashMap<String, ServedZone>,
    /// The static data from which `zones` were made last.
    static_data: Weak<StaticData>,
}

/// A zone whose versions are made.
#[derive(Debug)]
struct Tracked {
    /// Its number in the static data.
    number: u32,
    /// Whether only other static data change it.
    is_static: bool,
    served: ServedZone,
}

/// Keeps versions for the next start. Without them, serials could go back, and every secondary
/// would transfer everything.
pub trait KeepsVersions {
    /// Reads what was kept by this name.
    fn read_versions(&mut self, file: &str) -> Option<History>;
    /// Keeps a history by this name.
    fn keep_versions(&mut self, file: &str, history: &History);
}

/// What decides what is transferred, beside the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct TransferSettings<'l> {
    transfer: &'l Transfer,
    keys: &'l Arc<Keyring>,
    ecs: bool,
    udp_size: u16,
    /// The serial of the feed in force.
    feed: Option<u64>,
    now: Timestamp,
}

impl<'l> TransferSettings<'l> {
    /// The settings of what was loaded, with the serial of the feed in force.
    pub fn new(loaded: &'l Loaded, feed: Option<u64>, now: Timestamp) -> Self {
        let server = &loaded.config.server;
        Self {
            transfer: &loaded.config.transfer,
            keys: &loaded.transfer_keys,
            ecs: server.ecs,
            udp_size: server.edns_udp_size,
            feed,
            now,
        }
    }
}

impl Versions {
    /// No versions yet.
    pub fn new(desk: Arc<TransferDesk>) -> Self {
        let (zones, catalogs, static_data) = (HashMap::new(), HashMap::new(), Weak::new());
        Self { desk, zones, catalogs, static_data }
    }

    /// What answers from the versions.
    pub fn desk(&self) -> &Arc<TransferDesk> {
        &self.desk
    }

    /// Forgets all versions: those that are kept count, which another process may have written.
    pub fn forget(&mut self) {
        (self.zones, self.catalogs) = (HashMap::new(), HashMap::new());
    }

    /// Makes versions of what a snapshot answers that is about to be published, keeps and serves
    /// them, and gives the snapshot their serials. They are kept first: a serial that was seen is
    /// never used again for something else, whenever the process is killed.
    pub fn follow(
        &mut self,
        snapshot: &mut Snapshot,
        settings: TransferSettings<'_>,
        keeper: &mut dyn KeepsVersions,
    ) {
        let secondaries = SecondaryServer::all(&settings.transfer.secondaries, settings.keys);
        let mut refused = HashSet::new();
        if secondaries.is_empty() {
            self.forget();
        } else {
            self.follow_zones(snapshot, settings, &secondaries, &mut refused, keeper);
            self.follow_catalogs(settings, &secondaries, keeper);
            snapshot.serials = self.serials(snapshot.static_data.zones.len());
        }
        let zones: BTreeMap<String, ServedZone> =
            self.zones.iter().map(|(name, zone)| (zone_key(name), zone.served.clone())).collect();
        let served = Served {
            keys: settings.keys.clone(),
            secondaries,
            zones,
            refused,
            catalog: settings.transfer.catalog.as_ref().map(|catalog| catalog.value.clone()),
            catalogs: self.catalogs.clone(),
            udp_size: settings.udp_size,
            static_data: Arc::downgrade(&snapshot.static_data),
        };
        self.desk.serve(served);
    }

    fn follow_zones(
        &mut self,
        snapshot: &Snapshot,
        settings: TransferSettings<'_>,
        secondaries: &[SecondaryServer],
        refused: &mut HashSet<Name>,
        keeper: &mut dyn KeepsVersions,
    ) {
        let is_same = self
            .static_data
            .upgrade()
            .is_some_and(|before| Arc::ptr_eq(&before, &snapshot.static_data));
        self.static_data = Arc::downgrade(&snapshot.static_data);
        let is_taken = |zone: &Zone| secondaries.iter().any(|of| of.takes.takes(&zone.origin));
        // A zone without mirrors and records of the release is what it was.
        let (unchanged, mut before): (HashMap<_, _>, HashMap<_, _>) =
            std::mem::take(&mut self.zones).into_iter().partition(|(_, zone)| {
                let of_number = snapshot.static_data.zone(zone.number);
                is_same && zone.is_static && of_number.is_some_and(is_taken)
            });
        let numbers: HashSet<u32> = unchanged.values().map(|zone| zone.number).collect();
        self.zones = unchanged;
        let wanted = |number: u32, zone: &Zone| !numbers.contains(&number) && is_taken(zone);
        let refuses = settings.ecs && settings.transfer.client_names == ClientNames::Refuse;
        for zone in transferred(snapshot, settings.feed, &wanted) {
            let TransferredZone { number, depends_on_clients, is_static, content } = zone;
            let Some(origin) = snapshot.static_data.zone(number).map(|of| &of.origin) else {
                continue;
            };
            if depends_on_clients && refuses {
                refused.insert(origin.clone());
                continue;
            }
            let Some(content) = content else {
                error!(zone = %origin, "{origin} is not transferred: it is larger than 4 GiB");
                continue;
            };
            let known = before.remove(origin).map(|zone| zone.served);
            let served = advanced(known, content, &zone_stem(origin), settings.now, keeper);
            self.zones.insert(origin.clone(), Tracked { number, is_static, served });
        }
    }

    fn follow_catalogs(
        &mut self,
        settings: TransferSettings<'_>,
        secondaries: &[SecondaryServer],
        keeper: &mut dyn KeepsVersions,
    ) {
        let mut before = std::mem::take(&mut self.catalogs);
        let Some(name) = settings.transfer.catalog.as_ref().map(|catalog| &catalog.value) else {
            return;
        };
        for secondary in secondaries {
            let patterns = secondary.patterns();
            if self.catalogs.contains_key(&patterns) {
                continue;
            }
            let members = self.zones.keys().filter(|zone| secondary.takes.takes(zone));
            let Some(content) = catalog(name, members, seconds(settings.now)) else { continue };
            let file = format!("{}@{}", zone_stem(name), digest(&patterns));
            let known = before.remove(&patterns);
            let served = advanced(known, content, &file, settings.now, keeper);
            self.catalogs.insert(patterns, served);
        }
    }

    /// The serials of all zones that are transferred.
    fn serials(&self, zones: usize) -> ZoneSerials {
        let mut serials = vec![None; zones];
        for zone in self.zones.values() {
            if let Some(serial) = serials.get_mut(zone.number as usize) {
                *serial = Some(zone.served.history.newest().serial());
            }
        }
        ZoneSerials::new(serials)
    }
}

/// The version that follows the one before, or what is kept, if the zone says anything new.
fn advanced(
    known: Option<ServedZone>,
    content: Content,
    file: &str,
    now: Timestamp,
    keeper: &mut dyn KeepsVersions,
) -> ServedZone {
    let before = known.or_else(|| {
        let kept = keeper.read_versions(file).filter(|kept| kept.newest().zone == content.zone);
        kept.map(|kept| ServedZone { history: Arc::new(kept), since: now })
    });
    let next = match before {
        None => History::new(content),
        Some(before) => match before.history.followed_by(content) {
            None => return before,
            Some(next) => next,
        },
    };
    keeper.keep_versions(file, &next);
    ServedZone { history: Arc::new(next), since: now }
}

/// A short name for patterns (FNV-1a), which is the same in every version.
fn digest(patterns: &str) -> String {
    let mix = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", patterns.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}

#[cfg(test)]
mod tests;
