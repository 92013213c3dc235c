//! Wrong changes of every kind: each is reported with its place, and changes nothing.

mod feeds;
mod in_configuration;
mod in_other_files;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Controlled;
use crate::support::client::Transport;
use crate::support::fixture::{self, States, yields};
use crate::support::packet::Query;
use crate::support::rr;

use table::{CUT_IN_HALF, DIRECTORY, FILES, Wrong, all};

/// What the server answers, and what it says of itself.
#[derive(Debug, PartialEq)]
struct InForce {
    /// The addresses of a country, which rotate.
    addresses: BTreeSet<Vec<u8>>,
    /// Whole messages of other names.
    messages: Vec<Vec<u8>>,
    /// Status and text of `/readyz`.
    ready: (u16, String),
    status: Value,
}

fn in_force(server: &Controlled) -> InForce {
    let client = server.daemon.client();
    let query = Query::new("db.de.clam.example", rr::A);
    let ask = |_| client.ask(Transport::Udp4, &query).rdata(rr::A);
    let addresses: BTreeSet<Vec<u8>> = (0..4).flat_map(ask).collect();
    let (v4, _) = yields(&fixture::path("DE"), &States::new(), false);
    assert_eq!(addresses, v4);
    let other_names = [
        ("clam.example", rr::SOA),
        ("db.fr.clam.example", rr::TXT),
        ("bad.clam.example", rr::A),
        ("ns1.clam.example", rr::AAAA),
        ("www.short.example", rr::A),
        ("short.example", rr::NS),
    ];
    let messages = other_names.map(|(name, rtype)| {
        let mut query = Query::new(name, rtype);
        query.id = 1;
        client.exchange(Transport::Udp4, &query.build()).expect("an answer")
    });
    let ready = server.over_socket("GET", "/readyz", "");
    let status = server.status();
    let kept = ["zones", "names", "database", "overrides", "mirrors", "listen"];
    let mut told: serde_json::Map<String, Value> =
        kept.iter().map(|key| ((*key).to_owned(), status[*key].clone())).collect();
    told.insert("serial".to_owned(), status["feed"]["serial"].clone());
    InForce {
        addresses,
        messages: messages.to_vec(),
        ready: (ready.status, ready.body),
        status: Value::Object(told),
    }
}

/// Puts a change in place in one step, as the overrides are followed. The good file is beside it
/// until [`take_back`].
fn change(wrong: &Wrong, path: &Path) {
    let octets = fs::read(path).expect("the file");
    fs::write(path.with_extension("good"), &octets).expect("written");
    let bad = match wrong.by {
        DIRECTORY => {
            fs::remove_file(path).expect("removed");
            fs::create_dir(path).expect("a directory");
            return;
        }
        CUT_IN_HALF => octets[..octets.len() / 2].to_vec(),
        by if wrong.what.is_empty() => by.into(),
        by => {
            let text = String::from_utf8(octets).expect("text");
            assert!(text.contains(wrong.what), "{} has no {:?}", wrong.file, wrong.what);
            text.replacen(wrong.what, by, 1).into()
        }
    };
    let new = path.with_extension("new");
    fs::write(&new, bad).expect("written");
    fs::rename(&new, path).expect("renamed");
}

fn take_back(path: &Path) {
    if path.is_dir() {
        fs::remove_dir(path).expect("removed");
    }
    fs::rename(path.with_extension("good"), path).expect("renamed");
}

/// What is wrong with what is said of a change. `reloads` counts the reloads that failed.
fn faults(server: &Controlled, wrong: &Wrong, reloads: &mut usize) -> Vec<String> {
    let mut faults = Vec::new();
    // The socket, as a configuration that cannot be read names none to the command.
    let answer = server.over_socket("POST", "/api/v1/reload", "");
    *reloads += 1;
    let report: Value = serde_json::from_str(&answer.body).expect("JSON");
    let problems = report["problems"].as_array().expect("problems");
    let errors = || problems.iter().filter(|problem| problem["severity"] == "error");
    let said: Vec<String> = errors().map(|problem| line(server, problem)).collect();
    if (answer.status, &report["done"]) != (409, &Value::Bool(false))
        || !said.iter().any(|line| line == wrong.says)
    {
        faults.push(format!("{} {said:#?}", answer.status));
    }
    let (code, out, printed) = server.cvdns(&["reload"]);
    let was_asked = !printed.contains("the server was not asked and goes on with what it has");
    *reloads += usize::from(was_asked);
    let is_clear = if was_asked {
        printed.ends_with("was not reloaded: what was served before goes on\n")
    } else {
        wrong.file == "cvdns.toml"
    };
    if (code, out.as_str()) != (Some(1), "") || !is_clear {
        faults.push(format!("`reload` ({code:?}) prints\n{out}{printed}"));
    }
    // Each error is what both commands print.
    let config = server.daemon.path().join("cvdns.toml");
    let (code, _, checked) = server.cvdns(&["check", "--config", config.to_str().expect("text")]);
    for problem in errors() {
        let text = problem["text"].as_str().expect("text");
        if code != Some(1) || !checked.contains(text) {
            faults.push(format!("`check` ({code:?}) does not print\n{text}\nbut\n{checked}"));
        }
        if was_asked && !printed.contains(text) {
            faults.push(format!("`reload` does not print\n{text}\nbut\n{printed}"));
        }
    }
    faults
}

#[test]
fn each_is_reported_and_changes_nothing() {
    assert!(all().count() >= 100, "{}", all().count());
    let server = Controlled::start("token-file = \"admin.token\"");
    for (name, text) in FILES {
        server.daemon.write_file(name, text);
    }
    let before = in_force(&server);
    let mut failures = Vec::new();
    let mut reloads = 0;
    for wrong in all() {
        let path = server.daemon.path().join(wrong.file);
        change(wrong, &path);
        for fault in faults(&server, wrong, &mut reloads) {
            failures.push(format!("{} {:?}: {:?}: {fault}", wrong.file, wrong.by, wrong.says));
        }
        take_back(&path);
        let after = in_force(&server);
        assert_eq!(after, before, "{} {:?}", wrong.file, wrong.by);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(server.status()["failed_reloads"], reloads);
    let (code, _, error) = server.cvdns(&["reload"]);
    assert_eq!(code, Some(0), "{error}");
}

/// The command prints the same and exits with 1.
#[test]
fn the_command_prints_every_problem_of_all_files() {
    let server = Controlled::start("");
    let zone = fs::read_to_string(server.daemon.path().join("clam.zone")).expect("the zone");
    server.daemon.write_file("clam.zone", &format!("{zone}\nbad IN A 192.0.2.300\n"));
    let fleet = fs::read_to_string(server.daemon.path().join("mirrors.toml")).expect("the fleet");
    server.daemon.write_file("mirrors.toml", &fleet.replace("host = \"fr1", "hots = \"fr1"));
    let config = server.config().replace("workers = 1", "worker = 1");
    server.daemon.write_file("cvdns.toml", &config);
    let (code, out, error) = server.cvdns(&["reload"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    // As `check`: what is wrong, where, the line itself, and what to do.
    for words in [
        "error: unknown key `worker`",
        "cvdns.toml:4:1",
        "worker = 1",
        "did you mean `workers`?",
        "unknown key `hots`",
        "mirrors.toml:",
        "clam.zone:",
        "bad IN A 192.0.2.300",
        "was not reloaded: what was served before goes on",
    ] {
        assert!(error.contains(words), "no {words:?} in\n{error}");
    }
    assert!(error.lines().any(|line| line.ends_with(" errors, 0 warnings")), "{error}");
}

/// A problem in one line: `FILE:LINE:COLUMN: WORDS`. Files of the server are named by themselves.
fn line(server: &Controlled, problem: &Value) -> String {
    let file = problem["file"].as_str().expect("a file");
    let what = problem["what"].as_str().expect("words");
    let line = match (problem["line"].as_u64(), problem["column"].as_u64()) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}: {what}"),
        _ => format!("{file}: {what}"),
    };
    plain(server, &line)
}

/// A text without the directory of the server.
fn plain(server: &Controlled, text: &str) -> String {
    text.replace(&format!("{}/", server.daemon.path().display()), "")
}
