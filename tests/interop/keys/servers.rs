//! Name servers of a signed zone that answer unsigned, or by other keys (RFC 4035 section 5).

use std::path::Path;
use std::process::{Command, Stdio};

use super::{ZONE, generate, printed, tag};
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture;
use crate::support::tools::Peer;

const PARENT: &str = "127.0.0.1";

/// The fixture's server with the name servers 127.0.0.2 and 127.0.0.3, which answers at `listen`.
fn server(nsid: &str, listen: &str, keys: Option<&Path>) -> Files {
    let mut files = fixture::files();
    let zone = files.text("clam.zone").replace("192.0.2.1\n", "127.0.0.2\n");
    let zone = zone.replace("2001:db8::1\n", "::1\n").replacen("192.0.2.2\n", "127.0.0.3\n", 1);
    let config = files.text("cvdns.toml").replace("\"ns1\"", &format!("\"{nsid}\""));
    let config = config.replace("[[zone]]\nfile = \"short.toml\"\n", "");
    let config = config.replace("listen = [", &format!("listen = [{listen}, "));
    if let Some(keys) = keys {
        let signed = format!("{}\n[dnssec]\nkeys = \".\"\n", files.text("clam.toml"));
        files = files.with("clam.toml", signed);
        for entry in std::fs::read_dir(keys).expect("the directory") {
            let path = entry.expect("a file").path();
            let name = path.file_name().expect("a name").to_str().expect("text").to_owned();
            files = files.with(&name, std::fs::read(&path).expect("a file"));
        }
    }
    files.with("clam.zone", zone).with("cvdns.toml", config)
}

/// BIND as the parent, with these DS records of the zone.
fn parent(ds: &str) -> Peer {
    let text = format!(
        "$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 1 2 3 4 5\n@ NS ns\nns A {PARENT}\n\
         clam NS ns1.clam\nclam NS ns2.clam\nns1.clam A 127.0.0.2\nns1.clam AAAA ::1\n\
         ns2.clam A 127.0.0.3\n{ds}"
    );
    Peer::named(&[("example", &text)])
}

/// What the check says, without what has nothing to do with keys.
fn said(dir: &Path, port: u16) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(["check", "--delegation", "--port", &port.to_string()]);
    command.args(["--resolver", &format!("{PARENT}:{port}")]).current_dir(dir);
    let done = command.stdin(Stdio::null()).output().expect("cvdns");
    let text = String::from_utf8(done.stderr).expect("text");
    let starts = ["error[", "warning["].map(|level| text.find(level));
    let from = starts.into_iter().flatten().min();
    from.and_then(|from| text.get(from..)).unwrap_or_default().to_owned()
}

#[test]
fn a_server_that_does_not_sign_by_the_zones_keys_is_named() {
    let [ours, others] = [0, 1].map(|_| tempfile::tempdir().expect("a directory"));
    let (key, other) = (generate(ours.path(), &[]), generate(others.path(), &[]));
    let ds = printed(ours.path(), &["keys", "ds", "--directory", ".", ZONE]);
    let refuse = "resolvers that validate refuse what it answers\n";
    let unsigned = format!(
        "error[server-unsigned]: {ZONE}: ns2.{ZONE} (127.0.0.3) answers without DNSKEY records: it \
         does not sign the zone\n  help: give the server the zone file with [dnssec] and the keys, or \
         have its zone transferred signed (docs/dnssec.md): {refuse}"
    );
    let wait = format!(
        "warning[ds-missing]: {ZONE}: the parent has no DS record\n  help: first have every name \
         server answer signed by these keys: a DS record makes resolvers refuse those that do not\n"
    );
    let give = format!(
        "warning[ds-missing]: {ZONE}: the parent has no DS record\n  help: give the parent's operator \
         the records that `cvdns keys ds` prints: until then nobody validates the zone\n"
    );
    let foreign = |rest: &str| {
        format!(
            "error[server-other-keys]: {ZONE}: ns2.{ZONE} (127.0.0.3) has the keys {}, and {rest}: \
             {}\n  help: copy the files of the keys to the server and reload it, or add its keys to \
             those here (docs/dnssec.md): {refuse}",
            tag(&other),
            tag(&key)
        )
    };
    let cases: [(Option<&Path>, &str, String); 6] = [
        (None, "", format!("{unsigned}{wait}")),
        (None, &ds, unsigned.clone()),
        (Some(others.path()), "", {
            format!("{}{wait}", foreign("none of those that sign the zone's keys"))
        }),
        (Some(others.path()), &ds, foreign("the parent's DS records are of others")),
        (Some(ours.path()), "", give),
        (Some(ours.path()), &ds, String::new()),
    ];
    for (keys, ds, expected) in cases {
        let parent = parent(ds);
        let port = parent.port;
        let first = format!("\"127.0.0.2:{port}\", \"[::1]:{port}\"");
        let one = Daemon::start(&server("ns1", &first, Some(ours.path())));
        let _two = Daemon::start(&server("ns2", &format!("\"127.0.0.3:{port}\""), keys));
        assert_eq!(said(one.path(), port), expected);
    }
}
