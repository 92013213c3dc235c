//! Floods over UDP beside good clients: the limit meets who floods, and nobody else.
//!
//! Loads are bounded by counts and never wait for a share of time, so that a slow machine makes
//! them slower and nothing else. All of 127.0.0.0/8 are addresses of this machine (Linux): whoever
//! sends from them forges no packet, and the server cannot tell.

#![cfg(target_os = "linux")]
#![allow(clippy::float_cmp, reason = "counts are whole numbers")]

use crate::support;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use support::client::receive;
use support::daemon::{Daemon, Files};
use support::memory::Memory;
use support::numbers::Numbers;
use support::packet::{Query, TC};
use support::prometheus::Page;
use support::reply::Reply;
use support::{PATIENCE, fixture, ports, rr};

/// Good clients, each in a network of its own.
const GOOD: u8 = 5;

/// Time between two queries of a good client: 50 a second.
const PACE: Duration = Duration::from_millis(20);

/// Sources of a spoofed flood.
const SOURCES: u32 = 100_000;

/// Spoofed queries that wait for their answers at once: the socket of the server holds them, so
/// that the kernel drops none.
const WINDOW: u32 = 50;

/// KiB that a flood may add: the table of the limit has 512 for each of the two sockets, and takes
/// them when they are first used.
const GROWTH: u64 = 1536;

fn start(rate: u32) -> (Daemon, u16) {
    let (files, admin) = (fixture::files(), ports::free());
    let config = files.text("cvdns.toml").to_owned();
    let sections = format!(
        "[admin]\nlisten = \"127.0.0.1:{admin}\"\n[rate-limit]\nresponses-per-second = {rate}\n"
    );
    let files: Files = files.with("cvdns.toml", config + &sections);
    (Daemon::start(&files), admin)
}

fn socket(source: Ipv4Addr, daemon: &Daemon) -> UdpSocket {
    let socket = UdpSocket::bind((source, 0)).unwrap();
    socket.connect(("127.0.0.1", daemon.port())).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn question() -> Query {
    Query::new("www.clam.example", rr::A)
}

/// Whether an answer tells its client to ask over TCP.
fn is_limited(octets: &[u8]) -> bool {
    let reply = Reply::parse(octets);
    assert_eq!(reply.rcode(), rr::NOERROR, "{reply:?}");
    assert_eq!(reply.answer.is_empty(), reply.has(TC), "{reply:?}");
    reply.has(TC)
}

/// Clients that ask 50 times a second at most and never twice before an answer.
struct GoodClients {
    /// Socket and the cookie that its queries have.
    clients: Vec<(UdpSocket, Vec<u8>)>,
    next: Instant,
    asked: u32,
    answered: u32,
}

impl GoodClients {
    fn new(daemon: &Daemon) -> Self {
        let of = |number| (socket(Ipv4Addr::new(127, 0, number, 1), daemon), Vec::new());
        let clients = (1..=GOOD).map(of).collect();
        Self { clients, next: Instant::now(), asked: 0, answered: 0 }
    }

    /// The same with a cookie for each, as resolvers have (RFC 7873, 5.3).
    fn with_cookies(daemon: &Daemon) -> Self {
        let mut good = Self::new(daemon);
        for (socket, cookie) in &mut good.clients {
            socket.send(&question().option(rr::COOKIE, &[7; 8]).build()).unwrap();
            let reply = Reply::parse(&receive(socket).expect("an answer with a cookie"));
            *cookie = reply.option(rr::COOKIE).expect("a cookie").to_vec();
        }
        good
    }

    /// Has all ask and waits for their answers, if it is time.
    fn turn(&mut self) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + PACE;
        let queries: Vec<Query> = self
            .clients
            .iter()
            .map(|(socket, cookie)| {
                let query = question();
                let query =
                    if cookie.is_empty() { query } else { query.option(rr::COOKIE, cookie) };
                socket.send(&query.build()).unwrap();
                query
            })
            .collect();
        for ((socket, _), query) in self.clients.iter().zip(queries) {
            self.asked += 1;
            if let Some(octets) = receive(socket) {
                assert_eq!(octets[..2], query.id.to_be_bytes());
                self.answered += u32::from(!is_limited(&octets));
            }
        }
    }

    /// At least 99.9 % of the queries got the whole answer.
    fn assert_answered(&self) {
        let Self { asked, answered, .. } = self;
        assert!(*asked > 0 && (asked - answered) * 1000 <= *asked, "{answered} of {asked}");
    }
}

/// Answers to a flood.
#[derive(Debug, Default, Clone, Copy)]
struct Answers {
    full: u32,
    limited: u32,
}

impl Answers {
    fn add(&mut self, octets: &[u8]) {
        *(if is_limited(octets) { &mut self.limited } else { &mut self.full }) += 1;
    }

    fn all(self) -> u32 {
        self.full + self.limited
    }
}

/// Answers that were truncated by the limit, by the server's own count.
fn truncated(admin: u16) -> f64 {
    Page::of(admin).get("cvdns_rate_limited_total", &[("action", "truncated")])
}

fn assert_flat(before: Memory, daemon: &Daemon) {
    let after = Memory::of(daemon.pid());
    assert!(after.anonymous <= before.anonymous + GROWTH, "{before}; after the flood {after}");
}

/// Ten times the limit from one address. At most 1,000 queries a second are sent, so that at least
/// a tenth is within the limit however slow the machine is.
#[test]
fn a_flood_at_ten_times_the_limit_gets_the_limit_and_good_clients_everything() {
    const RATE: u32 = 100;
    const EACH_TURN: u32 = 20;
    let (daemon, admin) = start(RATE);
    let mut good = GoodClients::new(&daemon);
    let flooder = socket(Ipv4Addr::new(127, 0, 99, 1), &daemon);
    let (before, truncated_before) = (Memory::of(daemon.pid()), truncated(admin));
    let (mut flood, begun) = (Answers::default(), Instant::now());
    for _ in 0..250 {
        std::thread::sleep(good.next.saturating_duration_since(Instant::now()));
        for _ in 0..EACH_TURN {
            flooder.send(&question().build()).unwrap();
        }
        good.turn();
        for _ in 0..EACH_TURN {
            flood.add(&receive(&flooder).expect("an answer to each: slip is 1"));
        }
    }
    let most = begun.elapsed().as_secs_f64().mul_add(f64::from(RATE), f64::from(RATE));
    // The clock of the limit goes in steps of up to 10 ms.
    assert!(f64::from(flood.full) <= most + 2.0, "{flood:?}: at most {most} within the limit");
    assert!(flood.full + 5 >= flood.all() / 10, "{flood:?}: less than the limit");
    good.assert_answered();
    assert_eq!(good.asked, 250 * u32::from(GOOD));
    assert_eq!(truncated(admin) - truncated_before, f64::from(flood.limited));
    daemon.wait_for_log(0, &["over the rate limit", "127.0.99.1/32 ("]);
    assert_flat(before, &daemon);
}

/// Sends one query from each of these sources, a window of them at once, and lets `beside` act
/// after each window.
fn spoof(
    daemon: &Daemon,
    mut source: impl FnMut(u32) -> Ipv4Addr,
    mut beside: impl FnMut(),
) -> Answers {
    let server = SocketAddr::from(([127, 0, 0, 1], daemon.port()));
    let mut answers = Answers::default();
    for first in (0..SOURCES).step_by(WINDOW as usize) {
        let sockets: Vec<UdpSocket> = (first..first + WINDOW)
            .map(|number| {
                let socket = UdpSocket::bind((source(number), 0)).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                socket.send_to(&question().build(), server).unwrap();
                socket
            })
            .collect();
        for socket in &sockets {
            answers.add(&receive(socket).expect("an answer to each: slip is 1"));
        }
        beside();
    }
    answers
}

/// Sources at random, as a flood that forges its addresses has: more buckets than the table has
/// places. A client that really asks too much is not forgotten over them.
#[test]
fn sources_at_random_cost_good_clients_nothing_and_hide_no_flooder() {
    const RATE: u32 = 100;
    let (daemon, _) = start(RATE);
    let mut good = GoodClients::new(&daemon);
    let flooder = socket(Ipv4Addr::new(127, 0, 99, 1), &daemon);
    let before = Memory::of(daemon.pid());
    let (mut numbers, mut flood, begun) = (Numbers(7), Answers::default(), Instant::now());
    // Not among the first: those are of the good ones.
    let source = |_| Ipv4Addr::from(0x7f01_0000 + (numbers.v4() & 0x007f_ffff));
    let spoofed = spoof(&daemon, source, || {
        good.turn();
        for _ in 0..5 {
            flooder.send(&question().build()).unwrap();
        }
        for _ in 0..5 {
            flood.add(&receive(&flooder).expect("an answer to each: slip is 1"));
        }
    });
    good.assert_answered();
    // Each source has asked once or twice.
    assert!(spoofed.limited * 1000 <= spoofed.all(), "{spoofed:?}");
    let most = begun.elapsed().as_secs_f64().mul_add(f64::from(RATE), f64::from(RATE));
    assert!(f64::from(flood.full) <= most + 2.0, "{flood:?}: at most {most} within the limit");
    assert!(flood.full >= RATE && flood.all() == 5 * SOURCES / WINDOW, "{flood:?}");
    assert_flat(before, &daemon);
}

/// Sources of few networks, one after the other: each /18 gets its 768 answers a second, and the
/// rest is told to come over TCP, which who forged the address cannot. Good clients have cookies
/// (RFC 7873), and so no limit.
#[test]
fn sources_of_few_networks_get_the_limit_of_their_network() {
    const NETWORKS: u32 = SOURCES.div_ceil(1 << 14);
    let (daemon, admin) = start(1);
    let mut good = GoodClients::with_cookies(&daemon);
    let (before, truncated_before) = (Memory::of(daemon.pid()), truncated(admin));
    let begun = Instant::now();
    let source = |number| Ipv4Addr::from(0x7f20_0000 + number);
    let flood = spoof(&daemon, source, || good.turn());
    good.assert_answered();
    assert_eq!(flood.all(), SOURCES);
    let each = begun.elapsed().as_secs_f64().mul_add(768.0, 768.0 + 10.0);
    let most = each * f64::from(NETWORKS);
    assert!(f64::from(flood.full) <= most, "{flood:?}: at most {most} within the limit");
    // Those networks that are used from end to end.
    assert!(flood.full + 10 >= 768 * (NETWORKS - 1), "{flood:?}: less than the limit");
    assert_eq!(truncated(admin) - truncated_before, f64::from(flood.limited));
    assert_flat(before, &daemon);
}
