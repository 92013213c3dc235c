//! Good clients: their queries are answered, and rightly.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::expected::Expectations;
use crate::shared::Shared;
use crate::support::client::{framed, read};
use crate::support::daemon::Daemon;
use crate::support::numbers::Numbers;

/// Sockets of the clients over UDP, and queries that each has under way. Together they fit into the
/// server's socket with all that hostile peers send, so that the kernel drops none.
const SOCKETS: u8 = 4;
const WINDOW: u16 = 16;

/// After this time a query counts as lost.
const LOST: Duration = Duration::from_secs(20);

/// Time between two connections of the client over TCP.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts the good clients, with so many queries a second over UDP.
pub(crate) fn start(
    shared: &Arc<Shared>,
    expectations: &Arc<Expectations>,
    rate: f64,
) -> Vec<JoinHandle<()>> {
    let (one, other) = (shared.clone(), shared.clone());
    let (of_one, of_other) = (expectations.clone(), expectations.clone());
    vec![
        crate::thread("good-udp", move || {
            let mut clients = UdpClients::new(&one);
            let mut next = Instant::now();
            while !one.is_stopped() {
                clients.turn(&one, &of_one);
                // Time that the machine took is not made up for.
                next = next.max(Instant::now().checked_sub(PAUSE).expect("a moment ago"))
                    + Duration::from_secs_f64(f64::from(u16::from(SOCKETS) * WINDOW) / rate);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        }),
        crate::thread("good-tcp", move || {
            let mut numbers = Numbers(3);
            while !other.is_stopped() {
                if let Err(failure) = converse(&other, &of_other, &mut numbers) {
                    other.fail(failure);
                }
                std::thread::sleep(PAUSE);
            }
        }),
    ]
}

/// How many of these queries one worker answers in a second of processor time.
pub(crate) fn capacity(
    daemon: &Daemon,
    shared: &Shared,
    expectations: &Expectations,
    time: Duration,
) -> f64 {
    let mut clients = UdpClients::new(shared);
    let (before, begun) = (cpu_time(daemon), Instant::now());
    while begun.elapsed() < time {
        clients.turn(shared, expectations);
    }
    shared.assert_no_failure();
    let answered = shared.udp.load(Relaxed) as f64;
    answered / cpu_time(daemon).saturating_sub(before).as_secs_f64()
}

/// Processor time of the worker that serves IPv4: the first figure of its schedstat (proc(5)).
fn cpu_time(daemon: &Daemon) -> Duration {
    let tasks = format!("/proc/{}/task", daemon.pid());
    let read = |path: String| std::fs::read_to_string(path).expect("a file of /proc");
    for task in std::fs::read_dir(&tasks).expect("its threads") {
        let task = task.expect("a thread").file_name().into_string().expect("a number");
        if read(format!("{tasks}/{task}/comm")).starts_with("cvdns-udp-0-127") {
            let times = read(format!("{tasks}/{task}/schedstat"));
            let time = times.split(' ').next().and_then(|time| time.parse().ok());
            return Duration::from_nanos(time.expect("nanoseconds"));
        }
    }
    panic!("no worker in {tasks}");
}

/// Clients over UDP.
struct UdpClients {
    sockets: Vec<UdpSocket>,
    numbers: Numbers,
    turn: u16,
    buffer: Vec<u8>,
}

impl UdpClients {
    fn new(shared: &Shared) -> Self {
        let socket = |number| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, number, 1), 0)).unwrap();
            socket.connect(shared.server()).unwrap();
            socket.set_read_timeout(Some(LOST)).unwrap();
            socket
        };
        let sockets = (1..=SOCKETS).map(socket).collect();
        Self { sockets, numbers: Numbers(2), turn: 0, buffer: vec![0; 4096] }
    }

    /// Asks a window of queries from each socket, and waits for all answers.
    fn turn(&mut self, shared: &Shared, expectations: &Expectations) {
        let Self { sockets, numbers, turn, buffer } = self;
        *turn = turn.wrapping_add(1);
        let oldest = shared.oldest();
        let questions: Vec<Vec<usize>> = sockets
            .iter()
            .map(|socket| {
                let ask = |slot: u16| {
                    let number = numbers.below(expectations.all.len());
                    let octets = &expectations.all[number].octets;
                    buffer[..octets.len()].copy_from_slice(octets);
                    buffer[..2].copy_from_slice(&(turn.wrapping_mul(WINDOW) + slot).to_be_bytes());
                    socket.send(&buffer[..octets.len()]).unwrap();
                    number
                };
                (0..WINDOW).map(ask).collect()
            })
            .collect();
        for (socket, asked) in sockets.iter().zip(questions) {
            let mut open = asked.iter().copied().map(Some).collect::<Vec<_>>();
            for _ in 0..WINDOW {
                let Ok(length) = socket.recv(buffer) else {
                    return shared.fail(format!("no answer for {LOST:?}: questions {open:?}"));
                };
                let octets = &buffer[..length];
                let id = u16::from_be_bytes([octets[0], octets[1]]);
                let slot = usize::from(id.wrapping_sub(turn.wrapping_mul(WINDOW)));
                let Some(number) = open.get_mut(slot).and_then(Option::take) else {
                    return shared.fail(format!("an answer to no query: {octets:02x?}"));
                };
                let feeds = oldest..=shared.newest();
                let count = shared.udp.fetch_add(1, Relaxed);
                if !expectations.is_right(number, octets, feeds.clone(), count) {
                    let query = &expectations.all[number].query;
                    return shared.fail(format!("{query:?}: {octets:02x?} by feeds {feeds:?}"));
                }
            }
        }
    }
}

/// Asks some queries at once over a new connection.
fn converse(
    shared: &Shared,
    expectations: &Expectations,
    numbers: &mut Numbers,
) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("a connection: {error}");
    let mut stream = TcpStream::connect(shared.server()).map_err(failed)?;
    stream.set_read_timeout(Some(LOST)).map_err(failed)?;
    let oldest = shared.oldest();
    let questions: Vec<usize> = (0..3).map(|_| numbers.below(expectations.all.len())).collect();
    let octets = |number: &usize| framed(&expectations.all[*number].octets);
    stream.write_all(&questions.iter().flat_map(octets).collect::<Vec<_>>()).map_err(failed)?;
    // Answers may come in any order (RFC 7766 section 6.2.1.1); those of cvdns keep that of the
    // queries.
    for number in questions {
        let query = &expectations.all[number].query;
        let octets = read(&mut stream).ok_or_else(|| format!("no answer over TCP to {query:?}"))?;
        let feeds = oldest..=shared.newest();
        if !expectations.is_right(number, &octets, feeds.clone(), 0) {
            return Err(format!("{query:?} over TCP: {octets:02x?} by feeds {feeds:?}"));
        }
        shared.tcp.fetch_add(1, Relaxed);
    }
    Ok(())
}
