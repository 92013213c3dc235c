//! Versions follow feeds, reloads and restarts.

use std::path::Path;
use std::time::Duration;

use cvdns_core::health::{Feed, FeedRequirements};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{Now, Unavailable, compile};
use cvdns_core::wire::rtype;
use cvdns_transfer::serial;

use super::*;
use crate::load::load;
use crate::transfer::progress::Taken;
use crate::transfer::served::Found;

/// What is kept, as on a disk.
#[derive(Default)]
struct Kept {
    histories: HashMap<String, History>,
    /// Stems of what could not be written.
    unwritten: HashSet<String>,
    is_full: bool,
    is_foreign: bool,
}

impl KeepsVersions for Kept {
    fn makes_versions(&self) -> bool {
        !self.is_foreign
    }

    fn read_versions(&mut self, stem: &str) -> Option<History> {
        self.histories.get(stem).cloned()
    }

    fn keep_versions(&mut self, stem: &str, history: &History) {
        assert!(!self.is_foreign, "another process keeps versions");
        if self.is_full {
            self.unwritten.insert(stem.to_owned());
        } else {
            self.unwritten.remove(stem);
            self.histories.insert(stem.to_owned(), history.clone());
        }
    }

    fn lacks_versions(&self, stem: &str) -> bool {
        self.unwritten.contains(stem) || !self.histories.contains_key(stem)
    }
}

/// The server of the example with these lines in its configuration.
struct Scene {
    loaded: Loaded,
    static_data: Arc<StaticData>,
    feed: Feed,
    kept: Kept,
}

const SECONDARY: &str =
    "keys = [\"transfer.key\"]\n[[transfer.secondary]]\naddress = \"192.0.2.53\"\nkey = \"k\"\n";

impl Scene {
    fn new(transfer: &str) -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "[[zone]]\nfile = \"{0}/zones/clamav.net.toml\"\n[geoip]\ndatabase = \
             \"{0}/geoip/country.mmdb\"\n[transfer]\n{transfer}{SECONDARY}",
            project.display()
        );
        let key = "key k { algorithm hmac-sha256; secret \
                   dGhpcyBpcyBhIHNlY3JldCBvZiAzMiBvY3RldHMhISE=; };";
        std::fs::write(dir.path().join("transfer.key"), key).unwrap();
        std::fs::write(dir.path().join("cvdns.toml"), config).unwrap();
        let mut problems = Problems::default();
        let loaded = load(&dir.path().join("cvdns.toml"), &mut problems).unwrap();
        assert!(!problems.has_errors(), "{problems:?}");
        let none = FeedRequirements::default();
        let static_data = Arc::new(compile(&loaded.inputs, &none, &mut problems).unwrap());
        let feed = Feed::parse(&std::fs::read(project.join("feed.json")).unwrap()).unwrap();
        Self { loaded, static_data, feed, kept: Kept::default() }
    }

    /// The serial that is served after this many seconds; with or without the feed.
    fn follow(&mut self, versions: &mut Versions, second: i64, has_feed: bool) -> Option<u32> {
        let time = Timestamp::from_second(1_763_800_100 + second).unwrap();
        let feed = has_feed.then_some(&self.feed);
        let now = Now::new(feed, time, Duration::from_secs(1 << 30));
        let mut snapshot = Snapshot::new(self.static_data.clone(), &now);
        let settings =
            TransferSettings::new(&self.loaded, feed.map(|feed| feed.serial), None, time);
        versions.follow(&mut snapshot, settings, &mut self.kept);
        snapshot.serials.get(0)
    }
}

#[test]
fn serials_rise_with_content_and_survive_restarts() {
    let mut scene = Scene::new("client-names = \"unknown\"\n");
    let mut versions = Versions::new(Arc::default());
    let first = scene.follow(&mut versions, 0, true).unwrap();
    assert_eq!(scene.follow(&mut versions, 1, true), Some(first), "nothing changed");
    // Without the feed all mirrors are up: other content, and a smaller sum.
    let second = scene.follow(&mut versions, 2, false).unwrap();
    assert_eq!(second, first.wrapping_add(1));
    // A restart goes on from what was kept; nothing is new.
    let mut again = Versions::new(Arc::default());
    assert_eq!(scene.follow(&mut again, 3, false), Some(second));
    let third = scene.follow(&mut again, 4, true).unwrap();
    assert!(serial::is_greater(third, second));
    let served = again.desk().served();
    let zone = served.zones.values().next().unwrap();
    assert_eq!(zone.history.newest().serial(), third);
    assert!(zone.history.since(second).is_some() && zone.history.since(first).is_some());
    // Another process kept a version meanwhile: it counts.
    versions.forget();
    assert_eq!(scene.follow(&mut versions, 5, true), Some(third));
}

#[test]
fn zones_of_clients_are_refused_and_keep_their_serials() {
    let mut scene = Scene::new("");
    let mut versions = Versions::new(Arc::default());
    assert_eq!(scene.follow(&mut versions, 0, true), None);
    let served = versions.desk().served();
    assert_eq!((served.zones.len(), served.refused.len()), (0, 1));
    assert!(scene.kept.histories.is_empty());
}

#[test]
fn a_catalog_lists_what_is_transferred() {
    let transfer = "client-names = \"unknown\"\ncatalog = \"catalog.example\"\n";
    let mut scene = Scene::new(transfer);
    let mut versions = Versions::new(Arc::default());
    scene.follow(&mut versions, 0, true);
    let newest = |versions: &Versions| {
        let served = versions.desk().served();
        let catalog = served.catalogs.values().next().unwrap();
        (catalog.history.newest().serial(), catalog.history.newest().records.len())
    };
    // NS, version, and a member.
    assert_eq!(newest(&versions), (1_763_800_100, 3));
    scene.follow(&mut versions, 60, false);
    assert_eq!(newest(&versions), (1_763_800_100, 3), "it changes with its members alone");
    scene.loaded.config.transfer.client_names = ClientNames::Refuse;
    scene.follow(&mut versions, 120, true);
    assert_eq!(newest(&versions), (1_763_800_220, 2));
}

const ALL: &str = "client-names = \"unknown\"\ncatalog = \"catalog.example\"\n";

/// The serials that are kept, of the zone and the catalog.
fn kept_serials(scene: &Scene) -> Vec<u32> {
    let mut stems: Vec<&String> = scene.kept.histories.keys().collect();
    stems.sort();
    stems.iter().map(|stem| scene.kept.histories[*stem].newest().serial()).collect()
}

#[test]
fn versions_that_are_not_kept_are_kept_again() {
    let mut scene = Scene::new(ALL);
    let mut versions = Versions::new(Arc::default());
    let first = scene.follow(&mut versions, 0, true).unwrap();
    let keep_again = |scene: &mut Scene, versions: &Versions| {
        versions.keep_again(&scene.loaded.config.transfer, &mut scene.kept);
    };
    let [catalog, zone] = kept_serials(&scene).try_into().unwrap();
    assert_eq!(zone, first);
    // The disk is full, and the zone changes.
    scene.kept.is_full = true;
    let second = scene.follow(&mut versions, 1, false).unwrap();
    keep_again(&mut scene, &versions);
    assert_eq!(kept_serials(&scene), [catalog, first]);
    scene.kept.is_full = false;
    keep_again(&mut scene, &versions);
    assert_eq!(kept_serials(&scene), [catalog, second]);
    // Somebody removes everything.
    scene.kept.histories.clear();
    keep_again(&mut scene, &versions);
    assert_eq!(kept_serials(&scene), [catalog, second]);
}

/// As long as another process keeps versions, those are served, whatever this one would say.
#[test]
fn a_server_that_takes_over_makes_no_versions_before_it_keeps_them() {
    let mut scene = Scene::new(ALL);
    let mut old = Versions::new(Arc::default());
    let mut new = Versions::new(Arc::default());
    let found = |versions: &Versions, zone: &str| {
        let served = versions.desk().served();
        let key = served.secondaries[0].key.name().clone();
        let zone = Name::parse(zone, &Name::root()).unwrap();
        served.find(&zone, "192.0.2.53".parse().unwrap(), &key).1
    };
    // Nothing is kept yet: whoever asks is to ask again.
    scene.kept.is_foreign = true;
    assert_eq!(scene.follow(&mut new, 0, false), None);
    for zone in ["clamav.net", "catalog.example"] {
        assert!(matches!(found(&new, zone), Found::Waiting), "{zone}");
    }
    assert!(matches!(found(&new, "elsewhere.example"), Found::NotHere));
    scene.kept.is_foreign = false;
    let first = scene.follow(&mut old, 1, true).unwrap();
    scene.kept.is_foreign = true;
    assert_eq!(scene.follow(&mut new, 2, false), Some(first), "though it answers otherwise");
    scene.kept.is_foreign = false;
    let second = scene.follow(&mut old, 3, false).unwrap();
    scene.kept.is_foreign = true;
    assert_eq!(scene.follow(&mut new, 4, true), Some(second));
    assert!(matches!(found(&new, "clamav.net"), Found::Zone(_)));
    // From now on it keeps them itself.
    scene.kept.is_foreign = false;
    new.forget();
    let third = scene.follow(&mut new, 5, true).unwrap();
    assert_eq!(third, second.wrapping_add(1));
    let served = new.desk().served();
    let history = &served.zones.values().next().unwrap().history;
    assert!(history.since(first).is_some() && history.since(second).is_some());
}

/// A zone without data is not transferred, and stays in the catalog with what secondaries have.
#[test]
fn an_expired_zone_is_suspended() {
    let mut scene = Scene::new(ALL);
    let available = scene.static_data.clone();
    for zone in scene.loaded.inputs.zones.iter_mut().flat_map(|input| &mut input.zones) {
        zone.unavailable = Some(Unavailable::Expired);
    }
    let none = FeedRequirements::default();
    let expired = compile(&scene.loaded.inputs, &none, &mut Problems::default()).unwrap();
    let expired = Arc::new(expired);
    let mut versions = Versions::new(Arc::default());
    // Nobody ever had it: it is no member of the catalog.
    let members = |versions: &Versions| {
        let served = versions.desk().served();
        let records = &served.catalogs.values().next().unwrap().history.newest().records;
        records.iter().filter(|record| record.rtype == rtype::PTR).count()
    };
    scene.static_data = expired.clone();
    assert_eq!(scene.follow(&mut versions, 0, true), None);
    assert_eq!(members(&versions), 0);
    scene.static_data = available.clone();
    let serial = scene.follow(&mut versions, 1, true);
    assert_eq!(members(&versions), 1);
    let progress = versions.desk().progress().clone();
    let secondary = versions.desk().served().secondaries[0].id();
    let zone = Name::parse("clamav.net", &Name::root()).unwrap();
    let at = Timestamp::from_second(1_763_800_101).unwrap();
    progress.note(secondary.clone(), &zone, Taken { serial: serial.unwrap(), at });
    let mut again = Versions::new(Arc::default());
    for versions in [&mut versions, &mut again] {
        scene.static_data = expired.clone();
        assert_eq!(scene.follow(versions, 2, true), None);
        assert_eq!(members(versions), 1, "also after a restart");
        let served = versions.desk().served();
        let key = served.secondaries[0].key.name().clone();
        let (_, found) = served.find(&zone, "192.0.2.53".parse().unwrap(), &key);
        assert!(matches!(found, Found::Unavailable(Unavailable::Expired)), "{found:?}");
        scene.static_data = available.clone();
        assert_eq!(scene.follow(versions, 3, true), serial, "the same version again");
    }
    assert_eq!(progress.of(&secondary, &zone).taken.map(|taken| taken.serial), serial);
}
