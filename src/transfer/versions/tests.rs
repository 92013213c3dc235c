//! Versions follow feeds, reloads and restarts.

use std::path::Path;
use std::time::Duration;

use cvdns_core::health::{Feed, FeedRequirements};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{Now, compile};
use cvdns_transfer::serial;

use super::*;
use crate::load::load;

/// What is kept, as on a disk.
#[derive(Default)]
struct Kept(HashMap<String, History>);

impl KeepsVersions for Kept {
    fn read_versions(&mut self, file: &str) -> Option<History> {
        self.0.get(file).cloned()
    }

    fn keep_versions(&mut self, file: &str, history: &History) {
        self.0.insert(file.to_owned(), history.clone());
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
        let settings = TransferSettings::new(&self.loaded, feed.map(|feed| feed.serial), time);
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
    assert!(scene.kept.0.is_empty());
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
