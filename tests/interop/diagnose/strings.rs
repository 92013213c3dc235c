//! Reasons that operators give, through each tool and back: what was meant, in strings under 255
//! octets.

use super::ask::{Ask, TOOLS, unescape};
use super::files;
use crate::support::daemon::Daemon;
use crate::support::fixture::{self, States};
use std::fmt::Write as _;

/// What files may hold: quotes, backslashes, semicolons, digits behind a backslash, UTF-8, and 300
/// characters.
fn reasons() -> Vec<String> {
    vec![
        r#"the "new" disk"#.to_owned(),
        r"C:\clamav\255\\".to_owned(),
        "a; b # c; $d @ (e)".to_owned(),
        "Plattentausch für 日本 — ✓".to_owned(),
        "x".repeat(300),
        "ü".repeat(300),
        format!("{}é", "y".repeat(170)),
    ]
}

#[test]
fn reasons_come_back_as_they_were_meant() {
    let hosts = ["de1", "de2", "de3", "fr1", "fr2", "jp1", "us1"];
    let mut overrides = String::new();
    for (host, reason) in hosts.iter().zip(reasons()) {
        let quoted = serde_json::to_string(&reason).expect("a string, which TOML writes alike");
        let _ = writeln!(
            overrides,
            "[[override]]\nhost = \"{host}.example\"\nstate = \"drained\"\nreason = {quoted}"
        );
    }
    let files = files(&States::new());
    let config =
        files.text("cvdns.toml").replace("[feed]\n", "[feed]\noverrides = \"overrides.toml\"\n");
    let server = Daemon::start(&files.with("cvdns.toml", config).with("overrides.toml", overrides));
    for tool in TOOLS {
        let pool = Ask::txt(server.port(), "_pool.clam.example").tcp().by(tool).strings();
        let explain = ["de", "fr", "jp"].map(|country| {
            let name = format!("_explain.db.{country}.clam.example");
            Ask::txt(server.port(), &name).tcp().by(tool).strings()
        });
        let explain: Vec<String> = explain.concat();
        for (host, reason) in hosts.iter().zip(reasons()) {
            let line = pool
                .iter()
                .find(|line| line.starts_with(&format!("{host}.example ")))
                .expect("the mirror");
            let said = line.split_once("; left out: ").expect("why").1;
            let whole = format!("drained (override: {reason})");
            is_said(said, &whole);
            if *host != "us1" {
                let head = format!("left out: {host}.example ");
                let said = explain.iter().find_map(|line| line.strip_prefix(&head)).expect("why");
                is_said(said, &whole);
            }
        }
    }
}

/// What the feed remarks is text of the coordinator's: nothing in it ends a string, a line or a
/// terminal's colours.
#[test]
fn notes_come_back_as_they_were_meant_and_control_no_terminal() {
    let mut notes: Vec<(String, String)> =
        reasons().into_iter().map(|note| (note.clone(), note)).collect();
    notes[0] = (
        "two\nlines\t\u{1b}[31m and \u{202e}back\0".to_owned(),
        r"two\nlines\t\u001b[31m and \u202eback\u0000".to_owned(),
    );
    let hosts = ["de1", "de2", "de3", "fr1", "fr2", "jp1", "us1"];
    let mirrors: Vec<String> = hosts
        .iter()
        .zip(&notes)
        .map(|(host, (note, _))| {
            let note = serde_json::to_string(note).expect("a string");
            format!("\"{host}.example\": {{ \"state\": \"down\", \"note\": {note} }}")
        })
        .collect();
    let feed = fixture::feed(1_000, &States::new())
        .replace("\"mirrors\": { ", &format!("\"mirrors\": {{ {}", mirrors.join(",")));
    let server = Daemon::start(&files(&States::new()).with("feed.json", feed));
    for tool in TOOLS {
        let told = |name: &str| Ask::txt(server.port(), name).tcp().by(tool).strings();
        let pool = told("_pool.clam.example");
        let explain = ["de", "fr", "jp"].map(|it| told(&format!("_explain.db.{it}.clam.example")));
        let explain = explain.concat();
        for (host, (_, note)) in hosts.iter().zip(&notes) {
            let whole = format!("down: {note}");
            let head = format!("{host}.example ");
            let line = pool.iter().find(|line| line.starts_with(&head)).expect("the mirror");
            is_said(line.split_once("; left out: ").expect("why").1, &whole);
            if *host != "us1" {
                let head = format!("left out: {head}");
                let said = explain.iter().find_map(|line| line.strip_prefix(&head)).expect("why");
                is_said(said, &whole);
            }
        }
    }
}

/// A text whole, or as much of it as a string takes and an ellipsis.
#[track_caller]
fn is_said(said: &str, whole: &str) {
    match said.strip_suffix('…') {
        Some(cut) => assert!(whole.starts_with(cut) && cut.len() > 150, "{said}"),
        None => assert_eq!(said, whole),
    }
}

/// The test's own reading of escapes (RFC 1035, 5.1).
#[test]
fn rfc1035_5_1_escapes_are_read() {
    assert_eq!(
        unescape(r#""a\"b" "\\1" "\195\188" "" "x;y""#),
        [&b"a\"b"[..], b"\\1", "ü".as_bytes(), b"", b"x;y"]
    );
}
