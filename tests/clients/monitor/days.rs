//! CLIENTS, "Mirror states", by a stepped clock: a day old, two days of that, and back.

use super::network::{self, Mirror, ORIGIN, QUICK, fill, mirror, round, states};
use super::web::Nginx;
use crate::support::client::Transport;
use crate::support::daemon::Daemon;
use crate::support::packet::Query;
use crate::support::{ports, rr};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const HOUR: i64 = 3600;
const VERSIONS: [u32; 3] = [63, 28_129, 339];

/// The mirrors whose days are told: one is no longer updated, one loses its timestamp, one is
/// switched off, one has IPv6 that never worked. All from the first hour on, until they are mended.
const STALE: &str = "m18.example";
const BARE: &str = "m19.example";
const OFF: &str = "m20.example";
const HALF: &str = "m17.example";
/// The last hour in which they are broken.
const MENDED: i64 = 75;

fn ip(n: usize) -> IpAddr {
    format!("127.0.1.{n}").parse().expect("an address")
}

fn fleet() -> Vec<Mirror> {
    let mut fleet: Vec<Mirror> =
        (1..=20).map(|n| mirror(&format!("m{n}.example"), &ip(n).to_string())).collect();
    fleet[16].addresses.push("::1".parse().expect("an address"));
    fleet
}

/// What the rule says of each hour, read off the sentences of CLIENTS and of the issue.
fn expected(hour: i64) -> BTreeMap<String, String> {
    let state = |host: &str| {
        // What it becomes, from which hour on, and from when it is removed.
        let (worse, from, removed) = match host {
            // Its timestamp is of hour 0: a day old at hour 24, and two days of that.
            STALE => ("old", 24, 72),
            // Wrong answers since hour 1, so for longer than `fault-after` in hour 2.
            BARE => ("down", 2, 73),
            // Refused since hour 1; a day unavailable and two days of that are over at hour 73.
            OFF => ("down", 1, 73),
            _ => return "up",
        };
        match hour {
            hour if hour > MENDED || hour < from => "up",
            hour if hour >= removed => "removed",
            _ => worse,
        }
    };
    let mut out: BTreeMap<String, String> = fleet()
        .iter()
        .map(|mirror| (mirror.host.clone(), state(&mirror.host).to_owned()))
        .collect();
    // Dead from the first check on, and never mended.
    out.insert(format!("{HALF} ::1"), if hour >= 72 { "removed" } else { "down" }.to_owned());
    out
}

/// A mirror's timestamp, in each of the forms in which mirrors have it.
fn stamp(root: &Path, n: usize, seconds: i64) {
    let time = jiff::Timestamp::from_second(seconds).expect("a moment");
    let path = root.join("timestamp");
    let text = match n % 3 {
        0 => format!("{seconds}\n"),
        1 => format!("{time}\n"),
        _ => "see Last-Modified\n".to_owned(),
    };
    fs::write(&path, text).expect("a timestamp");
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
    fs::File::options()
        .append(true)
        .open(&path)
        .expect("it")
        .set_modified(modified)
        .expect("its time");
}

fn answered(daemon: &Daemon) -> BTreeSet<Vec<u8>> {
    let query = Query::new(&format!("db.de.{ORIGIN}"), rr::A).edns(1232);
    daemon.client().ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect()
}

fn wait_for(daemon: &Daemon, what: &str, addresses: &BTreeSet<Vec<u8>>) {
    let deadline = Instant::now() + crate::support::PATIENCE;
    while answered(daemon) != *addresses {
        assert!(Instant::now() < deadline, "{what}: {:?}\n{}", answered(daemon), daemon.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The addresses whose mirrors are up.
fn up(states: &BTreeMap<String, String>) -> BTreeSet<Vec<u8>> {
    let is_up = |n: &usize| states[&format!("m{n}.example")] == "up";
    (1..=20).filter(is_up).map(|n| rr::a(&ip(n).to_string())).collect()
}

#[test]
fn twenty_mirrors_go_through_the_days_and_the_server_takes_each_feed() {
    let port = ports::free();
    let daemon = Daemon::start(&network::files(&fleet(), port, QUICK));
    let dir = daemon.path().to_owned();
    let root = |n: usize| dir.join(format!("m{n}"));
    // All of it lies in the past, for servers refuse feeds of the future; it ends now.
    let start = jiff::Timestamp::now().as_second() - (MENDED + 1) * HOUR;
    for n in 1..=20 {
        fill(&root(n), "", VERSIONS);
        stamp(&root(n), n, start);
    }
    let served = |range: std::ops::RangeInclusive<usize>| -> Vec<(SocketAddr, PathBuf)> {
        range.map(|n| (SocketAddr::new(ip(n), port), root(n))).collect()
    };
    let most = Nginx::start(&dir.join("nginx"), ORIGIN, &served(1..=19));
    let mut last = Some(Nginx::start(&dir.join("nginx20"), ORIGIN, &served(20..=20)));

    let mut serial = 0;
    let mut since: BTreeMap<String, (String, i64)> = BTreeMap::new();
    for hour in 0..=MENDED + 1 {
        let now = start + hour * HOUR;
        let mended = hour >= MENDED;
        for n in 1..=20 {
            match format!("m{n}.example").as_str() {
                STALE if !mended => {}
                BARE if hour >= 1 && !mended => drop(fs::remove_file(root(n).join("timestamp"))),
                _ => stamp(&root(n), n, now),
            }
        }
        if hour == 1 {
            last = None;
        } else if mended && last.is_none() {
            last = Some(Nginx::start(&dir.join("nginx20"), ORIGIN, &served(20..=20)));
        }
        let feed = round(&dir, now);
        let found = states(&feed);
        assert_eq!(found, expected(hour), "hour {hour}");
        // `since` is the hour in which the state began.
        for (host, entry) in feed["mirrors"].as_object().expect("mirrors") {
            let state = found[host].clone();
            let known = since.entry(host.clone()).or_insert_with(|| (state.clone(), now));
            if known.0 != state {
                *known = (state, now);
            }
            let said: jiff::Timestamp =
                entry["since"].as_str().expect("since").parse().expect("a time");
            assert_eq!(said.as_second(), known.1, "{host} in hour {hour}");
        }
        assert!(feed["serial"].as_u64().expect("a serial") > serial, "hour {hour}");
        serial = feed["serial"].as_u64().expect("a serial");
        if matches!(hour, 0 | 1 | 2 | 24 | 73 | 76) {
            wait_for(&daemon, &format!("hour {hour}"), &up(&found));
        }
    }
    drop(last);
    check_details(&dir, &most, start);
}

/// What the feed says beside the states, and how mirrors were asked.
fn check_details(dir: &Path, nginx: &Nginx, start: i64) {
    let feed = network::feed(dir);
    let half = &feed["mirrors"][HALF];
    assert_eq!(
        [&half["main"], &half["daily"], &half["bytecode"]].map(serde_json::Value::as_u64),
        VERSIONS.map(|v| Some(v.into()))
    );
    assert_eq!(
        half["note"].as_str().expect("a note"),
        format!("::1: database.{ORIGIN}/timestamp: the connection is refused")
    );
    assert_eq!(feed["release"]["daily"].as_u64(), Some(28_129));
    assert!(feed["serial"].as_u64() >= Some((start + (MENDED + 1) * HOUR).unsigned_abs()));

    let requests = nginx.requests();
    assert!(requests.iter().all(|request| request[3] == "ClamAV-MirrorCheck"), "{requests:?}");
    // One round of a mirror that is well: five requests, none more.
    let of: Vec<String> = requests
        .iter()
        .filter(|request| request[0] == "127.0.1.1")
        .take(5)
        .map(|request| format!("{}{} {} {}", request[1], request[2], request[4], request[5]))
        .collect();
    let range = "bytes=0-511 206";
    assert_eq!(
        of,
        [
            format!("database.{ORIGIN}/timestamp - 200"),
            format!("db.test.{ORIGIN}/timestamp - 200"),
            format!("database.{ORIGIN}/main.cvd {range}"),
            format!("database.{ORIGIN}/daily.cvd {range}"),
            format!("database.{ORIGIN}/bytecode.cvd {range}"),
        ]
    );
    let rounds = usize::try_from(MENDED + 2).expect("a number");
    assert_eq!(requests.iter().filter(|request| request[0] == "127.0.1.1").count(), 5 * rounds);
}
