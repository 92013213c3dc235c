//! What dig, kdig and drill show of the diagnostic names (FORMATS: "Diagnostics by dig"), of the
//! real server: compared with what fleet, feed and overrides say by plain list logic, and with what
//! the page on diagnosis shows.

#![allow(unreachable_pub, reason = "nothing outside of this test uses it")]

use crate::asking;
use crate::support;

mod ask;
mod names;
mod oracle;
mod page;
mod server_itself;
mod sizes;
mod states;
mod strings;
mod who;

use support::daemon::{Daemon, Files};
use support::fixture::{self, States};

/// The fixture's zone with more names: those of the zone file that look like diagnostic ones, and a
/// DNAME that makes names too long; and a zone below it.
fn files(states: &States) -> Files {
    let files = fixture::files().with("feed.json", fixture::feed(1_000, states));
    let long = ["x".repeat(60), "y".repeat(60), "z".repeat(60)].join(".");
    let zone = format!(
        "{}\n_explain.www 120 IN TXT \"of the zone file\"\n_dmarc 120 IN TXT \"v=DMARC1; p=reject\"\n\
         grow 120 IN DNAME {long}.clam.example.\n",
        files.text("clam.zone")
    );
    let kid = "$ORIGIN kid.clam.example.\n$TTL 900\n@ IN SOA ns1.clam.example. hostmaster 7 7200 900 1209600 300\n\
               @ IN NS ns1.clam.example.\nwww IN A 192.0.2.9\n";
    let config =
        files.text("cvdns.toml").replace("[geoip]\n", "[[zone]]\nfile = \"kid.toml\"\n\n[geoip]\n");
    files
        .with("clam.zone", zone)
        .with("kid.toml", "format = 1\norigin = \"kid.clam.example\"\nrecords = \"kid.zone\"\n")
        .with("kid.zone", kid)
        .with("cvdns.toml", config)
}

fn server(states: &States) -> Daemon {
    Daemon::start(&files(states))
}
