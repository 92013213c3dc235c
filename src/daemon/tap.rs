//! Copies queries and answers for dnstap (`[dnstap]`) where answers are made. What is not chosen
//! costs a countdown.

use std::net::SocketAddr;
use std::time::SystemTime;

use super::countdown::{Countdowns, EndpointCountdown};
use crate::dnstap::{TapQueue, Tapped};
use cvdns_core::answer::Transport;
use cvdns_core::config::{Dnstap, DnstapMessage};
use cvdns_net::{Endpoint, memory};

/// Makes taps, which share a queue.
#[derive(Debug, Clone)]
pub(super) struct Tapping {
    countdowns: Countdowns,
    queue: TapQueue,
    sends_queries: bool,
    sends_answers: bool,
}

/// Chooses among the queries of one thread, or of all connections.
#[derive(Debug)]
pub(super) struct Tap {
    countdown: EndpointCountdown,
    queue: TapQueue,
    sends_queries: bool,
    sends_answers: bool,
    /// Where the next query was sent to.
    server: Option<SocketAddr>,
    /// The query that is being answered, if it was chosen.
    open: Option<OpenQuery>,
}

#[derive(Debug)]
struct OpenQuery {
    /// Its octets, as the answer takes their place. `None` if queries are not sent.
    octets: Option<Box<[u8]>>,
    asked: SystemTime,
}

/// Octets of a DNS header (RFC 1035 section 4.1.1).
const HEADER: usize = 12;

impl Tapping {
    /// Taps what the configuration says, whose share is above 0.
    pub(super) fn new(dnstap: &Dnstap, queue: TapQueue) -> Self {
        Self {
            countdowns: Countdowns::new(dnstap.sample),
            queue,
            sends_queries: dnstap.sends(DnstapMessage::AuthQuery),
            sends_answers: dnstap.sends(DnstapMessage::AuthResponse),
        }
    }

    /// The tap for a worker's socket or a connection.
    pub(super) fn tap(&self, endpoint: Endpoint) -> Tap {
        Tap {
            countdown: self.countdowns.of(endpoint),
            queue: self.queue.clone(),
            sends_queries: self.sends_queries,
            sends_answers: self.sends_answers,
            server: None,
            open: None,
        }
    }
}

impl Tap {
    /// Says where the next query was sent to.
    pub(super) fn set_server(&mut self, server: Option<SocketAddr>) {
        self.server = server;
    }

    /// Counts a query that is to be answered, and copies it if it is chosen.
    #[inline]
    pub(super) fn query(&mut self, query: &[u8]) {
        if self.countdown.is_sample() {
            self.begin(query);
        }
    }

    /// Sends the query if it was chosen, with its answer if it has one.
    #[inline]
    pub(super) fn answer(
        &mut self,
        answer: Option<&[u8]>,
        client: SocketAddr,
        transport: Transport,
    ) {
        if let Some(open) = self.open.take() {
            self.send(open, answer, client, transport);
        }
    }

    #[cold]
    fn begin(&mut self, query: &[u8]) {
        // What is no query, or an answer itself (QR), is not for dnstap.
        let is_query = query.len() >= HEADER && query.get(2).is_some_and(|flags| flags & 0x80 == 0);
        if is_query {
            let octets = self.copied(query, self.sends_queries);
            self.open = Some(OpenQuery { octets, asked: SystemTime::now() });
        }
    }

    /// A copy of a message that is to be sent, as far as there is memory: a peer can have answers
    /// of 64 KiB.
    fn copied(&self, message: &[u8], is_sent: bool) -> Option<Box<[u8]>> {
        let copy = is_sent.then(|| memory::copied(message))?;
        copy.inspect_err(|_| self.queue.out_of_memory()).ok()
    }

    #[cold]
    fn send(
        &self,
        OpenQuery { octets, asked }: OpenQuery,
        answer: Option<&[u8]>,
        client: SocketAddr,
        transport: Transport,
    ) {
        let response = answer.and_then(|answer| self.copied(answer, self.sends_answers));
        if octets.is_none() && response.is_none() {
            return;
        }
        let (server, answered) = (self.server, SystemTime::now());
        let query = octets;
        self.queue.push(Tapped { query, response, client, server, transport, asked, answered });
    }
}
