//! Feeds.

use cvdns_core::health::{Feed, feed_faults};
use serde_json::Value;

/// A feed that is read says what a plain reading of its JSON finds, and its record has the form
/// that clients expect.
pub fn run(input: &[u8]) {
    match Feed::parse(input) {
        Ok(feed) => check(&feed, input),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    assert_eq!(feed_faults(input).is_empty(), Feed::parse(input).is_ok());
}

fn check(feed: &Feed, input: &[u8]) {
    assert!(!feed.follows(feed).expect("the same"), "the same feed again is no news");
    if let Some(release) = &feed.release {
        // Clients expect eight fields in one string, none of them empty.
        let record = release.record(i64::from(u32::MAX));
        assert!(record.len() <= 255 && record.split(':').count() == 8);
        assert!(record.split(':').all(|field| !field.is_empty()));
    }
    let octets = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let plain: Value = serde_json::from_slice(octets).expect("JSON");
    assert_eq!(plain["format"], 1);
    assert_eq!(plain["serial"], feed.serial);
    let mirrors = plain["mirrors"].as_object();
    assert_eq!(mirrors.map_or(0, serde_json::Map::len), feed.mirrors.len());
    let mut states: Vec<String> =
        feed.mirrors.values().map(|mirror| mirror.state.to_string()).collect();
    let mut plain: Vec<&str> =
        mirrors.into_iter().flatten().filter_map(|(_, mirror)| mirror["state"].as_str()).collect();
    states.sort_unstable();
    plain.sort_unstable();
    assert_eq!(states, plain);
}
