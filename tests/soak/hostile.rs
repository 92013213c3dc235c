//! Hostile peers: connections that stall, drip, break off and do not read; packets that are no
//! queries; a flood.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::shared::Shared;
use crate::support::client::framed;
use crate::support::numbers::Numbers;
use crate::support::packet::Query;
use crate::support::rr;

/// Starts all of them. Each kind has an address, and so a network, of its own.
pub(crate) fn start(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let start = |name: &str, peer: fn(&Shared)| {
        let shared = shared.clone();
        crate::thread(name, move || peer(&shared))
    };
    vec![
        start("stalls", |shared| connections(shared, 10, Duration::from_millis(100), stall)),
        start("drips", |shared| connections(shared, 11, Duration::from_millis(40), drip)),
        start("deaf", |shared| connections(shared, 12, Duration::from_millis(200), turn_deaf)),
        start("resets", break_off),
        start("malformed", send_malformed),
        start("flood", flood),
    ]
}

/// Connections that one peer has at a time.
const CONNECTIONS: usize = 20;

fn question() -> Vec<u8> {
    Query::new("db.us.clam.example", rr::A).build()
}

fn connect(shared: &Shared, network: u8) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, network, 0, 1], 0)).into()).unwrap();
    socket.connect(&shared.server().into()).ok()?;
    shared.hostile.fetch_add(1, Relaxed);
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true).unwrap();
    Some(stream)
}

/// Keeps connections open as long as the server has them, and lets `act` do something on each from
/// time to time. `act` is told how often it was called for the connection.
fn connections(
    shared: &Shared,
    network: u8,
    pause: Duration,
    act: fn(&mut TcpStream, usize) -> std::io::Result<()>,
) {
    let mut open: Vec<(TcpStream, usize)> = Vec::new();
    while !shared.is_stopped() {
        if open.len() < CONNECTIONS {
            open.extend(connect(shared, network).map(|stream| (stream, 0)));
        }
        open.retain_mut(|(stream, count)| {
            let is_open = act(stream, *count).is_ok();
            *count += 1;
            is_open
        });
        std::thread::sleep(pause);
    }
}

fn is_closed(stream: &mut TcpStream) -> std::io::Result<()> {
    match stream.read(&mut [0; 64]) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sends half of a message, and then nothing until the server closes.
fn stall(stream: &mut TcpStream, count: usize) -> std::io::Result<()> {
    if count == 0 {
        stream.write_all(&[0xff, 0xff, 1, 2, 3])?;
    }
    is_closed(stream)
}

/// Sends a query, octet by octet.
fn drip(stream: &mut TcpStream, count: usize) -> std::io::Result<()> {
    let query = framed(&question());
    stream.write_all(&query[count % query.len()..][..1])?;
    is_closed(stream)
}

/// Sends as many queries as the server takes, and reads none of the answers.
fn turn_deaf(stream: &mut TcpStream, _: usize) -> std::io::Result<()> {
    match stream.write(&framed(&question()).repeat(500)) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// Waves of connections that ask and are reset (RFC 9293 section 3.5.2) before the answer comes.
fn break_off(shared: &Shared) {
    while !shared.is_stopped() {
        for _ in 0..50 {
            let Some(mut stream) = connect(shared, 13) else { continue };
            let _ = stream.write_all(&framed(&question()));
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn udp(shared: &Shared, network: u8) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, network, 0, 1), 0)).unwrap();
    socket.connect(shared.server()).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// Sends packets of this kind at a steady pace, so many a hundredth of a second, and reads what
/// comes of them.
fn send(shared: &Shared, socket: &UdpSocket, count: usize, mut packet: impl FnMut() -> Vec<u8>) {
    let mut next = Instant::now();
    while !shared.is_stopped() {
        for _ in 0..count {
            // An answer to an earlier packet that was refused shows up here.
            let _ = socket.send(&packet());
        }
        shared.hostile.fetch_add(count as u64, Relaxed);
        while socket.recv(&mut [0; 2048]).is_ok() {}
        next = next.max(Instant::now()) + Duration::from_millis(10);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Queries with octets changed, cut off, added and repeated.
fn send_malformed(shared: &Shared) {
    let mut numbers = Numbers(4);
    let good = [
        question(),
        Query::new("db.local.clam.example", rr::A).subnet("198.51.100.0/26").build(),
        Query::new("current.cvd.clam.example", rr::TXT).option(rr::COOKIE, &[7; 8]).build(),
        Query::new("x.old.clam.example", rr::MX).opcode(4).build(),
    ];
    send(shared, &udp(shared, 14), 5, || mutated(numbers.one_of(&good).clone(), &mut numbers));
}

fn mutated(mut octets: Vec<u8>, numbers: &mut Numbers) -> Vec<u8> {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(octets.len().max(1));
        match numbers.below(4) {
            0 => octets.truncate(at),
            1 => octets.extend_from_within(at..),
            2 => octets.insert(at.min(octets.len()), numbers.next() as u8),
            _ => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= 1 << numbers.below(8);
                }
            }
        }
    }
    octets.truncate(4096);
    octets
}

/// Five thousand queries a second from one address, ten times what the limit gives it.
fn flood(shared: &Shared) {
    send(shared, &udp(shared, 15), 50, question);
}
