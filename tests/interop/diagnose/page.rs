//! Every command that docs/diagnose.md shows, run against the shipped example: it prints what the
//! page shows.
//!
//! Masked is only what must vary: message ids, ages, stamps, clients' ports, window numbers, the
//! turn of addresses, and the version of dig.

use super::asking::project;
use crate::support::daemon::{Daemon, Files};
use crate::support::{ports, tools};
use std::fs;
use std::process::Command;

/// A command of the page, and what the page shows of it.
#[derive(Debug, Default)]
struct Shown {
    command: String,
    output: Vec<String>,
}

/// A section, with the keys and files that its text adds to the example.
#[derive(Debug, Default)]
struct Section {
    title: String,
    /// Where, and what.
    files: Vec<(String, String)>,
    shown: Vec<Shown>,
}

fn sections() -> Vec<Section> {
    let page = fs::read_to_string(project().join("docs/diagnose.md")).expect("the page");
    let mut out = vec![Section::default()];
    let mut block: Option<&str> = None;
    for line in page.lines() {
        let section = out.last_mut().expect("a section");
        match (block, line) {
            (None, line) if line.starts_with("## ") => {
                out.push(Section { title: line.to_owned(), ..Section::default() });
            }
            (None, "```toml") => {
                block = Some("toml");
                section.files.push(Default::default());
            }
            (None, "```console") => block = Some("console"),
            (None, line) => assert!(!line.starts_with("```"), "a block of another kind: {line}"),
            (Some(_), "```") => block = None,
            (Some("toml"), line) => {
                let (place, text) = section.files.last_mut().expect("a file");
                match line.strip_prefix("# ").filter(|_| place.is_empty()) {
                    Some(named) => named.clone_into(place),
                    None => text.extend([line, "\n"]),
                }
            }
            (Some(_), line) => match line.strip_prefix("$ ") {
                Some(command) => {
                    section.shown.push(Shown { command: command.to_owned(), output: Vec::new() });
                }
                None => {
                    section.shown.last_mut().expect("a command first").output.push(line.to_owned());
                }
            },
        }
    }
    assert_eq!(block, None, "an open block");
    out
}

/// The example, with what a section adds to it.
fn example(section: &Section) -> Files {
    let names = [
        "feed.json",
        "geoip/country.mmdb",
        "zones/clamav.net.toml",
        "zones/clamav.net.zone",
        "zones/mirrors.toml",
    ];
    let read = |name: &str| fs::read(project().join(name)).expect("a file of the example");
    let mut config =
        String::from_utf8(read("cvdns.toml")).expect("text").replace(":5300\"", ":@PORT@\"");
    assert_eq!(config.matches("@PORT@").count(), 2);
    let mut files = names.iter().fold(Files::default(), |files, name| files.with(name, read(name)));
    for (place, text) in &section.files {
        match place.split_once(", ") {
            Some(("cvdns.toml", table)) => {
                let keys: Vec<&str> =
                    text.lines().filter_map(|line| line.split(" =").next()).collect();
                let other =
                    |line: &&str| !keys.iter().any(|key| line.starts_with(&format!("{key} =")));
                let kept: String =
                    config.lines().filter(other).flat_map(|line| [line, "\n"]).collect();
                config = kept.replace(&format!("\n{table}\n"), &format!("\n{table}\n{text}"));
                assert!(config.contains(text.as_str()), "{table}");
            }
            _ => files = files.with(place, text.as_str()),
        }
    }
    files.with("cvdns.toml", config)
}

/// What a command prints on both of its outputs, with the page's ports.
fn run(server: &Daemon, command: &str) -> Vec<String> {
    let (port, silent) = (server.port().to_string(), ports::free().to_string());
    let own = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let binary = std::path::Path::new(own.get_program())
        .parent()
        .expect("a directory")
        .display()
        .to_string();
    let path = format!("{binary}:{}", std::env::var("PATH").unwrap_or_default());
    let line = command.replace("5300", &port).replace("5301", &silent);
    // `xargs` and `awk` hide what dig returns, and a server that is silent is an error of dig's.
    let mut shell = tools::tool_of("sh", "a shell runs the page's lines");
    shell
        .args(["-c", &format!("{{ {line}\n}} 2>&1")])
        .env("PATH", path)
        .env("HOME", "/nonexistent");
    let output = shell.current_dir(server.path()).output().expect("a command that runs");
    let text = String::from_utf8(output.stdout).expect("text");
    text.replace(&port, "5300").replace(&silent, "5301").lines().map(str::to_owned).collect()
}

/// Hides what must vary.
fn masked(lines: &[String]) -> Vec<String> {
    let mut out: Vec<String> = lines.iter().map(|line| mask(line)).collect();
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    // Addresses take turns.
    for run in out.chunk_by_mut(|one, other| is_address(one) && is_address(other)) {
        run.sort();
    }
    out
}

fn is_address(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    matches!(words[..], [_, _, "IN", "A" | "AAAA", _])
}

fn mask(line: &str) -> String {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let sorted = |addresses: &str| {
        let mut addresses = words(addresses);
        addresses.sort();
        addresses.join(" ")
    };
    if let Some(addresses) = line
        .strip_prefix("answer=")
        .filter(|a| a.contains('.') || a.contains(':') && !a.contains(": "))
    {
        return format!("answer={}", sorted(addresses));
    }
    if let Some((head, addresses)) = line.split_once(": ").filter(|_| line.starts_with("  window "))
    {
        let (_, of) = head.split_once(" of ").expect("a window");
        return format!("  window # of {of}: {}", sorted(addresses));
    }
    if let Some((head, _)) = line.strip_prefix("  feed ").and_then(|rest| rest.split_once(", ")) {
        return format!("  feed {head}, # old");
    }
    let mut line = line.to_owned();
    for (key, ends) in [
        ("age=", &['(', ',', ';'][..]),
        ("id: ", &[' ']),
        ("port=", &[' ']),
        ("stamp=", &[' ']),
        ("window=", &[' ']),
        ("DiG ", &['<']),
        ("COOKIE: ", &[' ']),
        // The stamp of a record.
        ("63:28129:", &[':']),
    ] {
        if let Some((head, rest)) = line.split_once(key) {
            let tail = rest.find(ends).map(|end| &rest[end..]).unwrap_or_default();
            line = format!("{head}{key}#{tail}");
        }
    }
    line
}

#[test]
fn the_page_shows_what_commands_print() {
    let sections = sections();
    let (mut run_for_real, mut wrong) = (0, Vec::new());
    for section in sections.iter().filter(|section| !section.shown.is_empty()) {
        let server = Daemon::start(&example(section));
        for Shown { command, output } in &section.shown {
            let printed = run(&server, command);
            if masked(&printed) != masked(output) {
                wrong.push(format!("{}\n$ {command}\n{}\n", section.title, printed.join("\n")));
            }
            run_for_real += 1;
        }
    }
    assert!(wrong.is_empty(), "the page does not show what these print:\n{}", wrong.join("\n"));
    assert!(run_for_real >= 25, "{run_for_real}");
}

/// A page that says something else is told apart: masks hide no more than they should.
#[test]
fn masks_hide_only_what_varies() {
    for (one, other, alike) in [
        ("feed serial=1 age=2d 5h", "feed serial=1 age=7m 1s", true),
        ("feed serial=1 age=2d 5h", "feed serial=2 age=2d 5h", false),
        ("generated=T age=2d 5h (fresh)", "generated=T age=2d 6h (stale)", false),
        ("window=1 of 66", "window=2 of 66", true),
        ("window=1 of 66", "window=1 of 67", false),
        ("answer=192.0.2.1 192.0.2.2", "answer=192.0.2.2 192.0.2.1", true),
        ("answer=192.0.2.1 192.0.2.2", "answer=192.0.2.1 192.0.2.3", false),
        ("answer=NODATA: a b", "answer=NODATA: b a", false),
        (
            ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1",
            ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 2",
            true,
        ),
        (
            ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1",
            ";; ->>HEADER<<- opcode: QUERY, status: REFUSED, id: 1",
            false,
        ),
        (
            "record=1.4.6:63:28129:1795561200:1:90:49192:339",
            "record=1.4.6:63:28129:1:1:90:49192:339",
            true,
        ),
        ("record=1.4.6:63:28129:1:1:90:49192:339", "record=1.4.6:63:28128:1:1:90:49192:339", false),
        ("left out: a down since 1", "left out: a down since 2", false),
        ("a. 60 IN A 192.0.2.1", "a. 61 IN A 192.0.2.1", false),
    ] {
        assert_eq!(mask(one) == mask(other), alike, "{one} / {other}");
    }
}
