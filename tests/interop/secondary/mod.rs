//! cvdns as a secondary of BIND and Knot (docs/secondary.md).

mod page;
pub(crate) mod servers;
mod signatures;
mod transfers;

use crate::support::client::UDP;
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::Query;
use crate::support::reply::Reply;
use crate::support::{http, rr};

const ORIGIN: &str = "z.example";

/// A server that transfers the zone from this port with this key.
fn files(primary: u16, key: &str, admin: u16) -> Files {
    let config = format!(
        "zone = [{{ file = \"z.toml\" }}]\n\
         [server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\n\
         [geoip]\ndatabase = \"none.mmdb\"\n[feed]\nstate = \"state\"\n\
         [transfer]\nkeys = [\"transfer.key\"]\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n"
    );
    let zone = format!(
        "format = 1\norigin = \"{ORIGIN}\"\n\
         records = {{ primary = \"127.0.0.1:{primary}\", key = \"transfer\" }}\n"
    );
    Files::default().with("cvdns.toml", config).with("z.toml", zone).with("transfer.key", key)
}

/// A zone with this serial and these further lines.
fn zone(serial: u32, lines: &str) -> String {
    format!(
        "$TTL 300\n@ SOA ns.{ORIGIN}. admin.{ORIGIN}. {serial} 3600 600 604800 60\n@ NS ns\n\
         ns A 192.0.2.53\nserial TXT \"{serial}\"\n{lines}"
    )
}

fn ask(daemon: &Daemon, owner: &str, rtype: u16) -> Reply {
    daemon.client().ask(UDP[0], &Query::new(owner, rtype).edns(1232))
}

/// Waits until this version is answered.
fn until_served(daemon: &Daemon, serial: u32) {
    let text = serial.to_string();
    daemon.until(&format!("serial {serial}"), || {
        ask(daemon, "serial.z.example", rr::TXT).rdata(rr::TXT) == [rr::txt(&[text.as_bytes()])]
    });
}

/// Waits until the status has this version: it is answered a moment before.
fn until_told(daemon: &Daemon, admin: u16, serial: u32) {
    daemon.until(&format!("serial {serial} in the status"), || {
        zone_status(admin)["serial"] == serial
    });
}

/// What the status says of the zone.
fn zone_status(admin: u16) -> serde_json::Value {
    let (code, body) = http::get(admin, "/api/v1/status");
    assert_eq!(code, 200, "{body}");
    let status: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    status["transferred"][0].clone()
}
