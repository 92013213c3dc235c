//! Workers that keep to a core each, and are given what that core handles.

#![cfg(target_os = "linux")]

use super::echo;
use crate::support;

use std::collections::BTreeMap;
use std::fs::{read_dir, read_to_string};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use cvdns_net::{Responder, Transport};
use echo::{PATIENCE, TestServer, query, receive, udp_client};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use support::daemon::Daemon;
use support::fixture;

/// Answers with what the kernel and the runtime say of the thread that answers: its name and its
/// cores.
#[derive(Clone)]
struct Witness;

impl Responder for Witness {
    fn refresh(&mut self) {}

    fn respond(
        &mut self,
        buffer: &mut [u8],
        _: usize,
        _: SocketAddr,
        _: Transport,
    ) -> Option<usize> {
        let text =
            format!("{} on {:?}", thread::current().name().unwrap(), cores_of(Pid::from_raw(0)));
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Some(text.len())
    }
}

fn cores_of(thread: Pid) -> Vec<usize> {
    let mask = sched_getaffinity(thread).unwrap();
    (0..CpuSet::count()).filter(|&core| mask.is_set(core).unwrap()).collect()
}

/// The first two cores of the process.
fn two_cores() -> [usize; 2] {
    let cores = cores_of(Pid::this());
    assert!(
        cores.len() > 1,
        "this test needs two cores, and the process may run on {cores:?} only"
    );
    [cores[0], cores[1]]
}

/// Who answers 200 queries that are sent from `core`, each from a socket of its own.
fn witnesses(server: SocketAddr, core: usize) -> BTreeMap<String, usize> {
    let ask = move || {
        let mut mask = CpuSet::new();
        mask.set(core).unwrap();
        sched_setaffinity(Pid::from_raw(0), &mask).unwrap();
        let mut answers = BTreeMap::new();
        for id in 0..200 {
            let client = udp_client(server);
            client.send(&query(id, "who")).unwrap();
            *answers.entry(String::from_utf8(receive(&client)).unwrap()).or_default() += 1;
        }
        answers
    };
    thread::spawn(ask).join().unwrap()
}

#[test]
fn the_worker_of_the_core_answers_and_no_other() {
    let cores = two_cores();
    let mut server = TestServer::start_pinned(&["127.0.0.1:0", "[::1]:0"], 2, &|| Witness);
    for address in server.addresses.clone() {
        for (number, core) in cores.into_iter().enumerate() {
            let worker = format!("cvdns-udp-{number}-{address} on [{core}]");
            assert_eq!(witnesses(address, core), BTreeMap::from([(worker, 200)]));
        }
    }
    assert_eq!(server.stop().udp.answered, 800);
}

/// A worker for the first core alone: it also gets what the others handle.
#[test]
fn cores_without_a_worker_are_answered() {
    let cores = two_cores();
    let server = TestServer::start_pinned(&["127.0.0.1:0"], 1, &|| Witness);
    let worker = format!("cvdns-udp-0-{} on [{}]", server.address(), cores[0]);
    for core in cores {
        assert_eq!(witnesses(server.address(), core), BTreeMap::from([(worker.clone(), 200)]));
    }
}

/// The cores of each worker of a running server, by its thread's name (which Linux cuts at 15
/// bytes).
fn workers(daemon: &Daemon) -> BTreeMap<String, String> {
    let tasks = read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let tasks = tasks.map(|task| {
        let path = task.unwrap().path();
        let status = read_to_string(path.join("status")).unwrap();
        let cores =
            status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        (read_to_string(path.join("comm")).unwrap().trim().to_owned(), cores.trim().to_owned())
    });
    tasks.filter(|(name, _)| name.starts_with("cvdns-udp")).collect()
}

/// The server answers as soon as one of them does; others may not have come so far.
fn until_workers(daemon: &Daemon, wanted: impl Fn(&BTreeMap<String, String>) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !wanted(&workers(daemon)) {
        assert!(Instant::now() < end, "waited in vain: {:?}", workers(daemon));
        thread::sleep(Duration::from_millis(5));
    }
}

/// Each address has at most one worker for each core, and only if the configuration says so they
/// keep to it.
#[test]
fn the_configuration_pins_the_workers() {
    let cores = cores_of(Pid::this());
    assert!(
        cores.len() > 1,
        "this test needs two cores, and the process may run on {cores:?} only"
    );
    let start = |keys: &str| {
        let files = fixture::files();
        let config = files.text("cvdns.toml").replace("workers = 1\n", keys);
        Daemon::start(&files.with("cvdns.toml", config))
    };
    let many = cores.len() + 1;
    let daemon = start(&format!("workers = {many}\naffinity = true\n"));
    daemon
        .wait_for_log(0, &[&format!("`workers = {many}` is more than the {} cores", cores.len())]);
    let pinned = ["127.0.0.1", "[::1]"].into_iter().flat_map(|address| {
        cores.iter().enumerate().map(move |(number, core)| {
            let name = format!("cvdns-udp-{number}-{address}");
            (name[..name.len().min(15)].to_owned(), core.to_string())
        })
    });
    until_workers(&daemon, |workers| *workers == pinned.clone().collect());

    let daemon = start("workers = 2\n");
    until_workers(&daemon, |workers| {
        workers.len() == 4 && workers.values().all(|cores| cores.contains(['-', ',']))
    });
}
