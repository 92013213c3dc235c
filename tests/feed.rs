//! The feed and the configuration change while the server runs.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::client::{Client, Transport, receive};
use support::daemon::{Daemon, Files};
use support::fixture::{self, MAX, Set, States, mirrors, path, states, yields};
use support::packet::{AA, Query};
use support::reply::Reply;
use support::{rr, tools};

/// How late a change may take effect in a test; that it does so at once is measured by the benchmarks.
const LATEST: Duration = Duration::from_secs(20);

fn files() -> Files {
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace("[feed]\n", "[feed]\ninterval = \"1s\"\n");
    let config = config.replace("workers = 1", "workers = 2");
    files.with("cvdns.toml", config)
}

fn pool_of(country: &str, states: &States) -> Set {
    yields(&path(country), states, false).0
}

fn answer(client: Client, name: &str) -> Set {
    let query = Query::new(&format!("{name}.clam.example"), rr::A);
    client.ask(Transport::Udp4, &query).rdata(rr::A).into_iter().collect()
}

fn until(daemon: &Daemon, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LATEST;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The first or the last 13 of the 40 US mirrors are down: fewer than half of those that were up before, which no
/// limit on losses holds back. What has mirrors of both ends is a mixture.
fn without(first: bool) -> States {
    let us = mirrors().into_iter().filter(|mirror| mirror.country == "US").enumerate();
    let down = us.filter(|(i, _)| if first { *i < 13 } else { *i >= 27 });
    down.map(|(_, mirror)| (mirror.host, "down")).collect()
}

/// Where a stream of queries stands.
#[derive(Default)]
struct Traffic {
    stop: AtomicBool,
    asked: AtomicU64,
}

#[test]
fn formats_a_change_takes_effect_while_queries_run() {
    let sets = [without(false), without(true)];
    let daemon = Daemon::start(&files().with("feed.json", fixture::feed(1_000, &sets[0])));
    let pools = sets.each_ref().map(|states| pool_of("US", states));

    let traffic = Traffic::default();
    let changes = 10;
    std::thread::scope(|scope| {
        let (traffic, pools, client) = (&traffic, &pools, daemon.client());
        // Several sockets, so that more than one worker has some of them.
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(move || ask_on(client, pools, traffic))).collect();
        for change in 1..=changes {
            let now = change % 2;
            daemon.write_feed(&fixture::feed(1_000 + change as u64, &sets[now]));
            until(&daemon, "a new feed", || {
                let set = answer(client, "db.us");
                set.is_subset(&pools[now]) && !set.is_subset(&pools[1 - now])
            });
            std::thread::sleep(Duration::from_millis(100));
        }
        traffic.stop.store(true, Ordering::Relaxed);
        for client in clients {
            let seen = client.join().expect("no answer lost or mixed");
            assert_eq!(seen, changes, "each client saw every change once");
        }
    });
    assert!(traffic.asked.load(Ordering::Relaxed) > 1000, "queries ran");
}

/// Asks without end; every query is answered, wholly from one state, and never again from one that was left.
/// Returns how often the state changed.
fn ask_on(client: Client, pools: &[Set; 2], traffic: &Traffic) -> usize {
    let socket: UdpSocket = client.udp([127, 0, 0, 1].into());
    let (mut state, mut changes) = (0, 0);
    while !traffic.stop.load(Ordering::Relaxed) {
        let query = Query::new("db.us.clam.example", rr::A);
        socket.send(&query.build()).expect("sent");
        let reply = Reply::walk(&receive(&socket).expect("no query is lost")).expect("a response");
        assert_eq!((reply.id, reply.has(AA)), (query.id, true));
        let set: Set = reply.rdata(rr::A).into_iter().collect();
        assert_eq!(set.len(), MAX);
        if !set.is_subset(&pools[state]) {
            state = 1 - state;
            changes += 1;
            assert!(set.is_subset(&pools[state]), "a mixture: {reply:?}");
        }
        traffic.asked.fetch_add(1, Ordering::Relaxed);
        // Some thousand a second are enough; the machine has others to serve.
        std::thread::sleep(Duration::from_micros(500));
    }
    changes
}

/// All or nothing: a feed that is not right changes nothing, and the log says why.
#[test]
fn formats_broken_feeds_change_nothing() {
    let good = states(&[("de1.example", "down")]);
    let daemon = Daemon::start(&files().with("feed.json", fixture::feed(1_000, &good)));
    let before = pool_of("DE", &good);
    until(&daemon, "the first feed", || answer(daemon.client(), "db.de") == before);

    let other = states(&[("de2.example", "down")]);
    let next = fixture::feed(1_001, &other);
    let broken: [(&str, String); 11] = [
        ("cut off", next[..next.len() / 2].to_owned()),
        ("empty", String::new()),
        ("not JSON", "up".to_owned()),
        ("another format", next.replace("\"format\": 1", "\"format\": 2")),
        ("no format", next.replace("\"format\": 1,", "")),
        ("no serial", next.replace("\"serial\": 1001,", "")),
        ("a lower serial", next.replace("\"serial\": 1001", "\"serial\": 999")),
        ("the same serial with other content", next.replace("\"serial\": 1001", "\"serial\": 1000")),
        ("an unknown state", next.replace("\"down\"", "\"sideways\"")),
        ("a time that is none", next.replace("\"generated\": \"20", "\"generated\": \"yesterday 20")),
        ("over 16 MiB", format!("{next}{}", " ".repeat(16 << 20))),
    ];
    for (what, feed) in broken {
        let logged = daemon.log().len();
        daemon.write_feed(&feed);
        daemon.wait_for_log(logged, &["feed"]);
        assert_eq!(answer(daemon.client(), "db.de"), before, "{what} changed the answers");
    }
    daemon.write_feed(&next);
    let after = pool_of("DE", &other);
    until(&daemon, "a good feed after broken ones", || answer(daemon.client(), "db.de") == after);
}

#[test]
fn formats_an_unknown_host_is_no_error() {
    let daemon = Daemon::start(&files());
    let news = states(&[("de1.example", "down"), ("nowhere.example", "up")]);
    let logged = daemon.log().len();
    daemon.write_feed(&fixture::feed(1_001, &news));
    let after = pool_of("DE", &news);
    until(&daemon, "a feed with an unknown host", || answer(daemon.client(), "db.de") == after);
    daemon.wait_for_log(logged, &["nowhere.example"]);
}

#[test]
fn formats_the_start_needs_no_feed() {
    let all = pool_of("DE", &States::new());
    for feed in ["", "{", "{ \"format\": 7 }"] {
        let daemon = Daemon::start(&files().with("feed.json", feed));
        assert_eq!(answer(daemon.client(), "db.de"), all, "feed {feed:?}");
        let news = states(&[("de1.example", "down")]);
        daemon.write_feed(&fixture::feed(1, &news));
        until(&daemon, "the first good feed", || answer(daemon.client(), "db.de") == pool_of("DE", &news));
    }
}

/// A feed that disappears is a feed that could not be read.
#[test]
fn formats_a_missing_feed_changes_nothing() {
    let states = states(&[("de1.example", "down")]);
    let daemon = Daemon::start(&files().with("feed.json", fixture::feed(1_000, &states)));
    let logged = daemon.log().len();
    std::fs::remove_file(daemon.path().join("feed.json")).expect("the feed removed");
    daemon.wait_for_log(logged, &["feed.json"]);
    assert_eq!(answer(daemon.client(), "db.de"), pool_of("DE", &states));
}

/// SIGHUP with something broken keeps all that was in force; mended, it takes effect.
#[test]
fn formats_a_bad_reload_changes_nothing() {
    let files = files();
    let daemon = Daemon::start(&files);
    let good = files.text("clam.zone").to_owned();
    let changed = good.replace("192.0.2.3", "192.0.2.7").replace("2026112201", "2026112202");
    let www = |address: &str| Set::from([rr::a(address), rr::a("192.0.2.4")]);
    let broken: [(&str, &str, String); 4] = [
        ("clam.zone", "clam.zone", format!("{changed}\nwww IN A 192.0.2.300\n")),
        (
            "mirrors.toml",
            "mirrors.toml",
            format!("{}\n[[mirror]]\nhost = \"x\"\n", files.text("mirrors.toml")),
        ),
        ("clam.toml", "clam.toml", format!("surprise = 1\n{}", files.text("clam.toml"))),
        ("cvdns.toml", "cvdns.toml", "[server]\nlisten = [".to_owned()),
    ];
    for (name, named, text) in broken {
        daemon.write_file("clam.zone", &changed);
        let whole = std::fs::read_to_string(daemon.path().join(name)).expect("the file");
        daemon.write_file(name, &text);
        let logged = daemon.log().len();
        daemon.sighup();
        daemon.wait_for_log(logged, &[named]);
        assert_eq!(answer(daemon.client(), "www"), www("192.0.2.3"), "a broken {name}");
        daemon.write_file(name, &whole);
        daemon.write_file("clam.zone", &good);
    }
    daemon.write_file("clam.zone", &changed);
    daemon.sighup();
    until(&daemon, "a good reload", || answer(daemon.client(), "www") == www("192.0.2.7"));
}

#[test]
fn formats_sigterm_and_sigint_end_well() {
    let daemon = Daemon::start(&files());
    assert!(!answer(daemon.client(), "db.de").is_empty());
    assert_eq!(daemon.terminate().code(), Some(0));

    let daemon = Daemon::start(&files());
    tools::signal(daemon.pid(), "INT");
    assert_eq!(daemon.wait().code(), Some(0));
}
