//! Which way a query takes, and that it makes no difference to the answer.

use crate::support::client::{Transport, UDP, receive};
use crate::support::daemon::Daemon;
use crate::support::lab::{CLIENTS_CARD, SERVER, at_clients, by_sockets, enter_clients, hex};
use crate::support::packet::{Opt, Query};
use crate::support::{fixture, place, rr, tools};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The kernel's sockets answer what the program leaves to them.
#[test]
fn fragments_and_options_are_answered_by_sockets() {
    if !place::is_lab() {
        return;
    }
    let server = Daemon::start(&fixture::files());
    let query = || Query::new("www.clam.example", rr::A);
    let padding = vec![0; 3000];
    let long = query().opt(|opt: &mut Opt| {
        opt.size = 1232;
        // RFC 7830.
        opt.options.push((12, padding));
    });
    for transport in UDP {
        let before = by_sockets(server.port());
        let expected = server.client().ask(transport, &query());
        assert_eq!(by_sockets(server.port()), before);
        let reply = server.client().ask(transport, &long);
        assert_eq!((reply.rcode(), &reply.answer), (rr::NOERROR, &expected.answer));
        assert_eq!(by_sockets(server.port()), before + 1, "{transport:?}: by a socket");
    }
    // IPv4 with options (RFC 791 section 3.1: three times nothing, and the end).
    let before = by_sockets(server.port());
    let hex = hex(&query().build());
    let script = format!(
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(30); \
         s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([1, 1, 1, 0])); \
         s.sendto(bytes.fromhex('{hex}'), ('{}', {})); print(s.recv(4096)[:2].hex())",
        SERVER[0],
        server.port()
    );
    let answered = at_clients(server.port(), &format!("python3 -c \"{script}\""));
    assert_eq!(answered.trim(), &hex[..4]);
    assert_eq!(by_sockets(server.port()), before + 1);
}

/// Another port of the same address is no concern of the server.
#[test]
fn other_services_of_the_host_are_left_alone() {
    if !place::is_lab() {
        return;
    }
    let server = Daemon::start(&fixture::files());
    let echo = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                s.bind(('198.18.0.2', 7777))\nprint('ready', flush=True)\n\
                while True:\n data, peer = s.recvfrom(2048)\n s.sendto(data, peer)\n";
    let mut command = crate::support::lab::in_servers(server.port(), "python3");
    let mut other = command.args(["-c", echo]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(other.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    enter_clients(server.port());
    let socket = UdpSocket::bind(("198.18.0.1", 0)).unwrap();
    socket.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    socket.connect((SERVER[0], 7777)).unwrap();
    socket.send(b"as it was").unwrap();
    assert_eq!(receive(&socket).as_deref(), Some(&b"as it was"[..]));
    other.kill().unwrap();
    other.wait().unwrap();
}

/// tshark sees nothing wrong with what the server sends, and the clients' kernel takes it although
/// it trusts no card's word for a checksum.
#[test]
fn tshark_finds_no_fault_with_answers() {
    if !place::is_lab() {
        return;
    }
    let server = Daemon::start(&fixture::files());
    let capture = server.path().join("capture");
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &format!("cvx-net-c{}", server.port()), "tshark", "-l", "-q"]);
    command.args(["-i", CLIENTS_CARD, "-f", "udp", "-c", "200", "-w"]).arg(&capture);
    let mut sniffer = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(sniffer.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("Capturing") {
        line.clear();
        let read = std::io::BufRead::read_line(&mut said, &mut line).unwrap();
        assert!(read > 0, "tshark ended");
    }
    // tshark says that it captures a moment before it does, and on a busy machine that moment is
    // long.
    let until = Instant::now() + crate::support::PATIENCE;
    while sniffer.try_wait().unwrap().is_none() {
        for (name, qtype) in
            [("www.clam.example", rr::A), ("db.de.clam.example", rr::A), (".", rr::NS)]
        {
            for transport in UDP {
                server.client().ask(transport, &Query::new(name, qtype).edns(1232));
            }
        }
        assert!(Instant::now() < until, "tshark captures nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
    let read = |filter: &str| {
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(&capture).args(["-o", "ip.check_checksum:TRUE"]);
        tshark.args(["-o", "udp.check_checksum:TRUE", "-d"]);
        tshark.arg(format!("udp.port=={},dns", server.port())).args(["-Y", filter]);
        tools::output(&mut tshark).lines().count()
    };
    let from_server = "(ip.src == 198.18.0.2 || ipv6.src == fd77::2)";
    let all = read(from_server);
    assert!(all >= 90, "{all}");
    let good = "udp.checksum.status == \"Good\" && dns.flags.response == 1";
    assert_eq!(read(&format!("{from_server} && {good}")), all);
    assert_eq!(read("ip.checksum.status == \"Bad\" || _ws.malformed"), 0);
}

/// Queries of a client that are on their way at once.
const AT_ONCE: u32 = 64;

/// Half a million queries by each family, as many at a time as ordinary sockets hold, too.
#[test]
fn none_of_a_million_queries_is_lost() {
    if !place::is_lab() {
        return;
    }
    let queries = 500_000;
    let server = Daemon::start(&fixture::files());
    let before = by_sockets(server.port());
    let ask = |transport: Transport| {
        let socket = server.client().udp(transport.ip());
        let mut message = Query::new("www.clam.example", rr::A).build();
        let mut answered = vec![false; 1 << 16];
        let (mut sent, mut received) = (0, 0);
        while received < queries {
            while sent < queries && sent - received < AT_ONCE {
                message[..2].copy_from_slice(&(sent as u16).to_be_bytes());
                answered[sent as usize % (1 << 16)] = false;
                socket.send(&message).unwrap();
                sent += 1;
            }
            let answer = receive(&socket)
                .unwrap_or_else(|| panic!("{transport:?}: lost one of {sent}, {received} came"));
            let id = usize::from(u16::from_be_bytes([answer[0], answer[1]]));
            assert!(!std::mem::replace(&mut answered[id], true), "{id} was answered twice");
            received += 1;
        }
    };
    std::thread::scope(|scope| {
        UDP.map(|transport| scope.spawn(move || ask(transport))).map(|asker| asker.join().unwrap())
    });
    assert_eq!(by_sockets(server.port()), before);
}

/// Whoever asks too much is limited by the workers of AF_XDP as by those of sockets.
#[test]
fn the_rate_limit_holds() {
    if !place::is_lab() {
        return;
    }
    let files = fixture::files();
    let limit = "[rate-limit]\nresponses-per-second = 5\n";
    let config = format!("{}\n{limit}", files.text("cvdns.toml"));
    let server = Daemon::start(&files.with("cvdns.toml", config));
    let (socket, before) = (server.client().udp(Transport::Udp4.ip()), by_sockets(server.port()));
    for _ in 0..200 {
        socket.send(&Query::new("www.clam.example", rr::A).build()).unwrap();
    }
    server.wait_for_log(0, &["over the rate limit", "198.18.0.1/32"]);
    assert_eq!(by_sockets(server.port()), before);
}

/// Samples name the client, and the name that it asked for.
#[test]
fn answers_are_sampled() {
    if !place::is_lab() {
        return;
    }
    let files = fixture::files();
    let config = format!("{}\n[log]\nquery-sample = 1\n", files.text("cvdns.toml"));
    let server = Daemon::start(&files.with("cvdns.toml", config));
    let before = server.log().len();
    for (transport, client) in [(Transport::Udp4, "198.18.0.1"), (Transport::Udp6, "fd77::1")] {
        let query = Query::new("www.clam.example", rr::A);
        server.client().ask(transport, &query);
        server.wait_for_log(before, &["www.clam.example", client]);
    }
}
