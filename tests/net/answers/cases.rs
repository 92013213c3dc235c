//! The cases, and what they share. Which `udp` they try is this module's name.

mod any;
mod chaos;
mod ecs;
mod edns;
mod further;
mod header;
mod health;
mod listen;
mod malformed;
mod negative;
mod pools;
mod record;
mod tcp;
mod truncation;
mod tsig;

use crate::support::client::{ALL, Client, Transport};
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::Query;
use crate::support::reply::{Record, Reply};
use crate::support::{self, fixture, name, rr};

/// The mode of UDP: `auto` or `portable`.
fn udp() -> &'static str {
    module_path!().rsplit("::").next().expect("a module of that name")
}

/// The fixture's files, for this mode of UDP.
fn files() -> Files {
    let files = fixture::files();
    let mode = format!("[server]\nudp = \"{}\"\n", udp());
    let config = files.text("cvdns.toml").replace("[server]\n", &mode);
    assert!(config.contains(&mode));
    files.with("cvdns.toml", config)
}

/// The fixture's server.
fn server() -> Daemon {
    Daemon::start(&files())
}

/// Sends the query over every transport; each answer must be `expected`, whole.
#[track_caller]
fn always(client: Client, query: &Query, expected: &Reply) {
    for transport in ALL {
        client.ask(transport, query).must_be(expected, &format!("{transport:?}: {query:?}"));
    }
}

/// The same over the given transports.
#[track_caller]
fn over(transports: &[Transport], client: Client, query: &Query, expected: &Reply) {
    for &transport in transports {
        client.ask(transport, query).must_be(expected, &format!("{transport:?}: {query:?}"));
    }
}

/// The SOA of the fixture's zone as negative answers carry it (RFC 2308, 3 and 5).
fn negative_soa() -> Vec<Record> {
    let rdata = rr::soa(
        "ns1.clam.example",
        "hostmaster.clam.example",
        [2_026_112_201, 7200, 900, 1_209_600, 300],
    );
    vec![Record::new(fixture::ORIGIN, fixture::NEGATIVE_TTL, rr::SOA, rdata)]
}

/// NODATA; at names with mirrors never longer than their TTL (FORMATS, "Answers").
fn nodata(query: &Query) -> Reply {
    let name = name::text(&query.name).to_ascii_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let ttl = match labels.as_slice() {
        ["db", _, "big", ..] => 45,
        ["db" | "database", ..] => fixture::TTL,
        _ => fixture::NEGATIVE_TTL,
    };
    let soa = negative_soa().into_iter().map(|soa| Record { ttl, ..soa });
    Reply::to(query).with_authority(soa.collect())
}

fn nxdomain(query: &Query) -> Reply {
    Reply::to(query).with_authority(negative_soa()).with_rcode(rr::NXDOMAIN)
}

/// What the name `www` has.
fn www(owner: &str) -> Vec<Record> {
    ["192.0.2.3", "192.0.2.4"]
        .iter()
        .map(|address| Record::new(owner, 120, rr::A, rr::a(address)))
        .collect()
}

fn records(
    owner: &str,
    ttl: u32,
    rtype: u16,
    rdata: impl IntoIterator<Item = Vec<u8>>,
) -> Vec<Record> {
    rdata.into_iter().map(|rdata| Record::new(owner, ttl, rtype, rdata)).collect()
}

fn cname(owner: &str, ttl: u32, target: &str) -> Record {
    Record::new(owner, ttl, rr::CNAME, support::name::wire(target))
}
