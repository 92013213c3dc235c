//! What a follower tells, as it is waited for.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use cvdns_nats::{Document, ErrorKind, Following, Settings, Update, follow};

use super::{PATIENCE, key, serial};

/// A follower.
pub(crate) struct Heard {
    pub(crate) updates: Receiver<Update>,
    pub(crate) following: Following,
    pub(crate) all: Vec<Update>,
}

impl Heard {
    /// Follows the document of the tests, and asks for it rarely.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self::each(settings, Duration::from_secs(3600))
    }

    /// Follows it, and asks for it in each interval.
    pub(crate) fn each(settings: &Settings, interval: Duration) -> Self {
        let (sender, updates) = channel();
        let sink = move |update| {
            let _ = sender.send(update);
        };
        let following =
            follow("cvdns-test", settings.clone(), vec![key()], interval, sink).unwrap();
        Self { updates, following, all: Vec::new() }
    }

    /// Waits for an update of which this makes something.
    pub(crate) fn wait<T>(&mut self, what: &str, mut of: impl FnMut(&Update) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(update) = self.updates.recv_timeout(left) else {
                panic!("no {what}, but {:#?}", self.all)
            };
            let found = of(&update);
            self.all.push(update);
            if let Some(found) = found {
                return found;
            }
        }
    }

    /// The next document, with its revision.
    pub(crate) fn document(&mut self) -> (Document, u64) {
        self.wait("document", |update| match update {
            Update::Document { document, revision, .. } => Some((document.clone(), *revision)),
            _ => None,
        })
    }

    /// Waits for the document with this serial.
    pub(crate) fn serial(&mut self, wanted: u64) -> u64 {
        self.wait(&format!("serial {wanted}"), |update| match update {
            Update::Document { document, revision, .. } if serial(document) == wanted => {
                Some(*revision)
            }
            _ => None,
        })
    }

    pub(crate) fn connected(&mut self) {
        self.wait("connection", |update| matches!(update, Update::Connected { .. }).then_some(()));
    }

    pub(crate) fn same(&mut self) {
        self.wait("same", |update| matches!(update, Update::Same { .. }).then_some(()));
    }

    pub(crate) fn absent(&mut self) {
        self.wait("absence", |update| matches!(update, Update::Absent { .. }).then_some(()));
    }

    pub(crate) fn refused(&mut self) -> &'static str {
        self.wait("refusal", |update| match update {
            Update::Refused { refusal, .. } => Some(refusal.label()),
            _ => None,
        })
    }

    /// Waits for an error of this kind, and returns what it says.
    pub(crate) fn unavailable(&mut self, kind: ErrorKind) -> String {
        self.wait(kind.label(), |update| match update {
            Update::Unavailable { error, .. } if error.kind() == kind => Some(error.to_string()),
            _ => None,
        })
    }

    /// Serials of all documents so far.
    pub(crate) fn serials(&self) -> Vec<u64> {
        let of = |update: &Update| match update {
            Update::Document { document, .. } => Some(serial(document)),
            _ => None,
        };
        self.all.iter().filter_map(of).collect()
    }
}

/// Waits until all have heard the document with this serial.
pub(crate) fn all_hear(followers: &mut [Heard], serial: u64) {
    for heard in followers {
        heard.serial(serial);
    }
}
