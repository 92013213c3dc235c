//! Clients that ask over each encrypted transport all the time, and want every answer.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use quinn::{ConnectionError, VarInt};

use super::doh::{Response, parsed};
use super::doq::{self, query};
use super::{Encrypted, Tls, next_message, tls};
use crate::support::client::framed;
use crate::support::reply::Reply;
use crate::support::{PATIENCE, rr};

/// A client that keeps its connection for a few queries. One that the server ends in order is no
/// error: another one is made, as RFC 7766 section 6.2.4 and RFC 9250 section 5.5.1 want.
type Ask = fn(port: u16) -> u64;

/// Clients of each transport, which ask all the time.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    answered: [Arc<AtomicU64>; 3],
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    pub(super) fn start(server: &Encrypted) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let answered = [(); 3].map(|()| Arc::<AtomicU64>::default());
        let clients: [(Ask, u16); 3] =
            [(over_tls, server.dot), (over_quic, server.doq), (over_https, server.doh)];
        let threads = clients.into_iter().zip(&answered).map(|((ask, port), count)| {
            let (stop, count) = (stop.clone(), count.clone());
            thread::spawn(move || {
                while !stop.load(Relaxed) {
                    count.fetch_add(ask(port), Relaxed);
                }
            })
        });
        let threads = threads.collect();
        Self { stop, answered, threads }
    }

    fn answered(&self) -> [u64; 3] {
        [0, 1, 2].map(|number: usize| self.answered[number].load(Relaxed))
    }

    /// Waits until clients of each transport have had so many answers more.
    pub(super) fn go_on(&self, more: u64) {
        let (before, deadline) = (self.answered(), Instant::now() + PATIENCE);
        while self.answered().iter().zip(before).any(|(now, before)| *now < before + more) {
            assert!(Instant::now() < deadline, "{before:?}, {:?}", self.answered());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends. Fails if there was an error.
    pub(super) fn end(self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads {
            thread.join().expect("no error");
        }
    }
}

/// Queries on a connection.
const QUERIES: u64 = 5;

fn must_be_right(answer: &[u8]) {
    let reply = Reply::parse(answer);
    assert!(reply.rcode() == rr::NOERROR && !reply.answer.is_empty(), "{reply:?}");
}

fn over_tls(port: u16) -> u64 {
    let mut stream = tls(port, &[b"dot"]).expect("a handshake");
    let message = framed(&query("www.clam.example", rr::A).build());
    for number in 0..QUERIES {
        if stream.write_all(&message).is_err() {
            return number;
        }
        match whole_or_end(&mut stream) {
            Some(answer) => must_be_right(&answer),
            None => return number,
        }
    }
    QUERIES
}

/// The next message; `None` at an orderly end before it. A connection that is cut off is an error.
fn whole_or_end(stream: &mut Tls) -> Option<Vec<u8>> {
    let mut first = [0];
    match stream.read(&mut first) {
        Ok(0) => None,
        Ok(_) => next_message(&mut first.as_slice().chain(stream)),
        Err(error) => panic!("{error}"),
    }
}

fn over_quic(port: u16) -> u64 {
    let client = doq::Client::new(b"doq");
    let connection = client.connect(port).expect("a handshake");
    let message = framed(&query("www.clam.example", rr::A).build());
    for number in 0..QUERIES {
        match client.exchange(&connection, &message) {
            Some(answer) => must_be_right(&answer[2..]),
            None => match connection.close_reason() {
                Some(ConnectionError::ApplicationClosed(close)) => {
                    assert_eq!(close.error_code, VarInt::from_u32(0), "DOQ_NO_ERROR");
                    return number;
                }
                other => panic!("{other:?}"),
            },
        }
    }
    QUERIES
}

fn over_https(port: u16) -> u64 {
    let mut stream = tls(port, &[b"http/1.1"]).expect("a handshake");
    let query = query("www.clam.example", rr::A).build();
    let head = format!(
        "POST /dns-query HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/dns-message\r\ncontent-length: {}\r\n\r\n",
        query.len()
    );
    if stream.write_all(&[head.as_bytes(), &query].concat()).is_err() {
        return 0;
    }
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(0) => return 0,
        Ok(_) => {}
        Err(error) => {
            assert!(error.kind() == ErrorKind::UnexpectedEof && !all.is_empty(), "{error}");
        }
    }
    let Response { status, body, .. } = parsed(all);
    assert_eq!(status, 200);
    must_be_right(&body);
    1
}
