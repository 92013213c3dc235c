//! Answers before dnsviz, which asks with and without DNSSEC and with EDNS that is yet to come, and
//! says of each record and proof what is wrong or doubtful.

use std::fs;
use std::path::Path;

use super::exported::exported;
use super::{Keys, ORIGIN, Signed};
use crate::support::daemon::Files;
use crate::support::tools::{Peer, output, tool_of};

/// Names of all kinds: with mirrors, static, of wildcards, aliases, without the type, and none.
const NAMES: [&str; 17] = [
    "clam.example",
    "db.de.clam.example",
    "db.us.big.clam.example",
    "db.fr.ipv6.clam.example",
    "db.local.clam.example",
    "www.clam.example",
    "large.clam.example",
    "current.cvd.clam.example",
    "cvd.clam.example",
    "x.wild.clam.example",
    "x.anyde.clam.example",
    "alias.clam.example",
    "mirror.clam.example",
    "far.clam.example",
    "www.old.clam.example",
    "nothing.clam.example",
    "a.b.nothing.clam.example",
];

/// The files, with name servers at an address of loopback where nobody is: dnsviz also asks those.
fn files() -> Files {
    let files = super::files();
    let zone = files.text("clam.zone").replace("192.0.2.1\n", "127.9.9.9\n");
    files.with("clam.zone", zone.replacen("192.0.2.2\n", "127.9.9.9\n", 1))
}

/// What `dnsviz print` says of these names at a server, with these trusted keys. The files are left
/// in `dir`.
fn seen(dir: &Path, port: u16, names: &[&str], anchors: &[String]) -> String {
    let (probed, trusted) = (dir.join("probed.json"), dir.join("trusted"));
    fs::write(&trusted, anchors.join("\n") + "\n").expect("the anchors");
    let mut probe = tool_of("dnsviz", "install dnsviz");
    probe.args(["probe", "-d", "1", "-4", "-A", "-E", "-R", "A,AAAA,MX,TXT,CDS,CDNSKEY"]);
    // With `+` no parent is asked, for the zone has none here. Root servers would be asked who
    // serves the zone: this one stands for them, so that nothing leaves loopback.
    for zone in [".", ORIGIN] {
        probe.args(["-x", &format!("{zone}+:ns1.{ORIGIN}=127.0.0.1:{port}")]);
    }
    output(probe.args(["-a", ORIGIN, "-o"]).arg(&probed).args(names));
    let mut print = tool_of("dnsviz", "install dnsviz");
    // Loopback addresses are private ones.
    output(print.args(["print", "-P", "-r"]).arg(&probed).arg("-t").arg(&trusted))
}

/// The lines that say of anything but that it is secure: `[.]`, and no error or warning.
fn doubts(said: &str) -> Vec<&str> {
    let is_fine = |line: &str| {
        let is_said = ["E:", "W:"].iter().any(|word| line.trim_start().starts_with(word));
        !is_said && line.split('[').skip(1).all(|rest| rest.starts_with(".]"))
    };
    said.lines().filter(|line| !is_fine(line)).collect()
}

fn finds_nothing(keys: Keys) {
    let signed = Signed::start(keys, files());
    let said = seen(signed.daemon.path(), signed.port(), &NAMES, &signed.anchors);
    assert_eq!(doubts(&said), [""; 0], "{said}");
    for name in NAMES {
        let is_looked_at = |line: &str| line.split_whitespace().next() == Some(name);
        assert!(said.lines().any(is_looked_at), "{name}: {said}");
    }
    // What was asked for was found: addresses, a wildcard, and both kinds of denial.
    let found = ["A: 192.0.2.1", "TXT: \"wildcard\"", "MX: NODATA", "MX: NXDOMAIN", "CDS: "];
    for words in found {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn dnsviz_finds_nothing_wrong_with_a_single_key() {
    finds_nothing(Keys::Single("ECDSAP256SHA256"));
}

#[test]
fn dnsviz_finds_nothing_wrong_with_split_keys() {
    finds_nothing(Keys::Split("ED25519"));
}

/// It does find what is wrong: keys that are not trusted, and a record that was changed.
#[test]
fn dnsviz_finds_wrong_keys_and_wrong_records() {
    let signed = Signed::start(Keys::Single("ECDSAP256SHA256"), files());
    let dir = signed.daemon.path();
    let other = Signed::start(Keys::Single("ECDSAP256SHA256"), files());
    let said = seen(dir, signed.port(), &["www.clam.example"], &other.anchors);
    assert!(said.contains("E:NO_TRUST_ANCHOR_SIGNING"), "{said}");
    assert!(doubts(&said).iter().any(|line| line.contains("[!]  A: ")), "{said}");

    let text = exported(&signed, &["--signed"]);
    let named = Peer::named(&[(ORIGIN, &text.replace("192.0.2.3\n", "192.0.2.99\n"))]);
    let names = ["www.clam.example", "text.clam.example"];
    let said = seen(dir, named.port, &names, &signed.anchors);
    let wrong = doubts(&said);
    let is_changed = |line: &str| line.contains("[!]  A: ") && line.contains("192.0.2.99");
    assert!(wrong.iter().any(|line| is_changed(line)), "{said}");
    assert!(wrong.iter().any(|line| line.trim_start() == "E:SIGNATURE_INVALID"), "{said}");
    assert!(said.contains("[.]  TXT: \"static\""), "{said}");
}
