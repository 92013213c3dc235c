//! `cvdns monitor --try`: what a mirror's admin is told.

use super::network::{self, Mirror, ORIGIN, QUICK, fill, mirror, run};
use super::web::{self, Nginx};
use super::wicked::Wicked;
use crate::support::ports;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

const ADDRESS: &str = "127.0.4.1";

/// A directory with a configuration for one mirror, and its files.
fn place(mirror: Mirror) -> (tempfile::TempDir, u16) {
    let dir = tempfile::tempdir().expect("a directory");
    let port = ports::free();
    network::place(&network::files(&[mirror], port, QUICK), dir.path());
    fill(&dir.path().join("www"), &jiff::Timestamp::now().to_string(), [63, 28_129, 339]);
    fs::write(dir.path().join("www/main.cvd"), [network::database(63), vec![0; 2 << 20]].concat())
        .expect("a database");
    (dir, port)
}

/// The report of a trial: exit status, JSON, and the text for people.
fn report(dir: &Path, mirror: &str) -> (Option<i32>, serde_json::Value, String) {
    let json = run(dir, &["--try", mirror, "--json"]);
    let text = run(dir, &["--try", mirror]);
    assert_eq!(json.status, text.status);
    let error = String::from_utf8_lossy(&json.stderr);
    let value = serde_json::from_slice(&json.stdout).unwrap_or_else(|_| panic!("no JSON: {error}"));
    (json.status.code(), value, String::from_utf8_lossy(&text.stdout).into_owned())
}

/// The steps of an address: what, and the failure's name or "".
fn steps(report: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let steps = report["steps"].as_array().expect("steps");
    steps.iter().map(|step| (text(&step["what"]), text(&step["failure"]))).collect()
}

#[test]
fn a_good_mirror_passes_by_both_families() {
    let mut both = mirror("good.example", ADDRESS);
    both.addresses.push("::1".parse().expect("an address"));
    let (dir, port) = place(both);
    let root = dir.path().join("www");
    let of = |ip: &str| (SocketAddr::new(ip.parse().expect("an address"), port), root.clone());
    let _nginx = Nginx::start(&dir.path().join("nginx"), ORIGIN, &[of(ADDRESS), of("::1")]);
    let (status, json, text) = report(dir.path(), "good.example");
    assert_eq!((status, &json["good"]), (Some(0), &true.into()), "{text}");
    let expected: Vec<(String, String)> = [
        format!("database.{ORIGIN}/timestamp"),
        format!("db.test.{ORIGIN}/timestamp"),
        format!("db.any-label.{ORIGIN}/timestamp"),
        format!("database.{ORIGIN}/main.cvd"),
        format!("database.{ORIGIN}/daily.cvd"),
        format!("database.{ORIGIN}/bytecode.cvd"),
        format!("database.{ORIGIN}/main.cvd, transfer"),
    ]
    .map(|what| (what, String::new()))
    .to_vec();
    for (at, address) in [ADDRESS, "::1"].into_iter().enumerate() {
        assert_eq!(json["addresses"][at]["address"], *address);
        assert_eq!(steps(&json["addresses"][at]), expected);
    }
    assert!(text.contains("version 28129, built 2025-12-16T23:18:22Z"), "{text}");
    assert!(text.contains("transfer: 1048576 octets in "), "{text}");
    assert!(text.ends_with("good.example serves everything that a mirror must serve.\n"), "{text}");
    // An address alone, and a host that the fleet does not know.
    assert_eq!(report(dir.path(), "::1").0, Some(0));
    assert_eq!(report(dir.path(), "localhost").1["mirror"], "localhost");
}

/// The server's lines, the steps that fail and how, words of the advice.
type Case = (String, Vec<(String, &'static str)>, &'static str);

#[test]
fn what_is_wrong_comes_with_what_to_change() {
    let plain = |lines: &str| format!("server {{ server_name {lines} }}");
    let other = format!("db.any-label.{ORIGIN}/timestamp");
    let here = format!("database.{ORIGIN}/");
    let cases: [Case; 4] = [
        (
            plain(&format!("database.{ORIGIN} db.test.{ORIGIN}; root @ROOT@;")),
            vec![(other, "status")],
            "server_name database.clam.example ~^db\\.[^.]+\\.clam\\.example$;",
        ),
        (
            web::mirror(ORIGIN, "root @ROOT@; max_ranges 0;"),
            ["main", "daily", "bytecode"]
                .map(|name| (format!("{here}{name}.cvd"), "no-range"))
                .to_vec(),
            "no max_ranges 0",
        ),
        (
            web::mirror(
                ORIGIN,
                "root @ROOT@; location = /daily.cvd { return 301 https://elsewhere.example$uri; }",
            ),
            vec![(format!("{here}daily.cvd"), "redirect")],
            "no return 301",
        ),
        (
            web::mirror(
                ORIGIN,
                "root @ROOT@; location = /bytecode.cvd { try_files /timestamp =404; }",
            ),
            vec![(format!("{here}bytecode.cvd"), "wrong-range")],
            "gzip off;",
        ),
    ];
    for (server, failing, advice) in cases {
        let (dir, port) = place(mirror("bad.example", ADDRESS));
        let address = SocketAddr::new(ADDRESS.parse().expect("an address"), port);
        let server = server.replace("@ROOT@", &dir.path().join("www").display().to_string());
        let server = server.replacen("server {", &format!("server {{ listen {address};"), 1);
        let rest =
            format!("server {{ listen {address} default_server; server_name _; return 404; }}");
        let _nginx =
            Nginx::with(&dir.path().join("nginx"), &format!("{server}\n{rest}"), &[address]);
        let (status, json, text) = report(dir.path(), "bad.example");
        let mut found = steps(&json["addresses"][0]);
        found.retain(|(_, failure)| !failure.is_empty());
        let failing: Vec<(String, String)> =
            failing.into_iter().map(|(what, failure)| (what, failure.to_owned())).collect();
        assert_eq!((status, found), (Some(1), failing), "{text}");
        assert!(text.contains(advice) && !text.contains("Apache:"), "{advice}: {text}");
        assert!(text.ends_with("bad.example is not ready at 127.0.4.1.\n"), "{text}");
    }
}

#[test]
fn a_dead_mirror_an_old_one_and_one_of_an_unknown_make() {
    let (dir, port) = place(mirror("bad.example", ADDRESS));
    let (status, json, text) = report(dir.path(), "bad.example");
    assert_eq!(status, Some(1));
    assert_eq!(
        steps(&json["addresses"][0]),
        [(format!("database.{ORIGIN}/timestamp"), "refused".to_owned())],
        "nothing more is asked of who refuses"
    );
    for words in ["Apache:", "nginx:", "lighttpd:", "listen [::]:80;", "has no IPv6 address"] {
        assert!(text.contains(words), "{words}: {text}");
    }

    let old = jiff::Timestamp::now().as_second() - 25 * 3600;
    let ip = ADDRESS.parse().expect("an address");
    {
        let _server = Wicked::start(ip, port, old, |_, _| false);
        let (status, json, text) = report(dir.path(), "bad.example");
        let found = steps(&json["addresses"][0]);
        let failing = found.iter().filter(|(_, failure)| failure == "old").count();
        assert_eq!((status, failing, found.len()), (Some(1), 3, 7), "{text}");
        assert!(
            text.contains(", 1d 1h old") && text.contains("look at the update of the mirror"),
            "{text}"
        );
    }
    let _server = Wicked::start(ip, port, old + 25 * 3600, |talk, asked| {
        asked.path == "/timestamp" && talk.answer("200 OK", "Content-Length: 6\r\n", b"<html>")
    });
    let (_, json, text) = report(dir.path(), "bad.example");
    assert_eq!(json["addresses"][0]["steps"][0]["failure"], "html");
    for words in ["try_files", "FallbackResource", "url.rewrite-if-not-file"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// Rule: `monitor --try` says it of a mirror that is behind: which database, and by how many.
#[test]
fn a_mirror_that_is_behind_is_told() {
    let (dir, port) = place(mirror("late.example", ADDRESS));
    let dir = dir.path();
    let address = SocketAddr::new(ADDRESS.parse().expect("an address"), port);
    let _nginx = Nginx::start(&dir.join("nginx"), ORIGIN, &[(address, dir.join("www"))]);
    for (daily, status, words) in [
        ("28130", Some(0), "1 version behind the release, 28130"),
        ("28132", Some(1), "3 versions behind the release, 28132"),
    ] {
        let release = network::RELEASE.replace("28129", daily);
        fs::write(dir.join("release.json"), release).expect("a release");
        let (found, json, text) = report(dir, "late.example");
        assert_eq!(found, status, "{text}");
        let mut steps = steps(&json["addresses"][0]);
        steps.retain(|(_, failure)| !failure.is_empty());
        let behind = (format!("database.{ORIGIN}/daily.cvd"), "behind".to_owned());
        assert_eq!(steps, if status == Some(1) { vec![behind] } else { vec![] });
        assert!(text.contains("daily.cvd: version 28129, ") && text.contains(words), "{text}");
    }
}
