//! Each reads the keys of the others, and makes the same DS records of them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::json;

use super::{ZONE, cvdns, generate, list, of_tool, printed, read, record, tag};
use crate::support::tools::{Peer, tool};
use crate::support::{PATIENCE, ports};

/// The DS records of all tools and of `cvdns` are the same.
fn compare_ds(dir: &Path, stem: &str) {
    let tag = tag(stem).to_string();
    for (digest, flag) in [("sha256", "-2"), ("sha384", "-4")] {
        let ours = printed(
            dir,
            &["keys", "ds", "--directory", ".", "--digest", digest, "--tag", &tag, ZONE],
        );
        let bind = of_tool(
            dir,
            "dnssec-dsfromkey",
            &["-a", if flag == "-2" { "SHA-256" } else { "SHA-384" }, &format!("{stem}.key")],
        );
        assert_eq!(ours, bind, "{stem}");
        let ldns = of_tool(dir, "ldns-key2ds", &["-n", flag, "-f", &format!("{stem}.key")]);
        assert_eq!(record(&ours), record(&ldns), "{stem}");
    }
}

#[test]
fn keys_of_other_tools_are_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path();
    let mut stems = Vec::new();
    for algorithm in ["ECDSAP256SHA256", "ED25519"] {
        for more in [&["-f", "KSK"][..], &["-L", "7200"], &["-P", "now", "-A", "+1d"], &["-G"]] {
            let arguments = [&["-a", algorithm], more, &[ZONE]].concat();
            stems.push(of_tool(path, "dnssec-keygen", &arguments).trim().to_owned());
        }
        for more in [&["-k"][..], &[]] {
            let arguments = [&["-a", algorithm], more, &[ZONE]].concat();
            stems.push(of_tool(path, "ldns-keygen", &arguments).trim().to_owned());
        }
    }
    let keys = list(path);
    assert_eq!(keys.len(), stems.len(), "{keys:#?}");
    for (number, stem) in stems.iter().enumerate() {
        let key = keys.iter().find(|key| key["tag"] == json!(tag(stem))).expect("it is listed");
        assert_eq!(key["private_key"], json!(true), "{stem}");
        let (flags, published, active) = match number % 6 {
            0 | 4 => (257, true, true),
            1 | 5 => (256, true, true),
            2 => (256, true, false),
            _ => (256, false, false),
        };
        assert_eq!(key["flags"], json!(flags), "{stem}");
        assert_eq!(key["published"], json!(published), "{stem}");
        let signs = key["signs_keys"] == json!(true) || key["signs_zone"] == json!(true);
        assert_eq!(signs, active, "{stem}: {key:#}");
        if flags == 257 {
            compare_ds(path, stem);
        }
    }
    // The same, for people.
    let table = printed(path, &["keys", "list", "--directory", ".", ZONE]);
    assert_eq!(table.lines().count(), 1 + stems.len(), "{table}");
    let words = ["signs the zone", "signs the keys", "published", "not published"];
    assert!(words.iter().all(|words| table.contains(words)), "{table}");
    // A record for each key that signs keys.
    let ds = printed(path, &["keys", "ds", "--directory", ".", ZONE]);
    assert_eq!(ds.lines().count(), 4, "{ds}");
}

#[test]
fn our_keys_are_read_by_other_tools() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path();
    for algorithm in ["ecdsap256sha256", "ed25519"] {
        for kind in ["--csk", "--ksk", "--zsk"] {
            let arguments = ["--algorithm", algorithm, kind, "--activate", "now"];
            let stem = generate(path, &arguments);
            compare_ds(path, &stem);
            let file = path.join(format!("{stem}.private"));
            let mode = file.metadata().expect("a file").mode() & 0o777;
            assert_eq!(mode, 0o600);
            // BIND reads both files, and finds the moments.
            let settime = of_tool(path, "dnssec-settime", &["-p", "all", "-u", &stem]);
            let of = |name: &str| {
                let line = settime.lines().find(|line| line.starts_with(name));
                line.expect("a moment").split_once(": ").expect("a value").1.to_owned()
            };
            assert_eq!(of("Created"), of("Activate"));
            assert_eq!((of("Publish"), of("Inactive")), (of("Created"), "UNSET".to_owned()));
        }
    }
    // What BIND changes is read.
    let stem = generate(path, &["--zsk", "--activate", "now"]);
    of_tool(path, "dnssec-settime", &["-I", "20300101000000", "-D", "20300201000000", &stem]);
    // The zone-signing keys sign before resolvers know them, which is said.
    let listed = || -> (String, Vec<serde_json::Value>) {
        let arguments = ["keys", "list", "--json", "--directory", ".", ZONE];
        let (code, out, error) = cvdns(path, &arguments);
        assert_eq!(code, Some(0), "{error}");
        (error, serde_json::from_str(&out).expect("JSON"))
    };
    let (_, keys) = listed();
    let key = keys.iter().find(|key| key["tag"] == json!(tag(&stem))).expect("it");
    assert_eq!(key["timing"]["inactive"], json!("2030-01-01T00:00:00Z"));
    assert_eq!(key["next_change"], json!("2030-01-01T00:00:00Z"));
    // A key that BIND revokes has another tag and another name.
    let revoked = of_tool(path, "dnssec-revoke", &[&generate(path, &["--ksk"])]);
    let revoked = revoked.trim().rsplit('/').next().expect("a name").to_owned();
    let (error, keys) = listed();
    assert!(error.contains("is revoked: it signs nothing but the keys"), "{error}");
    let key = keys.iter().find(|key| key["tag"] == json!(tag(&revoked))).expect("it");
    assert_eq!(key["role"], json!("revoked"));
}

const MASTER: &str = "$TTL 300\n@ SOA ns admin 1 3600 600 604800 60\n@ NS ns\nns A 192.0.2.53\n\
                      www A 192.0.2.80\n";

#[test]
fn other_signers_sign_with_our_keys() {
    for algorithm in ["ecdsap256sha256", "ed25519"] {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path();
        let (ksk, zsk) = (
            generate(path, &["--ksk", "--algorithm", algorithm]),
            generate(path, &["--zsk", "--algorithm", algorithm, "--activate", "now"]),
        );
        fs::write(path.join("zone"), format!("$ORIGIN {ZONE}.\n{MASTER}")).expect("written");
        of_tool(path, "dnssec-signzone", &["-S", "-o", ZONE, "-f", "signed", "zone"]);
        of_tool(path, "dnssec-verify", &["-o", ZONE, "signed"]);
        of_tool(path, "ldns-verify-zone", &["signed"]);
        fs::write(
            path.join("whole"),
            format!(
                "$ORIGIN {ZONE}.\n{MASTER}{}{}",
                read(path, &ksk, "key").replace(" IN ", " 3600 IN "),
                read(path, &zsk, "key").replace(" IN ", " 3600 IN ")
            ),
        )
        .expect("written");
        of_tool(path, "ldns-signzone", &["-f", "by-ldns", "whole", &ksk, &zsk]);
        of_tool(path, "ldns-verify-zone", &["by-ldns"]);
        of_tool(path, "dnssec-verify", &["-o", ZONE, "by-ldns"]);
    }
}

#[test]
fn named_signs_with_our_keys() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, port) = (dir.path(), ports::free());
    let stem = generate(path, &[]);
    fs::write(path.join("zone"), format!("$ORIGIN {ZONE}.\n{MASTER}")).expect("written");
    let config = format!(
        "options {{ directory \"{dir}\"; listen-on port {port} {{ 127.0.0.1; }}; \
         listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion no; \
         dnssec-validation no; notify no; }};\ncontrols {{ }};\n\
         zone \"{ZONE}\" {{ type primary; file \"zone\"; key-directory \"{dir}\"; \
         auto-dnssec maintain; inline-signing yes; }};\n",
        dir = path.display()
    );
    fs::write(path.join("named.conf"), config).expect("written");
    let mut command = tool("named");
    command.args(["-g", "-n", "1", "-c"]).arg(path.join("named.conf"));
    let peer = Peer::of(command, port, dir, [ZONE]);
    let deadline = std::time::Instant::now() + PATIENCE;
    let ask = || {
        let mut dig = tool("dig");
        dig.args(["@127.0.0.1", "-p", &peer.port.to_string(), "+dnssec", "+short", ZONE, "SOA"]);
        crate::support::tools::output(&mut dig)
    };
    while !ask().contains(&format!(" {} {ZONE}. ", tag(&stem))) {
        assert!(std::time::Instant::now() < deadline, "named does not sign: {}", ask());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
