//! One stuck mirror never freezes the record, and none is answered for long; what the server knows
//! of it outlives a restart (FORMATS `stuck-after`, CLIENTS "Record and mirrors must agree").

use crate::support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::packet::{Query, RD};
use support::{http, ports, rr};

/// Hosts of the zone `clam.example`, of the same capacity, in one country.
const HOSTS: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];

/// The only host of `other.example`.
const ALONE: &str = "alone.example";

/// Two zones with fleets of their own. A mirror is stuck after ten minutes.
fn files(lines: &str) -> (Files, u16) {
    let port = ports::free();
    let config = format!(
        "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n\
         [[zone]]\nfile = \"clam.toml\"\n[[zone]]\nfile = \"other.toml\"\n\
         [feed]\nsource = \"feed.json\"\nmax-loss = 1.0\nstate = \"state\"\n\
         [admin]\nlisten = \"127.0.0.1:{port}\"\n\
         [record]\n{lines}\n"
    );
    let zone = |origin: &str, names: &str| {
        format!(
            "format = 1\norigin = \"{origin}\"\nrecords = \"{origin}.zone\"\n\
             mirrors = \"{origin}.mirrors\"\n[[name]]\nowner = \"db\"\npool = \"world\"\n{names}"
        )
    };
    let fleet = |hosts: &[&str], net: u8| {
        let mut fleet = String::new();
        for (number, host) in hosts.iter().enumerate() {
            let address = format!("192.0.{net}.{}", number + 1);
            writeln!(
                fleet,
                "[[mirror]]\nhost = \"{host}\"\ncountry = \"DE\"\nipv4 = [\"{address}\"]"
            )
            .expect("a line");
        }
        fleet
    };
    let records = "@ 60 IN SOA ns. h. 1 2 3 4 5\n@ 60 IN NS ns1.example.\n";
    let record = "[[name]]\nowner = \"current.cvd\"\ntxt = \"record\"\n";
    let files = Files::default()
        .with("cvdns.toml", config)
        .with("clam.toml", zone("clam.example", record))
        .with("clam.example.zone", records)
        .with("clam.example.mirrors", fleet(&HOSTS, 2))
        .with("other.toml", zone("other.example", ""))
        .with("other.example.zone", records)
        .with("other.example.mirrors", fleet(&[ALONE], 3))
        .with("feed.json", feed(1, 40, 28_129, [28_129; 5]));
    (files, port)
}

thread_local! {
    /// When the test began: the times of its feeds have fixed distances.
    static BEGAN: Timestamp =
        Timestamp::from_second(Timestamp::now().as_second()).expect("a time");
}

/// A feed that was generated this many minutes before the test began, by the version of daily.cvd
/// of each host.
fn feed(serial: u64, minutes: i64, released: u32, held: [u32; 5]) -> String {
    let now = BEGAN.with(|began| *began);
    let generated = now.checked_sub(SignedDuration::from_mins(minutes)).expect("a time");
    let mirrors: Vec<String> = HOSTS
        .iter()
        .chain([&ALONE])
        .zip(held)
        .map(|(host, daily)| format!("\"{host}\": {{ \"state\": \"up\", \"daily\": {daily} }}"))
        .collect();
    format!(
        "{{ \"format\": 1, \"serial\": {serial}, \"generated\": \"{generated}\", \"release\": {{ \
         \"software\": \"1.4.6\", \"main\": 63, \"daily\": {released}, \"bytecode\": 339, \
         \"flevel\": 90 }}, \"mirrors\": {{ {} }} }}\n",
        mirrors.join(", ")
    )
}

fn daily(daemon: &Daemon) -> u32 {
    let query = Query::new("current.cvd.clam.example", rr::TXT).flags(RD);
    let reply = daemon.client().ask(Transport::Udp4, &query);
    let [rdata] = &reply.rdata(rr::TXT)[..] else { panic!("{reply:?}") };
    let text = std::str::from_utf8(&rdata[1..]).expect("text");
    text.split(':').nth(2).and_then(|field| field.parse().ok()).expect("a version")
}

/// Which of the four are answered.
fn answered(daemon: &Daemon) -> BTreeSet<usize> {
    let query = Query::new("db.clam.example", rr::A);
    let all = (0..20).flat_map(|_| daemon.client().ask(Transport::Udp4, &query).rdata(rr::A));
    let number = |rdata: Vec<u8>| usize::from(rdata[3]) - 1;
    all.map(number).collect()
}

fn strings(daemon: &Daemon, name: &str) -> String {
    let reply = daemon.client().ask(Transport::Tcp4, &Query::new(name, rr::TXT));
    let texts = reply.rdata(rr::TXT).into_iter();
    let texts = texts.map(|rdata| String::from_utf8_lossy(&rdata[1..]).into_owned());
    texts.collect::<Vec<_>>().join("\n")
}

fn metric(port: u16, name: &str) -> f64 {
    let samples = http::samples(&http::get(port, "/metrics").1);
    *samples.get(&format!("cvdns_{name}")).unwrap_or_else(|| panic!("{name}: {samples:?}"))
}

#[track_caller]
fn next(daemon: &Daemon, feed: &str, says: &[&str]) {
    let before = daemon.log().len();
    daemon.write_feed(feed);
    daemon.wait_for_log(before, says);
}

/// Rule: "one stuck mirror beside three good ones of the same capacity".
#[test]
fn formats_one_stuck_mirror_does_not_freeze_the_record() {
    let (files, port) = files("stuck-after = \"10m\"");
    let mut daemon = Daemon::start(&files);
    let held = |of_d: u32, others: u32| [others, others, others, of_d, others];
    // Four of five hold it: 80 %. It waits, and the log says for whom.
    let says = [
        "daily 28130 waits: held by 80 % of 90 %; 28129 stays announced; not held by d.example (20 %)",
        "feed 2 ",
    ];
    next(&daemon, &feed(2, 38, 28_130, held(28_129, 28_130)), &says);
    next(&daemon, &feed(3, 36, 28_131, held(28_129, 28_131)), &["feed 3 "]);
    assert_eq!((daily(&daemon), answered(&daemon).len()), (28_129, 4));
    // From here on it is two behind. It must move within ten minutes.
    next(&daemon, &feed(4, 27, 28_131, held(28_129, 28_131)), &["feed 4 "]);
    assert_eq!((daily(&daemon), answered(&daemon).len()), (28_129, 4));
    assert!(metric(port, "record_waiting_seconds{database=\"daily\"}") > 2_000.0);
    assert!(metric(port, "record_waiting_seconds{database=\"main\"}") < 1.0);

    // A restart does not forget since when.
    daemon.kill();
    daemon.start_again();
    let says = [
        "mirror d.example (de): out (stuck at daily 28129 since ",
        "announced: daily 28131, held by 100 % of the usable mirrors' capacity",
        "4 up, 1 stuck",
    ];
    next(&daemon, &feed(5, 26, 28_131, held(28_129, 28_131)), &says);
    assert_eq!((daily(&daemon), answered(&daemon)), (28_131, BTreeSet::from([0, 1, 2])));
    assert!(metric(port, "mirrors{state=\"stuck\"}") > 0.5);
    assert!(metric(port, "record_waiting_seconds{database=\"daily\"}") < 1.0);
    let pool = strings(&daemon, "_pool.db.clam.example");
    assert!(pool.contains("left out: out (stuck at daily 28129 since "), "{pool}");
    let shown = strings(&daemon, "_feed.clam.example");
    assert!(shown.contains("mirrors: 4 up, 1 stuck"), "{shown}");
    let (_, api) = http::get(port, "/api/v1/mirrors");
    assert!(api.contains("\"stuck\":{\"database\":\"daily\",\"version\":28129"), "{api}");

    // It stays out over a restart, until it moves.
    daemon.kill();
    daemon.start_again();
    assert_eq!((daily(&daemon), answered(&daemon)), (28_131, BTreeSet::from([0, 1, 2])));
    let says = ["mirror d.example (de): up, was stuck", "feed 6 "];
    next(&daemon, &feed(6, 20, 28_131, held(28_130, 28_131)), &says);
    assert_eq!(answered(&daemon).len(), 4);

    // `0s` turns it off, at once.
    next(&daemon, &feed(7, 19, 28_133, held(28_130, 28_133)), &["daily 28133 waits"]);
    next(&daemon, &feed(8, 8, 28_133, held(28_130, 28_133)), &["announced: daily 28133"]);
    let config = fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    let off = config.replace("stuck-after = \"10m\"", "stuck-after = \"0s\"");
    daemon.write_file("cvdns.toml", &off);
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["reloaded", "not answered (`lag`): 1"]);
    assert!(metric(port, "mirrors{state=\"stuck\"}") < 0.5);
}

/// Rule: "a mirror that is always late but moves is not stuck".
#[test]
fn formats_a_late_mirror_that_moves_is_not_stuck() {
    let (files, _) = files("stuck-after = \"10m\"\nquorum = 0.8");
    // Four releases late, of which the newest but two is older than ten minutes.
    let held = |released: u32| [released, released, released, released - 4, released];
    let files = files.with("feed.json", feed(1, 40, 28_129, held(28_129)));
    let daemon = Daemon::start(&files);
    for step in 1..6u32 {
        let (released, minutes) = (28_129 + step, 40 - 7 * i64::from(step));
        let serial = u64::from(step) + 1;
        let next_feed = feed(serial, minutes, released, held(released));
        next(&daemon, &next_feed, &[&format!("feed {serial} of ")]);
        assert_eq!(daily(&daemon), released);
    }
    let log = daemon.log();
    assert!(!log.contains("stuck") && log.contains("not answered (`lag`): 1"), "{log}");
}

/// Rule: "unless those that would be taken out are more than half of the usable capacity (then
/// the release is suspect: WARN, metric, and the record waits)".
#[test]
fn formats_a_release_that_most_do_not_get_is_suspect() {
    let (files, port) = files("stuck-after = \"10m\"");
    let daemon = Daemon::start(&files);
    let ahead = |few: u32| [few, few, 28_129, 28_129, 28_129];
    next(
        &daemon,
        &feed(2, 35, 28_133, ahead(28_133)),
        &["daily 28133 waits: held by 40 % of 90 %"],
    );
    let says = [
        "the release is suspect: mirrors with more than half of the usable capacity are stuck, and \
         none is left out for it: alone.example, c.example, d.example; the record waits for them",
        "feed 3 ",
    ];
    next(&daemon, &feed(3, 20, 28_133, ahead(28_133)), &says);
    assert_eq!((daily(&daemon), answered(&daemon).len()), (28_129, 4));
    assert!(metric(port, "release_suspect") > 0.5);
    let shown = strings(&daemon, "_explain.current.cvd.clam.example");
    assert!(shown.contains("suspect: mirrors with more than half"), "{shown}");
    let status = Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .arg("status")
        .current_dir(daemon.path())
        .output()
        .expect("cvdns");
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.contains("suspect: mirrors with more than half"), "{text}");
    assert!(
        text.contains(
            "waits: daily 28129 (28133 is held by 40 % of 90 %, not by alone.example (20 %)"
        ),
        "{text}"
    );
    // Two fetch it. The others are a minority.
    let held = [28_133, 28_133, 28_133, 28_129, 28_129];
    let says = ["the release is no longer suspect", "announced: daily 28133", "feed 4 "];
    next(&daemon, &feed(4, 10, 28_133, held), &says);
    assert_eq!((daily(&daemon), answered(&daemon)), (28_133, BTreeSet::from([0, 1, 2])));
    // Of the other zone's fleet nothing is left but its stuck mirror, which is answered.
    let reply = daemon.client().ask(Transport::Udp4, &Query::new("db.other.example", rr::A));
    assert_eq!(reply.rdata(rr::A), [rr::a("192.0.3.1")]);
}

/// Rule: "a stuck mirror of one fleet does not hold the record back for the others by 0 %".
#[test]
fn formats_the_quorum_is_that_of_all_fleets_together() {
    let (files, port) = files("quorum = 0.8");
    let daemon = Daemon::start(&files);
    let held = [28_130, 28_130, 28_130, 28_130, 28_129];
    let says = ["announced: daily 28130, held by 80 % of the usable mirrors' capacity"];
    next(&daemon, &feed(2, 30, 28_130, held), &says);
    let held = [28_131, 28_131, 28_131, 28_129, 28_129];
    let says = ["daily 28131 waits: held by 60 % of 80 %; 28130 stays announced; not held by \
                 alone.example (20 %), d.example (20 %)"];
    next(&daemon, &feed(3, 20, 28_131, held), &says);
    let (_, record) = http::get(port, "/api/v1/record");
    assert!(
        record.contains("\"held_back_by\":[{\"host\":\"alone.example\",\"share\":0.2}"),
        "{record}"
    );
}

/// While the coordinator does not trust what it sees, nobody becomes stuck.
#[test]
fn no_time_passes_for_mirrors_while_the_coordinator_has_frozen() {
    let (files, _) = files("stuck-after = \"10m\"");
    let daemon = Daemon::start(&files);
    let held = [28_131, 28_131, 28_131, 28_129, 28_131];
    next(&daemon, &feed(2, 38, 28_131, held), &["feed 2 "]);
    let frozen = feed(3, 20, 28_131, held).replacen('{', "{ \"frozen\": \"no witness\",", 1);
    next(&daemon, &frozen, &["feed 3 "]);
    assert_eq!((daily(&daemon), answered(&daemon).len()), (28_129, 4));
    next(&daemon, &feed(4, 19, 28_131, held), &["feed 4 ", "out (stuck at daily 28129 since"]);
    assert_eq!(daily(&daemon), 28_131);
    // Who is out stays out.
    let frozen = feed(5, 10, 28_131, held).replacen('{', "{ \"frozen\": \"no witness\",", 1);
    next(&daemon, &frozen, &["feed 5 "]);
    assert_eq!(answered(&daemon).len(), 3);
}

/// Rule: "a version that waits longer than an hour is a WARN with the mirrors that hold it
/// back".
#[test]
fn a_version_that_waits_for_long_is_a_warning_once() {
    let (files, port) = files("");
    let config = files.text("cvdns.toml").replace("max-loss", "max-age = \"9h\"\nmax-loss");
    let files =
        files.with("cvdns.toml", config).with("feed.json", feed(1, 200, 28_129, [28_129; 5]));
    let daemon = Daemon::start(&files);
    let held = [28_130, 28_130, 28_129, 28_129, 28_129];
    next(&daemon, &feed(2, 50, 28_130, held), &["feed 2 "]);
    assert!(!daemon.log().contains("for more than an hour"), "{}", daemon.log());
    next(&daemon, &feed(3, 40, 28_131, held), &["feed 3 "]);
    assert!(!daemon.log().contains("for more than an hour"), "{}", daemon.log());
    assert!(metric(port, "record_waiting_seconds{database=\"daily\"}") >= 3_000.0);

    drop(daemon);
    let daemon = Daemon::start(&files);
    next(&daemon, &feed(2, 70, 28_130, held), &["daily 28130 waits, and 28129 stays announced"]);
    let log = daemon.log();
    let why = "for more than an hour: held by 40 % of 90 %, not by alone.example (20 %), \
               c.example (20 %), d.example (20 %)";
    assert!(log.contains(why), "{log}");
    // Newer ones do not begin a new wait.
    next(&daemon, &feed(3, 60, 28_131, held), &["feed 3 "]);
    next(&daemon, &feed(4, 50, 28_131, held), &["feed 4 "]);
    assert_eq!(daemon.log().matches("for more than an hour").count(), 1, "{}", daemon.log());
}

/// What cannot be used of the history is put aside; the server goes on without it.
#[test]
fn formats_a_corrupt_history_is_put_aside() {
    let (files, _) = files("stuck-after = \"10m\"");
    let mut daemon = Daemon::start(&files);
    let path = daemon.path().join("state/versions.json");
    let good = fs::read_to_string(&path).expect("the history");
    let swapped = good.replace("\"version\": 28129", "\"version\": 0");
    for bad in ["", "{", "null", "{\"format\":1}", &good[..good.len() / 2], &swapped] {
        daemon.kill();
        fs::write(&path, bad).expect("written");
        daemon.start_again();
        let log = daemon.log();
        assert!(log.contains("state/versions.json is not good"), "{bad}: {log}");
        let aside =
            fs::read_to_string(daemon.path().join("state/versions.bad")).expect("put aside");
        assert_eq!((aside.as_str(), daily(&daemon)), (bad, 28_129));
        // It is kept anew.
        assert!(fs::read_to_string(&path).expect("the history").contains("a.example"));
    }
}

/// FORMATS, the feed: `frozen` and `weight`.
#[test]
fn formats_servers_show_what_the_coordinator_doubts() {
    let (files, port) = files("");
    let daemon = Daemon::start(&files);
    let plain = |serial| feed(serial, 1, 28_129, [28_129; 5]);
    let frozen = |serial, reason: &str| {
        plain(serial).replacen('{', &format!("{{ \"frozen\": \"{reason}\", "), 1)
    };
    let says = ["has frozen all states: 7 of 9 checks failed", "feed 2 "];
    next(&daemon, &frozen(2, "7 of 9 checks failed"), &says);
    next(&daemon, &frozen(3, "8 of 9 checks failed"), &["feed 3 "]);
    assert_eq!(daemon.log().matches("has frozen all states").count(), 1, "{}", daemon.log());
    assert!(metric(port, "feed_frozen") > 0.5);
    assert!(strings(&daemon, "_feed.clam.example").contains("frozen: 8 of 9 checks failed"));
    for path in ["/api/v1/feed", "/api/v1/status"] {
        assert!(http::get(port, path).1.contains("\"frozen\":\"8 of 9 checks failed\""), "{path}");
    }
    next(&daemon, &plain(4), &["the coordinator trusts what it sees again", "feed 4 "]);
    assert!(metric(port, "feed_frozen") < 0.5);
    let half = plain(5).replacen("\"daily\": 28129 }", "\"daily\": 28129, \"weight\": 0.25 }", 1);
    next(&daemon, &half, &["feed 5 "]);
    let pool = strings(&daemon, "_pool.db.clam.example");
    assert!(pool.contains("a.example DE") && pool.contains("up, at 25 % of its weight"), "{pool}");
    assert!(http::get(port, "/api/v1/mirrors").1.contains("\"weight\":0.25"));
    // First in one of 13 answers: the others have four times its weight.
    let query = Query::new("db.clam.example", rr::A);
    let first = |_: &u32| daemon.client().ask(Transport::Udp4, &query).rdata(rr::A)[0][3] == 1;
    let times = (0..260).filter(first).count();
    assert!((15..=25).contains(&times), "{times} of 260");
    // For the quorum it counts as a whole.
    let held = [28_129, 28_130, 28_130, 28_130, 28_130];
    let behind = feed(6, 0, 28_130, held);
    let behind = behind.replacen("\"daily\": 28129 }", "\"daily\": 28129, \"weight\": 0.25 }", 1);
    next(&daemon, &behind, &["daily 28130 waits: held by 80 % of 90 %", "feed 6 "]);
    // Nothing is up.
    let down = plain(7).replace("\"up\"", "\"down\"");
    next(&daemon, &down, &["feed 7 "]);
    let (code, text) = http::get(port, "/readyz");
    assert_eq!(code, 503);
    assert_eq!(text, "no mirror is up (5 down): others are answered in their place\n");
}
