//! `cvdns override`: the file is edited, with its comments kept, and the server follows.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::{Controlled, cvdns, files};
use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::fixture::{self, States, states, yields};
use crate::support::packet::Query;
use crate::support::{ports, rr};

fn text(server: &Controlled) -> String {
    fs::read_to_string(server.daemon.path().join("overrides.toml")).expect("the overrides")
}

/// Waits until the server answers Germany as if the feed said this.
fn until_answered(daemon: &Daemon, as_if: &States) {
    let (expected, _) = yields(&fixture::path("DE"), as_if, false);
    let query = Query::new("db.de.clam.example", rr::A);
    daemon.until("the override in force", || {
        // Of the mirrors that only fill an answer up, a different few are answered each time.
        let ask = |_| daemon.client().ask(Transport::Udp4, &query).rdata(rr::A);
        (0..8).flat_map(ask).collect::<fixture::Set>() == expected
    });
}

#[test]
fn what_is_added_and_removed_takes_effect() {
    let server = Controlled::start("");
    // There is no file yet.
    let (code, out, error) = server.cvdns(&[
        "override",
        "add",
        "DE1.example.",
        "--state",
        "drained",
        "--reason",
        "disk swap",
    ]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(out, "override added: de1.example drained (disk swap)\n");
    let expected =
        "[[override]]\nhost = \"de1.example\"\nstate = \"drained\"\nreason = \"disk swap\"\n";
    assert_eq!(text(&server), expected);
    until_answered(&server.daemon, &states(&[("de1.example", "drained")]));

    // The same host once more: changed in its place, with comments and mode kept.
    let path = server.daemon.path().join("overrides.toml");
    server.daemon.write_file("overrides.toml", &format!("# Ours\n\n# ticket 7\n{expected}"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("the mode set");
    let (code, out, _) = server.cvdns(&[
        "override",
        "add",
        "de1.example",
        "--state",
        "down",
        "--reason",
        "dead",
        "--for",
        "1d 2h",
    ]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("override changed: de1.example down (dead, until 2"), "{out}");
    let now = text(&server);
    assert!(now.starts_with("# Ours\n\n# ticket 7\n[[override]]\n"), "{now}");
    let until = now.split("until = ").nth(1).and_then(|rest| rest.lines().next()).expect("an end");
    let until: jiff::Timestamp = until.parse().expect("a moment");
    let left = until.as_second() - jiff::Timestamp::now().as_second();
    assert!((26 * 3600 - 600..=26 * 3600).contains(&left), "{left}");
    assert_eq!(path.metadata().expect("the file").permissions().mode() & 0o777, 0o640);
    let log = server.daemon.log();
    server.daemon.wait_for_log(0, &["override changed: de1.example down (dead, until "]);
    assert!(!log.contains("are not taken"), "{log}");

    // A glob that would apply instead comes after what is added.
    let (code, out, error) = server.cvdns(&[
        "override",
        "add",
        "de*.example",
        "--state",
        "down",
        "--reason",
        "all of them",
    ]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let instead = "override added: de*.example down (all of them)\n\
                   where both match, it applies instead of: de1.example down (dead, until 2";
    assert!(out.starts_with(instead) && out.lines().count() == 2, "{out}");
    until_answered(
        &server.daemon,
        &states(&[("de1.example", "down"), ("de2.example", "down"), ("de3.example", "down")]),
    );
    let (code, out, error) =
        server.cvdns(&["override", "add", "de2.example", "--state", "up", "--reason", "works"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        "override added: de2.example up (works)\n\
         where both match, it applies instead of: de*.example down (all of them)\n"
    );
    until_answered(&server.daemon, &states(&[("de1.example", "down"), ("de3.example", "down")]));

    let (code, out, _) = server.cvdns(&["override", "list", "--json"]);
    let list: Value = serde_json::from_str(&out).expect("JSON");
    let hosts: Vec<&Value> = list.as_array().expect("a list").iter().map(|o| &o["host"]).collect();
    assert_eq!(
        (code, hosts),
        (Some(0), vec![&json!("de2.example"), &json!("de*.example"), &json!("de1.example")]),
        "{out}"
    );
    assert_eq!(list[1]["mirrors"], json!(["de1.example", "de2.example", "de3.example"]));
    assert_eq!((&list[0]["until"], &list[0]["ended"]), (&Value::Null, &json!(false)));
    let (code, page, _) = server.cvdns(&["override", "list"]);
    assert_eq!(code, Some(0));
    for words in ["de2.example", "works", "all of them", "it is removed", "Addresses"] {
        assert!(page.contains(words), "no {words:?} in\n{page}");
    }

    for host in ["de*.example", "de2.example", "de1.example"] {
        let (code, out, error) = server.cvdns(&["override", "remove", host]);
        assert_eq!((code, error.as_str()), (Some(0), ""));
        assert!(out.starts_with(&format!("override removed: {host} ")), "{out}");
    }
    until_answered(&server.daemon, &States::new());
    assert!(text(&server).starts_with("# Ours\n"), "{}", text(&server));
    let (code, out, _) = server.cvdns(&["override", "list"]);
    assert_eq!(code, Some(0));
    assert!(out.ends_with("overrides.toml has no overrides\n"), "{out}");
}

/// One address of a mirror: the other stays as it is.
#[test]
fn an_override_can_be_about_one_address() {
    let server = Controlled::start("");
    let ask = |rtype| -> fixture::Set {
        let query = Query::new("db.de.clam.example", rtype);
        server.daemon.client().ask(Transport::Udp4, &query).rdata(rtype).into_iter().collect()
    };
    let (v4, v6) = (ask(rr::A), ask(rr::AAAA));
    let (code, out, error) = server.cvdns(&[
        "override",
        "add",
        "de1.example",
        "--address",
        "2001:db8:1::11",
        "--state",
        "down",
        "--reason",
        "IPv6 is broken",
    ]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(out, "override added: de1.example 2001:db8:1::11 down (IPv6 is broken)\n");
    let without = rr::aaaa("2001:db8:1::11");
    assert!(v6.contains(&without));
    server.daemon.until("the address left out", || !ask(rr::AAAA).contains(&without));
    assert_eq!(ask(rr::A), v4);
    let (code, _, error) =
        server.cvdns(&["override", "remove", "de1.example", "--address", "192.0.2.11"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("there is no such override of de1.example in "), "{error}");
    let (code, ..) =
        server.cvdns(&["override", "remove", "de1.example", "--address", "2001:DB8:1::11"]);
    assert_eq!(code, Some(0));
    server.daemon.until("the address back", || ask(rr::AAAA) == v6);
}

/// What is wrong is refused before anything is written; no server is needed for that.
#[test]
fn what_is_wrong_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let (files, _) = files("");
    files.write(dir.path(), ports::free());
    let path = dir.path().join("overrides.toml");
    let before = "# Kept\n[[override]]\nhost = \"de1.example\"\nstate = \"up\"\nreason = \"r\"\n";
    fs::write(&path, before).expect("written");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let done = command.arg("override").args(arguments).current_dir(dir.path()).output();
        let done = done.expect("cvdns");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let add = |host: &str, more: &[&str]| {
        let all = [&["add", host, "--state", "down", "--reason", "r"][..], more].concat();
        run(&all)
    };
    let cases: &[(&str, &[&str], i32, &str)] = &[
        ("de11.example", &[], 1, "no mirror is called de11.example; did you mean de1.example?"),
        ("nowhere.test", &[], 1, "no mirror is called nowhere.test"),
        ("*.test", &[], 1, "no mirror is called *.test"),
        (
            "de1.example",
            &["--address", "192.0.2.99"],
            1,
            "de1.example has no address 192.0.2.99, but 192.0.2.11, 2001:db8:1::11",
        ),
        ("de1.example", &["--until", "2020-01-01T00:00:00Z"], 1, "2020-01-01T00:00:00Z is past"),
        ("de1.example", &["--until", "tomorrow"], 2, "write a time such as"),
        (
            "de1.example",
            &["--until", "9999-12-31T23:59:59Z"],
            2,
            "times end at 9999-12-30T22:00:00Z: write a time such as 2026-12-24T00:00:00Z",
        ),
        ("de1.example", &["--for", "0s"], 2, "write a duration above 0"),
        ("de1.example", &["--for", "-2h"], 2, ""),
        (
            "de1.example",
            &["--for", "2h", "--until", "2099-01-01T00:00:00Z"],
            2,
            "cannot be used with",
        ),
        ("de1.example", &["--for", "99999999h"], 1, "too long"),
        ("de 1", &[], 2, "write a host or a glob"),
        ("", &[], 2, "write a host or a glob"),
    ];
    for (host, more, code, says) in cases {
        let (found, error) = add(host, more);
        assert_eq!(found, Some(*code), "{host} {more:?}: {error}");
        assert!(error.contains(says), "{host} {more:?}: {error}");
        assert_eq!(fs::read_to_string(&path).expect("the file"), before);
    }
    let (code, error) = run(&["add", "de1.example", "--state", "dwon", "--reason", "r"]);
    assert!(
        code == Some(2) && error.contains("write up, old, down, drained or removed"),
        "{error}"
    );
    for reason in ["", " ", "two\nlines"] {
        let (code, error) = run(&["add", "de1.example", "--state", "up", "--reason", reason]);
        assert!(code == Some(2) && error.contains("one line that says why"), "{error}");
    }
    let (code, error) = run(&["remove", "de2.example"]);
    assert!(code == Some(1) && error.contains("did you mean de1.example?"), "{error}");

    // Offline, what is right is written.
    assert_eq!(add("fr1.example", &["--until", "2099-01-01T00:00:00Z"]).0, Some(0));
    let text = fs::read_to_string(&path).expect("the file");
    assert!(text.starts_with(before) && text.ends_with("until = 2099-01-01T00:00:00Z\n"), "{text}");

    // A file that is wrong already is not touched.
    fs::write(&path, "[[override]]\nhost = \"x\"\n").expect("written");
    for arguments in
        [&["add", "de1.example", "--state", "up", "--reason", "r"][..], &["remove", "x"], &["list"]]
    {
        let (code, error) = run(arguments);
        assert!(code == Some(1) && error.contains("has no `state`"), "{arguments:?} {error}");
    }
    // A configuration without a file.
    let config = fs::read_to_string(dir.path().join("cvdns.toml")).expect("the configuration");
    fs::write(dir.path().join("cvdns.toml"), config.replace("overrides = \"overrides.toml\"", ""))
        .expect("written");
    let (code, error) = run(&["list"]);
    assert!(code == Some(1) && error.contains("names no file of overrides"), "{error}");
}

/// A mistake in a zone or a fleet does not stand in the way of an urgent override.
#[test]
fn zones_with_errors_are_no_obstacle() {
    let dir = tempfile::tempdir().expect("a directory");
    let (files, _) = files("");
    let fleet = files.text("mirrors.toml");
    let broken = format!("{fleet}\n[[mirror]]\nhots = \"de9.example\"\n");
    files.with("mirrors.toml", broken).write(dir.path(), ports::free());
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let done = command.arg("override").args(arguments).current_dir(dir.path()).output();
        let done = done.expect("cvdns");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let add = |host: &str| run(&["add", host, "--state", "down", "--reason", "r"]);
    let warning = "(`cvdns check`): mirrors that could not be read are not looked at here\n";
    let (code, out, error) = add("de1.example");
    assert_eq!((code, out.as_str()), (Some(0), "override added: de1.example down (r)\n"));
    assert!(error.starts_with("warning: the zones have ") && error.ends_with(warning), "{error}");
    // A name that is not known may be one that could not be read.
    let (code, _, error) = add("de9.example");
    assert_eq!(code, Some(1));
    assert!(error.contains("unknown key `hots`"), "{error}");
    assert!(error.contains("no mirror is called de9.example"), "{error}");
    let (code, out, error) = run(&["list"]);
    assert!(code == Some(0) && out.contains("de1.example") && error.is_empty(), "{out}{error}");
    let (code, out, error) = run(&["list", "--json"]);
    assert!(code == Some(0) && error.ends_with(warning), "{error}");
    assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
    let (code, out, error) = run(&["remove", "de1.example"]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
}

/// A link leads to the file that is meant. It is never replaced.
#[test]
fn a_link_without_its_file_is_refused() {
    let server = Controlled::start("");
    let link = server.daemon.path().join("overrides.toml");
    std::os::unix::fs::symlink("elsewhere.toml", &link).expect("a link");
    let add = ["override", "add", "de1.example", "--state", "down", "--reason", "r"];
    let (code, out, error) = server.cvdns(&add);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let why = "overrides.toml: it is a link that leads to no file (";
    let what = "create that file, or remove the link\n";
    assert!(error.contains(why) && error.ends_with(what), "{error}");
    assert!(link.is_symlink());
    server.daemon.write_file("elsewhere.toml", "");
    let (code, _, error) = server.cvdns(&add);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let target = server.daemon.path().join("elsewhere.toml");
    assert!(link.is_symlink() && !target.is_symlink());
    until_answered(&server.daemon, &states(&[("de1.example", "down")]));
}

/// Commands at once lose none of their changes.
#[test]
fn commands_at_once_lose_nothing() {
    let server = Controlled::start("");
    std::thread::scope(|scope| {
        for number in 1..=20 {
            let daemon = &server.daemon;
            scope.spawn(move || {
                let host = format!("us{number}.example");
                let arguments = ["override", "add", &host, "--state", "drained", "--reason", "r"];
                let (code, _, error) = cvdns(daemon, &arguments);
                assert_eq!(code, Some(0), "{error}");
            });
        }
    });
    let (_, out, _) = server.cvdns(&["override", "list", "--json"]);
    let list: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(20), "{out}");
    server.daemon.until("all in force", || server.status()["overrides"] == 20);
}
