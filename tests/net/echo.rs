//! What the tests of the library's sockets share: a responder that obeys the question, a server on
//! loopback, and clients.

#![allow(unreachable_pub, reason = "a test crate has no users but itself")]

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cvdns_net::{
    Counters, Listeners, MakeResponder, Responder, Serving, SocketCounters, TcpLimits, Transport,
    UdpMode,
};
use tokio::runtime::Runtime;

use crate::support::packet::{Query, RD};
use crate::support::{client, rr};

pub use crate::support::PATIENCE;
pub use crate::support::client::framed;

/// Turns a query into its own answer by flipping QR, unless its first label says otherwise.
#[derive(Clone, Copy)]
pub struct Echo;

impl Responder for Echo {
    fn refresh(&mut self) {}

    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        _: SocketAddr,
        by: Transport,
    ) -> Option<usize> {
        assert!(buffer.len() > length);
        let big = by == Transport::Tcp && buffer[13..].starts_with(b"big");
        assert!(!buffer[13..].starts_with(b"panic"), "as the query asked");
        if buffer[13..].starts_with(b"silence") {
            return None;
        }
        buffer[2] |= 0x80;
        Some(if big { 65_535 } else { length })
    }
}

/// Holds back all responders of a server that have a query in hand, while it is closed.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<Passage>, Condvar)>);

#[derive(Default)]
struct Passage {
    is_closed: bool,
    /// Responders that are held back.
    held: usize,
}

impl Gate {
    pub fn close(&self) {
        self.0.0.lock().unwrap().is_closed = true;
    }

    pub fn open(&self) {
        self.0.0.lock().unwrap().is_closed = false;
        self.0.1.notify_all();
    }

    /// Responders that echo, while the gate is open.
    pub fn echo(&self) -> impl MakeResponder {
        let gate = self.clone();
        move || Held(gate.clone())
    }

    /// Waits until a responder is held back.
    pub fn until_one_is_held(&self) {
        let (passage, changed) = &*self.0;
        let nobody = |passage: &mut Passage| passage.held == 0;
        let (passage, _) =
            changed.wait_timeout_while(passage.lock().unwrap(), PATIENCE, nobody).unwrap();
        assert!(passage.held > 0, "no query reaches a responder");
    }

    fn pass(&self) {
        let (passage, changed) = &*self.0;
        let mut passage = passage.lock().unwrap();
        passage.held += 1;
        changed.notify_all();
        // Not for ever: a test that fails ends its server, which waits for its responders.
        (passage, _) =
            changed.wait_timeout_while(passage, PATIENCE, |passage| passage.is_closed).unwrap();
        passage.held -= 1;
    }
}

struct Held(Gate);

impl Responder for Held {
    fn refresh(&mut self) {}

    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        of: SocketAddr,
        by: Transport,
    ) -> Option<usize> {
        self.0.pass();
        Echo.respond(buffer, length, of, by)
    }
}

/// A query with a one-label name.
pub fn query(id: u16, label: &str) -> Vec<u8> {
    Query { id, ..Query::new(label, rr::A).flags(RD) }.build()
}

/// What [`Echo`] makes of it.
pub fn answer(id: u16, label: &str) -> Vec<u8> {
    let mut bytes = query(id, label);
    bytes[2] |= 0x80;
    bytes
}

/// A running server.
pub struct TestServer {
    pub addresses: Vec<SocketAddr>,
    serving: Option<Serving>,
    runtime: Runtime,
}

impl TestServer {
    pub fn start(addresses: &[&str], workers: usize, mode: UdpMode, limits: TcpLimits) -> Self {
        Self::start_with(addresses, workers, mode, limits, &|| Echo)
    }

    pub fn start_with<M: MakeResponder>(
        addresses: &[&str],
        workers: usize,
        mode: UdpMode,
        limits: TcpLimits,
        make: &M,
    ) -> Self {
        Self::start_at(addresses, workers, mode, false, limits, make)
    }

    /// With one core for each worker.
    pub fn start_pinned<M: MakeResponder>(addresses: &[&str], workers: usize, make: &M) -> Self {
        Self::start_at(addresses, workers, UdpMode::Mmsg, true, TcpLimits::default(), make)
    }

    fn start_at<M: MakeResponder>(
        addresses: &[&str],
        workers: usize,
        mode: UdpMode,
        affinity: bool,
        limits: TcpLimits,
        make: &M,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let addresses: Vec<SocketAddr> =
            addresses.iter().map(|address| address.parse().unwrap()).collect();
        let listeners = Listeners::bind(&addresses, workers, mode, affinity).unwrap();
        let addresses = listeners.addresses();
        let serving = listeners.serve(make, limits, runtime.handle()).unwrap();
        Self { addresses, serving: Some(serving), runtime }
    }

    /// Answers TCP with these limits, UDP with one worker.
    pub fn tcp(limits: TcpLimits) -> Self {
        Self::start(&["127.0.0.1:0"], 1, UdpMode::Auto, limits)
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub fn counters(&self) -> Counters {
        self.serving.as_ref().unwrap().counters()
    }

    /// Waits until the counters are as wanted.
    pub fn wait_for(&self, wanted: impl Fn(Counters) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !wanted(self.counters()) {
            assert!(Instant::now() < end, "waited in vain: {:?}", self.counters());
            sleep(Duration::from_millis(5));
        }
    }

    /// The figures of each UDP socket.
    pub fn sockets(&self) -> Vec<SocketCounters> {
        self.serving.as_ref().unwrap().tallies().sockets().collect()
    }

    pub fn stop(&mut self) -> Counters {
        self.stop_and(|| {})
    }

    /// Does something once all were told to stop, and waits for them.
    pub fn stop_and(&mut self, act: impl FnOnce()) -> Counters {
        let stop = self.serving.take().unwrap().stop();
        self.runtime.block_on(async {
            let mut stop = std::pin::pin!(stop);
            // The first look tells them.
            tokio::select! {
                biased;
                counters = &mut stop => return counters,
                () = std::future::ready(()) => act(),
            }
            stop.await
        })
    }
}

/// A UDP client that hears only what comes from `server`.
pub fn udp_client(server: SocketAddr) -> UdpSocket {
    let any = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub fn receive(socket: &UdpSocket) -> Vec<u8> {
    client::receive(socket).expect("an answer")
}

pub fn assert_udp_echo(server: SocketAddr) {
    let client = udp_client(server);
    client.send(&query(7, "echo")).unwrap();
    assert_eq!(receive(&client), answer(7, "echo"), "{server}");
}

pub fn tcp_client(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The next message.
pub fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    client::read(stream).expect("an answer")
}

pub fn ask(stream: &mut TcpStream, id: u16) {
    stream.write_all(&framed(&query(id, "tcp"))).unwrap();
    assert_eq!(read_message(stream), answer(id, "tcp"));
}

/// The peer has closed: an orderly end or, if it left bytes unread, a reset.
pub fn assert_closed(stream: &mut TcpStream) {
    assert!(client::is_closed(stream), "not closed, or there was more to read");
}
