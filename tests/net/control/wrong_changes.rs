//! Wrong changes of every kind: each is reported with its place, and changes nothing.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::Controlled;
use crate::support::client::Transport;
use crate::support::fixture::{self, States, yields};
use crate::support::packet::Query;
use crate::support::rr;

/// A change of a file: what is replaced by what; all of the file if the first is empty.
struct Wrong {
    file: &'static str,
    what: &'static str,
    by: &'static str,
    /// What a problem says, and where: `FILE:LINE:COLUMN: WORDS`; the file alone if there is no
    /// line. `?` is any line.
    says: &'static str,
}

const fn wrong(
    file: &'static str,
    what: &'static str,
    by: &'static str,
    says: &'static str,
) -> Wrong {
    Wrong { file, what, by, says }
}

const WRONG: &[Wrong] = &[
    // The configuration.
    wrong("cvdns.toml", "[server]", "[server", "cvdns.toml:2:"),
    wrong("cvdns.toml", "[server]", "[sever]", "cvdns.toml:2:2: unknown key `sever`"),
    wrong(
        "cvdns.toml",
        "workers = 1",
        "workers = -1",
        "cvdns.toml:4:11: `workers`: -1 is not within",
    ),
    wrong("cvdns.toml", "workers = 1", "workers = \"1\"", "cvdns.toml:4:11: `workers` is a string"),
    wrong("cvdns.toml", "workers = 1", "worker = 1", "cvdns.toml:4:1: unknown key `worker`"),
    wrong("cvdns.toml", "nsid = \"ns1\"", "nsid = \"\"", "cvdns.toml:5:8: `nsid`: it is empty"),
    wrong("cvdns.toml", "nsid = \"ns1\"", "nsid = 1\nnsid = 2", "cvdns.toml:?: "),
    wrong(
        "cvdns.toml",
        "tcp-idle = \"2s\"",
        "tcp-idle = \"2 parsecs\"",
        "cvdns.toml:6:12: `tcp-idle`: \"2 parsecs\" is not a duration",
    ),
    wrong("cvdns.toml", "tcp-idle = \"2s\"", "ecs = \"yes\"", "cvdns.toml:6:7: `ecs` is a string"),
    wrong(
        "cvdns.toml",
        "tcp-idle = \"2s\"",
        "explain = \"all\"",
        "cvdns.toml:6:11: `explain`: \"all\" is not known",
    ),
    wrong("cvdns.toml", "file = \"short.toml\"", "file = \"none.toml\"", "cvdns.toml:12:8: "),
    wrong(
        "cvdns.toml",
        "file = \"short.toml\"",
        "file = \"clam.toml\"",
        "cvdns.toml:12:8: the zone file clam.toml is named twice",
    ),
    wrong("cvdns.toml", "country = \"US\"", "country = \"ZZ\"", "cvdns.toml:?: `country`: "),
    wrong("cvdns.toml", "net = \"::1/128\"", "net = \"::1/129\"", "cvdns.toml:?: `net`: "),
    wrong("cvdns.toml", "country.mmdb", "none.mmdb", "cvdns.toml:15:12: cannot read "),
    wrong(
        "cvdns.toml",
        "\"unix:run/admin.sock\"",
        "\"unix:\"",
        "cvdns.toml:?: `listen`: \"unix:\": there is no path",
    ),
    wrong(
        "cvdns.toml",
        "overrides = ",
        "max-loss = 2\noverrides = ",
        "cvdns.toml:?: `max-loss`: 2 is not within",
    ),
    // A zone.
    wrong("clam.toml", "format = 1", "format = 9", "clam.toml:?: "),
    wrong("short.toml", "origin = \"short.example\"", "origin = \"a..b\"", "short.toml:2:10: "),
    wrong("short.toml", "records = \"short.zone\"", "records = \"none.zone\"", "short.toml:3:11: "),
    wrong("short.toml", "", "format = 1\n", "short.toml"),
    // Records.
    wrong("short.zone", "", "$ORIGIN short.example.\n@ IN NS ns\n", "short.zone"),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nbad IN A 192.0.2.300\n", "clam.zone:3:10: "),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nbad IN NOSUCHTYPE x\n", "clam.zone:3:8: "),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\nbad IN TXT \"open\n", "clam.zone:?: "),
    wrong("clam.zone", "$TTL 900\n", "$TTL 900\n$INCLUDE none.zone\n", "clam.zone:3:"),
    // The fleet.
    wrong("mirrors.toml", "host = \"de2.example\"", "host = \"de1.example\"", "mirrors.toml:?: "),
    wrong("mirrors.toml", "country = \"DE\"", "country = \"XX\"", "mirrors.toml:3:11: `country`: "),
    wrong("mirrors.toml", "192.0.2.11", "192.0.2", "mirrors.toml:?: `ipv4`: \"192.0.2\": "),
    wrong(
        "mirrors.toml",
        "host = \"de1.example\"",
        "hots = \"de1.example\"",
        "mirrors.toml:2:1: unknown key `hots`",
    ),
    // The country database, the overrides, the token.
    wrong("country.mmdb", "", "no database", "country.mmdb"),
    wrong(
        "overrides.toml",
        "",
        "[[override]]\nhost = \"de1.example\"\nstate = \"dwon\"\nreason = \"r\"\n",
        "overrides.toml:3:9: `state`: \"dwon\"",
    ),
    wrong(
        "overrides.toml",
        "",
        "[[override]]\nhost = \"de1.example\"\nstate = \"down\"\n",
        "overrides.toml:1:1: [[override]] has no `reason`",
    ),
    wrong("admin.token", "", "short\n", "admin.token: "),
];

/// What the server answers: every record of some names, and what it says of itself.
fn in_force(server: &Controlled) -> (BTreeSet<Vec<u8>>, Vec<u16>, Value) {
    let ask = |name: &str, rtype| {
        let query = Query::new(&format!("{name}.clam.example"), rtype);
        server.daemon.client().ask(Transport::Udp4, &query)
    };
    let (v4, _) = yields(&fixture::path("DE"), &States::new(), false);
    let found: BTreeSet<Vec<u8>> = (0..4).flat_map(|_| ask("db.de", rr::A).rdata(rr::A)).collect();
    assert_eq!(found, v4);
    let rcodes = ["db.fr", "bad", "current.cvd"].map(|name| ask(name, rr::TXT).rcode());
    let status = server.status();
    let kept = ["zones", "names", "database", "overrides", "mirrors"];
    let mut told: serde_json::Map<String, Value> =
        kept.iter().map(|key| ((*key).to_owned(), status[*key].clone())).collect();
    told.insert("serial".to_owned(), status["feed"]["serial"].clone());
    (found, rcodes.to_vec(), Value::Object(told))
}

#[test]
fn each_is_reported_and_changes_nothing() {
    const { assert!(WRONG.len() >= 30) };
    let server = Controlled::start("token-file = \"admin.token\"");
    server.daemon.write_file("overrides.toml", "");
    let before = in_force(&server);
    let mut failures = Vec::new();
    for (number, wrong) in WRONG.iter().enumerate() {
        let path = server.daemon.path().join(wrong.file);
        let good = fs::read(&path).expect("the file");
        let bad = if wrong.what.is_empty() {
            wrong.by.to_owned()
        } else {
            let text = String::from_utf8(good.clone()).expect("text");
            assert!(text.contains(wrong.what), "{} has no {:?}", wrong.file, wrong.what);
            text.replacen(wrong.what, wrong.by, 1)
        };
        // In one step: the overrides are followed as well.
        let new = path.with_extension("new");
        fs::write(&new, bad).expect("written");
        fs::rename(&new, &path).expect("renamed");
        // A configuration that cannot be read names no socket: ask as its operator would by SIGHUP.
        let answer = server.over_socket("POST", "/api/v1/reload", "");
        let report: Value = serde_json::from_str(&answer.body).expect("JSON");
        let problems = report["problems"].as_array().expect("problems");
        let said: Vec<String> =
            problems.iter().filter(|p| p["severity"] == "error").map(line).collect();
        if (answer.status, &report["done"]) != (409, &Value::Bool(false))
            || !said.iter().any(|line| is(line, wrong.says))
        {
            failures
                .push(format!("{number}: {} {:?}: {} {said:#?}", wrong.file, wrong.by, wrong.says));
        }
        // Each error is what `cvdns check` prints of the same files.
        let config = server.daemon.path().join("cvdns.toml");
        let (code, _, checked) =
            server.cvdns(&["check", "--config", config.to_str().expect("text")]);
        for problem in problems.iter().filter(|problem| problem["severity"] == "error") {
            let text = problem["text"].as_str().expect("text");
            if code != Some(1) || !checked.contains(text) {
                failures.push(format!(
                    "{number}: `check` ({code:?}) does not print\n{text}\nbut\n{checked}"
                ));
            }
        }
        fs::write(&new, good).expect("written");
        fs::rename(&new, &path).expect("renamed");
        assert_eq!(in_force(&server), before, "{number}: {} {:?}", wrong.file, wrong.by);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(server.status()["failed_reloads"], WRONG.len());
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

fn line(problem: &Value) -> String {
    let file = problem["file"].as_str().expect("a file");
    let what = problem["what"].as_str().expect("words");
    match (problem["line"].as_u64(), problem["column"].as_u64()) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}: {what}"),
        _ => format!("{file}: {what}"),
    }
}

/// Whether a line says this; its file may be a path. `?` stands for any line and column.
fn is(line: &str, says: &str) -> bool {
    match says.split_once(":?: ") {
        Some((file, words)) => {
            let Some((_, rest)) = line.split_once(&format!("{file}:")) else { return false };
            let mut parts = rest.splitn(3, ':');
            let numbers = [parts.next(), parts.next()];
            numbers.iter().all(|number| number.is_some_and(|n| n.parse::<u32>().is_ok()))
                && parts.next().is_some_and(|what| what.trim_start().starts_with(words))
        }
        None => line.contains(says),
    }
}
