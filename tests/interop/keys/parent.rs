//! DS records for the parent, and those that it has.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{ZONE, cvdns, generate, printed, tag};
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture;
use crate::support::tools::Peer;

const PARENT: &str = "127.0.0.1";

/// The fixture's server on loopback addresses, whose zone is signed.
fn server(port: u16) -> Files {
    let files = fixture::files();
    let zone = files.text("clam.zone").replace("192.0.2.1\n", "127.0.0.2\n");
    let zone = zone.replace("2001:db8::1\n", "::1\n").replacen("192.0.2.2\n", "127.0.0.2\n", 1);
    let config = files.text("cvdns.toml").replace("[[zone]]\nfile = \"short.toml\"\n", "");
    let listen = format!("listen = [\"127.0.0.2:{port}\", \"[::1]:{port}\", ");
    let config = config.replace("listen = [", &listen);
    let signed = format!("{}\n[dnssec]\nkeys = \".\"\n", files.text("clam.toml"));
    files.with("clam.zone", zone).with("cvdns.toml", config).with("clam.toml", signed)
}

/// What BIND, as the parent with these records of the zone, makes the check find.
fn kinds(dir: &Path, ds: &str) -> BTreeSet<String> {
    let text = format!(
        "$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A {PARENT}\n\
         clam NS ns1.clam\nclam NS ns2.clam\nns1.clam A 127.0.0.2\nns1.clam AAAA ::1\n\
         ns2.clam A 127.0.0.2\n{ds}"
    );
    let parent = Peer::named(&[("example", &text)]);
    let port = parent.port.to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(["check", "--delegation", "--json", "--port", &port]);
    command.args(["--resolver", &format!("{PARENT}:{port}")]).current_dir(dir);
    let done = command.stdin(Stdio::null()).output().expect("cvdns");
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&done.stderr));
    });
    let findings = report["delegation"]["findings"].as_array().expect("findings");
    let words = findings.iter().map(|of| of["kind"].as_str().expect("a word").to_owned());
    // Only what the parent's records are compared with is looked at here.
    let of_ds = |kind: &String| {
        ["ds-missing", "ds-of-other-keys", "ds-of-unknown-key", "key-without-ds"]
            .contains(&kind.as_str())
    };
    words.filter(of_ds).collect()
}

#[test]
fn ds_records_are_exported_and_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path();
    server(1).write(path, 5300);
    let (code, _, error) = cvdns(path, &["export", "delegation"]);
    let lacks = format!("there are no keys of {ZONE} in ");
    assert!(code == Some(1) && error.contains(&lacks), "{error}");

    let one = tag(&generate(path, &[]));
    let ds = printed(path, &["keys", "ds", ZONE]);
    let (code, out, _) = cvdns(path, &["export", "delegation"]);
    assert_eq!(code, Some(0));
    let rdata = ds.split(" IN DS ").nth(1).expect("a record").trim();
    assert!(out.contains(&format!(" IN DS {rdata}\n")), "{out}\n{ds}");
    assert!(!out.contains("No DS records"), "{out}");

    let found = |ds: &str| kinds(path, ds).into_iter().collect::<Vec<_>>();
    let other = "clam DS 12345 13 2 \
                 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\n";
    assert_eq!(found(""), ["ds-missing"]);
    assert_eq!(found(&ds), [""; 0]);
    assert_eq!(found(other), ["ds-of-other-keys"]);
    assert_eq!(found(&format!("{ds}{other}")), ["ds-of-unknown-key"]);
    // Another digest of the same key is as good.
    let sha384 = printed(path, &["keys", "ds", "--digest", "sha384", ZONE]);
    assert_eq!(found(&sha384), [""; 0]);
    // A second key: until the parent knows it, the first one must not go.
    let two = tag(&generate(path, &[]));
    assert_eq!(found(&ds), ["key-without-ds"]);
    let both = printed(path, &["keys", "ds", ZONE]);
    assert_eq!(both.lines().count(), 2);
    assert_eq!(found(&both), [""; 0]);
    let only = printed(path, &["keys", "ds", "--tag", &two.to_string(), ZONE]);
    assert!(both.contains(&only) && one != two, "{both}{only}");
    // A key that signs and is not in the zone yet (RFC 6781 section 4.1.4) is no key of the parent.
    let early = ["--algorithm", "ed25519", "--publish", "20990101"];
    let three = tag(&generate(path, &early)).to_string();
    assert_eq!(printed(path, &["keys", "ds", ZONE]), both);
    let (_, out, _) = cvdns(path, &["export", "delegation"]);
    assert_eq!(out.matches(" IN DS ").count(), 2, "{out}");
    assert_eq!(found(&both), [""; 0]);
    let only = printed(path, &["keys", "ds", "--tag", &three, ZONE]);
    assert!(only.starts_with(&format!("{ZONE}. IN DS {three} 15 2 ")), "{only}");
    let (code, _, error) = cvdns(path, &["keys", "ds", "--tag", "0", ZONE]);
    let said = format!("{ZONE} has no key with the tag 0 in ");
    assert!(code == Some(1) && error.contains(&said), "{error}");
    // The server starts with them.
    let dir = tempfile::tempdir().expect("a directory");
    generate(dir.path(), &[]);
    let mut files = server(crate::support::ports::free());
    for entry in std::fs::read_dir(dir.path()).expect("the directory") {
        let entry = entry.expect("a file");
        let name = entry.file_name().into_string().expect("text");
        files = files.with(&name, std::fs::read(entry.path()).expect("a file"));
    }
    Daemon::start(&files).last_log();
}
