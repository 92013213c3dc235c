//! README.md, docs/operate.md and docs/nats.md: every command is run, one after the other, and
//! prints what the page says.
//!
//! Words in the info string of a block say how it is run:
//!
//! - `console`: a shell, in a directory with the example's files.
//! - `console background`: each command runs until the page ends. `cargo run --release --` is the
//!   program that the test has built.
//! - `console system`: changes the machine, or asks the internet: not run, but listed here.
//! - `toml FILE`: a part of that file: its keys are put into it.

mod blocks;
mod place;

use crate::support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use blocks::{Step, blocks, matches};
use place::Place;
use support::{ports, tools};

/// Ports of the pages, each replaced by one that is free.
const PORTS: [&str; 5] = ["5300", "5301", "8053", "8054", "4222"];

/// Commands that are documented and not run, with the page.
const NOT_RUN: [(&str, &str); 8] = [
    ("docs/operate.md", "packaging/build"),
    ("docs/operate.md", "apt-get install ./target/package/cvdns_0.1.0-1_amd64.deb"),
    ("docs/operate.md", "systemctl enable --now cvdns"),
    ("docs/operate.md", "cvdns check --delegation"),
    ("docs/operate.md", "apt-get install ./cvdns_0.1.1-1_amd64.deb"),
    ("docs/operate.md", "apt-get install --allow-downgrades ./cvdns_0.1.0-1_amd64.deb"),
    ("docs/operate.md", "systemctl restart cvdns-monitor"),
    ("docs/operate.md", "cvdns check --xdp=eth0"),
];

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the page")
}

/// Runs all commands of a page. Returns how many were run.
fn run(name: &str) -> usize {
    let ports = PORTS.map(|port| (port, ports::free().to_string()));
    // By way of what is no number: a free port may contain another of them.
    let replaced = |mut text: String| {
        for (number, (port, _)) in ports.iter().enumerate() {
            text = text.replace(port, &format!("@port-{}@", "abcde".as_bytes()[number] as char));
        }
        for (number, (_, free)) in ports.iter().enumerate() {
            text = text.replace(&format!("@port-{}@", "abcde".as_bytes()[number] as char), free);
        }
        text
    };
    let mut place = Place::new(replaced);
    let mut count = 0;
    for block in blocks(&replaced(page(name))) {
        match block.language.as_str() {
            "console" if block.has("system") => {}
            "console" if block.has("background") => {
                for Step { command, .. } in block.steps() {
                    place.start(&command.replace("cargo run --release -- ", "cvdns "));
                    count += 1;
                }
            }
            "console" => {
                for step in block.steps() {
                    run_step(&place, &step);
                    count += 1;
                }
            }
            "toml" if !block.marks.is_empty() => {
                place.merge(&block.marks[0], &block.lines.join("\n"));
            }
            "sh" | "" => panic!("{name}: a block of commands or without a language: {block:?}"),
            _ => {}
        }
    }
    count
}

/// Runs a command until it prints what the page says. Only commands that change nothing are
/// repeated: what they ask may still be starting, or reading a file.
fn run_step(place: &Place, step: &Step) {
    let repeatable = ["dig ", "curl ", "cvdns status", "cvdns explain", "dnstap-read ", "grep "];
    let asked = step.command.replacen("cvdns --config try/cvdns.toml ", "cvdns ", 1);
    let repeatable = repeatable.iter().any(|word| asked.starts_with(word));
    let deadline = Instant::now() + support::PATIENCE;
    loop {
        let (succeeded, printed) = place.run(&step.command);
        if succeeded && matches(&step.expected, &printed) {
            return;
        }
        assert!(
            repeatable && Instant::now() < deadline,
            "$ {}\n{}\n--- expected:\n{}\n--- succeeded: {succeeded}",
            step.command,
            printed.join("\n"),
            step.expected.join("\n")
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_commands_of_the_readme_print_what_it_says() {
    assert!(run("README.md") >= 5);
}

#[test]
fn the_commands_of_the_operators_page_print_what_it_says() {
    assert!(run("docs/operate.md") >= 30);
}

#[test]
fn the_commands_of_the_page_about_nats_print_what_it_says() {
    assert!(run("docs/nats.md") >= 15);
}

#[test]
fn commands_that_are_not_run_are_listed() {
    let mut found = Vec::new();
    for name in ["README.md", "docs/operate.md", "docs/nats.md"] {
        let page = page(name);
        let system = blocks(&page).into_iter().filter(|block| block.has("system"));
        let steps = system.flat_map(|block| block.steps());
        found.extend(steps.map(|step| (name.to_owned(), step.command)));
    }
    let listed = NOT_RUN.map(|(page, command)| (page.to_owned(), command.to_owned()));
    assert_eq!(found, listed);
}

/// Commands within sentences and tables exist, too.
#[test]
fn commands_in_sentences_exist() {
    let help = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let done = command.args(words).arg("--help").stdin(Stdio::null()).output().expect("cvdns");
        done.status.success()
    };
    let mut seen = 0;
    for name in ["README.md", "docs/operate.md", "docs/install.md", "docs/nats.md"] {
        for part in page(name).split('`').filter_map(|part| part.strip_prefix("cvdns ")) {
            let words = part.split_whitespace();
            let words: Vec<&str> = words
                .take_while(|word| word.chars().all(|letter| letter.is_ascii_lowercase()))
                .take(2)
                .collect();
            let known = words.is_empty() || help(&words) || help(&words[..1]);
            assert!(known, "{name}: no command `cvdns {part}`");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
    tools::tool("dig");
}
