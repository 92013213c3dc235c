//! The mirror network: the shipped zone, four mirrors on loopback, and what the coordinator says of
//! them.

use crate::support::client::{Client, Transport};
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::{Query, RD};
use crate::support::rr;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// Host, country and address. glibc sorts addresses that are as near as loopback ones by the bits
/// that they share with 127.0.0.1: these share the same, so that the server's order holds. Two for
/// each country, as the zone's `min` asks for.
pub(crate) const MIRRORS: [(&str, &str, &str); 4] = [
    ("de1.example", "DE", "127.0.0.8"),
    ("de2.example", "DE", "127.0.0.9"),
    ("jp1.example", "JP", "127.0.0.10"),
    ("jp2.example", "JP", "127.0.0.11"),
];

pub(crate) fn addresses() -> impl Iterator<Item = &'static str> {
    MIRRORS.iter().map(|(.., address)| *address)
}

/// The addresses of a country's mirrors.
pub(crate) fn of(country: &str) -> BTreeSet<String> {
    MIRRORS.iter().filter(|mirror| mirror.1 == country).map(|mirror| mirror.2.to_owned()).collect()
}

/// A feed in which all mirrors are up. main is always 63, bytecode 339, test 6.
#[derive(Clone)]
pub(crate) struct Feed {
    pub(crate) serial: u64,
    pub(crate) hours_old: i64,
    pub(crate) software: &'static str,
    pub(crate) warn: bool,
    /// What is released of daily, and what mirrors hold of it.
    pub(crate) daily: u32,
    pub(crate) held: u32,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            serial: 1_000,
            hours_old: 0,
            software: "1.4.6",
            warn: false,
            daily: 28_129,
            held: 28_129,
        }
    }
}

impl Feed {
    pub(crate) fn text(&self) -> String {
        let Self { serial, software, warn, daily, held, .. } = self;
        let generated = Timestamp::now() - SignedDuration::from_hours(self.hours_old);
        let mirrors = MIRRORS
            .map(|(host, ..)| format!("{host:?}: {{ \"state\": \"up\", \"daily\": {held} }}"));
        format!(
            "{{ \"format\": 1, \"serial\": {serial}, \"generated\": \"{generated}\",\n\
             \"release\": {{ \"software\": {software:?}, \"main\": 63, \"daily\": {daily}, \"bytecode\": 339, \"flevel\": 90,\n\
             \"warn\": {warn}, \"safebrowsing\": 49192, \"extra\": {{ \"test\": 6 }} }},\n\"mirrors\": {{ {} }} }}\n",
            mirrors.join(", ")
        )
    }
}

/// The server on port 53, for clients in this country.
pub(crate) fn serve(country: &str, feed: &Feed) -> Daemon {
    serve_with(country, feed, "")
}

/// The same, with more of configuration.
pub(crate) fn serve_with(country: &str, feed: &Feed, more: &str) -> Daemon {
    let config = format!(
        "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\n[[zone]]\nfile = \"clamav.net.toml\"\n\
         [geoip]\ndatabase = \"{}/geoip/country.mmdb\"\n[[geoip.override]]\nnet = \"127.0.0.0/8\"\ncountry = {country:?}\n\
         [feed]\nsource = \"feed.json\"\n{more}",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut fleet = String::new();
    for (host, country, address) in MIRRORS {
        let _ = writeln!(
            fleet,
            "[[mirror]]\nhost = {host:?}\ncountry = {country:?}\nipv4 = [{address:?}]\npools = [\"other\"]"
        );
    }
    let files = Files::default()
        .with("cvdns.toml", config)
        .with("clamav.net.toml", include_str!("../../../zones/clamav.net.toml"))
        .with("clamav.net.zone", include_str!("../../../zones/clamav.net.zone"))
        .with("mirrors.toml", fleet)
        .with("feed.json", feed.text());
    Daemon::start_on(53, &files)
}

/// The record as it stands now, or nothing when the server has none to give.
pub(crate) fn record(server: Client) -> Option<String> {
    let reply =
        server.ask(Transport::Udp4, &Query::new("current.cvd.clamav.net", rr::TXT).flags(RD));
    assert_eq!(reply.answer.is_empty(), reply.rcode() == rr::SERVFAIL, "{reply:?}");
    reply.rdata(rr::TXT).first().map(|rdata| String::from_utf8(rdata[1..].to_vec()).expect("text"))
}

/// The addresses that the server answers.
pub(crate) fn answered(server: Client, name: &str) -> BTreeSet<String> {
    let reply = server.ask(Transport::Udp4, &Query::new(name, rr::A).flags(RD));
    let address =
        |rdata: &Vec<u8>| Ipv4Addr::from(<[u8; 4]>::try_from(&rdata[..]).expect("4 octets"));
    reply.rdata(rr::A).iter().map(|rdata| address(rdata).to_string()).collect()
}
