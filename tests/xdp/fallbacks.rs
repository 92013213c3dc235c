//! Where AF_XDP cannot be had: the reason is in the log, in one line, and the sockets answer.

use crate::support::client::UDP;
use crate::support::daemon::{Daemon, Files};
use crate::support::lab::{self, Lab, by_sockets, in_servers};
use crate::support::left_out::leave_out;
use crate::support::packet::Query;
use crate::support::{client::Client, fixture, place, ports, rr};
use std::process::Stdio;

fn files(xdp: &str) -> Files {
    let files = fixture::files();
    let config = format!("{}\n[xdp]\n{xdp}\n", files.text("cvdns.toml"));
    files.with("cvdns.toml", config)
}

fn ask(client: Client) {
    for transport in UDP {
        let query = Query::new("www.clam.example", rr::A);
        assert_eq!(client.ask(transport, &query).rcode(), rr::NOERROR, "{transport:?}");
    }
}

/// Cards that cannot be served, beside one that can.
const CARDS: &str = "ip link add down0 type veth peer name down1
ip link add big0 mtu 3000 type veth peer name big1 && ip link set big0 up
ip link add small0 mtu 1000 type veth peer name small1 && ip link set small0 up
ip link add empty0 type veth peer name empty1 && ip link set empty0 up
ip link add carrier0 type veth peer name carrier1 && ip link set carrier0 up
ip link add link carrier0 name tagged0 type vlan id 10 && ip link set tagged0 up
ip link add bridge0 type bridge && ip link set bridge0 up
ip link add port0 type veth peer name port1 && ip link set port0 up master bridge0";

#[test]
fn each_card_that_cannot_be_served_has_its_reason_in_one_line() {
    if !place::is_lab() {
        return;
    }
    let mut reasons = vec![
        ("none0", "there is no such interface"),
        ("lo", "it is no Ethernet interface"),
        ("down0", "it is down"),
        ("big0", "its MTU of 3000 octets is over 1778"),
        ("small0", "its MTU of 1000 octets is under 1280"),
        ("empty0", "it has none of the addresses of `listen`"),
        ("port0", "it is a part of bridge0"),
    ];
    if lab::has_vlans() {
        reasons.push(("carrier0", "it carries the VLAN tagged0"));
        reasons.push(("tagged0", "it is a VLAN of another interface (carrier0)"));
    } else {
        // A unit test has the same without VLANs.
        let name = "the part about VLANs of each_card_that_cannot_be_served";
        leave_out(name, "this kernel has no VLANs", true);
    }
    let names: Vec<_> = reasons.iter().map(|(name, _)| format!("{name:?}")).collect();
    let xdp = format!("interfaces = [\"vs\", {}]", names.join(", "));
    place::prepare(CARDS);
    let server = Daemon::start(&files(&xdp));
    let port = server.port();
    server.wait_for_log(0, &["af_xdp (native) answers 2 queues of vs"]);
    let log = server.log();
    for (name, reason) in reasons {
        let words = format!("AF_XDP does not serve {name}: {reason}");
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&words)).collect();
        assert_eq!(lines.len(), 1, "{words}:\n{log}");
        let until = "the ordinary sockets answer its queries until the server is restarted";
        assert!(lines[0].contains(until), "{}", lines[0]);
    }
    let before = by_sockets(port);
    ask(server.client());
    assert_eq!(by_sockets(port), before);
}

/// The second of two servers on a card finds the program of the first one, and leaves it alone.
#[test]
fn the_program_of_somebody_else_stays() {
    if !place::is_lab() {
        return;
    }
    let first = Daemon::start(&fixture::files());
    let port = ports::free();
    let dir = tempfile::tempdir().unwrap();
    fixture::files().write(dir.path(), port);
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let mut command = in_servers(first.port(), env!("CARGO_BIN_EXE_cvdns"));
    command.args(["serve", "--config"]).arg(dir.path().join("cvdns.toml")).env_remove("CVDNS_LOG");
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let mut second = command.spawn().unwrap();
    let said = || std::fs::read_to_string(dir.path().join("log")).unwrap();
    first.until("the second server says why", || {
        said().contains("AF_XDP does not serve vs: another XDP program")
            && said().contains("answering on [fd77::2]")
    });
    // Both answer, the one past its sockets and the other by them.
    let before = by_sockets(first.port());
    ask(first.client());
    assert_eq!(by_sockets(first.port()), before);
    let socket = std::net::UdpSocket::bind(("198.18.0.1", 0)).unwrap();
    socket.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    socket.connect(("198.18.0.2", port)).unwrap();
    socket.send(&Query::new("www.clam.example", rr::A).build()).unwrap();
    assert!(crate::support::client::receive(&socket).is_some());
    assert!(by_sockets(first.port()) > before);
    crate::support::tools::stop(&mut second).expect("the second server ends");
}

/// Without the privileges the server serves by its sockets.
#[test]
fn a_server_without_privileges_says_which_it_takes() {
    if !place::is_lab() {
        return;
    }
    let port = ports::free();
    let _lab = Lab::new(port, 1);
    let dir = tempfile::tempdir().unwrap();
    fixture::files().write(dir.path(), port);
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let mut command = in_servers(port, "setpriv");
    command.args(["--inh-caps=-all", "--bounding-set=-all", env!("CARGO_BIN_EXE_cvdns")]);
    command.args(["serve", "--config"]).arg(dir.path().join("cvdns.toml")).env_remove("CVDNS_LOG");
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let mut server = command.spawn().unwrap();
    let said = || std::fs::read_to_string(dir.path().join("log")).unwrap();
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while !said().contains("answering on [fd77::2]") {
        assert!(std::time::Instant::now() < deadline, "{}", said());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(said().contains("CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF"), "{}", said());
    ask(Client { port });
    crate::support::tools::stop(&mut server).expect("the server ends");
}
