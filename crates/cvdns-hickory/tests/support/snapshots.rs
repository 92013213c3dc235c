//! Snapshots that are asked.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cvdns::load::{FeedSource, Loaded, load};
use cvdns_core::dnssec::{Algorithm, Dnskey, SigningKey, ZoneSigning};
use cvdns_core::health::{Feed, FeedRequirements};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::Inputs;
use cvdns_core::snapshot::signatures::{SignatureStore, Signatures};
use cvdns_core::snapshot::{Now, Snapshot, ZoneSerials, compile};
use cvdns_core::wire::rtype;
use cvdns_core::zone::records::ResourceRecord;
use cvdns_dnssec::KeyPair;
use jiff::Timestamp;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// How old a feed may be.
const MAX_AGE: Duration = Duration::from_secs(3600);

fn loaded() -> (Loaded, Feed) {
    let mut problems = Problems::default();
    let loaded = load(&Path::new(ROOT).join("cvdns.toml"), &mut problems).expect("the example");
    let file = loaded.feeds.first().and_then(FeedSource::file).expect("a feed");
    let feed = Feed::parse(&cvdns_io::read_feed(file).expect("a feed")).expect("a feed");
    (loaded, feed)
}

fn compiled(inputs: &Inputs, feed: Option<&Feed>, now: Timestamp) -> Snapshot {
    let required = feed.map_or_else(FeedRequirements::default, Feed::requirements);
    let mut problems = Problems::default();
    let static_data = compile(inputs, &required, &mut problems);
    assert!(!problems.has_errors(), "{problems:?}");
    Snapshot::new(Arc::new(static_data.expect("data")), &Now::new(feed, now, MAX_AGE))
}

/// The shipped zone with its feed: mirrors of which some are down or behind, so that paths are
/// followed.
pub fn shipped() -> Snapshot {
    let (loaded, feed) = loaded();
    compiled(&loaded.inputs, Some(&feed), feed.generated)
}

/// The same a week later: the record is too old.
pub fn stale() -> Snapshot {
    let (loaded, feed) = loaded();
    let later = feed.generated + Duration::from_secs(7 * 86_400);
    compiled(&loaded.inputs, Some(&feed), later)
}

/// The same without a feed: no release is known.
pub fn unfed() -> Snapshot {
    let (loaded, feed) = loaded();
    compiled(&loaded.inputs, None, feed.generated)
}

/// The shipped zone, signed.
pub fn signed() -> Snapshot {
    let (mut loaded, feed) = loaded();
    let (pair, _) =
        KeyPair::generate(Algorithm::EcdsaP256Sha256, Dnskey::KEY_SIGNING).expect("a key");
    let zone = &mut loaded.inputs.zones[0].zones[0];
    let record = ResourceRecord {
        owner: zone.records.origin.clone(),
        rtype: rtype::DNSKEY,
        ttl: 3600,
        rdata: pair.dnskey().rdata().into(),
        location: Location::file("keys"),
    };
    let key = SigningKey { dnskey: pair.dnskey().clone(), private: Arc::new(pair) };
    zone.signing = Some(Arc::new(ZoneSigning {
        key_records: vec![record],
        zone_keys: vec![key.clone()],
        key_set_keys: vec![key],
        foreign: Vec::new(),
        validity: MAX_AGE * 1000,
    }));
    let mut snapshot = compiled(&loaded.inputs, Some(&feed), feed.generated);
    let now = feed.generated.as_second();
    snapshot.sign(&Signatures::default(), &SignatureStore::new(), now);
    snapshot
}

/// The zone of the interop tests, with mirrors of unequal weight in countries that all clients see
/// alike, as there is no country database. Its SOA record has a serial of its own, as where it is
/// transferred to secondaries.
pub fn interop() -> Snapshot {
    let fleet = (0..12).fold(String::new(), |fleet, mirror| {
        let country = ["DE", "FR", "JP"][mirror % 3];
        let ipv6 = if mirror % 2 == 0 { format!("'2001:db8::{mirror}'") } else { String::new() };
        let weight = if mirror > 8 { "capacity = '1Gbit/s'\n" } else { "" };
        fleet
            + &format!(
                "[[mirror]]\nhost = 'm{mirror}.example'\ncountry = '{country}'\n\
                 ipv4 = ['192.0.2.{mirror}']\nipv6 = [{ipv6}]\n{weight}"
            )
    });
    let zone = include_str!("../../../../tests/support/clam.example.toml");
    let records = include_str!("../../../../tests/support/clam.example.zone");
    let mut snapshot = of_texts(zone, records, &fleet);
    snapshot.serials = ZoneSerials::new(vec![Some(4_000_000_000)]);
    snapshot
}

/// A zone of what is rare: types that hickory does not know or reads differently, empty RDATA,
/// chains that loop, end or become too long, delegations with DS records, names in mixed case.
pub fn rare() -> Snapshot {
    let (long, longer) = ("a".repeat(60), "b".repeat(63));
    let mut records = include_str!("rare.zone").to_owned();
    let _ = writeln!(records, "grow DNAME {long}.{longer}.{longer}.rare.test.");
    for link in 0..18 {
        let _ = writeln!(records, "c{link} CNAME C{}", link + 1);
    }
    let zone = "format = 1\norigin = 'rare.test'\nrecords = 'zone'\n";
    of_texts(zone, &records, "")
}

fn of_texts(zone: &str, records: &str, fleet: &str) -> Snapshot {
    let mut problems = Problems::default();
    let inputs = Inputs::of_zone(zone, records, fleet, &mut problems);
    assert!(!problems.has_errors(), "{problems:?}");
    compiled(&inputs.expect("a zone"), None, Timestamp::constant(1_795_370_400, 0))
}
