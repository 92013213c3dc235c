//! Snapshots that targets query.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cvdns::load::{FeedSource, load};
use cvdns_core::health::{Feed, FeedRequirements};
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::inputs::{Inputs, Settings};
use cvdns_core::snapshot::{Now, Snapshot, compile};
use cvdns_io::read_feed;
use jiff::Timestamp;

/// The clock of all targets, so that an input always does the same.
pub(crate) fn clock() -> Timestamp {
    Timestamp::constant(1_795_370_400, 0)
}

/// The shipped example.
pub(crate) static EXAMPLE: LazyLock<Snapshot> = LazyLock::new(|| {
    let mut problems = Problems::default();
    let project = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|directory| directory.join("cvdns.toml").exists())
        .expect("the project");
    let loaded = load(&project.join("cvdns.toml"), &mut problems).expect("the example");
    let file = loaded.feeds.first().and_then(FeedSource::file).expect("a feed");
    let feed = Feed::parse(&read_feed(file).expect("a feed")).expect("a feed");
    let static_data =
        compile(&loaded.inputs, &feed.requirements(), &mut problems).expect("the example");
    let now = Now::new(Some(&feed), feed.generated, Duration::from_secs(3600));
    Snapshot::new(Arc::new(static_data), &now)
});

const ZONE: &str = "format = 1\norigin = 'example.net'\nrecords = 'zone'\nmirrors = 'fleet'\n\
                    [[name]]\nowner = 'db'\npool = 'world'\n\
                    [[name]]\nowner = 'local'\npool = 'client'\n\
                    [[name]]\nowner = 'v'\ntxt = 'record'\n";

const RECORDS: &str = "$TTL 300\n@ SOA ns hostmaster 1 3600 900 1209600 300\n@ NS ns\n\
                       ns A 192.0.2.53\n* TXT \"any\"\nalias CNAME db\n";

const FLEET: &str = "[[mirror]]\nhost = 'a.example.org'\ncountry = 'DE'\n\
                     ipv4 = ['192.0.2.1']\nipv6 = ['2001:db8::1']\n\
                     [[mirror]]\nhost = 'b.example.org'\ncountry = 'FR'\nipv4 = ['192.0.2.2']\n\
                     capacity = '1Gbit/s'\n\
                     [[mirror]]\nhost = 'c.example.org'\ncountry = 'JP'\nipv4 = ['192.0.2.3']\n";

/// The inputs of a zone `example.net` with three mirrors.
pub(crate) fn small_inputs() -> Inputs {
    let mut problems = Problems::default();
    let inputs = Inputs::of_zone(ZONE, RECORDS, FLEET, &mut problems).expect("a zone file");
    assert!(!problems.has_errors(), "{:?}", problems.iter().next());
    inputs
}

/// The snapshot of that zone with these settings, without a feed.
pub(crate) fn small(settings: Settings) -> Snapshot {
    let inputs = Inputs { settings, ..small_inputs() };
    let required = FeedRequirements::default();
    let static_data = compile(&inputs, &required, &mut Problems::default()).expect("a small zone");
    Snapshot::new(Arc::new(static_data), &Now::new(None, clock(), Duration::from_secs(3600)))
}
