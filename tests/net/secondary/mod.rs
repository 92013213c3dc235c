//! Zones whose static records come from a primary that the test is itself (docs/secondary.md).

mod bad;
mod notify;
mod primary;
mod service;
mod sets;

use crate::support::client::{Transport, UDP};
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::{http, packet, rr};
use primary::www;
use std::fmt::Write as _;

const ORIGIN: &str = "z.example";

/// A server with this zone file, and an admin address.
fn files(zone: &str, admin: u16) -> Files {
    let config = format!(
        "zone = [{{ file = \"z.toml\" }}]\n\
         [server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\n\
         [geoip]\ndatabase = \"none.mmdb\"\n[feed]\nstate = \"state\"\n\
         [admin]\nlisten = \"127.0.0.1:{admin}\"\n"
    );
    Files::default().with("cvdns.toml", config).with("z.toml", zone)
}

/// A zone file whose records come from these ports.
fn zone_file(primaries: &[u16]) -> String {
    let mut list = String::new();
    for port in primaries {
        let _ = write!(list, "\"127.0.0.1:{port}\", ");
    }
    format!("format = 1\norigin = \"{ORIGIN}\"\nrecords = {{ primary = [{list}] }}\n")
}

/// Tells the server that a zone has changed. Returns the RCODE and the flags of the answer.
fn notify(daemon: &Daemon, zone: &str) -> (u16, u16) {
    let query = Query::new(zone, rr::SOA).opcode(4).flags(packet::AA);
    let reply = daemon.client().exchange(Transport::Udp4, &query.build()).expect("an answer");
    let flags = u16::from_be_bytes([reply[2], reply[3]]);
    (flags & 0xf, flags)
}

fn ask(daemon: &Daemon, owner: &str, rtype: u16) -> Reply {
    daemon.client().ask(UDP[0], &Query::new(owner, rtype).edns(1232))
}

/// Waits until this version is answered.
fn until_served(daemon: &Daemon, serial: u32) {
    let name = format!("www.{ORIGIN}");
    daemon.until(&format!("serial {serial}"), || {
        ask(daemon, &name, rr::A).rdata(rr::A) == [www(serial)]
    });
}

/// Waits until the status has this version: it is answered a moment before.
fn until_told(daemon: &Daemon, admin: u16, serial: u32) {
    daemon.until(&format!("serial {serial} in the status"), || {
        zone_status(admin)["serial"] == serial
    });
}

/// The extended error of an answer.
fn extended_error(reply: &Reply) -> Option<u16> {
    let option = reply.option(rr::EDE)?;
    Some(u16::from_be_bytes([option[0], option[1]]))
}

fn status(admin: u16) -> serde_json::Value {
    let (code, body) = http::get(admin, "/api/v1/status");
    assert_eq!(code, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

/// What the status says of the zone.
fn zone_status(admin: u16) -> serde_json::Value {
    status(admin)["transferred"][0].clone()
}

fn metrics(admin: u16) -> String {
    http::get(admin, "/metrics").1
}

/// The copy that the server keeps.
fn copy(daemon: &Daemon) -> String {
    let path = daemon.path().join(format!("state/{ORIGIN}.zone"));
    std::fs::read_to_string(path).expect("the copy")
}
