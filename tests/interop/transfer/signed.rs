//! Signed zones with their signatures at secondaries that only copy them.

use std::fs;

use super::following::change;
use super::secondaries::{Program, Secondary, served_serial};
use super::{all_must_follow, scene_of};
use crate::dnssec::{Keys, with_keys};
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture::ORIGIN;
use crate::support::half_hour;
use crate::support::tools::{output, tool, tool_of};

/// A server that transfers its zone with signatures, its secondaries, and the trust anchor.
fn signed_scene(keys: Keys) -> (Daemon, Vec<Secondary>, String) {
    let mut anchor = String::new();
    let (daemon, secondaries) = scene_of("127.0.0.1", |files| {
        let (files, anchors) = with_keys(keys, transferred_with_signatures(files));
        anchor = anchors.join("\n") + "\n";
        files
    });
    (daemon, secondaries, anchor)
}

fn transferred_with_signatures(files: Files) -> Files {
    let config = files.text("cvdns.toml").replace("[transfer]\n", "[transfer]\nsigned = true\n");
    files.with("cvdns.toml", config)
}

/// The zone of a secondary as a master file.
fn zone_of(secondary: &Secondary) -> String {
    let mut dig = tool("dig");
    dig.args(["@127.0.0.1", "-p", &secondary.port.to_string(), ORIGIN, "AXFR"]);
    output(dig.args(["+noall", "+answer", "+onesoa"]))
}

/// `ldns-verify-zone` and `dnssec-verify` check every signature and the whole chain of NSEC
/// records.
fn must_verify(zone: &str, anchor: &str, keys: Keys) {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, key) = (dir.path().join("zone"), dir.path().join("anchor.key"));
    fs::write(&path, zone).expect("written");
    fs::write(&key, anchor).expect("written");
    let said =
        output(tool_of("ldns-verify-zone", "install ldnsutils").arg("-k").arg(key).arg(&path));
    assert!(said.contains("is verified and complete"), "{said}");
    let mut verify = tool("dnssec-verify");
    if matches!(keys, Keys::Single(_)) {
        verify.arg("-z");
    }
    output(verify.args(["-o", ORIGIN]).arg(&path));
}

/// The answer section for a SOA record with DO.
fn soa(port: u16) -> String {
    let mut dig = tool("dig");
    dig.args(["@127.0.0.1", "-p", &port.to_string(), "+norec", "+dnssec", "+noall", "+answer"]);
    output(dig.args([ORIGIN, "SOA"]))
}

/// After each change, the zones of BIND, Knot and NSD are whole and verify, and have the signature
/// of the SOA record that the server itself answers.
#[test]
fn secondaries_have_zones_that_verify() {
    let keys = Keys::Split("ECDSAP256SHA256");
    let (daemon, secondaries, anchor) = signed_scene(keys);
    all_must_follow(&daemon, &secondaries);
    for number in 1..=4 {
        change(&daemon, number);
        all_must_follow(&daemon, &secondaries);
        for secondary in &secondaries {
            must_verify(&zone_of(secondary), &anchor, keys);
        }
        let (begun, own) = (half_hour(), soa(daemon.port()));
        assert!(own.contains("RRSIG"), "{own}");
        for secondary in &secondaries {
            let copied = soa(secondary.port);
            assert!(copied == own || half_hour() != begun, "{own}\n{copied}");
        }
    }
    let bind = secondaries.iter().find(|of| of.program == Program::Named).expect("BIND");
    let mut dig = tool("dig");
    dig.args([
        "@127.0.0.1",
        "-p",
        &bind.port.to_string(),
        "+norec",
        "+dnssec",
        "+noall",
        "+answer",
    ]);
    let answer = output(dig.args([&format!("db.de.{ORIGIN}"), "A"]));
    assert!(answer.contains("RRSIG\tA 13"), "{answer}");
}

/// Ed25519 makes the same signatures again (RFC 8032 section 5.1.6): a restart changes nothing, and
/// nobody transfers anything.
#[test]
fn a_restart_makes_no_other_version() {
    let (mut daemon, secondaries, _) = signed_scene(Keys::Single("ED25519"));
    all_must_follow(&daemon, &secondaries);
    let (begun, before) = (half_hour(), served_serial(daemon.port(), ORIGIN));
    daemon.kill();
    daemon.start_again();
    let after = served_serial(daemon.port(), ORIGIN);
    assert!(after == before || half_hour() != begun, "{before:?}, then {after:?}");
}
