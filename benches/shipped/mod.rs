//! The shipped example with the shipped country database, for the benchmarks without sockets.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses its own part")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cvdns::load::{FeedSource, Loaded, load};
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{Now, Snapshot, StaticData, compile};
use cvdns_io::read_feed;

pub struct Shipped {
    pub loaded: Loaded,
    pub feed: Feed,
    pub static_data: Arc<StaticData>,
}

impl Shipped {
    pub fn load() -> Self {
        let mut problems = Problems::default();
        let loaded = load(&project().join("cvdns.toml"), &mut problems).expect("the example");
        let feed = Feed::parse(
            &read_feed(loaded.feeds.first().and_then(FeedSource::file).unwrap()).unwrap(),
        );
        let feed = feed.unwrap();
        let static_data = Arc::new(compile_frame(&loaded, &feed));
        Self { loaded, feed, static_data }
    }

    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.static_data), &now(&self.feed)).counting(1)
    }
}

pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn compile_frame(loaded: &Loaded, feed: &Feed) -> StaticData {
    compile(&loaded.inputs, &feed.requirements(), &mut Problems::default()).unwrap()
}

/// The moment at which the feed was written.
pub fn now(feed: &Feed) -> Now<'_> {
    Now::new(Some(feed), feed.generated, Duration::from_secs(3600))
}
