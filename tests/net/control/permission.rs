//! Who may change something: over TCP the token decides, and names and origins as for reading.

use std::fs;

use super::Controlled;
use crate::support::http::{self, TOKEN, To};

const JSON: &str = "Content-Type: application/json";

/// The requests that change something, with bodies that are good or lack nothing but a feed.
const CHANGES: [(&str, &str, &str, u16); 3] = [
    ("POST", "/api/v1/reload", "", 200),
    ("PUT", "/api/v1/log-level", "{\"level\": \"info\"}", 200),
    ("POST", "/api/v1/feed/accept", "{\"serial\": 7}", 409),
];

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

#[test]
fn without_a_token_file_nothing_is_changed_over_tcp() {
    let server = Controlled::start("");
    for (method, path, body, usual) in CHANGES {
        for fields in [&[JSON][..], &[JSON, &bearer(TOKEN)], &[JSON, &bearer("")]] {
            let answer = server.over_tcp(method, path, fields, body);
            assert_eq!(answer.status, 403, "{path} {fields:?}");
            assert!(
                answer.body.contains("set `token-file` in [admin], or use a Unix socket"),
                "{answer:?}"
            );
        }
        assert_eq!(server.over_socket(method, path, body).status, usual, "{path}");
    }
    // What reads is not touched by this.
    assert_eq!(server.over_tcp("GET", "/api/v1/status", &[], "").status, 200);
    assert_eq!(server.status()["reloads"], 1, "the one over the socket");
}

/// RFC 6750 section 2.1; RFC 9110 section 11.6.1: a 401 has a challenge.
#[test]
fn the_token_allows_changes_and_nothing_else_does() {
    let server = Controlled::start("token-file = \"admin.token\"");
    let wrong = [
        vec![JSON.to_owned()],
        vec![JSON.to_owned(), bearer("")],
        vec![JSON.to_owned(), bearer(&TOKEN[1..])],
        vec![JSON.to_owned(), bearer(&TOKEN.to_uppercase())],
        vec![JSON.to_owned(), bearer(&format!("{TOKEN}0"))],
        vec![JSON.to_owned(), format!("Authorization: Basic {TOKEN}")],
        vec![JSON.to_owned(), format!("Authorization: {TOKEN}")],
        vec![JSON.to_owned(), bearer(TOKEN), bearer(TOKEN)],
        vec![JSON.to_owned(), format!("X-Token: {TOKEN}")],
    ];
    for (method, path, body, usual) in CHANGES {
        for fields in &wrong {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let answer = server.over_tcp(method, path, &fields, body);
            assert_eq!(answer.status, 401, "{path} {fields:?}");
            assert_eq!(answer.field("www-authenticate"), Some("Bearer"), "{answer:?}");
            assert!(!answer.body.contains(TOKEN), "{answer:?}");
        }
        let good = bearer(TOKEN);
        assert_eq!(server.over_tcp(method, path, &[JSON, &good], body).status, usual, "{path}");
        // A query or a body is no place for it.
        let path = format!("{path}?access_token={TOKEN}");
        assert_eq!(server.over_tcp(method, &path, &[JSON], body).status, 401, "{path}");
    }
    let log = server.daemon.log();
    assert!(!log.contains(TOKEN), "{log}");
}

/// A new token holds at once, and one that is gone allows nothing.
#[test]
fn the_token_file_is_followed() {
    let server = Controlled::start("token-file = \"admin.token\"");
    let with = |token: &str| {
        let fields = [JSON, &bearer(token)];
        server.over_tcp("PUT", "/api/v1/log-level", &fields, "{\"level\": \"info\"}").status
    };
    assert_eq!(with(TOKEN), 200);
    let other = "fedcba9876543210";
    server.daemon.write_file("admin.token", &format!("{other}\nnot this one\n"));
    assert_eq!((with(TOKEN), with(other), with("not this one")), (401, 200, 401));
    for (unusable, why) in [("short", "5 characters"), ("", "the first line is empty")] {
        server.daemon.write_file("admin.token", unusable);
        let fields = [JSON, &bearer(unusable)];
        let answer = server.over_tcp("POST", "/api/v1/reload", &fields, "");
        assert!(answer.status == 403 && answer.body.contains(why), "{answer:?}");
    }
    fs::remove_file(server.daemon.path().join("admin.token")).expect("removed");
    assert_eq!((with(other), with("")), (403, 403));
    // A reload says so, and changes nothing.
    let (code, _, error) = server.cvdns(&["reload"]);
    assert!(code == Some(1) && error.contains("admin.token: No such file"), "{error}");
    server.daemon.write_file("admin.token", TOKEN);
    assert_eq!(with(TOKEN), 200);
}

/// A token that others can read is a warning, as it is to `cvdns check`.
#[test]
fn a_token_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let server = Controlled::start("token-file = \"admin.token\"");
    let path = server.daemon.path().join("admin.token");
    for (mode, warned) in [(0o640, false), (0o644, true), (0o642, true), (0o600, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("the mode set");
        let words = "can read or change the token of the admin address";
        for command in ["reload", "check"] {
            let (code, _, error) = server.cvdns(&[command]);
            assert_eq!(
                (code, error.contains(words)),
                (Some(0), warned),
                "{mode:o} {command} {error}"
            );
        }
    }
}

/// DNS rebinding and foreign pages: with the token or without, and for names of `hosts` as little.
#[test]
fn names_and_origins_of_others_are_refused_and_those_of_hosts_are_not() {
    let server = Controlled::start("token-file = \"admin.token\"\nhosts = [\"ns1.example.net\"]");
    let good = bearer(TOKEN);
    let ask = |method: &str, path: &str, body: &str, fields: &[&str]| {
        let all: Vec<&str> = fields.iter().copied().chain([JSON, &*good]).collect();
        server.over_tcp(method, path, &all, body)
    };
    let own = format!("Host: ns1.example.net:{}", server.port);
    let same = format!("Origin: http://ns1.example.net:{}", server.port);
    let (own, same) = (own.as_str(), same.as_str());
    let reads = [("GET", "/metrics", "", 200), ("GET", "/api/v1/status", "", 200)];
    for (method, path, body, usual) in reads.into_iter().chain(CHANGES) {
        for fields in [&[own][..], &[own, same], &["Host: NS1.Example.NET."], &["Host: 127.0.0.1"]]
        {
            assert_eq!(ask(method, path, body, fields).status, usual, "{path} {fields:?}");
        }
        for fields in [
            &["Host: rebound.example"][..],
            &["Host: ns1.example.net.rebound.example"],
            &["Host: example.net"],
            &[own, "Origin: http://evil.example"],
            &[own, "Origin: https://ns1.example.net"],
            &[own, "Origin: null"],
        ] {
            let answer = ask(method, path, body, fields);
            assert_eq!(answer.status, 403, "{path} {fields:?}");
        }
        let answer = ask(method, path, body, &[own, "Host: rebound.example"]);
        assert_eq!(answer.status, 400, "{path}: RFC 9112 section 3.2");
    }
    let answer = ask("GET", "/metrics", "", &["Host: prometheus.example"]);
    assert!(answer.body.contains("add the name to `hosts` in [admin]"), "{answer:?}");
    // Another reload, other names.
    let config = server.config().replace("ns1.example.net", "ns2.example.net");
    server.daemon.write_file("cvdns.toml", &config);
    assert_eq!(server.cvdns(&["reload"]).0, Some(0));
    assert_eq!(ask("GET", "/metrics", "", &["Host: ns1.example.net"]).status, 403);
    assert_eq!(ask("GET", "/metrics", "", &["Host: ns2.example.net"]).status, 200);
    // A Unix socket has no name that a page could lead to.
    let socket = server.socket();
    let fields = ["Host: anything.example"];
    let answer = http::request(To::Socket(&socket), "GET", "/healthz", &fields, "");
    assert_eq!(answer.expect("an answer").status, 200);
}
