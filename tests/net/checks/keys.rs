//! Keys of DNSSEC: what `cvdns check` says of them, what a reload does with bad ones, and that the
//! clock changes them (docs/dnssec.md).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::run;
use crate::support::daemon::{Daemon, Files};
use crate::support::fixture;

pub(super) const ZONE: &str = "clam.example";

/// The fixture's server, whose zone is signed by the keys of a directory.
fn files() -> Files {
    let files = fixture::files();
    let zone = format!("{}\n[dnssec]\nkeys = \"keys\"\n", files.text("clam.toml"));
    files.with("clam.toml", zone)
}

/// Makes a key of the zone in a server's directory. Returns the paths of both files.
pub(super) fn generate(dir: &Path, arguments: &[&str]) -> [PathBuf; 2] {
    let (files, said) = generate_and_say(dir, arguments);
    assert_eq!(said, "");
    files
}

/// The same, with what is said of the key.
pub(super) fn generate_and_say(dir: &Path, arguments: &[&str]) -> ([PathBuf; 2], String) {
    let (code, out, error) = run(dir, &[&["keys", "generate"], arguments, &[ZONE]].concat());
    assert_eq!(code, Some(0), "{error}");
    let file = |extension| dir.join(format!("{}.{extension}", out.trim_end()));
    (["key", "private"].map(file), error)
}

pub(super) fn tag([key, _]: &[PathBuf; 2]) -> u16 {
    let stem = key.file_stem().expect("a name").to_str().expect("text");
    stem.rsplit('+').next().expect("a tag").parse().expect("a number")
}

/// Adds lines to both files' moments, in place of those that they have.
pub(super) fn set_moments([_, private]: &[PathBuf; 2], moments: &str) {
    let text = fs::read_to_string(private).expect("the file");
    let kept: String = text.split_inclusive('\n').take(3).collect();
    fs::write(private, format!("{kept}{moments}")).expect("written");
}

/// A directory of a server with the keys that `make` makes there.
pub(super) fn place(make: impl FnOnce(&Path)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    files().write(dir.path(), 5300);
    make(dir.path());
    dir
}

/// Exit status and messages of the check of such a directory, one in a line.
fn check(make: impl FnOnce(&Path)) -> (Option<i32>, String) {
    check_in(place(make).path())
}

pub(super) fn check_in(dir: &Path) -> (Option<i32>, String) {
    let (code, out, error) = run(dir, &["check", "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
    let line = |problem: &Value| {
        let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        let [file, what, help] = ["file", "what", "help"].map(text);
        format!("{file}:{}:{}: {what} ({help})\n", problem["line"], problem["column"])
    };
    let problems = report["problems"].as_array().expect("problems").iter().map(line);
    // That of the fixture is small.
    (code, problems.filter(|line| !line.contains("the country database")).collect())
}

#[test]
fn what_is_wrong_with_keys_is_said() {
    let good = check(|dir| drop(generate(dir, &[])));
    assert_eq!(good, (Some(0), String::new()));

    let line = files().text("clam.toml").lines().count();
    let at_keys = format!("clam.toml:{line}:8");
    let error = |make: &dyn Fn(&Path), words: &[&str]| {
        let (code, error) = check(make);
        assert_eq!(code, Some(1), "{words:?}: {error}");
        for words in words {
            assert!(error.contains(words), "{words}: {error}");
        }
    };
    let warning = |make: &dyn Fn(&Path), words: &str| {
        let (code, error) = check(make);
        assert!(code == Some(0) && error.contains(words), "{words}: {error}");
    };

    error(&|_| (), &["cannot read keys: No such file or directory", &at_keys]);
    let empty = |dir: &Path| fs::create_dir(dir.join("keys")).expect("a directory");
    error(
        &empty,
        &["there are no keys of clam.example in keys (make them: cvdns keys generate cl"],
    );
    let others = |dir: &Path| {
        for zone in ["b.example", "a.example"] {
            run(dir, &["keys", "generate", "--directory", "keys", zone]);
        }
    };
    error(&others, &["no keys of clam.example in keys, only those of a.example, b.example"]);
    // Beside its own keys, those of other zones say nothing.
    let shared = check(|dir| {
        others(dir);
        fs::write(dir.join("keys/Ka.example.+008+00001.key"), "what").expect("written");
        fs::write(dir.join("keys/README"), "what").expect("written");
        generate(dir, &[]);
    });
    assert_eq!(shared, (Some(0), String::new()));

    error(
        &|dir| {
            let [public, private] = generate(dir, &[]);
            let text = fs::read_to_string(&public).expect("the file");
            let rsa = public.with_file_name("Kclam.example.+008+00001.key");
            let (head, _) = text.rsplit_once("257 3 13").expect("a record");
            fs::write(rsa, format!("{head}257 3 8 AwEAAQ==\n")).expect("written");
            assert!(private.exists());
        },
        &[
            "zones are not signed with RSASHA256 (8) here",
            "ECDSAP256SHA256 (13) and ED25519 (15) are supported",
        ],
    );
    error(
        &|dir| fs::remove_file(&generate(dir, &[])[0]).expect("removed"),
        &["the file of the public key is missing beside it: Kclam.example.+013+"],
    );
    error(
        &|dir| fs::remove_file(&generate(dir, &[])[1]).expect("removed"),
        &["nothing signs the zone clam.example: CSK ", "has no private key here"],
    );
    error(
        &|dir| {
            let [one, other] = [generate(dir, &[]), generate(dir, &[])];
            fs::copy(&one[1], &other[1]).expect("copied");
        },
        &["the private key is not that of the public key, key "],
    );
    error(
        &|dir| drop(generate(dir, &["--zsk"])),
        &["nothing signs the keys of the zone clam.example: no key has the flag for that (257)"],
    );
    error(
        &|dir| drop(generate(dir, &["--activate", "2099-01-01"])),
        &["nothing signs the zone clam.example: CSK ", "is active from 2099-01-01T00:00:00Z on"],
    );
    error(
        &|dir| {
            let key = generate(dir, &[]);
            set_moments(&key, "Activate: 20200101000000\nDelete: 20210101000000\n");
        },
        &["is deleted since 2021-01-01T00:00:00Z"],
    );
    error(
        &|dir| {
            generate(dir, &[]);
            let zone = fs::read_to_string(dir.join("clam.zone")).expect("the zone");
            let zone = format!("{zone}\nx 60 NSEC y A\n");
            fs::write(dir.join("clam.zone"), zone).expect("written");
        },
        &["the zone clam.example is signed here, and its master file has records of DNSSEC"],
    );
    warning(
        &|dir| {
            generate(dir, &["--ksk"]);
            let zsk = generate(dir, &["--zsk", "--activate", "2099-01-01"]);
            set_moments(&zsk, "Publish: 20260101000000\n");
        },
        "no zone-signing key of ECDSAP256SHA256 is active: key ",
    );
    warning(
        &|dir| {
            let [_, private] = generate(dir, &[]);
            fs::set_permissions(private, Permissions::from_mode(0o640)).expect("the mode");
        },
        "other accounts can read or change the private key (mode 640)",
    );
    warning(
        &|dir| {
            let [public, private] = generate(dir, &[]);
            let rename = |file: &Path, extension| {
                let name = format!("Kclam.example.+013+00000.{extension}");
                fs::rename(file, file.with_file_name(name)).expect("renamed");
            };
            rename(&public, "key");
            rename(&private, "private");
        },
        "and the file is called otherwise",
    );
}

#[test]
fn commands_say_what_is_missing_and_replace_nothing() {
    let dir = place(|_| ());
    let path = dir.path();
    for (arguments, words) in [
        (&["keys", "list", ZONE][..], "cannot read keys: No such file or directory"),
        (&["keys", "ds", ZONE], "cannot read keys: No such file or directory"),
        (&["keys", "list", "short.example"], "has no zone short.example that is signed"),
        (&["keys", "generate", "short.example"], "write `[dnssec]` with `keys = \"keys\"`"),
        (&["keys", "generate", "a..b"], "a label is empty"),
        (&["keys", "list", "db.{cc}.example", "--directory", "."], "is several zones: name one"),
        (&["keys", "list", "--directory", ".", ZONE], "there are no keys of clam.example in ."),
    ] {
        let (code, out, error) = run(path, arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}: {error}");
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
    let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
    let [public, private] = generate(path, &[]);
    let modes = [mode(&path.join("keys")), mode(&public), mode(&private)];
    assert_eq!(modes, [0o700, 0o644, 0o600]);
    // A set of zones: each that has none gets a key.
    let (code, out, error) =
        run(path, &["keys", "generate", "--directory", "set", "db.{cc}.example"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let made = out.lines().count();
    assert!(made > 240 && out.contains("set/Kdb.uk.example.+013+"), "{made}");
    let (code, out, error) =
        run(path, &["keys", "generate", "--directory", "set", "db.{cc}.example"]);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert!(error.contains("all zones of db.{cc}.example have keys"), "{error}");
}

#[test]
fn zones_of_a_set_have_keys_each() {
    let files = fixture::files()
        .with(
            "set.toml",
            "format = 1\norigin = \"set.{cc}.example\"\nrecords = \"set.zone\"\n\n[dnssec]\nkeys = \"keys\"\n",
        )
        .with("set.zone", "$TTL 60\n@ SOA ns.clam.example. admin 1 2 3 4 5\n@ NS ns1.clam.example.\n");
    let config = files.text("cvdns.toml").replace(
        "[[zone]]\nfile = \"short.toml\"\n",
        "[[zone]]\nfile = \"short.toml\"\n[[zone]]\nfile = \"set.toml\"\n",
    );
    let dir = tempfile::tempdir().expect("a directory");
    files.with("cvdns.toml", config).write(dir.path(), 5300);
    fs::create_dir(dir.path().join("keys")).expect("a directory");
    let (code, error) = check_in(dir.path());
    let words = "zones of set.{cc}.example have no keys in keys, such as set.";
    assert!(code == Some(1) && error.contains(words), "{error}");
    assert!(error.contains("make them: cvdns keys generate set.{cc}.example"), "{error}");
    let (code, _, error) = run(dir.path(), &["keys", "generate", "set.{cc}.example"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(check_in(dir.path()), (Some(0), String::new()));
}

/// A server with keys that are among its files, so that it finds them when it starts.
fn start(make: impl FnOnce(&Path)) -> Daemon {
    let dir = place(make);
    let mut files = files();
    for entry in fs::read_dir(dir.path().join("keys")).expect("keys") {
        let path = entry.expect("a file").path();
        let name = format!("keys/{}", path.file_name().expect("a name").to_str().expect("text"));
        files = files.with(&name, fs::read(&path).expect("the file"));
    }
    Daemon::start(&files)
}

#[test]
fn a_reload_takes_new_keys_and_refuses_bad_ones() {
    let daemon = start(|dir| drop(generate(dir, &[])));
    // It reads the directory from within the sandbox.
    let before = daemon.log().len();
    generate(daemon.path(), &[]);
    daemon.sighup();
    daemon.wait_for_log(before, &["reloaded "]);
    let before = daemon.log().len();
    let [public, _] = generate(daemon.path(), &[]);
    fs::write(&public, "no key").expect("written");
    daemon.sighup();
    daemon.wait_for_log(before, &["expected dnskey here", "was not reloaded"]);
    fs::remove_dir_all(daemon.path().join("keys")).expect("removed");
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["cannot read ", "was not reloaded"]);
}

/// How far ahead moments are, in seconds: time enough for the server to start.
const AHEAD: i64 = 15;

/// A moment ahead, as files have it.
fn in_seconds(seconds: i64) -> String {
    let moment = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    moment.strftime("%Y%m%d%H%M%S").to_string()
}

#[test]
fn the_clock_changes_keys() {
    let mut tags = [0; 2];
    let daemon = start(|dir| {
        generate(dir, &["--ksk"]);
        let [one, other] = [0, 1].map(|_| generate_and_say(dir, &["--zsk"]).0);
        let then = in_seconds(AHEAD);
        set_moments(&one, &format!("Activate: 20200101000000\nInactive: {then}\n"));
        set_moments(&other, &format!("Publish: 20200101000000\nActivate: {then}\n"));
        tags = [tag(&one), tag(&other)];
    });
    daemon.wait_for_log(0, &["the keys of the zone clam.example change by their moments"]);
    let (code, out, _) = run(daemon.path(), &["keys", "list", ZONE]);
    assert_eq!(code, Some(0));
    let row = |tag: u16| out.lines().find(|line| line.starts_with(&format!("{tag} "))).expect("it");
    assert!(row(tags[0]).contains(" published "), "{out}");
    assert!(row(tags[1]).contains(" signs the zone "), "{out}");
}

/// Where nothing would sign any more, what was in force goes on.
#[test]
fn the_last_key_does_not_go_unnoticed() {
    let daemon = start(|dir| {
        let key = generate(dir, &[]);
        set_moments(&key, &format!("Activate: 20200101000000\nInactive: {}\n", in_seconds(AHEAD)));
    });
    // It was said before that this will be so.
    daemon.wait_for_log(0, &["on nothing signs the zone clam.example"]);
    daemon.wait_for_log(0, &[": nothing signs the zone clam.example", "is inactive since "]);
    assert!(!daemon.log().contains("change by their moments"), "{}", daemon.log());
}
