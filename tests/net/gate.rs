//! The real server announces what its mirrors hold, says why, and leaves out those that lag
//! (CLIENTS: "Record and mirrors must agree").

use crate::support;

use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture::{self, mirrors};
use support::packet::{Query, RD};
use support::rr;

/// A feed in which each mirror holds the version of daily.cvd that `held` gives it, by its number
/// of 46.
fn feed(serial: u64, release: &str, held: impl Fn(usize) -> u32) -> String {
    let feed = fixture::feed(serial, &fixture::States::new());
    let of = |(number, mirror): (usize, fixture::Mirror)| {
        format!("{:?}: {{ \"state\": \"up\", \"daily\": {} }}", mirror.host, held(number))
    };
    let all: Vec<String> = mirrors().into_iter().enumerate().map(of).collect();
    let feed = feed.replace("\"mirrors\": { ", &format!("\"mirrors\": {{ {}", all.join(", ")));
    feed.replace("\"daily\": 28129, \"bytecode\"", &format!("{release}, \"bytecode\""))
}

/// The fixture's server with this feed, which believes every other.
fn unguarded(feed: &str) -> Files {
    let files = fixture::files().with("feed.json", feed);
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\nmax-loss = 1\n");
    files.with("cvdns.toml", config)
}

fn daily(daemon: &Daemon) -> u32 {
    let query = Query::new("current.cvd.clam.example", rr::TXT).flags(RD);
    let reply = daemon.client().ask(Transport::Udp4, &query);
    let [rdata] = &reply.rdata(rr::TXT)[..] else { panic!("{reply:?}") };
    let text = std::str::from_utf8(&rdata[1..]).expect("text");
    text.split(':').nth(2).and_then(|field| field.parse().ok()).expect("a version")
}

fn addresses(daemon: &Daemon, name: &str) -> fixture::Set {
    let query = Query::new(name, rr::A);
    (0..20).flat_map(|_| daemon.client().ask(Transport::Udp4, &query).rdata(rr::A)).collect()
}

#[track_caller]
fn next(daemon: &Daemon, feed: &str, says: &[&str]) {
    let before = daemon.log().len();
    daemon.write_feed(feed);
    daemon.wait_for_log(before, says);
}

#[test]
fn clients_a_version_is_announced_once_the_mirrors_hold_it() {
    let daemon = Daemon::start(&unguarded(&feed(1_000, "\"daily\": 28129", |_| 28_129)));
    assert_eq!(daily(&daemon), 28_129);
    assert!(
        daemon.log().contains("announced: main 63, daily 28129, bytecode 339"),
        "{}",
        daemon.log()
    );

    // 38 of 46 hold it: 82.6 %.
    let some = |number| if number < 8 { 28_129 } else { 28_130 };
    let says = ["daily 28130 waits: held by 82.6 % of 90 %; 28129 stays announced", "feed 1001 "];
    next(&daemon, &feed(1_001, "\"daily\": 28130", some), &says);
    assert_eq!(daily(&daemon), 28_129);

    // 42 of 46: 91.3 %. Who is one behind is still answered.
    let most = |number| if number < 4 { 28_129 } else { 28_130 };
    let says =
        ["announced: daily 28130, held by 91.3 % of the usable mirrors' capacity", "feed 1002 "];
    next(&daemon, &feed(1_002, "\"daily\": 28130", most), &says);
    assert_eq!(daily(&daemon), 28_130);
    assert_eq!(addresses(&daemon, "db.de.clam.example").len(), 3);

    // The first of DE's three is two behind.
    let all_but_one = |number| if number == 0 { 28_129 } else { 28_131 };
    let says = ["announced: daily 28131", "not answered (`lag`): 1"];
    next(&daemon, &feed(1_003, "\"daily\": 28131", all_but_one), &says);
    let left = ["192.0.2.12", "192.0.2.13"].map(rr::a).into();
    assert_eq!(addresses(&daemon, "db.de.clam.example"), left);
    // DE's first serves IS too, which goes on along its path.
    assert_eq!(
        addresses(&daemon, "db.is.clam.example"),
        ["192.0.2.21", "192.0.2.22"].map(rr::a).into()
    );

    // Versions do not go back, and where all lag those that lag least are answered.
    let broken = |number| if number == 1 { 28_101 } else { 28_100 };
    let says = [
        "paths have only mirrors too far behind the record",
        "daily 28131 (the release has 28100, which is older",
        "feed 1004 ",
    ];
    next(&daemon, &feed(1_004, "\"daily\": 28100", broken), &says);
    assert_eq!(daily(&daemon), 28_131);
    for name in ["db.de.clam.example", "db.us.clam.example"] {
        assert_eq!(addresses(&daemon, name), [rr::a("192.0.2.12")].into(), "{name}");
    }

    // But when the release says so.
    let says = ["taken back from 28131 as the release says", "hold the record again", "feed 1005 "];
    next(&daemon, &feed(1_005, "\"rollback\": true, \"daily\": 28101", broken), &says);
    assert_eq!(daily(&daemon), 28_101);
    assert_eq!(addresses(&daemon, "db.de.clam.example").len(), 3);
}

/// A coordinator that has lost its own network calls all mirrors dead, and knows nobody's version
/// any more: what it releases meanwhile is held by nobody who could say so.
#[test]
fn clients_no_version_is_announced_that_only_the_dead_may_hold() {
    let daemon = Daemon::start(&unguarded(&feed(1_000, "\"daily\": 28129", |_| 28_129)));
    let dead: Vec<String> = mirrors()
        .iter()
        .map(|mirror| format!("\"{}\": {{ \"state\": \"down\" }}", mirror.host))
        .collect();
    let all_down = |serial: u64, daily: u32| {
        let empty = feed(serial, &format!("\"daily\": {daily}"), |_| 1);
        let (head, _) = empty.split_once("\"mirrors\"").expect("mirrors");
        format!("{head}\"mirrors\": {{ {} }} }}", dead.join(","))
    };
    next(&daemon, &all_down(1_001, 28_131), &["daily 28131 waits", "feed 1001 "]);
    assert_eq!(daily(&daemon), 28_129);
    // They come back as they were, and are answered.
    next(&daemon, &feed(1_002, "\"daily\": 28131", |_| 28_129), &["feed 1002 "]);
    assert_eq!(daily(&daemon), 28_129);
    assert_eq!(addresses(&daemon, "db.de.clam.example").len(), 3);
}

/// CLIENTS: "All servers must show the same stamp at the same time".
#[test]
fn clients_servers_started_at_different_times_answer_the_same() {
    let files = fixture::files();
    let first = Daemon::start(&files);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let second = Daemon::start(&files);
    let query = Query::new("current.cvd.clam.example", rr::TXT).flags(RD);
    let ask = |daemon: &Daemon| daemon.client().ask(Transport::Udp4, &query);
    loop {
        let (one, other, again) = (ask(&first), ask(&second), ask(&first));
        // A half hour may begin in between.
        if one == again {
            return other.must_be(&one, "the second server");
        }
    }
}

/// What is configured is honoured: all that is released is announced at once, and who is behind is
/// left out at once.
#[test]
fn formats_quorum_and_lag_are_the_operators() {
    let files = fixture::files();
    let config = files.text("cvdns.toml").to_owned() + "[record]\nquorum = 0\nlag = 0\n";
    let held = |number| if number == 3 { 28_130 } else { 28_129 };
    let files =
        files.with("cvdns.toml", config).with("feed.json", feed(1_000, "\"daily\": 28130", held));
    let daemon = Daemon::start(&files);
    assert_eq!(daily(&daemon), 28_130);
    assert_eq!(addresses(&daemon, "db.de.clam.example"), [rr::a("192.0.2.21")].into());
}

/// CLIENTS: "Owner names stay under 128 bytes", "Keep (age + TTL) well under 3 h".
#[test]
fn clients_names_and_times_that_they_cannot_take_are_said() {
    let label = "a".repeat(57);
    let check = |owner: &str, ttl: u32| {
        let dir = tempfile::tempdir().expect("a directory");
        let records = "@ 60 IN SOA ns. h. 1 2 3 4 5\n@ 60 IN NS ns1.example.\n";
        let zone = format!(
            "format = 1\norigin = \"clam.example\"\nrecords = \"r\"\n[[name]]\nowner = \"{owner}\"\ntxt = \"record\"\nttl = {ttl}\n"
        );
        for (name, text) in
            [("r", records), ("z", &zone), ("cvdns.toml", "[[zone]]\nfile = \"z\"\n")]
        {
            std::fs::write(dir.path().join(name), text).expect("a file");
        }
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
        let done = command
            .arg("check")
            .arg("--config")
            .arg(dir.path().join("cvdns.toml"))
            .output()
            .expect("check");
        (done.status.success(), String::from_utf8(done.stderr).expect("text"))
    };
    // 57 + 1 + 56 + 13 = 127 characters.
    let longest = format!("{label}.{}", &label[1..]);
    assert_eq!(check(&longest, 9000), (true, String::new()));
    let (good, text) = check(&format!("{label}.{label}"), 9000);
    assert!(
        !good && text.contains("z:5:9") && text.contains("fewer than 128 characters"),
        "{text}"
    );
    let (good, text) = check("current.cvd", 9001);
    assert!(good && text.contains("for 9001 s, until clients no longer trust its stamp"), "{text}");
}
