//! What a feed says of mirrors that nobody has: worth a word, no reason to refuse it.

use crate::fleet::Fleet;

use super::Feed;

/// Hosts and addresses of the feed that are in no fleet, a line each.
pub fn notes<'f>(feed: &Feed, fleets: impl Iterator<Item = &'f Fleet>) -> Vec<String> {
    let fleets: Vec<&Fleet> = fleets.collect();
    let mut out = Vec::new();
    for (host, said) in &feed.mirrors {
        let mirrors: Vec<_> = fleets.iter().filter_map(|fleet| fleet.get(host)).collect();
        if mirrors.is_empty() {
            out.push(format!("{host} is in no fleet file: what it says of it is not used"));
            continue;
        }
        for address in said.addresses.keys() {
            if !mirrors.iter().any(|mirror| mirror.addresses().any(|own| own == *address)) {
                out.push(format!("{address} is no address of {host}: what it says of it is not used"));
            }
        }
    }
    out
}
