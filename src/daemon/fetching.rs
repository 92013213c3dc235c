//! Fetches the feed on a thread of its own: nothing that a web server does holds up anything else.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::backoff::Backoff;
use crate::load::Loaded;
use crate::load::remote::{FetchError, FetchFailure, FetchTimeouts, Fetched, FetchedPart, Fetcher};

/// What a fetch brought.
pub(super) type Brought = Result<Fetched, FetchError>;

/// A feed that is polled. Its drop ends that; a fetch under way ends within its time limit.
pub(super) struct Fetching {
    results: Receiver<Brought>,
    forget: Arc<AtomicBool>,
    _stop: mpsc::Sender<()>,
}

impl Fetching {
    /// Starts when the feed comes from a URL. Certificates of the system are read anew.
    pub(super) fn start(loaded: &Loaded) -> Option<Self> {
        let url = loaded.feed.as_ref()?.url()?.to_owned();
        let (roots, interval) = (loaded.roots.clone(), loaded.config.feed.interval);
        let signed = loaded.config.feed.public_key.is_some();
        // One place: the next fetch waits until the last one was taken in.
        let (sender, results) = channel(1);
        let (stop, stopped) = mpsc::channel();
        let forget = Arc::new(AtomicBool::new(false));
        let fetching = Self { results, forget: forget.clone(), _stop: stop };
        let poll = move || {
            let fetcher = Fetcher::new(&url, &roots, signed, FetchTimeouts::of(interval));
            poll(fetcher, Backoff::new(interval), &forget, &sender, &stopped);
        };
        match std::thread::Builder::new().name("cvdns-feed".to_owned()).spawn(poll) {
            Ok(_) => Some(fetching),
            Err(error) => {
                tracing::error!("no thread to fetch the feed with: {error}; SIGHUP tries again");
                None
            }
        }
    }

    /// Waits for the next result.
    pub(super) async fn next(&mut self) -> Brought {
        match self.results.recv().await {
            Some(result) => result,
            None => std::future::pending().await,
        }
    }

    /// The next fetch brings the document even if the server has no other.
    pub(super) fn forget(&self) {
        self.forget.store(true, Ordering::Relaxed);
    }
}

/// The next result; never any when nothing is fetched.
pub(super) async fn next(fetching: &mut Option<Fetching>) -> Brought {
    match fetching {
        Some(fetching) => fetching.next().await,
        None => std::future::pending().await,
    }
}

fn poll(
    mut fetcher: Fetcher,
    mut backoff: Backoff,
    forget: &AtomicBool,
    results: &Sender<Brought>,
    stopped: &mpsc::Receiver<()>,
) {
    loop {
        if forget.swap(false, Ordering::Relaxed) {
            fetcher.forget_etag();
        }
        // A defect in the library must not end the polling without a word.
        let result = catch_unwind(AssertUnwindSafe(|| fetcher.fetch())).unwrap_or_else(|_| {
            let failure =
                FetchFailure::System("the fetch was given up: a defect of this program".to_owned());
            Err(FetchError { part: FetchedPart::Document, failure })
        });
        let delay = if result.is_ok() { backoff.succeeded() } else { backoff.failed(jitter()) };
        if results.blocking_send(result).is_err() {
            return;
        }
        match stopped.recv_timeout(delay) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return,
        }
    }
}

/// Some number: the standard library seeds its hash tables with one of the system's.
fn jitter() -> u16 {
    RandomState::new().build_hasher().finish() as u16
}
