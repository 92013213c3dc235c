//! Mirrors in a feed that no fleet has. They are reported, but do not make the feed invalid.

use std::collections::HashMap;

use crate::fleet::{Fleet, Mirror};

use super::Feed;

/// Hosts and addresses of the feed that are in no fleet, one line each.
pub fn unknown_mirrors<'f>(feed: &Feed, fleets: impl Iterator<Item = &'f Fleet>) -> Vec<String> {
    let mut known: HashMap<&str, Vec<&Mirror>> = HashMap::new();
    for mirror in fleets.flat_map(|fleet| &fleet.mirrors) {
        known.entry(&mirror.host).or_default().push(mirror);
    }
    let mut out = Vec::new();
    for (host, listed) in &feed.mirrors {
        let Some(mirrors) = known.get(host.as_str()) else {
            out.push(format!("{host} is in no fleet file: its state in the feed is not used"));
            continue;
        };
        for address in listed.addresses.keys() {
            if !mirrors.iter().any(|mirror| mirror.addresses().any(|own| own == *address)) {
                out.push(format!(
                    "{address} is not an address of {host}: its state in the feed is not used"
                ));
            }
        }
    }
    out
}
