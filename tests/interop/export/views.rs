//! Clients of BIND's views get the pool that the server gives them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;

use super::checkers::check;
use super::exporting::{export, project};
use super::servers::named;
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::tools::{output, tool};
use crate::support::{client, rr};

/// Countries with and without mirrors of their own, of every continent; GB is `uk` too.
const COUNTRIES: [&str; 40] = [
    "DE", "FR", "JP", "US", "GB", "AQ", "BR", "AR", "ZA", "KE", "IN", "CN", "AU", "NZ", "LI", "GL",
    "RU", "TR", "EG", "MX", "CA", "CL", "IT", "ES", "SE", "NO", "FI", "PL", "CZ", "AT", "CH", "NL",
    "BE", "IE", "PT", "GR", "KR", "TW", "HK", "SG",
];

/// Of these sources the last 20 are in no country; of half of them the continent is known.
const SOURCES: u8 = 200;

const CONTINENTS: [&str; 10] = ["EU", "AS", "NA", "SA", "AF", "OC", "AN", "EU", "AS", "NA"];

fn source(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 10 + number / 100, number % 100, 1 + number)
}

/// What beats the database: a wide network, one within it, one within that, and the end of another.
const OVERRIDES: [(&str, &str); 5] = [
    ("127.10.32.0/19", "FR"),
    ("127.10.36.0/22", "JP"),
    ("127.10.37.0/24", "DE"),
    ("127.11.4.0/30", "US"),
    ("127.11.90.0/24", "BR"),
];

fn files() -> (Files, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut lines = String::from("network,country_code,continent_code\n");
    for number in 0..SOURCES - 10 {
        let [a, b, c, _] = source(number).octets();
        let (country, continent) = match number.checked_sub(SOURCES - 20) {
            None => (COUNTRIES[usize::from(number) % COUNTRIES.len()], ""),
            Some(number) => ("", CONTINENTS[usize::from(number)]),
        };
        let _ = writeln!(lines, "{a}.{b}.{c}.0/24,{country},{continent}");
    }
    let database = dir.path().join("GeoLite2-Country.mmdb");
    std::fs::write(dir.path().join("source.csv"), lines).expect("the source");
    let mut build = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    output(
        build.args(["geoip", "build", "--out"]).arg(&database).arg(dir.path().join("source.csv")),
    );
    let mut config = format!(
        "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n[[zone]]\nfile = '{}'\n\
         [[zone]]\nfile = \"short.toml\"\n[geoip]\ndatabase = '{}'\n",
        project().join("zones/clamav.net.toml").display(),
        database.display()
    );
    for (net, country) in OVERRIDES {
        let _ = writeln!(config, "[[geoip.override]]\nnet = \"{net}\"\ncountry = \"{country}\"");
    }
    config.push_str("[feed]\nsource = \"feed.json\"\nmax-age = \"876000h\"\n");
    let feed = std::fs::read_to_string(project().join("feed.json")).expect("the feed");
    let files = Files::default()
        .with("cvdns.toml", config)
        .with("feed.json", feed)
        .with("short.toml", "format = 1\norigin = \"short.example\"\nrecords = \"short.zone\"\n")
        .with("short.zone", include_str!("../../support/short.example.zone"));
    (files, dir)
}

/// The addresses that a client from this source gets of the server in all its turns, until they are
/// those `wanted`. Where some are in every answer and others fill it up, those of one answer, if
/// that has them.
fn ours(
    port: u16,
    source: Ipv4Addr,
    name: &str,
    qtype: u16,
    wanted: &BTreeSet<Vec<u8>>,
) -> BTreeSet<Vec<u8>> {
    let socket =
        UdpSocket::bind(SocketAddr::new(source.into(), 0)).expect("a socket of the source");
    socket.connect(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).expect("a way");
    socket.set_read_timeout(Some(crate::support::PATIENCE)).expect("a timeout");
    let mut all = BTreeSet::new();
    let mut every = wanted.clone();
    for _ in 0..500 {
        socket.send(&Query::new(name, qtype).build()).expect("sent");
        let reply = client::receive(&socket).expect("an answer");
        let one = Reply::walk(&reply).expect("a response").rdata(qtype);
        let one: BTreeSet<Vec<u8>> = one.into_iter().collect();
        every.retain(|address| one.contains(address));
        all.extend(one.iter().cloned());
        if all == *wanted {
            break;
        }
        if one == *wanted && !every.is_empty() {
            return one;
        }
    }
    all
}

fn dig(port: u16, source: Ipv4Addr, name: &str, qtype: &str) -> BTreeSet<Vec<u8>> {
    let mut dig = tool("dig");
    dig.args([
        "-b",
        &source.to_string(),
        "@127.0.0.1",
        "-p",
        &port.to_string(),
        "+short",
        name,
        qtype,
    ]);
    let said = output(&mut dig);
    let octets = |line: &str| match line.parse().unwrap_or_else(|_| panic!("{line} of {said}")) {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    };
    said.lines().map(octets).collect()
}

fn compare(acl: &[&str], options: impl Fn(&Path) -> String) {
    let (files, geoip) = files();
    let server = Daemon::start(&files);
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().join("out");
    export(&server.path().join("cvdns.toml"), &out, acl);
    check(&out);
    let config = std::fs::read_to_string(out.join("current/named.conf")).expect("named.conf");
    let views = config.matches("view \"").count() - config.matches("in-view \"").count();
    let shared = config
        .lines()
        .filter(|line| line.contains("short.example") && line.contains("in-view"))
        .count();
    assert_eq!(shared, views - 1, "one view loads the static zone");
    assert!(views > 40, "{views}");
    assert!(config.contains("view \"cvdns-eu-world\""), "{config}");
    assert!(!out.join("current/zones").join("short.example@cvdns-unknown.zone").exists());
    let named = named(&out, &options(geoip.path()));
    let mut pools = BTreeSet::new();
    for number in 0..SOURCES {
        let source = source(number);
        for (name, qtype, number) in [("db.local", "A", rr::A), ("database", "AAAA", rr::AAAA)] {
            let name = format!("{name}.clamav.net");
            let their = dig(named.port, source, &name, qtype);
            let our = ours(server.port(), source, &name, number, &their);
            assert_eq!(their, our, "{source} {name} {qtype}");
            pools.insert(their);
        }
    }
    assert!(pools.len() > 30, "the sources were not all in a few views: {}", pools.len());
    let [one, other] =
        [source(0), source(199)].map(|source| dig(named.port, source, "www.short.example", "A"));
    assert!(one == other && one == BTreeSet::from([vec![192, 0, 2, 6]]), "{one:?} {other:?}");
}

#[test]
fn views_by_the_country_database_of_bind() {
    compare(&["--views"], |geoip| format!("geoip-directory \"{}\";", geoip.display()));
}

#[test]
fn views_by_networks() {
    // BIND has no database at all.
    compare(&["--views", "--acl", "prefixes"], |_| "geoip-directory none;".to_owned());
}
