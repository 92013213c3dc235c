//! The feed and the configuration change while the server runs.

mod files;

use crate::support;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::client::{Client, Transport, receive};
use support::daemon::{Daemon, Files};
use support::fixture::{self, MAX, Set, States, mirrors, path, states, yields};
use support::packet::{AA, Query};
use support::reply::Reply;
use support::{PATIENCE, rr, tools};

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

fn until(daemon: &Daemon, what: &str, holds: impl FnMut() -> bool) {
    daemon.until(what, holds);
}

/// The first or the last 13 of the 40 US mirrors are down: fewer than half of those that were up
/// before, which no limit on losses holds back. What has mirrors of both ends is a mixture.
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
    /// How many clients have seen the state change so often, by that number.
    seen: [AtomicUsize; CHANGES + 1],
}

const CLIENTS: usize = 4;
const CHANGES: usize = 10;

/// Has the clients stop however the test ends: it waits for them.
struct Stop<'t>(&'t Traffic);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn formats_a_change_takes_effect_while_queries_run() {
    let sets = [without(false), without(true)];
    let daemon = Daemon::start(&files().with("feed.json", fixture::feed(1_000, &sets[0])));
    let pools = sets.each_ref().map(|states| pool_of("US", states));

    let traffic = Traffic::default();
    std::thread::scope(|scope| {
        let (traffic, pools, client) = (&traffic, &pools, daemon.client());
        let stop = Stop(traffic);
        // Several sockets, so that more than one worker has some of them.
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(move || ask_on(client, pools, traffic))).collect();
        for change in 1..=CHANGES {
            let now = change % 2;
            daemon.write_feed(&fixture::feed(1_000 + change as u64, &sets[now]));
            until(&daemon, "a new feed", || {
                let set = answer(client, "db.us");
                set.is_subset(&pools[now]) && !set.is_subset(&pools[1 - now])
            });
            // None may miss it, and some queries come in each state.
            until(&daemon, "each client", || {
                traffic.seen[change].load(Ordering::Relaxed) == CLIENTS
            });
            let asked = traffic.asked.load(Ordering::Relaxed);
            until(&daemon, "queries", || traffic.asked.load(Ordering::Relaxed) > asked + 100);
        }
        drop(stop);
        for client in clients {
            let seen = client.join().expect("no answer lost or mixed");
            assert_eq!(seen, CHANGES, "each client saw every change once");
        }
    });
    assert!(traffic.asked.load(Ordering::Relaxed) > 1000, "queries ran");
}

/// Asks without end; every query is answered, wholly from one state, and never again from one that
/// was left. Returns how often the state changed.
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
            traffic
                .seen
                .get(changes)
                .expect("no more changes than feeds")
                .fetch_add(1, Ordering::Relaxed);
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
    let broken: [(&str, String); 12] = [
        ("cut off", next[..next.len() / 2].to_owned()),
        ("empty", String::new()),
        ("not JSON", "up".to_owned()),
        ("another format", next.replace("\"format\": 1", "\"format\": 2")),
        ("no format", next.replace("\"format\": 1,", "")),
        ("no serial", next.replace("\"serial\": 1001,", "")),
        ("a lower serial", next.replace("\"serial\": 1001", "\"serial\": 999")),
        (
            "the same serial with other content",
            next.replace("\"serial\": 1001", "\"serial\": 1000"),
        ),
        ("an unknown state", next.replace("\"down\"", "\"sideways\"")),
        (
            "a time that is none",
            next.replace("\"generated\": \"20", "\"generated\": \"yesterday 20"),
        ),
        ("from the future", next.replace("\"generated\": \"20", "\"generated\": \"21")),
        ("over 16 MiB", format!("{next}{}", " ".repeat(16 << 20))),
    ];
    for (what, feed) in broken {
        let logged = daemon.log().len();
        daemon.write_feed(&feed);
        daemon.wait_for_log(logged, &["feed 1000 goes on"]);
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

    // The same again is not said again.
    let logged = daemon.log().len();
    let news =
        states(&[("de2.example", "down"), ("nowhere.example", "up"), ("elsewhere.example", "up")]);
    daemon.write_feed(&fixture::feed(1_002, &news));
    daemon.wait_for_log(logged, &["elsewhere.example"]);
    assert!(!daemon.log()[logged..].contains("nowhere.example"), "{}", daemon.log());
}

#[test]
fn formats_the_start_needs_no_feed() {
    let all = pool_of("DE", &States::new());
    for feed in ["", "{", "{ \"format\": 7 }"] {
        let daemon = Daemon::start(&files().with("feed.json", feed));
        assert_eq!(answer(daemon.client(), "db.de"), all, "feed {feed:?}");
        let news = states(&[("de1.example", "down")]);
        daemon.write_feed(&fixture::feed(1, &news));
        until(&daemon, "the first good feed", || {
            answer(daemon.client(), "db.de") == pool_of("DE", &news)
        });
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

/// Whatever else happens in the feed's directory, the clock is heeded: here a downtime begins, one
/// TTL ahead.
#[test]
fn the_clock_goes_on_in_a_busy_directory() {
    let from = jiff::Timestamp::now().as_second() + i64::from(fixture::TTL) + 3;
    let at = |second| jiff::Timestamp::from_second(second).expect("a moment");
    let downtime = format!("downtime = [ {{ from = {}, to = {} }} ]", at(from), at(from + 3600));
    let files = files();
    let host = "host = \"de1.example\"\n";
    let mirrors = files.text("mirrors.toml").replace(host, &format!("{host}{downtime}\n"));
    let daemon = Daemon::start(&files.with("mirrors.toml", mirrors));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                daemon.write_file("busy", "");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let drained = pool_of("DE", &states(&[("de1.example", "drained")]));
        let deadline = Instant::now() + PATIENCE;
        while answer(daemon.client(), "db.de") != drained && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(answer(daemon.client(), "db.de"), drained);
    });
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

/// Another feed has serials of its own, and takes the place of the one before in one step.
#[test]
fn formats_a_reload_with_another_feed() {
    let (first, second) = (states(&[("de1.example", "down")]), states(&[("de2.example", "down")]));
    let other = fixture::feed(5, &second).replace("\"test\": 6", "\"other\": 7");
    let files = files().with("feed.json", fixture::feed(1_000, &first)).with("other.json", other);
    let daemon = Daemon::start(&files);
    let config =
        std::fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    let (client, pools) = (daemon.client(), [pool_of("DE", &first), pool_of("DE", &second)]);
    assert_eq!(answer(client, "db.de"), pools[0]);

    // What cannot be read leaves the feed in force, and the rest is taken.
    let zone = files.text("clam.zone").replace("192.0.2.3", "192.0.2.7");
    daemon.write_file("clam.zone", &zone);
    daemon.write_file("cvdns.toml", &config.replace("feed.json", "missing.json"));
    let logged = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(logged, &["missing.json is not taken", "feed 1000 of", "reloaded"]);
    assert_eq!(answer(client, "www"), Set::from([rr::a("192.0.2.7"), rr::a("192.0.2.4")]));
    assert_eq!(answer(client, "db.de"), pools[0]);

    daemon.write_file("cvdns.toml", &config.replace("feed.json", "other.json"));
    let logged = daemon.log().len();
    daemon.sighup();
    until(&daemon, "the other feed", || {
        let set = answer(client, "db.de");
        assert!(pools.contains(&set), "something in between: {set:?}");
        set == pools[1]
    });
    daemon.wait_for_log(logged, &["feed 5 of"]);
    assert_eq!(texts(client, "other.cvd"), 1);
    assert_eq!(rcode(client, "test.cvd"), rr::NXDOMAIN, "a name of the feed before");

    let without = config.replace("source = \"feed.json\"", "");
    daemon.write_file("cvdns.toml", &without);
    daemon.sighup();
    until(&daemon, "no feed", || answer(client, "db.de") == pool_of("DE", &States::new()));
    assert_eq!(rcode(client, "other.cvd"), rr::NXDOMAIN, "a name of the feed before");
    assert_eq!(rcode(client, "current.cvd"), rr::SERVFAIL, "no release");
}

fn ask_text(client: Client, name: &str) -> Reply {
    client.ask(Transport::Udp4, &Query::new(&format!("{name}.clam.example"), rr::TXT).edns(1232))
}

fn texts(client: Client, name: &str) -> usize {
    ask_text(client, name).rdata(rr::TXT).len()
}

fn rcode(client: Client, name: &str) -> u16 {
    ask_text(client, name).rcode()
}

/// `cvdns check` in the server's directory: whether it succeeds, and what it says.
fn check(daemon: &Daemon) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let output = command.arg("check").current_dir(daemon.path()).output().expect("cvdns check");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// An extra database whose name a file defines gets no name; the others do, in `serve` and `check`
/// alike.
#[test]
fn a_colliding_database_costs_its_own_name_only() {
    let zone = fixture::files().text("clam.toml").to_owned();
    let zone = format!("{zone}\n[[name]]\nowner = \"test.cvd\"\ntxt = \"record\"\nttl = 77\n");
    let feed = |serial| {
        let feed = fixture::feed(serial, &States::new());
        feed.replace("\"test\": 6", "\"other\": 7, \"test\": 6, \"www\": 8")
    };
    let daemon = Daemon::start(&files().with("clam.toml", zone).with("feed.json", feed(1_000)));
    daemon.wait_for_log(0, &["the feed's database test gets no name", "defined twice"]);
    let all = |what: &str| {
        assert_eq!(texts(daemon.client(), "other.cvd"), 1, "{what}");
        assert_eq!(texts(daemon.client(), "www.cvd"), 1, "{what}");
        let reply = ask_text(daemon.client(), "test.cvd");
        assert!(reply.rdata(rr::TXT)[0].contains(&b'.'), "the file's record, {what}: {reply:?}");
    };
    all("at start");
    let (good, text) = check(&daemon);
    assert!(good && text.contains("the feed's database test gets no name"), "{text}");

    // However the feed came to have it.
    daemon.write_feed(&fixture::feed(1_001, &States::new()).replace("\"test\": 6", "\"few\": 7"));
    until(&daemon, "other databases", || texts(daemon.client(), "few.cvd") == 1);
    assert_eq!(rcode(daemon.client(), "other.cvd"), rr::NXDOMAIN);
    let logged = daemon.log().len();
    daemon.write_feed(&feed(1_002));
    until(&daemon, "the databases again", || texts(daemon.client(), "other.cvd") == 1);
    all("by a feed");
    daemon.wait_for_log(logged, &["the feed's database test gets no name"]);
}

/// Each reload names what is not in effect yet.
#[test]
fn a_reload_names_what_needs_a_restart() {
    let daemon = Daemon::start(&files());
    let config =
        std::fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    let changed = config.replace(
        "tcp-idle = \"2s\"",
        "tcp-idle = \"3s\"\ntcp-max-connections = 9\naffinity = true",
    ) + "[log]\nlevel = \"debug\"\nformat = \"json\"\n";
    daemon.write_file("cvdns.toml", &changed);
    for _ in 0..2 {
        let logged = daemon.log().len();
        daemon.sighup();
        let keys = "changed: `affinity` in [server], `tcp-max-connections` in [server], `tcp-idle` in [server], \
                    `format` in [log]; takes effect at a restart";
        daemon.wait_for_log(logged, &[keys, "reloaded"]);
        assert_eq!(daemon.log()[logged..].matches("at a restart").count(), 1);
    }
    daemon.write_file("cvdns.toml", &config);
    let logged = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(logged, &["reloaded"]);
    assert!(!daemon.log()[logged..].contains("at a restart"), "{}", daemon.log());
}

/// A record whose stamp clients would not trust is SERVFAIL, so that resolvers ask another server.
#[test]
fn formats_a_record_of_a_stale_feed_expires() {
    let now = jiff::Timestamp::now();
    let old = |age: i64| {
        now.checked_sub(jiff::SignedDuration::from_secs(age)).expect("a moment").to_string()
    };
    let feed = |serial, age| {
        let feed = fixture::feed(serial, &States::new());
        let (head, tail) = feed.split_once("\"generated\": \"").expect("a time");
        let (_, tail) = tail.split_once('"').expect("its end");
        format!("{head}\"generated\": \"{}\"{tail}", old(age))
    };
    // Stale after 1 h; its stamp is at most half an hour older than that, and may be 2 h 30 min
    // old.
    let daemon = Daemon::start(&files().with("feed.json", feed(1_000, 4 * 3600)));
    for name in ["current.cvd", "main.cvd", "test.cvd"] {
        let reply = ask_text(daemon.client(), name);
        assert_eq!(reply.rcode(), rr::SERVFAIL, "{name}: {reply:?}");
        assert_eq!(reply.option(rr::EDE).map(|ede| &ede[..2]), Some(&[0, 24][..]), "Invalid Data");
    }
    assert_eq!(answer(daemon.client(), "db.de"), pool_of("DE", &States::new()), "mirrors stay");
    daemon.wait_for_log(0, &["too old"]);

    let config =
        std::fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    daemon.write_file("cvdns.toml", &format!("{config}\n[record]\non-stale = \"serve\"\n"));
    daemon.sighup();
    until(&daemon, "on-stale = serve", || texts(daemon.client(), "current.cvd") == 1);
    daemon.write_file("cvdns.toml", &config);
    daemon.sighup();
    until(&daemon, "on-stale as it was", || rcode(daemon.client(), "current.cvd") == rr::SERVFAIL);

    // Stale, but not too old; and then too old by the clock alone is a matter of the unit tests.
    daemon.write_feed(&feed(1_001, 3600 + 600));
    until(&daemon, "a feed that is merely stale", || texts(daemon.client(), "current.cvd") == 1);
    daemon.write_feed(&fixture::feed(1_002, &States::new()));
    until(&daemon, "a fresh feed", || texts(daemon.client(), "main.cvd") == 1);
}
