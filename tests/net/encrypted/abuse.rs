//! Clients that take what they can get.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::doq::{Client, initial, query};
use super::{Encrypted, ask_tls, tls};
use crate::support::client::{Transport, framed};
use crate::support::packet::Query;
use crate::support::{PATIENCE, ports, rr};

/// Encrypted connections have seats of their own: those of TCP stay free, and who has most gives
/// way to others.
#[test]
fn encrypted_connections_take_no_seats_of_tcp() {
    let server = Encrypted::start_with("connections = 8\n");
    let soa = query("clam.example", rr::SOA).build();
    // None of them says anything. Each has an address of its own, as one client may have few.
    let _idle: Vec<TcpStream> = (1..=60).map(|last| from(last, server.dot)).collect();
    for _ in 0..20 {
        let answer = server.daemon.client().exchange(Transport::Tcp4, &soa);
        assert!(answer.is_some(), "TCP");
        let answer = server.daemon.client().exchange(Transport::Udp4, &soa);
        assert!(answer.is_some(), "UDP");
        let mut stream = tls(server.dot, &[b"dot"]).expect("a seat");
        assert!(ask_tls(&mut stream, &soa).is_some(), "TLS");
    }
}

/// Queries beside the flood.
const ASKED: u32 = 1_000;

/// Handshakes that are begun beside them, at least.
const BEGUN: u32 = 1_000;

/// Handshakes without an end, as fast as three threads can begin them over TCP and QUIC, beside a
/// client over UDP: at least 999 of 1,000 queries are answered.
#[test]
fn floods_of_handshakes_cost_no_answer_over_udp() {
    let server = Encrypted::start_with("connections = 200\n");
    let (stop, begun) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
    let (hello, initials) = (hello(), initials(64));
    let quic = move |initial: &[u8], port| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let _ = socket.send_to(initial, (Ipv4Addr::LOCALHOST, port));
    };
    let (dot, doq) = (server.dot, server.doq);
    let floods: [Box<dyn Fn(u32) + Send>; 3] = [
        Box::new(move |_| {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, dot));
            let _ = stream.and_then(|mut stream| stream.write_all(&hello));
        }),
        Box::new(move |count| {
            let mut initial = vec![0; 1200];
            // A long header of version 1 with connection IDs, and no valid content.
            initial[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
            initial[6..10].copy_from_slice(&count.to_be_bytes());
            quic(&initial, doq);
        }),
        Box::new(move |count| quic(&initials[count as usize % initials.len()], doq)),
    ];
    let floods: Vec<_> = floods
        .into_iter()
        .map(|begin| {
            let (stop, begun) = (stop.clone(), begun.clone());
            thread::spawn(move || {
                for count in 0.. {
                    if stop.load(Relaxed) {
                        return;
                    }
                    begin(count);
                    begun.fetch_add(1, Relaxed);
                }
            })
        })
        .collect();
    let (mut asked, mut answered) = (0, 0);
    let socket = server.daemon.client().udp(Ipv4Addr::LOCALHOST.into());
    let message = Query::new("db.de.clam.example", rr::A).build();
    while asked < ASKED || begun.load(Relaxed) < BEGUN {
        socket.send(&message).expect("sent");
        asked += 1;
        answered += u32::from(crate::support::client::receive(&socket).is_some());
        thread::sleep(Duration::from_millis(1));
    }
    stop.store(true, Relaxed);
    for flood in floods {
        flood.join().expect("ended");
    }
    assert!(asked - answered <= asked / 1000, "{answered} of {asked} beside {begun:?} handshakes");
    // Encrypted clients are answered again at once.
    let deadline = Instant::now() + PATIENCE;
    while tls(server.dot, &[b"dot"]).is_err() || Client::new(b"doq").connect(server.doq).is_err() {
        assert!(Instant::now() < deadline, "no seat after the flood");
    }
}

/// The same before encrypted clients with addresses of their own: each gets a seat and its answer
/// while others begin handshakes and never end them.
#[test]
fn floods_of_handshakes_leave_seats_for_those_who_end_them() {
    let server = Encrypted::start_with("connections = 32\n");
    let (stop, begun) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
    let (hello, initials) = (hello(), initials(64));
    let flood = {
        let (stop, begun) = (stop.clone(), begun.clone());
        let (dot, doq) = (server.dot, server.doq);
        thread::spawn(move || {
            let mut open = std::collections::VecDeque::new();
            for count in 0.. {
                if stop.load(Relaxed) {
                    return;
                }
                // From elsewhere: a good client at the same address could have to give way.
                let last = 100 + (count % 50) as u8;
                let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 3, last), 0));
                let initial = &initials[count % 64];
                let _ = socket.expect("a socket").send_to(initial, (Ipv4Addr::LOCALHOST, doq));
                let stream = from(last, dot);
                let _ = (&stream).write_all(&hello);
                open.push_back(stream);
                if open.len() > 100 {
                    open.pop_front();
                }
                // All seats are taken in a third of a second. What a slow machine could not keep up
                // with would make the good handshakes late, whoever has the seats.
                thread::sleep(Duration::from_millis(10));
                begun.fetch_add(1, Relaxed);
            }
        })
    };
    let soa = query("clam.example", rr::SOA).build();
    let mut round = 0;
    // Each of the flood begins two handshakes: all seats are taken, and more.
    while round < 20 || begun.load(Relaxed) < 100 {
        round += 1;
        let mut stream = tls(server.dot, &[b"dot"]).expect("a seat");
        assert!(ask_tls(&mut stream, &soa).is_some(), "TLS in round {round}");
        let client = Client::new(b"doq");
        let connection = client.connect(server.doq).expect("a seat");
        assert!(client.exchange(&connection, &framed(&soa)).is_some(), "QUIC in round {round}");
    }
    stop.store(true, Relaxed);
    flood.join().expect("ended");
}

/// A connection from this address of loopback.
fn from(last: u8, port: u16) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 3, last), 0)).into()).expect("bound");
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket.connect(&server.into()).expect("connected");
    TcpStream::from(socket)
}

/// The first packets of so many clients of QUIC, which are as they should be.
fn initials(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| initial()).collect()
}

/// The first flight of a client of TLS.
fn hello() -> Vec<u8> {
    let listener =
        std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free())).expect("bound");
    let port = listener.local_addr().expect("an address").port();
    let client = thread::spawn(move || drop(tls(port, &[b"dot"])));
    let (mut stream, _) = listener.accept().expect("a client");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut octets = vec![0; 4096];
    let length = std::io::Read::read(&mut stream, &mut octets).expect("a hello");
    octets.truncate(length);
    drop((stream, listener));
    client.join().expect("ended");
    octets
}
