//! What a feed says of mirrors that nobody has: worth a word, no reason to refuse it.

use std::collections::HashMap;

use crate::fleet::{Fleet, Mirror};

use super::Feed;

/// Hosts and addresses of the feed that are in no fleet, a line each.
pub fn notes<'f>(feed: &Feed, fleets: impl Iterator<Item = &'f Fleet>) -> Vec<String> {
    let mut known: HashMap<&str, Vec<&Mirror>> = HashMap::new();
    for mirror in fleets.flat_map(|fleet| &fleet.mirrors) {
        known.entry(&mirror.host).or_default().push(mirror);
    }
    let mut out = Vec::new();
    for (host, said) in &feed.mirrors {
        let Some(mirrors) = known.get(host.as_str()) else {
            out.push(format!("{host} is in no fleet file: what it says of it is not used"));
            continue;
        };
        for address in said.addresses.keys() {
            if !mirrors.iter().any(|mirror| mirror.addresses().any(|own| own == *address)) {
                out.push(format!(
                    "{address} is no address of {host}: what it says of it is not used"
                ));
            }
        }
    }
    out
}
