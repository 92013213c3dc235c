//! Where addresses are, as `cvdns geoip lookup` and the running server have it; and databases that
//! shrink.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::{cvdns, run};
use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::packet::Query;
use crate::support::{fixture, rr};

/// The country of an address and the override that says so, as a diagnostic name tells it.
fn placed(daemon: &Daemon, address: IpAddr) -> String {
    let length = if address.is_ipv4() { 32 } else { 128 };
    let query = Query::new("_explain.db.local.clam.example", rr::TXT)
        .edns(4096)
        .subnet(&format!("{address}/{length}"));
    let reply = daemon.client().ask(Transport::Tcp4, &query);
    let records = reply.rdata(rr::TXT);
    let strings: Vec<String> = records.iter().flat_map(|rdata| strings(rdata)).collect();
    let country = strings.iter().find_map(|line| line.strip_prefix("country="));
    let country = country.unwrap_or_else(|| panic!("no country of {address}: {strings:?}"));
    let word = country.split_whitespace().next().unwrap_or_default();
    if word.len() == 2 { word.to_owned() } else { "unknown".to_owned() }
}

/// The character strings of a TXT record (RFC 1035 section 3.3.14).
fn strings(mut rdata: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    while let Some((length, rest)) = rdata.split_first() {
        let (text, rest) = rest.split_at(usize::from(*length));
        out.push(String::from_utf8_lossy(text).into_owned());
        rdata = rest;
    }
    out
}

#[test]
fn lookups_are_what_the_server_does() {
    // Overrides of IPv6 networks that hold 6to4 and Teredo, and of all IPv4.
    let files = fixture::files();
    let more = "[[geoip.override]]\nnet = \"2000::/15\"\ncountry = \"SE\"\n\
                [[geoip.override]]\nnet = \"2002::/15\"\ncountry = \"NO\"\n\
                [[geoip.override]]\nnet = \"192.0.2.128/25\"\ncountry = \"FI\"\n";
    let config = files.text("cvdns.toml").replace("[feed]\n", &format!("{more}[feed]\n"));
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let v4: Vec<Ipv4Addr> =
        ["198.51.100.1", "198.51.100.200", "203.0.113.130", "192.0.2.1", "192.0.2.200", "8.8.8.8"]
            .iter()
            .map(|text| text.parse().expect("an address"))
            .collect();
    let mut addresses: Vec<IpAddr> = v4.iter().map(|address| IpAddr::V4(*address)).collect();
    for address in &v4 {
        let [a, b] = [address.to_bits() >> 16, address.to_bits() & 0xffff].map(|half| half as u16);
        addresses.push(address.to_ipv6_mapped().into());
        addresses.push(Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1).into());
        // Teredo (RFC 4380 section 4): the client's address with all bits inverted, behind its
        // server's.
        addresses.push(Ipv6Addr::new(0x2001, 0, a, b, 0x8000, 0x63bf, !a, !b).into());
        addresses.push(Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b).into());
    }
    let more = [
        "2001:db8:8000::1",
        "2001:db8:f800::9",
        "2001:db8::1",
        "2003::1",
        "2001:1::1",
        "::1",
        "fe80::1",
    ];
    addresses.extend(more.iter().map(|text| text.parse::<IpAddr>().expect("an address")));
    let texts: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let mut arguments = vec!["geoip", "lookup", "--json"];
    arguments.extend(texts.iter().map(String::as_str));
    let (code, out, error) = run(daemon.path(), &arguments);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let found: Vec<Value> = serde_json::from_str(&out).expect("JSON");
    let mut known = 0;
    for (address, found) in addresses.iter().zip(&found) {
        let ours = found["country"].as_str().unwrap_or("unknown");
        assert_eq!(ours, placed(&daemon, *address), "{address}: {found}");
        known += usize::from(ours != "unknown");
    }
    assert!(known > 15 && known < found.len() - 5, "{known} of {}", found.len());
}

#[test]
fn a_network_of_all_addresses_is_printed_as_such() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    for (list, address, network) in [
        ("0.0.0.0/0,DE\n", "192.0.2.1", "0.0.0.0/0"),
        ("0.0.0.0/0,DE\n::/0,DE\n", "192.0.2.1", "0.0.0.0/0"),
        ("0.0.0.0/0,DE\n", "2002:c000:201::1", "0.0.0.0/0"),
        ("::/0,DE\n", "9000::1", "8000::/1"),
    ] {
        fs::write(dir.join("list.csv"), list).expect("a list");
        assert_eq!(run(dir, &["geoip", "build", "--out", "all.mmdb", "list.csv"]).0, Some(0));
        let (_, out, _) =
            run(dir, &["geoip", "lookup", "--json", "--database", "all.mmdb", address]);
        let found: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(
            (&found[0]["network"], &found[0]["country"]),
            (&network.into(), &"DE".into()),
            "{list}{address}"
        );
    }
    let overrides = ["--override", "0.0.0.0/0=DE", "--override", "::/0=FR"];
    let lookup =
        ["geoip", "lookup", "--json", "--database", "all.mmdb", "192.0.2.1", "2001:db8::1"];
    let (_, out, _) = run(dir, &[&lookup[..], &overrides].concat());
    let found: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(
        [&found[0]["network"], &found[1]["network"]],
        [&Value::from("0.0.0.0/0"), &"::/0".into()]
    );
}

/// A download that was cut and still is a database must not send everybody elsewhere.
#[test]
fn a_database_that_lost_most_of_its_networks_is_refused_at_a_reload() {
    let mut daemon = Daemon::start(&fixture::files());
    let dir = daemon.path().to_owned();
    let german: IpAddr = "198.51.100.1".parse().expect("an address");
    let japanese: IpAddr = "198.51.100.193".parse().expect("an address");
    let build = |list: &str| {
        fs::write(dir.join("list.csv"), list).expect("a list");
        let done = cvdns(&dir, &["geoip", "build", "--out", "country.mmdb", "list.csv"])
            .output()
            .expect("cvdns");
        assert!(done.status.success());
    };
    let reload = |daemon: &Daemon, says: &[&str]| {
        let before = daemon.log().len();
        daemon.sighup();
        daemon.wait_for_log(before, says);
    };
    assert_eq!(
        (placed(&daemon, german), placed(&daemon, japanese)),
        ("DE".to_owned(), "JP".to_owned())
    );
    build("198.51.100.0/24,FR\n");
    let refused = [
        "the country database has 1 networks, less than half of the 11 in force",
        "was not reloaded",
    ];
    for _ in 0..2 {
        reload(&daemon, &refused);
        assert_eq!(
            (placed(&daemon, german), placed(&daemon, japanese)),
            ("DE".to_owned(), "JP".to_owned())
        );
    }
    let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
    let least = |least: u32| {
        let changed = config.replace("[geoip]\n", &format!("[geoip]\nmin-networks = {least}\n"));
        fs::write(dir.join("cvdns.toml"), changed).expect("the configuration");
    };
    least(2);
    reload(&daemon, &["1 networks, fewer than `min-networks`, 2", "was not reloaded"]);
    // Forced.
    least(1);
    reload(&daemon, &["reloaded"]);
    assert_eq!(
        (placed(&daemon, german), placed(&daemon, japanese)),
        ("FR".to_owned(), "FR".to_owned())
    );
    // A restart takes it anyhow.
    fs::write(dir.join("cvdns.toml"), &config).expect("the configuration");
    daemon.kill();
    daemon.start_again();
    assert_eq!(placed(&daemon, german), "FR");
}
