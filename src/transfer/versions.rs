//! Makes a version of each transferred zone whenever answers change.

use std::collections::{HashMap, HashSet};
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
use crate::export::{ExportSigner, TransferInput, TransferredZone, transferred};
use crate::load::Loaded;

/// The versions of all transferred zones.
#[derive(Debug)]
pub struct Versions {
    desk: Arc<TransferDesk>,
    zones: HashMap<Name, Tracked>,
    /// The catalog, by the patterns of those who may have it.
    catalogs: HashMap<String, ServedZone>,
    /// Zones that have no data that may be answered at the moment, with what they had.
    suspended: HashMap<Name, ServedZone>,
    /// Zones whose versions another process still keeps, and that have none yet.
    waiting: HashSet<Name>,
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
    /// Whether versions may be made. As long as another process makes and keeps them, its serials
    /// must not be used for something else: what it kept is served.
    fn makes_versions(&self) -> bool;
    /// Reads what was kept of the zone with this stem of a file name.
    fn read_versions(&mut self, stem: &str) -> Option<History>;
    /// Keeps the history of the zone with this stem.
    fn keep_versions(&mut self, stem: &str, history: &History);
    /// Whether nothing is kept by this stem, or an older history than was to be.
    fn lacks_versions(&self, stem: &str) -> bool;
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
    /// What signs signed zones; `None` if secondaries sign by themselves.
    signer: Option<&'l ExportSigner>,
    now: Timestamp,
}

impl<'l> TransferSettings<'l> {
    /// The settings of what was loaded, with the serial of the feed in force, and with what signs
    /// signed zones.
    pub fn new(
        loaded: &'l Loaded,
        feed: Option<u64>,
        signer: Option<&'l ExportSigner>,
        now: Timestamp,
    ) -> Self {
        let server = &loaded.config.server;
        Self {
            transfer: &loaded.config.transfer,
            keys: &loaded.transfer_keys,
            ecs: server.ecs,
            udp_size: server.edns_udp_size,
            feed,
            signer,
            now,
        }
    }
}

impl Versions {
    /// No versions yet.
    pub fn new(desk: Arc<TransferDesk>) -> Self {
        Self {
            desk,
            zones: HashMap::new(),
            catalogs: HashMap::new(),
            suspended: HashMap::new(),
            waiting: HashSet::new(),
            static_data: Weak::new(),
        }
    }

    /// What answers from the versions.
    pub fn desk(&self) -> &Arc<TransferDesk> {
        &self.desk
    }

    /// Forgets all versions: those that are kept count, which another process may have written.
    pub fn forget(&mut self) {
        (self.zones, self.catalogs) = (HashMap::new(), HashMap::new());
        (self.suspended, self.waiting) = (HashMap::new(), HashSet::new());
    }

    /// Serves keys alone, as long as nobody may transfer anything.
    pub fn serve_nobody(&mut self, settings: TransferSettings<'_>) {
        self.forget();
        let before = self.desk.served();
        let is_same = before.secondaries.is_empty()
            && Arc::ptr_eq(&before.keys, settings.keys)
            && before.udp_size == settings.udp_size;
        if !is_same {
            let (keys, udp_size) = (settings.keys.clone(), settings.udp_size);
            self.desk.serve(Served { keys, udp_size, ..Served::default() });
        }
    }

    /// Keeps versions again that could not be written, or that somebody has removed.
    pub fn keep_again(&self, transfer: &Transfer, keeper: &mut dyn KeepsVersions) {
        let zones = self.zones.iter().map(|(origin, zone)| (origin, &zone.served));
        for (origin, zone) in zones.chain(&self.suspended) {
            keep_if_lacking(&zone_stem(origin), zone, keeper);
        }
        let Some(catalog) = &transfer.catalog else { return };
        for (patterns, zone) in &self.catalogs {
            keep_if_lacking(&catalog_stem(&catalog.value, patterns), zone, keeper);
        }
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
        if secondaries.is_empty() {
            self.serve_nobody(settings);
            return;
        }
        if !keeper.makes_versions() {
            // The other process may have kept more since.
            self.forget();
        }
        self.waiting.clear();
        let mut refused = HashSet::new();
        self.follow_zones(snapshot, settings, &secondaries, &mut refused, keeper);
        self.follow_catalogs(settings, &secondaries, keeper);
        snapshot.serials = self.serials(snapshot.static_data.zones.len());
        let zones = self.zones.iter().map(|(name, zone)| (zone_key(name), zone.served.clone()));
        let suspended = self.suspended.iter().map(|(name, zone)| (zone_key(name), zone.clone()));
        let served = Served {
            keys: settings.keys.clone(),
            secondaries,
            zones: zones.collect(),
            suspended: suspended.collect(),
            waiting: self.waiting.clone(),
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
        let mut before: HashMap<Name, ServedZone> =
            before.drain().map(|(name, zone)| (name, zone.served)).collect();
        before.extend(self.suspended.drain());
        let out = snapshot.static_data.zones.iter().filter(|zone| zone.unavailable.is_some());
        for Zone { origin, .. } in out.filter(|zone| is_taken(zone)) {
            let known = before.remove(origin);
            let known = known.or_else(|| kept(&zone_stem(origin), origin, settings.now, keeper));
            self.suspended.extend(known.map(|known| (origin.clone(), known)));
        }
        let wanted = |number: u32, zone: &Zone| !numbers.contains(&number) && is_taken(zone);
        let refuses = settings.ecs && settings.transfer.client_names == ClientNames::Refuse;
        let TransferSettings { feed, signer, .. } = settings;
        for zone in transferred(TransferInput { snapshot, feed, signer }, &wanted) {
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
            let known = before.remove(origin);
            match advanced(known, &content, &zone_stem(origin), settings.now, keeper) {
                Some(served) => {
                    self.zones.insert(origin.clone(), Tracked { number, is_static, served });
                }
                None => drop(self.waiting.insert(origin.clone())),
            }
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
            // Who misses a zone in the catalog drops it at once, with all that it still answers.
            let members = self.zones.keys().chain(self.suspended.keys());
            let members = members.filter(|zone| secondary.takes.takes(zone));
            let Some(content) = catalog(name, members, seconds(settings.now)) else { continue };
            let known = before.remove(&patterns);
            let stem = catalog_stem(name, &patterns);
            match advanced(known, &content, &stem, settings.now, keeper) {
                Some(served) => drop(self.catalogs.insert(patterns, served)),
                None => drop(self.waiting.insert(name.clone())),
            }
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

/// The version that follows the one before, or what is kept, if the zone says anything new. `None`
/// if another process makes versions and has kept none.
fn advanced(
    known: Option<ServedZone>,
    content: &Content,
    stem: &str,
    now: Timestamp,
    keeper: &mut dyn KeepsVersions,
) -> Option<ServedZone> {
    let before = known.or_else(|| kept(stem, &content.zone, now, keeper));
    if !keeper.makes_versions() {
        return before;
    }
    let next = match before {
        None => History::new(content),
        Some(before) => match before.history.followed_by(content) {
            None => return Some(before),
            Some(next) => next,
        },
    };
    keeper.keep_versions(stem, &next);
    Some(ServedZone { history: Arc::new(next), since: now })
}

/// What is kept of a zone.
fn kept(
    stem: &str,
    zone: &Name,
    now: Timestamp,
    keeper: &mut dyn KeepsVersions,
) -> Option<ServedZone> {
    let kept = keeper.read_versions(stem).filter(|kept| kept.newest().zone == *zone)?;
    Some(ServedZone { history: Arc::new(kept), since: now })
}

fn keep_if_lacking(stem: &str, zone: &ServedZone, keeper: &mut dyn KeepsVersions) {
    if keeper.lacks_versions(stem) {
        keeper.keep_versions(stem, &zone.history);
    }
}

/// The stem of the catalog's file for those who may have the zones of these patterns.
fn catalog_stem(catalog: &Name, patterns: &str) -> String {
    format!("{}@{}", zone_stem(catalog), digest(patterns))
}

/// A short name for patterns (FNV-1a), which is the same in every version.
fn digest(patterns: &str) -> String {
    let mix = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", patterns.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
}

#[cfg(test)]
mod tests;
