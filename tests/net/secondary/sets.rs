//! Sets of zones (`{cc}`), each zone of which is transferred by itself.

use super::primary::{AXFR, IXFR, Primary, Zone, message};
use super::{ask, files};
use crate::support::client::framed;
use crate::support::daemon::Daemon;
use crate::support::packet::AA;
use crate::support::{http, ports, rr};
use std::io::Write;
use std::sync::Arc;

#[test]
fn each_zone_of_a_set_is_transferred_and_fails_by_itself() {
    let (port, admin) = (ports::free(), ports::free());
    let _primary = Primary::start(
        port,
        Arc::new(|asked, stream| {
            let zone = Zone::new(asked.zone.trim_end_matches('.'), 7);
            let answer = match asked.qtype {
                _ if asked.zone.starts_with("fr.") => message(asked, rr::REFUSED, &[]),
                rr::SOA => message(asked, AA, &[zone.soa()]),
                AXFR | IXFR => message(asked, AA, &zone.whole()),
                _ => message(asked, rr::NOTIMP, &[]),
            };
            stream.write_all(&framed(&answer)).is_ok()
        }),
    );
    let zone = format!(
        "format = 1\norigin = \"{{cc}}.set.example\"\nrecords = {{ primary = \"127.0.0.1:{port}\" }}\n"
    );
    let daemon = Daemon::start(&files(&zone, admin));
    for country in ["de", "us", "uk", "gb", "zw"] {
        let name = format!("www.{country}.set.example");
        daemon.until(&name, || ask(&daemon, &name, rr::A).rcode() == rr::NOERROR);
    }
    daemon.until("the others are served", || {
        let (_, body) = http::get(admin, "/api/v1/status");
        let status: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let zones = status["transferred"].as_array().expect("zones").clone();
        zones.len() > 200 && zones.iter().filter(|zone| zone["state"] != "served").count() == 1
    });
    assert_eq!(ask(&daemon, "www.fr.set.example", rr::A).rcode(), rr::SERVFAIL);
    assert_eq!(ask(&daemon, "www.xx.set.example", rr::A).rcode(), rr::REFUSED);
    let (code, body) = http::get(admin, "/readyz");
    assert!(code == 503 && body.contains("the zone fr.set.example has not been"), "{body}");
}
