//! A coordinator that may be wrong: its own network, its memory, and mirrors that are new or come
//! back.

use super::network::{self, Mirror, ORIGIN, QUICK, Running, fill, mirror, run, states};
use super::web::Nginx;
use super::wicked::Wicked;
use crate::support::{PATIENCE, ports, tools};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

const HOUR: i64 = 3600;

fn ip(n: usize) -> String {
    format!("127.0.5.{n}")
}

fn fleet(mirrors: usize) -> Vec<Mirror> {
    (1..=mirrors).map(|n| mirror(&format!("m{n}.example"), &ip(n))).collect()
}

/// One web server for mirrors with these numbers, whose timestamp is of `time`.
fn start(dir: &Path, mirrors: &[usize], port: u16, time: i64) -> Nginx {
    let root = dir.join("www");
    fill(&root, &time.to_string(), [63, 28_129, 339]);
    let address = |n: &usize| SocketAddr::new(ip(*n).parse().expect("an address"), port);
    let served: Vec<_> = mirrors.iter().map(|n| (address(n), root.clone())).collect();
    let first = mirrors.first().expect("a mirror");
    Nginx::start(&dir.join(format!("nginx{first}")), ORIGIN, &served)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn until(what: &str, dir: &Path, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        let log = fs::read_to_string(dir.join("monitor.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "not in time: {what}\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn count(dir: &Path, state: &str) -> usize {
    states(&network::feed(dir)).values().filter(|of| *of == state).count()
}

fn frozen(dir: &Path) -> Option<String> {
    network::feed(dir)["frozen"].as_str().map(str::to_owned)
}

fn metric(dir: &Path, line: &str) -> bool {
    let metrics = fs::read_to_string(dir.join("state/monitor/metrics.prom")).unwrap_or_default();
    metrics.lines().any(|found| found == line)
}

const RUNNING: &str = "interval = \"1s\"\nretry-interval = \"1s\"\nconfirm = 2\npublish-every = \"1s\"\n\
                       on-change = [\"/bin/sh\", \"-c\", \"cat >> told\"]\n";

/// A directory with the files of a fleet.
fn place(mirrors: usize, settings: &str) -> (tempfile::TempDir, u16) {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    network::place(
        &network::files(&fleet(mirrors), port, &format!("{QUICK}{settings}")),
        dir.path(),
    );
    (dir, port)
}

/// Rule: "when more than half of the checks of the last round fail that were well before … it
/// freezes: states stay, feeds stay fresh and say `"frozen"` …, an alarm, a metric; it thaws by
/// itself."
#[test]
fn when_all_are_gone_it_is_the_coordinator() {
    let (dir, port) = place(6, RUNNING);
    let dir = dir.path();
    let mut servers = Some(start(dir, &[1, 2, 3, 4, 5, 6], port, now()));
    let _monitor = Running::start(dir);
    until("the first feed", dir, || dir.join("feed.json").exists());
    assert_eq!((count(dir, "up"), frozen(dir)), (6, None));
    until("its metrics", dir, || metric(dir, "cvdns_monitor_frozen 0"));

    drop(servers.take());
    until("it freezes", dir, || frozen(dir).is_some());
    let text = frozen(dir).expect("a reason");
    assert!(text.contains("addresses that were well fail since 20"), "{text}");
    // Feeds stay fresh, and in none of them is a mirror taken away.
    let serial = || network::feed(dir)["serial"].as_u64().expect("a serial");
    let before = serial();
    until("three more feeds", dir, || {
        assert_eq!(count(dir, "up"), 6);
        serial() >= before + 3
    });
    until("a metric", dir, || metric(dir, "cvdns_monitor_frozen 1"));

    servers = Some(start(dir, &[1, 2, 3, 4, 5, 6], port, now()));
    until("it thaws", dir, || frozen(dir).is_none());
    assert_eq!(count(dir, "up"), 6);
    until("another feed", dir, || metric(dir, "cvdns_monitor_frozen 0"));
    drop(servers);
    until("the command is told twice", dir, || {
        let told = fs::read_to_string(dir.join("told")).unwrap_or_default();
        told.contains("\"frozen\":true") && told.contains("\"frozen\":false")
    });
    let told = fs::read_to_string(dir.join("told")).expect("what it was told");
    assert!(!told.contains("\"to\":\"down\""), "{told}");
    let log = fs::read_to_string(dir.join("monitor.log")).expect("a log");
    assert!(log.contains("WARN frozen: ") || log.contains("frozen: "), "{log}");
    assert!(log.contains("no longer frozen: checks work again"), "{log}");
}

/// Rule: "or its own `witnesses` (addresses that should always answer) fail".
#[test]
fn witnesses_tell_a_coordinator_from_a_mirror() {
    let listen = |address: SocketAddr| TcpListener::bind(address).expect("a witness");
    let mut witness = Some(listen("127.0.5.200:0".parse().expect("an address")));
    let address = witness.as_ref().map(TcpListener::local_addr).expect("it").expect("bound");
    let settings = format!("{RUNNING}witnesses = [\"{address}\", \"127.0.5.201:9\"]\n");
    let (dir, port) = place(2, &settings);
    let dir = dir.path();
    let both = start(dir, &[1], port, now());
    let second = start(dir, &[2], port, now());
    let _monitor = Running::start(dir);
    until("the first feed", dir, || dir.join("feed.json").exists());
    until("both are up", dir, || count(dir, "up") == 2);
    // A witness answers: it is the mirror.
    drop(second);
    until("a mirror is down", dir, || count(dir, "down") == 1);
    assert_eq!(frozen(dir), None);
    let log = || fs::read_to_string(dir.join("monitor.log")).expect("a log");
    assert!(log().contains("the witness 127.0.5.201:9 does not answer"), "{}", log());

    // None does: nothing can be said of the mirror.
    drop(witness.take());
    until("it freezes", dir, || frozen(dir).is_some());
    drop(both);
    let text = frozen(dir).expect("a reason");
    assert!(text.starts_with("no witness answers since 20"), "{text}");
    let serial = || network::feed(dir)["serial"].as_u64().expect("a serial");
    let before = serial();
    until("three more feeds", dir, || {
        assert_eq!((count(dir, "up"), count(dir, "down")), (1, 1));
        serial() >= before + 3
    });

    let _witness = listen(address);
    until("it thaws, and believes what it finds", dir, || {
        frozen(dir).is_none() && count(dir, "down") == 2
    });
    let words = format!("the witness {address} answers again");
    until("it says so", dir, || log().contains(&words));
}

/// Rule: "witnesses that are mirrors".
#[test]
fn a_witness_that_is_a_mirror_is_refused() {
    let (dir, _) = place(2, &format!("witnesses = [\"192.0.2.1:80\", \"{}:443\"]\n", ip(2)));
    let config = fs::read_to_string(dir.path().join("cvdns.toml")).expect("the configuration");
    let line = config.lines().position(|line| line.starts_with("witnesses")).expect("it") + 1;
    let expected = [
        "error: the witness 127.0.5.2:443 is the mirror m2.example".to_owned(),
        format!("cvdns.toml:{line}:30"),
    ];
    let monitor = run(dir.path(), &["--once"]);
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let check = check.arg("check").current_dir(dir.path()).output().expect("cvdns");
    for output in [monitor, check] {
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(expected.iter().all(|words| error.contains(words)), "{expected:?}: {error}");
    }
}

/// A genuine mass failure is in feed and log until an operator believes it.
#[test]
fn a_mass_failure_is_believed_when_an_operator_says_so() {
    let (dir, port) = place(5, "confirm = 2\n");
    let dir = dir.path();
    let at = now() - 3 * HOUR;
    let few = start(dir, &[4, 5], port, at);
    let most = start(dir, &[1, 2, 3], port, at);
    assert_eq!(states(&network::round(dir, at)).len(), 5);
    drop(most);
    for hour in 1..=2 {
        network::round(dir, at + hour * HOUR);
        assert_eq!(count(dir, "up"), 5, "hour {hour}");
        let since = jiff::Timestamp::from_second(at + HOUR).expect("a moment");
        let expected = format!("3 of 5 addresses that were well fail since {since}");
        assert_eq!(frozen(dir), Some(expected), "hour {hour}");
    }
    assert_eq!(run(dir, &["--thaw"]).status.code(), Some(2));
    let time = jiff::Timestamp::from_second(at + 2 * HOUR + 60).expect("a moment").to_string();
    let thawed = run(dir, &["--once", "--thaw", "--at", &time]);
    assert!(thawed.status.success(), "{}", String::from_utf8_lossy(&thawed.stderr));
    assert_eq!((count(dir, "down"), count(dir, "up"), frozen(dir)), (3, 2, None));
    network::round(dir, at + 3 * HOUR);
    assert_eq!((count(dir, "down"), frozen(dir)), (3, None));
    drop(few);
}

/// While it is frozen, each round says so where its caller looks: in the table, as warning, and in
/// the rows of what it does not believe (docs/monitor.md "Doubt").
#[test]
fn each_round_says_that_it_is_frozen_and_what_it_withholds() {
    let (dir, port) = place(5, "confirm = 2\n");
    let dir = dir.path();
    let at = now() - 3 * HOUR;
    let time =
        |hour: i64| jiff::Timestamp::from_second(at + hour * HOUR).expect("a moment").to_string();
    let once = |hour: i64, more: &[&str]| {
        let time = time(hour);
        let output = run(dir, &[&["--once", "--at", &time], more].concat());
        let text = |octets| String::from_utf8(octets).expect("text");
        let (out, log) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{log}");
        (out, log)
    };
    let _few = start(dir, &[4, 5], port, at);
    let most = start(dir, &[1, 2, 3], port, at);
    let (out, log) = once(0, &[]);
    assert!(out.starts_with("Mirror "), "{out}");
    assert!(!out.contains("withheld") && !log.contains("frozen"), "{out}{log}");
    drop(most);
    for hour in 1..=2 {
        let (out, log) = once(hour, &[]);
        let line =
            format!("frozen since {}: 3 of 5 addresses that were well fail\n\nMirror ", time(1));
        assert!(out.starts_with(&line), "hour {hour}: {out}");
        assert_eq!(out.matches("withheld: ").count(), 3, "hour {hour}: {out}");
        assert!(log.contains("frozen: 3 of 5 addresses that were well fail"), "{hour}: {log}");
    }
    let (out, _) = once(2, &["--json"]);
    let rows: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let rows = rows.as_array().expect("an array of rows");
    assert_eq!(rows.len(), 5);
    for (row, withheld) in rows.iter().zip([true, true, true, false, false]) {
        let reason = row["reason"].as_str().expect("a reason");
        assert_eq!(row["state"], "up");
        let expected = reason.starts_with("withheld: ") && reason.contains("refused");
        assert_eq!((expected, reason.is_empty()), (withheld, !withheld), "{row}");
    }
    // What is believed has its own reason.
    let (out, log) = once(2, &["--thaw"]);
    assert!(out.starts_with("Mirror ") && !out.contains("withheld"), "{out}");
    assert!(!log.contains("frozen: "), "{log}");
}

/// Rule: losing the memory never empties the network, not even while nothing can be reached.
#[test]
fn a_lost_memory_takes_nothing_away() {
    let (dir, port) = place(5, "confirm = 2\n");
    let dir = dir.path();
    let at = now() - 3 * HOUR;
    let servers = start(dir, &[1, 2, 3, 4, 5], port, at);
    network::round(dir, at);
    let forget = || fs::remove_dir_all(dir.join("state/monitor")).expect("the memory");
    forget();
    drop(servers);
    let feed = network::round(dir, at + 60);
    assert_eq!(count(dir, "up"), 5, "{feed}");
    assert!(frozen(dir).is_some());
    forget();
    let servers = start(dir, &[1, 2, 3, 4, 5], port, at);
    let feed = network::round(dir, at + 120);
    assert_eq!((count(dir, "up"), frozen(dir)), (5, None), "{feed}");
    // A mirror that the feed has as down is not up because the memory is lost.
    drop(servers);
    let _most = start(dir, &[1, 2, 3, 4], port, at);
    network::round(dir, at + 180);
    assert_eq!(count(dir, "down"), 1);
    forget();
    let _last = start(dir, &[5], port, at);
    for (second, down) in [(240, 1), (300, 0)] {
        network::round(dir, at + second);
        assert_eq!(count(dir, "down"), down, "second {second}");
    }
}

/// Rule: "HTTP faults confirmed by retries for `fault-after` … make an address `down`".
#[test]
fn faults_are_down_while_the_coordinator_runs() {
    let (dir, port) = place(2, &format!("{RUNNING}fault-after = \"3s\"\n"));
    let dir = dir.path();
    let _good = start(dir, &[1], port, now());
    let address = ip(2).parse().expect("an address");
    let server = Wicked::start(address, port, now(), |_, _| false);
    let _monitor = Running::start(dir);
    until("both are up", dir, || dir.join("feed.json").exists() && count(dir, "up") == 2);
    drop(server);
    let _faulty = Wicked::start(address, port, now(), |talk, _| {
        talk.answer("503 Service Unavailable", "Content-Length: 0\r\n", b"")
    });
    let note = || network::feed(dir)["mirrors"]["m2.example"]["note"].as_str().map(str::to_owned);
    until("it is down for its faults", dir, || {
        count(dir, "down") == 1 && note().is_some_and(|note| note.contains("status 503"))
    });
}

/// Rule: "A mirror new to the fleet is not answered until its first good check".
#[test]
fn a_new_mirror_waits_for_its_first_good_check() {
    let (dir, port) = place(3, RUNNING);
    let dir = dir.path();
    let fleet = fs::read_to_string(dir.join("mirrors.toml")).expect("the fleet");
    let (of_two, _) = fleet.split_once("[[mirror]]\nhost = \"m3.").expect("three mirrors");
    fs::write(dir.join("mirrors.toml"), of_two).expect("two mirrors");
    let _servers = start(dir, &[1, 2], port, now());
    let monitor = Running::start(dir);
    until("both are up", dir, || dir.join("feed.json").exists() && count(dir, "up") == 2);
    // The first feed that has the new one has it as down.
    fs::write(dir.join("mirrors.toml"), &fleet).expect("three mirrors");
    tools::signal(monitor.0.id(), "HUP");
    let third = || network::feed(dir)["mirrors"]["m3.example"].clone();
    until("the new mirror is in the feed", dir, || !third().is_null());
    assert_eq!(third()["state"], "down");
    until("it fails", dir, || third()["note"].as_str().expect("a note").contains("refused"));
    let _third = start(dir, &[3], port, now());
    until("one good check is enough", dir, || third()["state"] == "up");
    assert!(third().get("weight").is_none(), "it was out for less than an hour");
    let log = fs::read_to_string(dir.join("monitor.log")).expect("a log");
    assert!(log.contains("m3.example 127.0.5.3 is up: its first good check"), "{log}");
}

/// Rule: "A mirror that comes back after more than an hour out is given back its weight over
/// `ramp = "30m"` in four steps", and what is behind the release is `old` after a day.
#[test]
fn who_comes_back_has_its_weight_by_steps_and_who_is_behind_is_old() {
    let (dir, port) = place(4, "confirm = 2\n");
    let dir = dir.path();
    let at = now() - 30 * HOUR;
    let _most = start(dir, &[1, 2, 3], port, at);
    let last = start(dir, &[4], port, at);
    network::round(dir, at);
    drop(last);
    network::round(dir, at + 60);
    assert_eq!(count(dir, "down"), 1);
    let _last = start(dir, &[4], port, at);
    for (minute, weight) in [
        (63, None),
        (64, Some(0.25)),
        (73, Some(0.25)),
        (74, Some(0.5)),
        (84, Some(0.75)),
        (94, None),
    ] {
        let feed = network::round(dir, at + minute * 60);
        let entry = &feed["mirrors"]["m4.example"];
        assert_eq!(entry["state"], if minute == 63 { "down" } else { "up" });
        assert_eq!(entry["weight"].as_f64(), weight, "minute {minute}");
        assert!(feed["mirrors"]["m1.example"].get("weight").is_none());
    }
    // Two versions are released, and the mirrors get none of them.
    let release = network::RELEASE.replace("28129", "28131");
    fs::write(dir.join("release.json"), release).expect("a release");
    let hour = |hour: i64| {
        fs::write(dir.join("www/timestamp"), (at + hour * HOUR).to_string()).expect("a timestamp");
        network::round(dir, at + hour * HOUR)
    };
    hour(2);
    hour(25);
    assert_eq!(count(dir, "up"), 4);
    let feed = hour(26);
    assert_eq!(count(dir, "old"), 4, "{feed}");
    let note = feed["mirrors"]["m1.example"]["note"].as_str().expect("a note");
    assert!(
        note.starts_with("daily.cvd is 2 versions behind the release (28129, not 28131) since 20"),
        "{note}"
    );
}
