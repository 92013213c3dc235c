//! The simulation beside a server whose feed says that the mirrors are down.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use support::client::Transport;
use support::daemon::Daemon;
use support::fixture::states;
use support::packet::Query;
use support::rr;

/// A multiple of the windows of each of these paths.
const QUERIES: usize = 600;

/// What a server answers to a client: how often each host is first, and all hosts answered.
fn answered(server: &Daemon, net: &str) -> (BTreeMap<String, usize>, BTreeSet<String>) {
    let host = |rdata: &Vec<u8>| {
        let number = usize::from(*rdata.last().expect("an address"));
        FLEET[number - 1].0.to_owned()
    };
    let (mut firsts, mut all) = (BTreeMap::new(), BTreeSet::new());
    for _ in 0..QUERIES {
        let query = Query::new("db.local.clam.example", rr::A).subnet(net);
        let reply = server.client().ask(Transport::Udp4, &query);
        let hosts: Vec<String> = reply.rdata(rr::A).iter().map(host).collect();
        *firsts.entry(hosts[0].clone()).or_default() += 1;
        all.extend(hosts);
    }
    (firsts, all)
}

/// The simulated answers are those of the server: the same hosts, the same in front, and as often
/// first as the shares say.
#[test]
fn a_server_with_these_mirrors_down_answers_the_same() {
    let down = states(&[("de1.example", "down"), ("de2.example", "down"), ("fr1.example", "down")]);
    let server = Daemon::start(&with_demand().with("feed.json", fixture::feed(1_001, &down)));
    let dir = directory(&with_demand());
    let report =
        json_of(dir.path(), "--down de1.example --down de2.example --down fr1.example --all");
    for (country, net) in [
        ("DE", "198.51.100.0/26"),
        ("FR", "198.51.100.128/26"),
        ("JP", "198.51.100.192/27"),
        ("BR", "203.0.113.0/25"),
    ] {
        let simulated = &path(&report, country)["after"];
        let (firsts, all) = answered(&server, net);
        let shares = shares(simulated);
        let hosts: BTreeSet<String> = shares.as_object().unwrap().keys().cloned().collect();
        assert_eq!(hosts, all, "{country}");
        for (host, share) in shares.as_object().unwrap() {
            let (share, first) = (share.as_f64().unwrap(), firsts.get(host).copied());
            let served = first.unwrap_or_default() as f64 / QUERIES as f64;
            // Turns fill the windows evenly, up to one window at either end.
            assert!((share - served).abs() < 0.02, "{country} {host}: {share} {served}");
            assert_eq!(share > 0.0, first.is_some(), "{country} {host}");
        }
    }
}
