//! Mirrors in a feed that no fleet has. They are reported, but do not make the feed invalid.

use std::collections::HashMap;

use crate::fleet::{Fleet, Mirror};

use super::Feed;

/// Hosts and addresses of the feed that are in no fleet, one line each.
pub fn unknown_mirrors<'f>(feed: &Feed, fleets: impl Iterator<Item = &'f Fleet>) -> Vec<String> {
    unknown_hosts(feed, fleets).into_iter().map(|(_, line)| line).collect()
}

/// The same lines, each with the host that it is about.
pub fn unknown_hosts<'f>(
    feed: &Feed,
    fleets: impl Iterator<Item = &'f Fleet>,
) -> Vec<(String, String)> {
    let mut known: HashMap<&str, Vec<&Mirror>> = HashMap::new();
    for mirror in fleets.flat_map(|fleet| &fleet.mirrors) {
        known.entry(&mirror.host).or_default().push(mirror);
    }
    let mut out = Vec::new();
    for (host, listed) in &feed.mirrors {
        let Some(mirrors) = known.get(host.as_str()) else {
            let line = format!("{host} is in no fleet file: its state in the feed is not used");
            out.push((host.clone(), line));
            continue;
        };
        for address in listed.addresses.keys() {
            if !mirrors.iter().any(|mirror| mirror.addresses().any(|own| own == *address)) {
                let line = format!(
                    "{address} is not an address of {host}: its state in the feed is not used"
                );
                out.push((host.clone(), line));
            }
        }
    }
    out
}
