//! Cards that change while they are served: what status says is what happens to queries, and the
//! sockets answer for a card that is no longer what it was.

use crate::support::client::{Transport, UDP, receive};
use crate::support::daemon::Daemon;
use crate::support::lab::{CARD, SERVER, at_clients, at_server, by_sockets, in_servers, name};
use crate::support::packet::Query;
use crate::support::{fixture, place, rr};
use serde_json::Value;

/// The server of a test, with its status page.
fn start() -> Daemon {
    let files = fixture::files();
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.2:8053\"\n", files.text("cvdns.toml"));
    Daemon::start(&files.with("cvdns.toml", config))
}

/// Why status says that the card is served by sockets.
fn fallback(server: &Daemon) -> Option<String> {
    let mut command = place::cvdns(server.port());
    let output = command.args(["status", "--json"]).current_dir(server.path()).output().unwrap();
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let gauge = at_server(server.port(), "curl -sS http://127.0.0.2:8053/metrics");
    let why = status["xdp"][0]["fallback"].as_str().map(str::to_owned);
    let mut up = gauge.lines().filter(|line| line.starts_with("cvdns_xdp_up{"));
    let up = up.next().and_then(|line| line.split(' ').nth(1)).expect("a gauge");
    assert_eq!(up, if why.is_none() { "1" } else { "0" }, "{why:?}");
    why
}

/// Asks some queries by these transports; returns how many of them came by ordinary sockets.
fn asked_by_sockets(server: &Daemon, transports: &[Transport]) -> u64 {
    let before = by_sockets(server.port());
    let query = Query::new("www.clam.example", rr::A);
    for transport in transports.iter().flat_map(|transport| [*transport; 5]) {
        assert_eq!(server.client().ask(transport, &query).rcode(), rr::NOERROR, "{transport:?}");
    }
    by_sockets(server.port()) - before
}

/// The sockets answer, and status has a reason with these words.
fn must_be_by_sockets(server: &Daemon, words: &str, transports: &[Transport]) {
    let why = fallback(server).expect("a reason");
    assert!(why.contains(words), "{why}");
    assert_eq!(asked_by_sockets(server, transports), 5 * transports.len() as u64, "{why}");
}

fn must_be_past_sockets(server: &Daemon) {
    assert_eq!(fallback(server), None);
    assert_eq!(asked_by_sockets(server, &UDP), 0);
}

#[test]
fn a_card_that_left_and_is_back_is_answered_by_sockets_until_a_restart() {
    if !place::is_lab() {
        return;
    }
    let mut server = start();
    let port = server.port();
    must_be_past_sockets(&server);
    let before = server.log().len();
    at_server(port, &format!("ip link set {CARD} netns {}", name("c", port)));
    server.wait_for_log(before, &["it was deleted", "restart the server"]);
    at_clients(port, &format!("ip link set {CARD} netns {}", name("s", port)));
    let [v4, v6] = SERVER;
    at_server(
        port,
        &format!(
            "ip addr add {v4}/24 dev {CARD} && ip addr add {v6}/64 dev {CARD} nodad && \
             ip link set {CARD} up"
        ),
    );
    must_be_by_sockets(&server, "it was deleted: restart the server", &[Transport::Udp4]);
    assert!(!server.log().contains("again"), "{}", server.log());
    server.kill();
    server.start_again();
    assert_eq!(fallback(&server), None);
    assert_eq!(asked_by_sockets(&server, &[Transport::Udp4]), 0);
}

/// Each change, its reason, and how it is undone.
#[test]
fn a_card_that_is_not_what_it_was_is_answered_by_sockets_until_it_is() {
    if !place::is_lab() {
        return;
    }
    let server = start();
    let port = server.port();
    must_be_past_sockets(&server);
    for (change, words, undo) in [
        (
            "ip link set vs mtu 1400",
            "its MTU was lowered from 1500 to 1400",
            "ip link set vs mtu 1500",
        ),
        (
            "ip link set vs address 02:00:00:00:00:99",
            "its MAC address has changed",
            "ip link set vs address 02:00:00:00:00:02",
        ),
        (
            "ip addr del fd77::2/64 dev vs",
            "it no longer has the address fd77::2",
            "ip addr add fd77::2/64 dev vs nodad",
        ),
    ] {
        let before = server.log().len();
        at_server(port, change);
        server.wait_for_log(before, &["serves vs no longer", &words.to_lowercase()]);
        if change.contains("mtu") {
            must_be_by_sockets(&server, words, &UDP);
        } else if change.contains("fd77") {
            must_be_by_sockets(&server, words, &[Transport::Udp4]);
        } else {
            // The clients do not know the card's new address.
            assert!(fallback(&server).expect("a reason").contains(words));
        }
        let before = server.log().len();
        at_server(port, undo);
        server.wait_for_log(before, &["serves vs again"]);
        must_be_past_sockets(&server);
    }
}

/// A failover by addresses depends on it: who no longer has the address is silent.
#[test]
fn an_address_that_was_removed_is_not_answered() {
    if !place::is_lab() {
        return;
    }
    let server = start();
    let port = server.port();
    must_be_past_sockets(&server);
    let before = server.log().len();
    at_server(port, &format!("ip addr del {}/24 dev {CARD}", SERVER[0]));
    server.wait_for_log(before, &["it no longer has the address 198.18.0.2"]);
    // The first query is lost. Were it answered, its answer would come before that to the second.
    let (v4, v6) = (server.client().udp(Transport::Udp4.ip()), Transport::Udp6);
    v4.send(&Query::new("www.clam.example", rr::A).build()).unwrap();
    must_be_by_sockets(&server, "it no longer has the address", &[v6]);
    v4.set_nonblocking(true).unwrap();
    assert_eq!(receive(&v4), None);
    let before = server.log().len();
    at_server(port, &format!("ip addr add {}/24 dev {CARD}", SERVER[0]));
    server.wait_for_log(before, &["serves vs again"]);
    must_be_past_sockets(&server);
}

#[test]
fn a_card_that_joins_a_bridge_is_left_to_the_kernel() {
    if !place::is_lab() {
        return;
    }
    let server = start();
    let port = server.port();
    must_be_past_sockets(&server);
    let before = server.log().len();
    at_server(port, "ip link add br0 type bridge && ip link set vs master br0");
    server.wait_for_log(before, &["it is a part of br0"]);
    assert!(fallback(&server).expect("a reason").contains("it is a part of br0"));
    let before = server.log().len();
    at_server(port, "ip link set vs nomaster");
    server.wait_for_log(before, &["serves vs again"]);
    must_be_past_sockets(&server);
}

/// Detaches the link of the program with the number that is its argument, as `bpftool link detach`.
const DETACH: &str = "
import ctypes, os, struct, sys
call = {'x86_64': 321, 'aarch64': 280}[os.uname().machine]
libc = ctypes.CDLL(None)
def bpf(command, argument):
    buffer = ctypes.create_string_buffer(argument, len(argument))
    return libc.syscall(call, command, buffer, len(argument)), buffer
link, found = 0, False
while True:
    result, answer = bpf(31, struct.pack('III', link, 0, 0))
    if result < 0:
        break
    link = struct.unpack('III', answer.raw)[1]
    place, _ = bpf(30, struct.pack('III', link, 0, 0))
    if place < 0:
        continue
    info = ctypes.create_string_buffer(256)
    bpf(15, struct.pack('IIQ', place, 256, ctypes.addressof(info)))
    if struct.unpack('III', info.raw[:12])[2] == int(sys.argv[1]):
        found = bpf(34, struct.pack('II', place, 0))[0] == 0
    os.close(place)
sys.exit(0 if found else 1)
";

#[test]
fn a_program_that_was_detached_by_force_is_noticed() {
    if !place::is_lab() {
        return;
    }
    let mut server = start();
    let port = server.port();
    must_be_past_sockets(&server);
    let shown = at_server(port, "ip -d link show vs");
    let number = shown.split("prog/xdp id ").nth(1).and_then(|rest| rest.split(' ').next());
    let before = server.log().len();
    let mut detach = in_servers(port, "python3");
    let status = detach.args(["-c", DETACH, number.expect("a program")]).status().unwrap();
    assert!(status.success(), "{status}");
    server.wait_for_log(before, &["its program was removed: restart the server"]);
    must_be_by_sockets(&server, "its program was removed", &UDP);
    server.kill();
    server.start_again();
    must_be_past_sockets(&server);
}

/// There are no queries of the second queue in this test: which queue has a query is the card's
/// choice.
#[test]
fn a_card_with_more_queues_than_at_the_start_is_served_in_part() {
    if !place::is_lab() {
        return;
    }
    place::set_kind("2 generic");
    place::prepare("ethtool -L vs rx 1");
    let server = start();
    let before = server.log().len();
    must_be_past_sockets(&server);
    at_server(server.port(), "ethtool -L vs rx 2");
    server.wait_for_log(before, &["it uses 2 receive queues now", "restart the server"]);
    let why = fallback(&server).expect("a reason");
    assert!(why.starts_with("in part: it uses 2 receive queues now"), "{why}");
}
