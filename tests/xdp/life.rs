//! AF_XDP from its beginning to its end: servers that are killed, replaced and stopped, cards that
//! go down, come back and are deleted.

use crate::support::client::{Client, Transport, UDP, receive};
use crate::support::daemon::{Daemon, Files};
use crate::support::lab::{CLIENTS_CARD, SERVER, at_clients, at_server, by_sockets};
use crate::support::packet::Query;
use crate::support::{PATIENCE, fixture, place, rr, tools};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// The fixture's files with these lines under `[server]`.
fn files(lines: &str) -> Files {
    let files = fixture::files();
    let config = files.text("cvdns.toml").replace("[server]\n", &format!("[server]\n{lines}\n"));
    files.with("cvdns.toml", config)
}

fn ask(client: Client, transport: Transport) {
    let query = Query::new("www.clam.example", rr::A);
    assert_eq!(client.ask(transport, &query).rcode(), rr::NOERROR, "{transport:?}");
}

/// Asks by both families, and sees that no ordinary socket had to do with it.
fn must_answer_past_sockets(server: &Daemon) {
    let before = by_sockets(server.port());
    for transport in UDP {
        for _ in 0..10 {
            ask(server.client(), transport);
        }
    }
    assert_eq!(by_sockets(server.port()), before, "the sockets had a part in it");
}

#[test]
fn a_server_that_was_killed_has_the_card_again_at_once() {
    if !place::is_lab() {
        return;
    }
    let mut server = Daemon::start(&files(""));
    must_answer_past_sockets(&server);
    for _ in 0..3 {
        server.kill();
        server.start_again();
        must_answer_past_sockets(&server);
    }
    let log = server.last_log();
    assert!(!log.contains("does not serve"), "{log}");
}

/// The program goes with the server, in whichever way that ends.
#[test]
fn a_server_leaves_nothing_at_the_card() {
    if !place::is_lab() {
        return;
    }
    let mut server = Daemon::start(&files(""));
    let port = server.port();
    let shown = |port| at_server(port, "ip -d link show vs");
    assert!(shown(port).contains("prog/xdp"), "{}", shown(port));
    server.kill();
    server.until("no program is left by a killed server", || !shown(port).contains("prog/xdp"));
    server.start_again();
    tools::signal(server.pid(), "TERM");
    server.until("no program is left by a stopped server", || !shown(port).contains("prog/xdp"));
}

/// Asks without pause until told to stop; returns how many queries were asked. Each must be
/// answered.
fn ask_until(server: Client, stop: &AtomicBool, asked: &AtomicU32) {
    let sockets: Vec<_> = UDP.map(|transport| server.udp(transport.ip())).into();
    for socket in &sockets {
        // A lost query fails.
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    let message = Query::new("www.clam.example", rr::A).build();
    while !stop.load(Relaxed) {
        for socket in &sockets {
            socket.send(&message).unwrap();
            assert!(receive(socket).is_some(), "a query was lost after {}", asked.load(Relaxed));
            asked.fetch_add(1, Relaxed);
        }
    }
}

#[test]
fn a_server_is_replaced_under_load_without_a_lost_query() {
    if !place::is_lab() {
        return;
    }
    let mut server = Daemon::start(&files("takeover = \"takeover.sock\""));
    let (stop, asked) = (AtomicBool::new(false), AtomicU32::new(0));
    let client = server.client();
    std::thread::scope(|scope| {
        let askers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| ask_until(client, &stop, &asked))).collect();
        for _ in 0..3 {
            let before = asked.load(Relaxed);
            server.until("queries are asked", || asked.load(Relaxed) > before + 200);
            let (status, log) = server.replace();
            assert!(status.success(), "{log}");
            let log = server.log();
            assert!(!log.contains("does not serve"), "{log}");
        }
        let before = asked.load(Relaxed);
        server.until("queries are asked", || asked.load(Relaxed) > before + 200);
        stop.store(true, Relaxed);
        for asker in askers {
            asker.join().unwrap();
        }
    });
    must_answer_past_sockets(&server);
}

/// What the program was made for has changed: the sockets answer, and a restart is needed.
#[test]
fn a_server_with_another_mode_is_replaced_and_says_what_it_takes() {
    if !place::is_lab() {
        return;
    }
    let mut server = Daemon::start(&files("takeover = \"takeover.sock\""));
    let config = std::fs::read_to_string(server.path().join("cvdns.toml")).unwrap();
    let other = config.replace("mode = \"native\"", "mode = \"generic\"");
    assert_ne!(config, other);
    server.write_file("cvdns.toml", &other);
    let pid = server.pid();
    server.replace_saying(&["answering on ["]);
    assert_ne!(server.pid(), pid);
    let log = server.log();
    assert!(log.contains("`mode` in [xdp] has changed") && log.contains("restart"), "{log}");
    for transport in UDP {
        ask(server.client(), transport);
    }
    server.kill();
    server.start_again();
    must_answer_past_sockets(&server);
}

/// Addresses, routes and neighbours of IPv6 go with the card, so IPv4 is asked, and the addresses
/// of IPv6 are set again: until then the card is not what it was.
#[test]
fn a_card_that_was_down_is_served_again() {
    if !place::is_lab() {
        return;
    }
    let server = Daemon::start(&files(""));
    let port = server.port();
    for place in ["server", "client"] {
        let before = server.log().len();
        let (at, card): (fn(u16, &str) -> String, _) =
            if place == "server" { (at_server, "vs") } else { (at_clients, CLIENTS_CARD) };
        at(port, &format!("ip link set {card} down"));
        if place == "server" {
            server.wait_for_log(before, &["it is down"]);
        }
        at(port, &format!("ip link set {card} up"));
        if place == "server" {
            let lost = format!("it no longer has the address {}", SERVER[1]);
            server.wait_for_log(before, &[&lost]);
            at(port, &format!("ip addr add {}/64 dev vs nodad", SERVER[1]));
        }
        if place == "server" {
            server.wait_for_log(before, &["again"]);
        }
        let counted = by_sockets(port);
        for _ in 0..10 {
            ask(server.client(), Transport::Udp4);
        }
        assert_eq!(by_sockets(port), counted, "{place}");
    }
}

#[test]
fn a_card_that_was_deleted_is_reported_and_the_server_goes_on() {
    if !place::is_lab() {
        return;
    }
    let server = Daemon::start(&files(""));
    let before = server.log().len();
    at_clients(server.port(), &format!("ip link del {CLIENTS_CARD}"));
    server.wait_for_log(before, &["it was deleted", "restart the server"]);
    let status = server.terminate();
    assert!(status.success(), "{status}");
}

#[test]
fn a_server_without_any_privilege_goes_on_answering() {
    if !place::is_lab() {
        return;
    }
    let server = Daemon::begin(&files("user = \"nobody\""));
    std::fs::set_permissions(server.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let mut server = server;
    server.wait_until_ready();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    for line in ["Uid:\t65534\t65534\t65534\t65534", "CapEff:\t0000000000000000", "Seccomp:\t2"] {
        assert!(status.contains(line), "{status}");
    }
    must_answer_past_sockets(&server);
}
