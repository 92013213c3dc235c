//! Secondaries over IPv6.

use super::following::change;
use super::{ZONES, all_must_follow, scene_of, status};
use crate::support::{fixture, ports};

/// BIND, Knot and NSD take notifications from the address of their primary alone, `::1` here, and
/// transfer from there.
#[test]
fn secondaries_follow_over_ipv6() {
    let admin = ports::free();
    let (daemon, secondaries) = scene_of("::1", |files| {
        let config = files.text("cvdns.toml").to_owned();
        files.with("cvdns.toml", format!("{config}[admin]\nlisten = \"127.0.0.1:{admin}\"\n"))
    });
    all_must_follow(&daemon, &secondaries);
    for number in 1..=5 {
        let newest = change(&daemon, number);
        for secondary in &secondaries {
            secondary.must_reach(fixture::ORIGIN, newest);
        }
    }
    daemon.until("all notifications are answered", || {
        let status = status(admin);
        let all = status["secondaries"].as_array().expect("secondaries").clone();
        assert_eq!(all.len(), 3, "{status}");
        all.iter().all(|secondary| {
            let address = secondary["address"].as_str().expect("an address");
            assert!(address.starts_with("[::1]:"), "{address}");
            let zones = secondary["zones"].as_array().expect("zones");
            zones.len() >= ZONES.len()
                && zones.iter().all(|zone| zone["current"] == true)
                && secondary["notified"].as_u64().is_some_and(|notified| notified >= 5)
        })
    });
}
