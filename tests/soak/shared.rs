//! What the threads of the test share.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};

use crate::changes;

pub(crate) struct Shared {
    /// The server's port.
    pub(crate) port: u16,
    stopped: AtomicBool,
    /// Serial of the newest feed that is known to be in force.
    in_force: AtomicU64,
    /// Serial of the newest feed that may be in force.
    written: AtomicU64,
    /// Good queries that were answered rightly.
    pub(crate) udp: AtomicU64,
    pub(crate) tcp: AtomicU64,
    /// Packets and connections of hostile peers.
    pub(crate) hostile: AtomicU64,
    /// What went wrong, the first few.
    failures: Mutex<Vec<String>>,
}

/// Counts since the start.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) udp: u64,
    pub(crate) tcp: u64,
    pub(crate) hostile: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { udp, tcp, hostile } = self;
        write!(f, "good answers over UDP {udp}, over TCP {tcp}; hostile packets {hostile}")
    }
}

impl Shared {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            port,
            stopped: AtomicBool::new(false),
            in_force: changes::FIRST.into(),
            written: changes::FIRST.into(),
            udp: AtomicU64::default(),
            tcp: AtomicU64::default(),
            hostile: AtomicU64::default(),
            failures: Mutex::default(),
        }
    }

    pub(crate) fn server(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(SeqCst)
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, SeqCst);
    }

    /// Serial of the oldest feed from which a query that is sent now may be answered.
    pub(crate) fn oldest(&self) -> u64 {
        self.in_force.load(SeqCst)
    }

    /// Serial of the newest feed from which an answer that has come may be.
    pub(crate) fn newest(&self) -> u64 {
        self.written.load(SeqCst)
    }

    /// To be called before a feed is written.
    pub(crate) fn writes(&self, serial: u64) {
        self.written.store(serial, SeqCst);
    }

    /// To be called when the server says that a feed is in force.
    pub(crate) fn is_in_force(&self, serial: u64) {
        self.in_force.store(serial, SeqCst);
    }

    pub(crate) fn fail(&self, failure: String) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < 10 {
            failures.push(failure);
        }
    }

    pub(crate) fn assert_no_failure(&self) {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(failures.is_empty(), "good queries failed:\n{}", failures.join("\n"));
    }

    pub(crate) fn counts(&self) -> Counts {
        let [udp, tcp, hostile] =
            [&self.udp, &self.tcp, &self.hostile].map(|count| count.load(SeqCst));
        Counts { udp, tcp, hostile }
    }
}
