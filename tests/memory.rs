//! What a server holds of the machine's memory, and that it is no more after it has run for long.
//!
//! A binary of its own: 900 connections at once take most of the descriptors that a process may
//! have, and other tests beside them would have none.
#![cfg(target_os = "linux")]
#![allow(clippy::too_many_lines, reason = "a test tells one story, or has a table of cases")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod large;
mod support;

use large::{LARGE, Network};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use support::daemon::{Daemon, Files};
use support::packet::Query;
use support::rr;

/// MiB that it holds, without the pages of its own file: of those a test build has more than one
/// that is served with.
fn resident(daemon: &Daemon) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("its status");
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a figure");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("KiB")
    };
    (kib("RssAnon:") + kib("RssShmem:")) >> 10
}

/// Waits until it holds at most so many MiB: what was in force before is freed when the last worker
/// has left it.
fn holds(daemon: &Daemon, most: u64, what: &str) {
    let deadline = Instant::now() + support::PATIENCE;
    while resident(daemon) > most {
        assert!(Instant::now() < deadline, "{what}: {} MiB", resident(daemon));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How many descriptors it has open.
fn descriptors(daemon: &Daemon) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("its descriptors").count()
}

fn lives_on(files: &Files, feed: impl Fn(u64) -> String, (reloads, feeds): (u64, u64), most: u64) {
    let daemon = Daemon::start(&files.clone().with("feed.json", feed(1)));
    holds(&daemon, most, "at the start");
    for _ in 0..reloads {
        let logged = daemon.log().len();
        daemon.sighup();
        daemon.wait_for_log(logged, &["reloaded"]);
    }
    holds(&daemon, most, "after reloads");
    for serial in 2..2 + feeds {
        let logged = daemon.log().len();
        daemon.write_feed(&feed(serial));
        daemon.wait_for_log(logged, &[&format!("feed {serial} of")]);
    }
    holds(&daemon, most, "after feeds");
}

/// The shipped fleet and feed with the zone of [`Network`].
fn example() -> (Files, impl Fn(u64) -> String) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = move |path: &str| {
        std::fs::read_to_string(project.join(path)).expect("a file of the example")
    };
    let [(_, zone), _, (_, config)] = Network { mirrors: 1, countries: 1 }.files("@PORT@");
    let files = Files::default()
        .with("cvdns.toml", config)
        .with("zone.toml", zone)
        .with("mirrors.toml", read("zones/mirrors.toml"));
    let feed = move |serial: u64| {
        let feed = read("feed.json").replace("1763800000", &serial.to_string());
        if serial.is_multiple_of(2) {
            feed.replace("\"state\": \"down\"", "\"state\": \"up\"")
        } else {
            feed
        }
    };
    (files, feed)
}

#[test]
fn the_example_stays_small() {
    let (files, feed) = example();
    lives_on(&files, feed, (10, 100), 40);
}

/// As many connections as clients with a limit of 1,024 descriptors can have.
const WAVE: usize = 900;

/// MiB that so many connections may hold. It was 4 to 9; the C library takes more or less for the
/// same, depending on which threads serve them.
const HELD: u64 = 16;

/// MiB that connections may leave behind.
const LEFT: u64 = 8;

/// All clients of these tests have one address.
fn for_one_client(files: Files) -> Files {
    let config = files.text("cvdns.toml");
    let config = config.replace("[server]", "[server]\ntcp-max-per-client = 100000");
    files.with("cvdns.toml", config)
}

fn framed_query() -> Vec<u8> {
    let query = Query::new("db.local.clamav.net", rr::A).build();
    [&(query.len() as u16).to_be_bytes(), &query[..]].concat()
}

#[test]
fn connections_leave_nothing_behind() {
    let (files, feed) = example();
    let daemon = Daemon::start(&for_one_client(files).with("feed.json", feed(1)));
    let framed = framed_query();
    let (before, open) = (resident(&daemon), descriptors(&daemon));
    let connect = || daemon.client().tcp(Ipv4Addr::LOCALHOST.into());
    for wave in 0..5 {
        let mut connections: Vec<TcpStream> = (0..WAVE).map(|_| connect()).collect();
        for connection in &mut connections {
            connection.write_all(&framed).expect("a query sent");
        }
        for connection in &mut connections {
            connection.read_exact(&mut [0; 14]).expect("an answer");
        }
        let held = resident(&daemon);
        assert!(held <= before + HELD, "wave {wave}: {held} MiB, {before} before");
        drop(connections);
        daemon.until("the end of the wave", || descriptors(&daemon) <= open);
    }
    // Peers that read nothing of much that they asked: as much as the kernel does not take is kept
    // for each.
    let many = framed.repeat(2000);
    let connections: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut connection = connect();
            connection.set_write_timeout(Some(Duration::from_millis(10))).expect("a timeout");
            // It may not take all of it.
            let _ = connection.write_all(&many);
            connection
        })
        .collect();
    drop(connections);
    holds(&daemon, before + LEFT, "after the connections");
}

/// Peers that reset their connections, half of them with a query in it.
#[test]
fn resets_leave_nothing_behind() {
    let (files, feed) = example();
    let daemon = Daemon::start(&for_one_client(files).with("feed.json", feed(1)));
    let (framed, before) = (framed_query(), resident(&daemon));
    for number in 0..40_000 {
        let mut connection = daemon.client().tcp(Ipv4Addr::LOCALHOST.into());
        if number % 2 == 0 {
            connection.write_all(&framed).expect("a query sent");
        }
        let socket = socket2::SockRef::from(&connection);
        socket.set_linger(Some(Duration::ZERO)).expect("a reset at its end");
    }
    let held = resident(&daemon);
    assert!(held <= before + HELD, "{held} MiB, {before} before");
    holds(&daemon, before + LEFT, "after the resets");
}

/// Limits the address space of the server to what it has and so many octets more, or lifts the
/// limit.
fn limit_address_space(daemon: &Daemon, more: Option<u64>) {
    let pid = daemon.pid().to_string();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).expect("a figure");
    let size: u64 = line.trim().trim_end_matches(" kB").parse().expect("KiB");
    let limit = more.map_or("unlimited".to_owned(), |more| ((size << 10) + more).to_string());
    let limit = format!("--as={limit}:unlimited");
    support::tools::output(std::process::Command::new("prlimit").args(["--pid", &pid, &limit]));
}

/// A limit on the address space (`ulimit -v`) with connections that want more than it allows: they
/// are closed, and the server lives.
#[test]
fn without_memory_connections_end_and_the_server_lives() {
    let (files, feed) = example();
    let (files, admin) = (for_one_client(files), support::ports::free());
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n", files.text("cvdns.toml"));
    let files = files.with("cvdns.toml", config).with("feed.json", feed(1));
    let mut daemon = Daemon::start(&files);
    daemon.kill();
    // The C library reserves 64 MiB of address space for each thread that allocates, which would be
    // enough for all of them.
    daemon.start_again_after("export MALLOC_ARENA_MAX=1");
    limit_address_space(&daemon, Some(8 << 20));
    // Each holds the beginning of a long message, and more than it may have in all.
    let half = [vec![0xff; 2], vec![0; 40_000]].concat();
    let connections: Vec<TcpStream> = (0..WAVE)
        .map(|_| {
            let mut connection = daemon.client().tcp(Ipv4Addr::LOCALHOST.into());
            connection.set_write_timeout(Some(Duration::from_millis(100))).expect("a timeout");
            // It may be closed by then.
            let _ = connection.write_all(&half);
            connection
        })
        .collect();
    let last = Query::new("db.local.clamav.net", rr::A);
    for transport in [support::client::Transport::Udp4, support::client::Transport::Udp6] {
        assert!(!daemon.client().ask(transport, &last).answer.is_empty());
    }
    // Those that are not refused run into the time for a first query.
    let is_closed = |connection: &TcpStream| {
        connection.set_nonblocking(true).expect("set");
        let read = (&mut &*connection).read(&mut [0]);
        !matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    daemon.until("the end of all", || connections.iter().all(is_closed));
    drop(connections);
    // The limit stays: what they held is there for others.
    daemon.until("an answer over TCP", || {
        let mut connection = daemon.client().tcp(Ipv4Addr::LOCALHOST.into());
        connection.write_all(&framed_query()).is_ok() && connection.read_exact(&mut [0; 14]).is_ok()
    });
    limit_address_space(&daemon, None);
    let (_, page) = support::http::get(admin, "/metrics");
    let refused = "cvdns_tcp_connections_ended_total{how=\"no_memory\"}";
    let refused = support::http::samples(&page).remove(refused).expect("a count");
    assert!(refused > 0.0, "there was memory for all of them");
    assert!(daemon.terminate().success());
}

/// A limit on the address space (`ulimit -v`) that leaves no room for a second copy of everything.
#[test]
fn a_reload_without_memory_for_it_changes_nothing() {
    let (files, feed) = example();
    let daemon = Daemon::start(&files.with("feed.json", feed(1)));
    // What a thread gives back after the size was read is room for a reload, so the limit follows.
    let refused = (0..10).any(|_| {
        limit_address_space(&daemon, Some(8 << 20));
        let logged = daemon.log().len();
        daemon.sighup();
        daemon.until("a word about the reload", || daemon.log()[logged..].contains("reloaded"));
        daemon.log()[logged..].contains("was not reloaded")
    });
    assert!(refused, "there was memory for all reloads");
    daemon.wait_for_log(0, &["was not reloaded", "ulimit -v"]);
    let query = Query::new("db.local.clamav.net", rr::A);
    let udp = support::client::Transport::Udp4;
    assert!(!daemon.client().ask(udp, &query).answer.is_empty());
    limit_address_space(&daemon, None);
    let logged = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(logged, &["info reloaded "]);
    assert!(daemon.terminate().success());
}

/// Zones without mirrors, each with files of its own.
#[test]
fn thousands_of_static_zones_fit() {
    const ZONES: usize = 2000;
    let mut config =
        String::from("[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n");
    let mut files = Files::default();
    for number in 0..ZONES {
        let _ = writeln!(config, "[[zone]]\nfile = \"{number}.toml\"");
        let zone = format!("format = 1\norigin = \"z{number}.example\"\nrecords = \"zone\"\n");
        files = files.with(&format!("{number}.toml"), zone);
    }
    let records = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\n";
    let daemon = Daemon::start(&files.with("zone", records).with("cvdns.toml", config));
    let last = Query::new(&format!("www.z{}.example", ZONES - 1), rr::A);
    assert_eq!(daemon.client().ask(support::client::Transport::Udp4, &last).answer.len(), 1);
    holds(&daemon, 30, "at the start");
    let logged = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(logged, &["reloaded"]);
    holds(&daemon, 30, "after a reload");
    // One line for each start, not one for each zone.
    let lines = daemon.log().lines().filter(|line| line.contains("zone")).count();
    assert_eq!(lines, 2, "{}", daemon.log());
}

#[test]
fn ten_thousand_mirrors_fit() {
    let files = LARGE.files("@PORT@").into_iter();
    let files = files.fold(Files::default(), |files, (name, content)| files.with(name, content));
    let feed = |serial: u64| {
        let serial_of = usize::try_from(serial).expect("a small number");
        LARGE.feed_text(serial, |number| if (number + serial_of) % 20 == 0 { "down" } else { "up" })
    };
    lives_on(&files, feed, (3, 20), 140);
}
