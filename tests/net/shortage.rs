//! What the server does within the limits that the system sets: descriptors and privileges.
#![cfg(target_os = "linux")]

use crate::support;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::Instant;

use nix::unistd::geteuid;
use support::client::{Transport, read, send};
use support::daemon::Daemon;
use support::left_out::leave_out;
use support::packet::Query;
use support::prometheus::Page;
use support::{fixture, ports, rr, tools};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn question() -> Query {
    Query::new("db.de.clam.example", rr::A)
}

fn answers(daemon: &Daemon, transport: Transport) -> bool {
    !daemon.client().ask(transport, &question()).answer.is_empty()
}

/// The soft limit of file descriptors of a process (proc(5)).
fn descriptors(daemon: &Daemon) -> u64 {
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).expect("its limits");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("one");
    line.split_whitespace().next().and_then(|limit| limit.parse().ok()).expect("a number")
}

#[test]
fn the_limit_of_descriptors_is_raised_to_what_is_needed() {
    let mut daemon = Daemon::start(&fixture::files());
    daemon.kill();
    daemon.start_again_after("ulimit -Sn 100");
    assert!(descriptors(&daemon) > 1024, "{}", descriptors(&daemon));
    assert!(!daemon.log().contains("descriptors"), "{}", daemon.log());
}

/// Where it cannot be raised, it is said, and so many connections are served as there are
/// descriptors for.
#[test]
fn a_limit_of_descriptors_that_is_too_low_is_said_and_kept_to() {
    let mut daemon = Daemon::start(&fixture::files());
    daemon.kill();
    // Root could raise it, but for this.
    let unable = if geteuid().is_root() {
        "setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource "
    } else {
        ""
    };
    daemon.start_again_after(&format!("ulimit -n 300 && exec {unable}\"$0\" \"$@\""));
    daemon.wait_for_log(0, &["`tcp-max-connections = 1024` needs", "limitnofile", "may have 300"]);
    assert_eq!(descriptors(&daemon), 300);
    let connections: Vec<TcpStream> = (0..400).map(|_| daemon.client().tcp(LOCALHOST)).collect();
    for transport in support::client::ALL {
        assert!(answers(&daemon, transport), "{transport:?}");
    }
    let open = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("its files").count();
    assert!(open < 300, "{open}");
    drop(connections);
}

/// Descriptors that are short in spite of that: a pause and a seat less each time, so that nothing
/// spins, UDP is answered, and so is the next client over TCP.
#[test]
fn running_out_of_descriptors_stops_nothing() {
    let (files, admin) = (fixture::files(), ports::free());
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.1:{admin}\"\n", files.text("cvdns.toml"));
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    let before = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("its files").count();
    let limit = |limit: usize| {
        let (pid, limit) = (daemon.pid().to_string(), format!("--nofile={limit}:"));
        tools::output(Command::new("prlimit").args(["--pid", &pid, &limit]));
    };
    let begin = Instant::now();
    limit(before + 10);
    let mut connections: Vec<TcpStream> = (0..60).map(|_| daemon.client().tcp(LOCALHOST)).collect();
    for _ in 0..200 {
        assert!(answers(&daemon, Transport::Udp4) && answers(&daemon, Transport::Udp6));
    }
    let mut last = daemon.client().tcp(LOCALHOST);
    send(&mut last, &question().build());
    assert!(read(&mut last).is_some(), "{}", daemon.log());
    connections.clear();
    limit(1024);
    let mut errors = 0.0;
    daemon.until("the metrics", || {
        errors = Page::of(admin).get("cvdns_tcp_accept_errors_total", &[]);
        errors > 0.0
    });
    // Two listeners, each with a pause of a tenth of a second after an error.
    let most = begin.elapsed().as_secs_f64() * 20.0 + 2.0;
    assert!(errors <= most, "{errors} failed accepts, at most {most} expected");
}

/// The lines of a thread's status that tell its privileges (proc(5)).
fn privileges(daemon: &Daemon) -> Vec<(String, Vec<String>)> {
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("its threads");
    let threads = threads.map(|thread| {
        let path = thread.expect("a thread").path();
        let status = fs::read_to_string(path.join("status")).expect("its status");
        let told = ["Uid:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:"];
        let told = told.iter().map(|key| {
            let line = status.lines().find(|line| line.starts_with(key)).expect("a line");
            line.split_whitespace().last().expect("a value").to_owned()
        });
        (status.lines().next().unwrap_or_default().to_owned(), told.collect())
    });
    threads.collect()
}

fn umask(daemon: &Daemon) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("its status");
    status.lines().find_map(|line| line.strip_prefix("Umask:")).expect("one").trim().to_owned()
}

#[test]
fn after_root_is_given_up_no_thread_has_a_capability() {
    if !geteuid().is_root() {
        let name = "after_root_is_given_up_no_thread_has_a_capability";
        return leave_out(name, "only root can give up root", false);
    }
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace("[server]", "[server]\nuser = \"nobody\"");
    // Its files must be readable for nobody.
    let daemon = Daemon::begin(&files.with("cvdns.toml", config));
    fs::set_permissions(daemon.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("to be entered");
    let mut daemon = daemon;
    daemon.wait_until_ready();
    assert!(answers(&daemon, Transport::Tcp4));
    let threads = privileges(&daemon);
    assert!(threads.len() >= 6, "{threads:?}");
    for (name, told) in threads {
        let none = "0000000000000000";
        assert_eq!(told, ["65534", none, none, none, none, none, "1"], "{name}");
    }
    assert_eq!(umask(&daemon), "0027");
}

/// As systemd starts it with `User=` and `AmbientCapabilities=CAP_NET_BIND_SERVICE`.
#[test]
fn capabilities_that_came_without_root_are_given_up() {
    if !geteuid().is_root() {
        let name = "capabilities_that_came_without_root_are_given_up";
        return leave_out(name, "only root can become another user", false);
    }
    let mut daemon = Daemon::start(&fixture::files());
    daemon.kill();
    fs::set_permissions(daemon.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("to be entered");
    let binary = daemon.path().join("cvdns");
    fs::copy(env!("CARGO_BIN_EXE_cvdns"), &binary).expect("a copy that nobody can run");
    let caps = "--inh-caps=+net_bind_service --ambient-caps=+net_bind_service";
    daemon.start_again_after(&format!(
        "exec setpriv --reuid=65534 --regid=65534 --clear-groups {caps} '{}' \"$@\"",
        binary.display()
    ));
    for (name, told) in privileges(&daemon) {
        let none = "0000000000000000";
        let (bounding, rest) = (told[4].clone(), [&told[..4], &told[5..]].concat());
        assert_eq!(rest, ["65534", none, none, none, none, "1"], "{name}");
        // Only root can empty this one.
        assert_ne!(bounding, none);
    }
}
