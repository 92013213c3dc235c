//! Clients that ask without a pause and want every answer.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::super::support::client::receive;
use super::super::support::packet::{AA, Query};
use super::super::support::reply::Reply;
use super::super::support::{PATIENCE, rr};

/// Threads with sockets of their own, each of which has one query on its way.
pub(super) struct Askers {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

/// Sockets of a thread.
const SOCKETS: usize = 16;

/// Most rounds of a thread: it must end whatever happens.
const ROUNDS: usize = 200_000;

impl Askers {
    /// Starts so many threads, which ask the static name `www.clam.example` over UDP. With `pace`,
    /// each begins a round every so often.
    pub(super) fn start(port: u16, threads: usize, pace: Option<Duration>) -> Self {
        let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let threads = (0..threads).map(|number| {
            let ip: IpAddr = if number % 2 == 0 { [127, 0, 0, 1].into() } else { one6() };
            let (stop, asked) = (stop.clone(), asked.clone());
            spawn(move || ask(SocketAddr::new(ip, port), &stop, &asked, pace))
        });
        let threads = threads.collect();
        Self { stop, asked, threads }
    }

    /// How many queries were answered so far.
    pub(super) fn answered(&self) -> u64 {
        self.asked.load(Relaxed)
    }

    /// Stops. Fails if any query was not answered, or answered wrong. Returns their number.
    pub(super) fn stop(self) -> u64 {
        self.stop.store(true, Relaxed);
        for thread in self.threads {
            thread.join().expect("every query answered");
        }
        self.asked.load(Relaxed)
    }
}

fn one6() -> IpAddr {
    std::net::Ipv6Addr::LOCALHOST.into()
}

fn ask(server: SocketAddr, stop: &AtomicBool, asked: &AtomicU64, pace: Option<Duration>) {
    let sockets: Vec<UdpSocket> = (0..SOCKETS)
        .map(|_| {
            let own: IpAddr = if server.is_ipv4() { [127, 0, 0, 1].into() } else { one6() };
            let socket = UdpSocket::bind((own, 0)).unwrap();
            socket.connect(server).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        })
        .collect();
    let mut expected = None;
    let mut next = Instant::now();
    for round in 0..ROUNDS {
        if stop.load(Relaxed) {
            return;
        }
        let query = Query { id: round as u16, ..Query::new("www.clam.example", rr::A) };
        let octets = query.build();
        for socket in &sockets {
            socket.send(&octets).unwrap();
        }
        for socket in &sockets {
            let octets = receive(socket).expect("an answer to every query");
            // The whole packet is compared with the first one, but for its id.
            assert_eq!(octets[..2], query.id.to_be_bytes());
            let expected = expected.get_or_insert_with(|| {
                let reply = Reply::parse(&octets);
                assert!(reply.has(AA) && reply.rcode() == rr::NOERROR, "{reply:?}");
                assert!(!reply.answer.is_empty(), "{reply:?}");
                octets[2..].to_vec()
            });
            assert_eq!(octets[2..], expected[..]);
        }
        asked.fetch_add(SOCKETS as u64, Relaxed);
        if let Some(pace) = pace {
            next += pace;
            sleep(next.saturating_duration_since(Instant::now()));
        }
    }
    panic!("the test takes too long");
}
