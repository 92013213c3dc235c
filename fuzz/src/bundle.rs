//! Bundles of zone files.

use cvdns_core::bundle::{Bundle, resolved};
use serde_json::Value;

/// A bundle that is read has what a plain reading of its JSON finds, is read as the same once it is
/// written, and no name leads out of it.
pub fn run(input: &[u8]) {
    match Bundle::parse(input) {
        Ok(bundle) => check(&bundle, input),
        Err(error) => assert!(!error.to_string().is_empty() && !error.reason().is_empty()),
    }
}

fn check(bundle: &Bundle, input: &[u8]) {
    let octets = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let plain: Value = serde_json::from_slice(octets).expect("JSON");
    assert_eq!(plain["format"], 1);
    assert_eq!(plain["bundle"], bundle.name);
    assert_eq!(plain["serial"], bundle.serial);
    let zones: Vec<&Value> = plain["zones"].as_array().expect("a list").iter().collect();
    assert_eq!(zones, bundle.zones.iter().collect::<Vec<_>>());
    let files = plain["files"].as_object().expect("an object");
    assert_eq!(files.len(), bundle.files.len());
    for (name, text) in &bundle.files {
        assert_eq!(files[name], *text);
        stays_inside(name);
        // What a zone file may name, whatever it is.
        for path in text.lines().take(8) {
            if let Some(found) = resolved(name, path) {
                stays_inside(&found);
                assert!(!path.starts_with('/'));
            }
        }
    }
    assert!(bundle.zones.iter().all(|zone| bundle.files.contains_key(zone)));
    assert_eq!(Bundle::parse(&bundle.to_text().expect("JSON")).as_ref(), Ok(bundle));
}

fn stays_inside(name: &str) {
    let path = std::path::Path::new(name);
    let is_normal = |part| matches!(part, std::path::Component::Normal(_));
    assert!(!name.is_empty() && path.components().all(is_normal), "{name:?}");
}
