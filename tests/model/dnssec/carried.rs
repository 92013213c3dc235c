//! Signatures carry over from one snapshot to the next: what was signed is not signed again.

use std::sync::Arc;
use std::time::Duration;

use cvdns_core::health::{Feed, HealthInputs, Settling};
use cvdns_core::snapshot::signatures::{SignatureStore, Signatures};
use cvdns_core::snapshot::{Now, Snapshot, StaticData};
use jiff::{SignedDuration, Timestamp};

use super::checked::compiled;
use super::keys::{P256_CSK, sign};
use super::windows::{example, pool_sets};

/// The shipped example, as it goes on from feed to feed.
struct Server {
    static_data: Arc<StaticData>,
    feed: Feed,
    store: SignatureStore,
    snapshot: Snapshot,
    settling: Option<Settling>,
    /// For this moment is signed.
    now: Timestamp,
}

impl Server {
    fn new() -> Self {
        let (mut loaded, feed) = example();
        sign(&mut loaded.inputs, P256_CSK, |_| true);
        let static_data = compiled(&loaded.inputs, Some(&feed)).unwrap();
        let now = feed.generated + SignedDuration::from_mins(5);
        let at = Now::new(Some(&feed), now, Duration::from_secs(3600));
        let mut snapshot = Snapshot::new(static_data.clone(), &at);
        let store = SignatureStore::new();
        snapshot.sign(&Signatures::default(), &store, now.as_second());
        snapshot.signatures.fill(&store, || true);
        Self { static_data, feed, store, snapshot, settling: None, now }
    }

    /// Goes on to what the feed says now. Returns how many signatures were made, and how many sets
    /// there are that were not there before.
    fn go_on(&mut self) -> (usize, usize) {
        let made = self.store.made();
        let inputs = HealthInputs {
            feed: Some(&self.feed),
            overrides: None,
            settling: self.settling.as_ref(),
        };
        let at = Now { inputs, ..Now::new(Some(&self.feed), self.now, Duration::from_secs(3600)) };
        let mut next = Snapshot::after(&self.snapshot, self.static_data.clone(), &at);
        next.sign(&self.snapshot.signatures, &self.store, self.now.as_second());
        next.signatures.fill(&self.store, || true);
        let new = pool_sets(&next).difference(&pool_sets(&self.snapshot)).count();
        self.snapshot = next;
        ((self.store.made() - made) as usize, new)
    }

    /// Changes the mirrors whose host has this in it.
    fn set(&mut self, host: &str, state: &str) {
        let fleet = &self.static_data.plans[0].fleet;
        for mirror in fleet.mirrors.iter().filter(|mirror| mirror.host.contains(host)) {
            let health = serde_json::from_str(&format!("{{\"state\":\"{state}\"}}")).unwrap();
            self.feed.mirrors.insert(mirror.host.clone(), health);
        }
    }

    fn shortest_ttl(&self) -> u32 {
        let slots = 0..self.snapshot.dynamic_data.slots() as u32;
        let answers = slots.filter_map(|slot| self.snapshot.dynamic_data.answer(slot));
        let ttls = answers.map(|answer| answer.windows(false).ttl()).filter(|ttl| *ttl > 0);
        ttls.min().unwrap()
    }
}

/// The version record follows the feed's moment: its text may be another one.
const TEXTS: usize = 8;

#[track_caller]
fn is_no_more_than_new((made, new): (usize, usize)) {
    // Some of them may be known from before the snapshot before.
    assert!(made > 0 && made <= new + TEXTS, "{made} made for {new} new sets");
}

#[test]
fn a_change_of_one_mirror_signs_the_new_sets_and_no_others() {
    let mut server = Server::new();
    let (made, new) = server.go_on();
    assert_eq!((made, new), (0, 0), "nothing has changed");
    for host in ["clamav.jp", "clamav.fr", "clamav2.de", "mirror.de"] {
        server.set(host, "down");
        let changed = server.go_on();
        println!("{host}: {changed:?}");
        assert!(changed.1 > 0 && changed.1 < 2_500, "{host}: {changed:?}");
        is_no_more_than_new(changed);
        // It is back: its sets are known.
        server.set(host, "up");
        let (made, _) = server.go_on();
        assert!(made <= TEXTS, "{host}: {made}");
    }
}

/// What is served remains known, however long nothing changes.
#[test]
fn after_quiet_hours_a_change_signs_the_new_sets_alone() {
    let mut server = Server::new();
    for _ in 0..30 {
        // A feed each quarter of an hour, which says the same.
        server.now += SignedDuration::from_mins(15);
        server.go_on();
    }
    // Some signatures are renewed meanwhile, none of them in this moment.
    server.go_on();
    server.set("clamav.jp", "down");
    is_no_more_than_new(server.go_on());
}

/// RFC 4034 section 3.1.4: the Original TTL is that of the zone, however short the TTL of an
/// answer is.
#[test]
fn shorter_ttls_need_no_other_signatures() {
    let mut server = Server::new();
    server.set("", "up");
    server.go_on();
    let whole = server.shortest_ttl();
    // All down: answered as if they were up, for a short time.
    server.set("", "down");
    let (made, new) = server.go_on();
    assert!(server.shortest_ttl() < whole, "{}", server.shortest_ttl());
    assert!(new == 0 && made <= TEXTS, "{made} {new}");
    // Mirrors that came back a moment ago: half the TTL.
    let mut settling = Settling::new(Duration::from_secs(600));
    let fleet = &server.static_data.plans[0].fleet.clone();
    settling.follow(&server.feed, std::iter::once(&**fleet), server.now);
    server.set("", "up");
    server.now += SignedDuration::from_secs(1);
    server.feed.serial += 1;
    settling.follow(&server.feed, std::iter::once(&**fleet), server.now);
    server.settling = Some(settling);
    let (made, new) = server.go_on();
    assert_eq!(server.shortest_ttl(), whole / 2);
    assert!(new == 0 && made <= TEXTS, "{made} {new}");
}

#[test]
fn a_new_day_signs_the_new_sets_alone() {
    let mut server = Server::new();
    server.feed.generated += SignedDuration::from_hours(24);
    let (made, new) = server.go_on();
    println!("a new day: {made} {new}");
    assert!(new > 1_000);
    is_no_more_than_new((made, new));
    // And back: the day before is known.
    server.feed.generated -= SignedDuration::from_hours(24);
    let (made, _) = server.go_on();
    assert!(made <= TEXTS, "{made}");
}
