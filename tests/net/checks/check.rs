//! `cvdns check` and `cvdns feed check`.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::run;
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture::{self, States, mirrors};
use crate::support::minisign::{key, sign};

/// The fixture's server with these lines in `[feed]`.
fn with_feed_lines(lines: &str) -> Files {
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace("[feed]\n", &format!("[feed]\n{lines}\n"));
    files.with("cvdns.toml", config)
}

/// The fixture's server with this before everything else in `[server]`, and further sections behind
/// all.
fn with_sections(server: &str, more: &str) -> Files {
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace("[server]\n", &format!("[server]\n{server}\n"));
    files.with("cvdns.toml", format!("{config}\n{more}\n"))
}

fn written(files: &Files) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    files.write(dir.path(), 5300);
    dir
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("another mode");
}

/// Both commands, of one directory.
fn both(dir: &Path) -> [(Option<i32>, String, String); 2] {
    [run(dir, &["check"]), run(dir, &["feed", "check"])]
}

#[test]
fn both_checks_verify_the_signature_and_say_what_to_do() {
    let keys = tempfile::tempdir().expect("a directory");
    let (ours, theirs) = (key(keys.path(), "ours"), key(keys.path(), "theirs"));
    let feed = fixture::feed(1_000, &States::new());
    let dir = written(&with_feed_lines(&format!("public-key = \"{ours}\"")));
    let dir = dir.path();
    fs::write(dir.join("feed.json"), &feed).expect("a feed");
    let comment = fs::read_to_string(keys.path().join("theirs.pub")).expect("a key");
    let their_id = comment.split_whitespace().nth(5).expect("a number").to_owned();
    let by = |name: &str, text: &str| Some(sign(keys.path(), name, text));
    let good = by("ours", &feed).expect("signed");
    let forged = good.replacen("trusted comment: timestamp", "trusted comment: timestomp", 2);
    for (signature, says, to_do) in [
        (None, "the feed has no signature, but `public-key` requires one", "minisign -S"),
        (
            Some("<html>404</html>\n".to_owned()),
            "it is a web page, not a minisign signature",
            "minisign -S",
        ),
        (Some("signed, really\n".to_owned()), "it is not a minisign signature", "minisign -S"),
        (
            by("theirs", &feed),
            "it was made with a key other than `public-key`: with ",
            "the last line of its .pub file",
        ),
        (by("ours", "another file"), "does not match these octets", "sign the feed as it is now"),
        (
            Some(forged),
            "does not match these octets: it is of another file, or the feed was changed or forged",
            "sign the feed as it is now",
        ),
    ] {
        let path = dir.join("feed.json.minisig");
        match &signature {
            Some(signature) => fs::write(&path, signature).expect("a signature"),
            None => drop(fs::remove_file(&path)),
        }
        for (code, out, error) in both(dir) {
            assert_eq!((code, out.as_str()), (Some(1), ""), "{says}");
            for words in [says, to_do, "feed.json.minisig", "1 error"] {
                assert!(error.contains(words), "{words}: {error}");
            }
            assert!(
                !says.contains("key other than") || error.contains(&their_id),
                "{their_id}: {error}"
            );
        }
    }
    fs::write(dir.join("feed.json.minisig"), good).expect("a signature");
    for (code, out, error) in both(dir) {
        assert!(code == Some(0) && out.contains("feed"), "{out}{error}");
    }
    // One of several keys.
    let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
    let several = config.replace(&format!("\"{ours}\""), &format!("[\"{theirs}\", \"{ours}\"]"));
    fs::write(dir.join("cvdns.toml"), several).expect("the configuration");
    assert!(both(dir).iter().all(|(code, ..)| *code == Some(0)));
    for (keys, words) in [
        (format!("[\"{ours}\", \"{ours}\"]"), "is named twice"),
        ("[]".to_owned(), "`public-key` names no key"),
        ("[\"RWQ\"]".to_owned(), "not a minisign public key"),
        ("1".to_owned(), "`public-key` is an integer"),
    ] {
        let wrong = config.replace(&format!("\"{ours}\""), &keys);
        fs::write(dir.join("cvdns.toml"), wrong).expect("the configuration");
        let (code, _, error) = run(dir, &["check"]);
        assert!(
            code == Some(1) && error.contains(words) && error.contains("1 error"),
            "{keys}: {error}"
        );
    }
}

#[test]
fn zones_are_listed_with_what_they_have() {
    let dir = written(&fixture::files());
    let (code, out, error) = run(dir.path(), &["check"]);
    assert_eq!(code, Some(0), "{error}");
    let line = out.lines().find(|line| line.starts_with("clam.example ")).expect("the zone");
    let counts: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(counts[3..], ["46", "4"], "{out}");
    assert!(
        out.contains("serve would start from feed 1000 of ") && out.contains("can be served: "),
        "{out}"
    );

    // Twenty thousand would do as well.
    let (mut config, mut files) =
        (String::from("[server]\nlisten = [\"127.0.0.1:@PORT@\"]\n"), Files::default());
    for zone in 0..30 {
        let _ = writeln!(config, "[[zone]]\nfile = \"{zone}.toml\"");
        let text = format!("format = 1\norigin = \"z{zone}.example\"\nrecords = \"z.zone\"\n");
        files = files.with(&format!("{zone}.toml"), text);
    }
    let master = "@ 60 IN SOA ns1 host 1 2 3 4 5\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\nns1 60 IN A 192.0.2.2\n";
    let dir = written(&files.with("z.zone", master).with("cvdns.toml", config));
    let (code, out, error) = run(dir.path(), &["check"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(out.lines().filter(|line| line.starts_with('z')).count(), 20, "{out}");
    assert!(
        out.contains("and 10 more (--json has all): 120 records and 0 dynamic names in all"),
        "{out}"
    );
    let (code, out, error) = run(dir.path(), &["check", "--json"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["zones"].as_array().expect("zones").len(), 30);
    assert_eq!(
        (&report["zones"][29]["records"], &report["can_be_served"]),
        (&4.into(), &true.into())
    );
    fs::write(dir.path().join("z.zone"), "@ 60 IN SOA\n").expect("a bad zone");
    let (code, out, _) = run(dir.path(), &["check", "--json"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &report["can_be_served"]), (Some(1), &false.into()));
    assert_eq!(
        (&report["problems"][0]["severity"], &report["problems"][0]["line"]),
        (&"error".into(), &1.into())
    );
}

#[test]
fn the_account_must_exist_and_read_every_file() {
    let dir = written(&with_sections("user = \"no-such-user-here\"", ""));
    let (code, _, error) = run(dir.path(), &["check"]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("no user \"no-such-user-here\"") && error.contains("cvdns.toml:3:"),
        "{error}"
    );

    let files = with_sections("user = \"nobody\"", "");
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\nstate = \"state\"\n");
    let dir = written(&files.with("cvdns.toml", config));
    let dir = dir.path();
    mode(dir, 0o755);
    for file in fs::read_dir(dir).expect("files").flatten() {
        mode(&file.path(), 0o644);
    }
    let state = dir.join("state");
    fs::create_dir(&state).expect("a directory");
    mode(&state, 0o777);
    let refused = |words: &[&str]| {
        let (code, out, error) = run(dir, &["check"]);
        assert!(code == Some(1) && !out.contains("can be served"), "{words:?}: {out}{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    };
    let (code, _, error) = run(dir, &["check"]);
    assert_eq!(code, Some(0), "{error}");
    for name in
        ["cvdns.toml", "clam.toml", "clam.zone", "mirrors.toml", "country.mmdb", "feed.json"]
    {
        mode(&dir.join(name), 0o600);
        refused(&["nobody may not read ", name, "1 error", "chmod o+r"]);
        mode(&dir.join(name), 0o644);
    }
    // A link leads elsewhere.
    fs::create_dir(dir.join("closed")).expect("a directory");
    fs::rename(dir.join("clam.zone"), dir.join("closed/clam.zone")).expect("moved");
    std::os::unix::fs::symlink("closed/clam.zone", dir.join("clam.zone")).expect("a link");
    mode(&dir.join("closed"), 0o700);
    refused(&["nobody may not enter ", "closed", "1 error", "chmod o+x"]);
    mode(&dir.join("closed"), 0o755);
    mode(dir, 0o700);
    refused(&["nobody may not enter ", "nobody may not write in ", "2 errors"]);
    mode(dir, 0o755);

    mode(&state, 0o755);
    refused(&["nobody may not write in ", "state", "chown nobody", "cvdns.toml:"]);
    fs::remove_dir(&state).expect("removed");
    fs::write(&state, "").expect("a file");
    refused(&["state is not a directory"]);
    let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
    fs::write(dir.join("cvdns.toml"), config.replace("\"state\"", "\"feed.json/state\""))
        .expect("written");
    refused(&["feed.json/state"]);
}

#[test]
fn what_the_coordinator_and_the_admin_address_need_is_looked_at() {
    let keys = tempfile::tempdir().expect("a directory");
    let (ours, _) = (key(keys.path(), "ours"), key(keys.path(), "theirs"));
    let feed = fixture::feed(1_000, &States::new());
    let signature = sign(keys.path(), "ours", &feed);
    let key_of =
        |name: &str| fs::read_to_string(keys.path().join(format!("{name}.key"))).expect("a key");
    let files = with_sections(
        "",
        "[admin]\nlisten = \"0.0.0.0:8053\"\n[monitor]\nsecret-key = \"monitor.key\"\nrelease = \"release.json\"",
    );
    let config =
        files.text("cvdns.toml").replace("[feed]\n", &format!("[feed]\npublic-key = \"{ours}\"\n"));
    let files = files
        .with("cvdns.toml", config)
        .with("feed.json", feed)
        .with("feed.json.minisig", signature);
    let dir = written(&files);
    let dir = dir.path();
    let warned = |yes: &[&str], no: &[&str]| {
        let (code, _, error) = run(dir, &["check"]);
        assert_eq!(code, Some(0), "{error}");
        assert!(yes.iter().all(|word| error.contains(word)), "{yes:?}: {error}");
        assert!(no.iter().all(|word| !error.contains(word)), "{no:?}: {error}");
    };
    let admin = "everybody who reaches any address of this machine can read metrics and state";
    warned(
        &[admin, "monitor.key", "`cvdns monitor` would not start", "release.json is not usable"],
        &[],
    );
    fs::write(dir.join("monitor.key"), key_of("theirs")).expect("a key");
    mode(&dir.join("monitor.key"), 0o644);
    fs::write(dir.join("release.json"), "{ \"software\": 1 }").expect("a release");
    warned(
        &[
            "is accessible to others than its owner",
            "servers would refuse its feeds",
            "release.json is not usable",
        ],
        &["would not start"],
    );
    fs::write(dir.join("monitor.key"), key_of("ours")).expect("a key");
    mode(&dir.join("monitor.key"), 0o600);
    let release =
        r#"{ "software": "1.4.6", "main": 63, "daily": 28129, "bytecode": 339, "flevel": 90 }"#;
    fs::write(dir.join("release.json"), release).expect("a release");
    let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
    fs::write(dir.join("cvdns.toml"), config.replace("0.0.0.0:8053", "127.0.0.1:8053"))
        .expect("written");
    warned(&[], &["secret key", "release", "everybody who"]);
}

#[test]
fn small_and_one_sided_databases_are_warned_of() {
    let dir = written(&fixture::files());
    let (_, _, error) = run(dir.path(), &["check"]);
    assert!(
        error.contains("country.mmdb has only 11 networks") && !error.contains("has no IP"),
        "{error}"
    );
    for (list, words) in [
        ("198.51.100.0/24,DE\n", "has no IPv6 network with a country"),
        ("2001:db8:8000::/34,DE\n", "has no IPv4 network with a country"),
    ] {
        fs::write(dir.path().join("list.csv"), list).expect("a list");
        let (code, ..) = run(dir.path(), &["geoip", "build", "--out", "country.mmdb", "list.csv"]);
        assert_eq!(code, Some(0));
        let (code, _, error) = run(dir.path(), &["check"]);
        assert!(code == Some(0) && error.contains(words), "{words}: {error}");
    }
}

/// What it says serve would start from is what serve starts from.
#[test]
fn the_feed_that_serve_would_start_from_is_told() {
    let files = with_feed_lines("state = \"state\"");
    let mut daemon = Daemon::start(&files);
    daemon.kill();
    let all_down: States = mirrors().into_iter().map(|mirror| (mirror.host, "down")).collect();
    for (feed, says, warns, in_force) in [
        // To the octet: another time would be other content under the same serial.
        (files.text("feed.json").to_owned(), "from feed 1000", "", 1_000),
        (
            "{ broken".to_owned(),
            "from feed 1000, which is kept",
            "serve would start from feed 1000, which is kept",
            1_000,
        ),
        (
            fixture::feed(900, &States::new()),
            "from feed 1000, which is kept",
            "serial 900 is lower than 1000",
            1_000,
        ),
        (
            fixture::feed(1_001, &all_down),
            "from feed 1000, which is kept",
            "feed 1001 would be held back",
            1_000,
        ),
        (fixture::feed(1_002, &States::new()), "from feed 1002 of ", "", 1_002),
    ] {
        daemon.write_file("feed.json", &feed);
        let (code, out, error) = run(daemon.path(), &["check"]);
        assert_eq!(code, Some(0), "{error}");
        assert!(out.contains(&format!("serve would start {says}")), "{says}: {out}");
        assert!(error.contains(warns), "{warns}: {error}");
        daemon.start_again();
        let log = daemon.log();
        let last = log.lines().rfind(|line| line.contains(" is in force")).expect("a feed");
        assert!(last.contains(&format!("feed {in_force} of ")), "{says}: {log}");
        daemon.kill();
    }
}
