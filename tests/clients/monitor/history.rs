//! `cvdns monitor history`: hours of rounds by a stepped clock, read by the command.

use super::network::{self, QUICK, Running, fill, mirror, place, round, run};
use super::web::Nginx;
use crate::support::{PATIENCE, ports};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Output;
use std::time::Instant;

/// 2026-03-02T10:00:00Z.
const START: i64 = 1_772_445_600;
const HOUR: i64 = 3600;
const ONE: &str = "one.example";
const TWO: &str = "two.example";

fn at(second: i64) -> String {
    jiff::Timestamp::from_second(second).expect("a moment").to_string()
}

fn history(dir: &Path, arguments: &[&str]) -> Output {
    run(dir, &[&["history"], arguments].concat())
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Six rounds, an hour apart; the second mirror serves in the first three and is switched off
/// before the fourth.
fn rounds(dir: &Path) {
    let port = ports::free();
    let mirrors = [mirror(ONE, "127.0.2.1"), mirror(TWO, "127.0.2.2")];
    place(&network::files(&mirrors, port, QUICK), dir);
    let root = |n: usize| dir.join(format!("m{n}"));
    let served = |n: usize| -> Vec<_> {
        vec![(SocketAddr::new(format!("127.0.2.{n}").parse().expect("an address"), port), root(n))]
    };
    for n in 1..=2 {
        fill(&root(n), &START.to_string(), [63, 28_129, 339]);
    }
    let _one = Nginx::start(&dir.join("nginx1"), network::ORIGIN, &served(1));
    let mut two = Some(Nginx::start(&dir.join("nginx2"), network::ORIGIN, &served(2)));
    for hour in 0..6 {
        if hour == 3 {
            two = None;
        }
        round(dir, START + hour * HOUR);
    }
    drop(two);
}

#[test]
fn a_mirrors_history_is_told_by_the_command() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path();
    rounds(dir);
    // Half an hour after the last round.
    let now = at(START + 5 * HOUR + HOUR / 2);
    let told = text(&history(dir, &[TWO, "--at", &now]));
    let refused = "database.clam.example/timestamp: the connection is refused";
    let squeezed: Vec<String> =
        told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let year = ".".repeat(73);
    let expected = [
        "two.example: share of the time in which it served".to_owned(),
        String::new(),
        "Address State For 24 hours 30 days 365 days".to_owned(),
        // Three hours of five and a half.
        "127.0.2.2 down 2h 30m 54.5 % 54.5 % 54.5 %".to_owned(),
        String::new(),
        "Address Time From Strip".to_owned(),
        "127.0.2.2 24 hours 2026-03-01T16:00Z ..................+++xxx".to_owned(),
        format!("127.0.2.2 30 days 2026-02-01T00:00Z {}%", ".".repeat(29)),
        format!("127.0.2.2 365 days 2025-03-03T00:00Z {year}"),
        format!("127.0.2.2 365 days 2025-05-15T00:00Z {year}"),
        format!("127.0.2.2 365 days 2025-07-27T00:00Z {year}"),
        format!("127.0.2.2 365 days 2025-10-08T00:00Z {year}"),
        format!("127.0.2.2 365 days 2025-12-20T00:00Z {}%", ".".repeat(72)),
        String::new(),
        "+ served ~ served as old or removed % served and failed x failed - downtime . not known"
            .to_owned(),
        String::new(),
        "Check Address Found State main daily bytecode Reason".to_owned(),
        format!("2026-03-02T15:00:00Z 127.0.2.2 dead down 63 28129 339 {refused}"),
        format!("2026-03-02T14:00:00Z 127.0.2.2 dead down 63 28129 339 {refused}"),
        format!("2026-03-02T13:00:00Z 127.0.2.2 dead down 63 28129 339 {refused}"),
        "2026-03-02T12:00:00Z 127.0.2.2 serves up 63 28129 339".to_owned(),
        "2026-03-02T11:00:00Z 127.0.2.2 serves up 63 28129 339".to_owned(),
        "2026-03-02T10:00:00Z 127.0.2.2 serves up 63 28129 339".to_owned(),
    ];
    assert_eq!(squeezed, expected, "{told}");

    let json: Value =
        serde_json::from_str(&text(&history(dir, &[TWO, "--json", "--at", &now]))).expect("JSON");
    let address = &json["addresses"][0];
    assert_eq!(address["day"]["availability"], 3.0 / 5.5);
    assert_eq!(address["day"]["cells"][23]["failed"], 1800);
    assert_eq!(address["checks"].as_array().map(Vec::len), Some(6));
    assert_eq!(json["year"]["cells"].as_array().map(Vec::len), Some(365));
    let change = &json["changes"][0];
    let change = [&change["was"], &change["is"], &change["at"]].map(|value| value.as_str());
    assert_eq!(change, [Some("up"), Some("down"), Some("2026-03-02T13:00:00Z")]);

    // Much later, nothing is known of its state.
    let later = at(START + 26 * 24 * HOUR);
    let told = text(&history(dir, &[TWO, "--at", &later]));
    assert!(told.contains("not known: last checked 2026-03-02T15:00Z  -  "), "{told}");
    let json: Value =
        serde_json::from_str(&text(&history(dir, &[TWO, "--json", "--at", &later]))).expect("JSON");
    let address = &json["addresses"][0];
    assert_eq!([&address["state"], &address["since"]], [&Value::Null; 2]);
    assert_eq!(address["checked"], "2026-03-02T15:00:00Z");

    let told = text(&history(dir, &[TWO, "--day", "2026-03-02", "--at", &now]));
    assert!(told.contains("  ..........+++xxx........\n"), "{told}");
}

#[test]
fn hosts_without_history_are_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path();
    let mirrors = [mirror(ONE, "127.0.2.3")];
    place(&network::files(&mirrors, ports::free(), QUICK), dir);
    let said = |arguments: &[&str]| {
        let output = history(dir, arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(said(&[ONE]).contains("run the coordinator first"), "{}", said(&[ONE]));
    round(dir, START);
    let unknown = "no mirror of the fleet, and no check of it is recorded";
    let near = said(&["oen.example"]);
    assert!(near.contains(unknown) && near.contains("did you mean one.example?"), "{near}");
    let far = said(&["elsewhere.invalid"]);
    assert!(far.contains(unknown) && !far.contains("did you mean"), "{far}");
    let none = said(&[""]);
    assert!(none.contains(&format!("\"\" is {unknown}")), "{none}");
    let now = at(START);
    for (day, wrong) in
        [("2020-01-01", "no hours of 2020-01-01 are kept"), ("2026-03-03", "to come")]
    {
        let days = said(&[ONE, "--day", day, "--at", &now]);
        assert!(days.contains(wrong), "{days}");
    }
    // A flag of the coordinator's does not go with it.
    assert_eq!(run(dir, &["--once", "history", ONE]).status.code(), Some(2));
}

/// As after a backup was restored by root: what another account owns is whole, and stays.
#[test]
fn a_history_of_another_account_stays_where_it_is() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path();
    place(&network::files(&[mirror(ONE, "127.0.2.5")], ports::free(), QUICK), dir);
    round(dir, START);
    let path = dir.join("state/monitor/history.db");
    let before = fs::read(&path).expect("the history");
    for given in [dir, &dir.join("state"), &dir.join("state/monitor")] {
        std::os::unix::fs::chown(given, Some(65_534), Some(65_534)).expect("it is given away");
    }
    let files = fs::read_dir(dir.join("state/monitor")).expect("the directory");
    for file in files.map(|file| file.expect("a file").path()).chain([dir.join("feed.json")]) {
        if file != path {
            std::os::unix::fs::chown(file, Some(65_534), Some(65_534)).expect("it is given away");
        }
    }
    let mut command = network::command(dir, &["--once", "--at", &at(START + HOUR)]);
    let output = command.uid(65_534).gid(65_534).output().expect("the monitor runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("cannot be written: its mode or owner forbids its use"), "{said}");
    assert!(said.contains("WARN the last 1 checks are not in the history"), "{said}");
    assert!(!dir.join("state/monitor/history.db.broken").exists(), "{said}");
    assert_eq!(fs::read(&path).expect("the history"), before);
}

#[test]
fn the_history_is_read_while_the_coordinator_runs_and_a_broken_one_begins_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path();
    place(&network::files(&[mirror(ONE, "127.0.2.4")], ports::free(), QUICK), dir);
    let state = dir.join("state/monitor");
    fs::create_dir_all(&state).expect("the state directory");
    fs::write(state.join("history.db"), "no database ".repeat(999)).expect("a broken one");
    let _running = Running::start(dir);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = history(dir, &[ONE]);
        if output.status.success() {
            let told = text(&output);
            assert!(told.contains("the connection is refused"), "{told}");
            break;
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(Instant::now() < deadline, "{said}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let log = fs::read_to_string(dir.join("monitor.log")).expect("the log");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("history.db")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("ERROR") && lines[0].contains("history begins anew"), "{log}");
    assert!(state.join("history.db.broken").exists());
    let deadline = Instant::now() + PATIENCE;
    let wanted = ["cvdns_monitor_history_writable 1", "cvdns_monitor_history_dropped_total 0"];
    loop {
        let metrics = fs::read_to_string(state.join("metrics.prom")).unwrap_or_default();
        if wanted.iter().all(|line| metrics.lines().any(|of| of == *line)) {
            break;
        }
        assert!(Instant::now() < deadline, "{metrics}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
