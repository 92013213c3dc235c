//! Key sets that dnssec-signzone and ldns-signzone signed where the key-signing key is.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{ZONE, cvdns, generate, of_tool, printed, read, tag};
use crate::support::daemon::Files;
use crate::support::fixture;

/// The fixture's server, whose zone is signed by the keys of a directory and a key set.
fn files() -> Files {
    let files = fixture::files();
    let zone = format!(
        "{}\n[dnssec]\nkeys = \"keys\"\nkey-set = \"clam.keyset\"\n",
        files.text("clam.toml")
    );
    files.with("clam.toml", zone)
}

/// A key-signing key where it is kept, a zone-signing key of the server, whose public part is known
/// there.
fn keys(dir: &Path) -> (String, String) {
    for name in ["offline", "keys"] {
        fs::create_dir(dir.join(name)).expect("a directory");
    }
    let ksk = generate(&dir.join("offline"), &["--ksk"]);
    let zsk = generate(&dir.join("keys"), &["--zsk"]);
    let public = format!("{zsk}.key");
    fs::copy(dir.join("keys").join(&public), dir.join("offline").join(&public)).expect("copied");
    (ksk, zsk)
}

/// A zone that has nothing but what a signer needs.
fn small_zone(dir: &Path, keys: &[&str]) {
    let keys: String =
        keys.iter().map(|stem| read(dir, stem, "key").replace(" IN ", " 3600 IN ")).collect();
    let text = format!("{ZONE}. 3600 SOA . . 1 1 1 1 1\n{ZONE}. 3600 NS .\n{keys}");
    fs::write(dir.join("small"), text).expect("written");
}

/// Exit status of the check, and what it says, one problem in a line.
fn check(dir: &Path) -> (Option<i32>, String) {
    let (code, out, error) = cvdns(dir, &["check", "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
    let problems = report["problems"].as_array().expect("problems").iter();
    let lines = problems.map(|of| format!("{}\n", of["what"].as_str().expect("words")));
    // The country database of the fixture is small.
    (code, lines.filter(|line| !line.contains("the country database")).collect())
}

#[test]
fn key_sets_of_other_signers_are_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path();
    files().write(path, 5300);
    let (ksk, zsk) = keys(path);
    let offline = path.join("offline");
    small_zone(&offline, &[&ksk, &zsk]);
    let sign = |arguments: &[&str]| {
        let all = [&["-x", "-o", ZONE, "-f", "../clam.keyset"], arguments, &["small", &ksk]];
        of_tool(&offline, "dnssec-signzone", &all.concat());
    };
    sign(&["-P"]);
    assert_eq!(check(path), (Some(0), String::new()));
    // The keys of the set: the key-signing key signs them elsewhere.
    let ds = printed(path, &["keys", "ds", ZONE]);
    assert!(ds.starts_with(&format!("{ZONE}. IN DS {} 13 2 ", tag(&ksk))), "{ds}");
    assert_eq!(ds.lines().count(), 1);
    let out = printed(path, &["keys", "list", ZONE]);
    let row = out.lines().find(|line| line.starts_with(&tag(&zsk).to_string())).expect("a row");
    assert!(row.contains("ZSK") && row.contains("signs the zone"), "{out}");

    // ldns signs everything with both keys, or with this one.
    of_tool(&offline, "ldns-signzone", &["-f", "../clam.keyset", "small", &ksk]);
    assert_eq!(check(path), (Some(0), String::new()));

    // Times.
    let by = format!("the signature of DNSKEY by key {}", tag(&ksk));
    for (times, code, words) in [
        (["-s", "20260101000000", "-e", "20260201000000"], Some(1), "has expired at 2026-02-01T00"),
        (["-s", "now+3600", "-e", "now+864000"], Some(1), "is not valid before "),
        (["-s", "now-864000", "-e", "now+86400"], Some(0), "expires at "),
    ] {
        sign(&[&["-P"], &times[..]].concat());
        let (found, error) = check(path);
        assert_eq!(found, code, "{error}");
        assert!(error.contains(&format!("{by} {words}")), "{error}");
    }

    // A key set without this server's key, and one that was changed.
    small_zone(&offline, &[&ksk]);
    sign(&["-P"]);
    let (code, error) = check(path);
    let expected = format!("ZSK {} is not in the key set, so it signs nothing", tag(&zsk));
    assert!(code == Some(1) && error.contains(&expected), "{error}");
    small_zone(&offline, &[&ksk, &zsk]);
    sign(&["-P"]);
    let text = fs::read_to_string(path.join("clam.keyset")).expect("the key set");
    let other = generate(&offline, &["--zsk"]);
    let more = read(&offline, &other, "key").replace(" IN ", " 3600 IN ");
    fs::write(path.join("clam.keyset"), format!("{text}\n{more}")).expect("written");
    let (code, error) = check(path);
    let expected = format!("{by} is wrong: it is one of other records or of another key");
    assert!(code == Some(1) && error.contains(&expected), "{error}");
    fs::remove_file(path.join("clam.keyset")).expect("removed");
    let (code, error) = check(path);
    assert!(code == Some(1) && error.contains("cannot read clam.keyset"), "{error}");
}
