//! Reports of several monitors that a test writes, combined round by round at moments that it
//! names: what is refused, what does not count, and what the rule makes of the rest.

use super::network::{self, QUICK, states};
use super::several::{Key, MIRRORS, fleet, ip, member};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const START: i64 = 1_795_000_000;

/// A world without processes that check: reports are written by the test, and combined round by
/// round at moments that it names.
struct Desk {
    dir: tempfile::TempDir,
    keys: Vec<Key>,
}

impl Desk {
    /// Members `m0` and up; `more` has further keys of each.
    fn new(members: usize, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut keys = Vec::new();
        let mut settings = format!("{QUICK}interval = \"1h\"\n");
        for number in 0..members {
            let key = Key::new(&dir.path().join(format!("k{number}")));
            let more = more.get(number).copied().unwrap_or_default();
            settings +=
                &member(&format!("m{number}"), &format!("r{number}.json"), &key, "DE", more);
            keys.push(key);
        }
        network::place(&network::files(&fleet(), 80, &settings), dir.path());
        Self { dir, keys }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn source(&self, number: usize) -> PathBuf {
        self.path().join(format!("r{number}.json"))
    }

    /// A report in which all mirrors serve, but for these.
    fn text(number: usize, second: i64, failing: &[usize]) -> Value {
        let time = |second: i64| {
            jiff::Timestamp::from_second(START + second).expect("a moment").to_string()
        };
        let mut mirrors = serde_json::Map::new();
        for n in 1..=MIRRORS {
            let found = if failing.contains(&n) {
                json!({ "found": "dead", "checked": time(second), "reason": "the connection is refused" })
            } else {
                json!({ "found": "serves", "checked": time(second), "timestamp": time(second),
                        "main": 63, "daily": 28_129, "bytecode": 339 })
            };
            mirrors.insert(format!("m{n}.example"), json!({ ip(n): found }));
        }
        json!({ "format": 1, "monitor": format!("m{number}"), "serial": START + second,
                "generated": time(second), "interval": "300s", "mirrors": mirrors })
    }

    fn report(&self, number: usize, report: &Value) {
        self.keys[number].publish(&self.source(number), report.to_string().as_bytes());
    }

    /// Combines what there is; the feed and the log.
    fn combine(&self, second: i64) -> (Value, String) {
        self.combine_with(second, &[])
    }

    /// The same, with further arguments.
    fn combine_with(&self, second: i64, more: &[&str]) -> (Value, String) {
        let at = jiff::Timestamp::from_second(START + second).expect("a moment").to_string();
        let arguments = [&["--combine", "--once", "--json", "--at", &at], more].concat();
        let output = network::run(self.path(), &arguments);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{log}");
        (network::feed(self.path()), log)
    }

    fn metric(&self, name: &str) -> String {
        let metrics = fs::read_to_string(self.path().join("state/monitor/metrics.prom"));
        let metrics = metrics.expect("metrics");
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned);
        metrics.lines().find_map(value).unwrap_or_else(|| panic!("{name}\n{metrics}"))
    }
}

/// "Refused or not counted, each with its reason and a count; nothing that was in force is lost."
#[test]
fn bad_reports_are_refused_with_their_reasons_and_the_last_good_ones_go_on() {
    let desk = Desk::new(3, &[]);
    for number in 0..3 {
        desk.report(number, &Desk::text(number, 0, &[]));
    }
    let (feed, log) = desk.combine(10);
    assert_eq!(states(&feed).values().filter(|of| *of == "up").count(), MIRRORS, "{log}");
    assert!(!log.contains("WARN"), "{log}");

    let good = Desk::text(2, 60, &[1]);
    let with = |key: &str, value: Value| {
        let mut report = good.clone();
        report[key] = value;
        report.to_string().into_bytes()
    };
    let whole = good.to_string().into_bytes();
    let time = |second: i64| {
        json!(jiff::Timestamp::from_second(START + second).expect("a moment").to_string())
    };
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("syntax", whole[..whole.len() / 2].to_vec(), "it is cut off"),
        ("syntax", b"[]".to_vec(), "not a JSON object"),
        ("syntax", with("format", json!(2)), "format 2 is not known"),
        ("unread", vec![b' '; (16 << 20) + 1], "is over 16 MiB"),
        (
            "other-monitor",
            with("monitor", json!("m1")),
            "it is the report of \"m1\", not of \"m2\"",
        ),
        ("other-monitor", with("monitor", json!("stranger")), "it is the report of \"stranger\""),
        ("serial-behind", with("serial", json!(START - 1)), "is lower than"),
        ("serial-reused", with("serial", json!(START)), "do two monitors have this name?"),
        ("future", with("generated", time(1000)), "more than 5 minutes in the future"),
    ];
    for (reason, octets, words) in cases {
        desk.keys[2].publish(&desk.source(2), &octets);
        let (feed, log) = desk.combine(70);
        assert!(
            log.contains("the report of m2 is not used") && log.contains(words),
            "{reason}: {log}"
        );
        let count = desk.metric(&format!(
            "cvdns_monitor_reports_refused_total{{monitor=\"m2\",reason=\"{reason}\"}}"
        ));
        assert_eq!(count, "1", "{reason}");
        // The last good one has its vote still.
        assert_eq!(desk.metric("cvdns_monitor_member_counted{monitor=\"m2\"}"), "1", "{reason}");
        assert_eq!(states(&feed)["m1.example"], "up");
    }
    // Without a signature, with one of other octets, and with one by another key.
    desk.keys[2].publish(&desk.source(2), &whole);
    let signature = desk.path().join("r2.json.minisig");
    fs::remove_file(&signature).expect("no signature");
    let (_, log) = desk.combine(70);
    assert!(log.contains("it has no signature"), "{log}");
    desk.keys[2].publish(&desk.source(2), b"{}");
    fs::write(desk.source(2), &whole).expect("other octets");
    let (_, log) = desk.combine(70);
    assert!(log.contains("its signature is not valid"), "{log}");
    desk.keys[1].publish(&desk.source(2), &whole);
    let (_, log) = desk.combine(70);
    assert!(log.contains("a key other than `public-key`"), "{log}");
    let of = |reason: &str| {
        desk.metric(&format!(
            "cvdns_monitor_reports_refused_total{{monitor=\"m2\",reason=\"{reason}\"}}"
        ))
    };
    assert_eq!(of("signature"), "1");
    fs::remove_file(desk.source(2)).expect("no report");
    let (_, log) = desk.combine(70);
    assert!(log.contains("cannot read"), "{log}");

    // One that is good again counts; by then the others are late, and nothing changes.
    desk.report(2, &Desk::text(2, 900, &[1]));
    let (feed, log) = desk.combine(910);
    assert!(log.contains("m0 is late, and has no vote") && log.contains("frozen: "), "{log}");
    assert_eq!(states(&feed)["m1.example"], "up");
    assert_eq!(desk.metric("cvdns_monitor_member_fresh{monitor=\"m0\"}"), "0");
    assert!(feed["frozen"].as_str().expect("frozen").starts_with("1 of 3 monitors"), "{feed}");
}

/// What `cvdns check` prints of a desk.
fn check(desk: &Desk) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command.args(["check"]).current_dir(desk.path()).output().expect("cvdns");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// `cvdns check` reads the reports as the coordinator would.
#[test]
fn check_says_what_is_wrong_with_each_report() {
    let desk = Desk::new(5, &[]);
    let now = jiff::Timestamp::now().as_second() - START;
    desk.report(0, &Desk::text(0, now, &[]));
    desk.report(1, &Desk::text(1, now - 3600, &[]));
    desk.report(2, &Desk::text(3, now, &[]));
    desk.keys[0].publish(&desk.source(3), Desk::text(3, now, &[]).to_string().as_bytes());
    let told = check(&desk);
    for words in [
        "warning: the report of m1 is late (",
        "warning: the report of m2 would not be used (",
        "it is the report of \"m3\", not of \"m2\"",
        "warning: the report of m3 would not be used (",
        "a key other than `public-key`",
        "warning: the report of m4 would not be used (",
        "needed only where `cvdns monitor --combine` runs",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("the report of m0") && told.contains("\n0 errors, "), "{told}");
    let told = check(&Desk::new(1, &[]));
    assert!(told.contains("warning: 1 report of 1 operator cannot be combined"), "{told}");
    assert!(!check(&Desk::new(0, &[])).contains("--combine"));
}

#[test]
fn strangers_do_not_count_and_an_operator_has_one_vote() {
    let of = "operator = \"Uni\"";
    let own = "own-mirrors = [\"m2.*\"]";
    let desk = Desk::new(5, &[of, of, of, "", own]);
    // Three monitors of one operator see it fail, and two of others do not.
    for number in 0..5 {
        let failing: &[usize] = match number {
            0..=2 => &[1],
            4 => &[2],
            _ => &[],
        };
        let mut report = Desk::text(number, 0, failing);
        if number == 3 {
            let found = report["mirrors"]["m1.example"][ip(1)].clone();
            report["mirrors"]["m9.example"] = json!({ "192.0.2.9": found.clone() });
            report["mirrors"]["m1.example"]["192.0.2.1"] = found;
        }
        desk.report(number, &report);
    }
    let (feed, log) = desk.combine(10);
    assert_eq!(states(&feed)["m1.example"], "up", "two of three operators see it");
    assert!(log.contains("m3 reports on 2 addresses that are not in the fleet"), "{log}");
    assert!(log.contains("m1 has no vote: another monitor of Uni has it"), "{log}");
    assert_eq!(desk.metric("cvdns_monitor_member_unknown_addresses{monitor=\"m3\"}"), "2");
    for (number, counted) in [(0, "1"), (1, "0"), (2, "0"), (3, "1"), (4, "1")] {
        let name = format!("cvdns_monitor_member_counted{{monitor=\"m{number}\"}}");
        assert_eq!(desk.metric(&name), counted, "{name}");
    }
    // The operator of m4 has no vote on its own mirror, and all others see it.
    assert_eq!(feed["mirrors"]["m2.example"]["note"], Value::Null);

    // Two of three operators see it fail: it is down, and the feed says who sees what.
    for number in [0, 4] {
        desk.report(number, &Desk::text(number, 60, &[1]));
    }
    let (feed, log) = desk.combine(70);
    assert_eq!(states(&feed)["m1.example"], "down", "{log}");
    let note = feed["mirrors"]["m1.example"]["note"].as_str().expect("a note");
    assert_eq!(note, "2 of 3 monitors: the connection is refused; m3 disagrees");
    assert!(log.contains("m1.example 127.0.7.1 is down, it was up: 2 of 3 monitors"), "{log}");
}

/// The clocks of `old` and `removed` run in the combiner, and good checks are those of most
/// monitors: the same reports twice are no second check.
#[test]
fn the_rule_of_one_coordinator_holds_for_what_several_found() {
    let desk = Desk::new(3, &[]);
    let all = |second: i64, failing: &[usize]| {
        for number in 0..3 {
            desk.report(number, &Desk::text(number, second, failing));
        }
        let (feed, log) = desk.combine(second + 10);
        (states(&feed)["m1.example"].clone(), log)
    };
    assert_eq!(all(0, &[]).0, "up");
    assert_eq!(all(300, &[1]).0, "down");
    assert_eq!(all(600, &[]).0, "down", "one good check of two");
    assert_eq!(states(&desk.combine(700).0)["m1.example"], "down", "the same check");
    assert_eq!(all(900, &[]).0, "up");
    // A day of silence makes it old, and two more days of that remove it; a freeze does not count.
    assert_eq!(all(1200, &[1]).0, "down");
    let day = 86_400;
    let (feed, _) = desk.combine(1200 + 2 * day);
    assert!(feed["frozen"].is_string(), "all are late");
    assert_eq!(all(1200 + 3 * day + 60, &[1]).0, "down", "a freeze of a day does not count");
    assert_eq!(all(1200 + 4 * day + 120, &[1]).0, "removed");
}

/// All monitors agree, and most likely share what is wrong. Nothing changes until an operator says.
#[test]
fn when_most_is_lost_at_once_nothing_changes_until_an_operator_says_so() {
    let desk = Desk::new(3, &[]);
    let all = |second: i64, failing: &[usize], more: &[&str]| {
        for number in 0..3 {
            desk.report(number, &Desk::text(number, second, failing));
        }
        desk.combine_with(second + 10, more)
    };
    all(0, &[], &[]);
    let most = [1, 2, 3, 4];
    let (feed, log) = all(300, &most, &[]);
    let frozen = feed["frozen"].as_str().expect("frozen");
    let words = "4 of 6 addresses that were well are not seen to serve by IPv4 since ";
    assert!(frozen.starts_with(words) && log.contains("frozen: 4 of 6"), "{feed}\n{log}");
    assert_eq!(states(&feed)["m1.example"], "up");
    let (feed, _) = all(600, &most, &[]);
    assert_eq!(feed["frozen"].as_str(), Some(frozen), "since then");
    let (feed, _) = all(900, &most, &["--thaw"]);
    assert_eq!(feed["frozen"], Value::Null);
    assert_eq!(states(&feed)["m1.example"], "down");
    assert_eq!(states(&feed)["m5.example"], "up");
}

#[test]
fn a_monitor_is_told_what_it_lacks() {
    let desk = Desk::new(1, &[]);
    let run = |arguments: &[&str]| {
        let output = network::run(desk.path(), arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&["--combine", "--once"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("1 report of 1 operator cannot be combined"), "{said}");
    let (code, said) = run(&["--report", "--once"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("the monitor has no name") && said.contains("minisign -G -W"), "{said}");
    assert_eq!(run(&["--report", "--combine"]).0, Some(2));
    assert_eq!(run(&["--report", "--once", "--thaw"]).0, Some(2));
}
