#![no_main]

use cvdns_core::health::{Feed, feed_faults};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Feed::parse(bytes) {
        Ok(feed) => {
            assert!(!feed.follows(&feed).unwrap(), "the same feed again is no news");
            if let Some(release) = &feed.release {
                // Clients expect eight fields in one string, none of them empty.
                let record = release.record(i64::from(u32::MAX));
                assert!(record.len() <= 255 && record.split(':').count() == 8);
                assert!(record.split(':').all(|field| !field.is_empty()));
            }
        }
        Err(error) => drop(error.to_string()),
    }
    assert_eq!(feed_faults(bytes).is_empty(), Feed::parse(bytes).is_ok());
});
