//! Exported signed zones before the tools that verify whole zones.

use std::fs;
use std::process::Command;

use super::{Keys, ORIGIN, Signed, files};
use crate::support::tools::{Peer, output, tool, tool_of};

/// The exported zone file.
pub(super) fn exported(signed: &Signed, arguments: &[&str]) -> String {
    let out = signed.daemon.path().join("export");
    let mut export = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    export.args(["export", "bind", "--out"]).arg(&out).args(arguments);
    output(export.current_dir(signed.daemon.path()));
    fs::read_to_string(out.join("current/zones/clam.example.zone")).expect("the zone file")
}

/// `ldns-verify-zone` and `dnssec-verify` check every signature and the whole chain of NSEC
/// records.
#[test]
fn a_signed_export_is_a_zone_that_verifies() {
    for keys in [Keys::Single("ED25519"), Keys::Split("ECDSAP256SHA256")] {
        let signed = Signed::start(keys, files());
        let text = exported(&signed, &["--signed"]);
        let path = signed.daemon.path().join("signed.zone");
        fs::write(&path, &text).expect("written");
        let anchor = signed.daemon.path().join("anchor.key");
        fs::write(&anchor, signed.anchors.join("\n") + "\n").expect("the anchor");
        let mut ldns = tool_of("ldns-verify-zone", "install ldnsutils");
        let said = output(ldns.arg("-k").arg(&anchor).arg(&path));
        assert!(said.contains("is verified and complete"), "{said}");
        // With one key that signs everything, `-z` (RFC 6781 section 3.1).
        let mut verify = tool("dnssec-verify");
        if matches!(keys, Keys::Single(_)) {
            verify.arg("-z");
        }
        output(verify.args(["-o", ORIGIN]).arg(&path));
        let named = Peer::named(&[(ORIGIN, &text)]);
        let mut dig = tool("dig");
        dig.args(["@127.0.0.1", "-p", &named.port.to_string(), "+norec", "+dnssec"]);
        let answer = output(dig.args(["db.de.clam.example", "A"]));
        assert!(answer.contains("RRSIG"), "{answer}");
    }
}

/// Whoever loads the files signs by itself, with keys of its own.
#[test]
fn without_being_asked_an_export_has_neither_signatures_nor_keys() {
    let signed = Signed::start(Keys::Single("ECDSAP256SHA256"), files());
    let text = exported(&signed, &[]);
    let types = text.lines().filter(|line| !line.starts_with(';'));
    let types: Vec<&str> = types.filter_map(|line| line.split_whitespace().nth(3)).collect();
    for made in ["DNSKEY", "CDS", "CDNSKEY", "RRSIG", "NSEC", "TYPE46", "TYPE47", "TYPE48"] {
        assert!(!types.contains(&made), "{made}: {text}");
    }
    assert!(types.contains(&"SOA") && types.contains(&"A"));
}
