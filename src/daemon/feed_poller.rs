//! Fetches a document on a thread of its own, so that no web server can hold up anything else.

use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::{Context, Poll};

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::backoff::Backoff;
use crate::load::Loaded;
use crate::load::remote::{FetchError, FetchFailure, FetchTimeouts, Fetched, FetchedPart, Fetcher};
use cvdns_io::essential;

/// The outcome of one fetch.
pub(super) type FetchResult = Result<Fetched, FetchError>;

/// A document that is fetched again and again until this is dropped. A fetch under way then ends
/// within its time limit.
pub(super) struct FeedPoller {
    results: Receiver<FetchResult>,
    /// Whether the document has to be brought again even if it is the same.
    refetch: Arc<AtomicBool>,
    means: Means,
}

/// What fetches.
enum Means {
    /// A thread, which ends when this is dropped.
    Thread { _stop: mpsc::Sender<()> },
    /// Something that tells of the document at each interval, and by this function at once.
    Told { again: Box<dyn Fn() + Send + Sync> },
}

impl FeedPoller {
    /// Fetches documents of at most `limit` octets from this URL, on a thread of this name.
    pub(super) fn start(url: &str, loaded: &Loaded, thread: &str, limit: usize) -> Option<Self> {
        let url = url.to_owned();
        let (roots, interval) = (loaded.roots.clone(), loaded.config.feed.interval);
        let signed = loaded.config.feed.public_key.is_some();
        // Room for one result: the next fetch waits until the last one was taken over.
        let (sender, results) = channel(1);
        let (stop, stopped) = mpsc::channel();
        let refetch = Arc::new(AtomicBool::new(false));
        let means = Means::Thread { _stop: stop };
        let poller = Self { results, refetch: refetch.clone(), means };
        let poll = move || {
            let fetcher = Fetcher::new(&url, &roots, signed, FetchTimeouts::of(interval));
            let fetcher = fetcher.limited(limit);
            poll(fetcher, Backoff::new(interval), &refetch, &sender, &stopped);
        };
        match essential::spawn(thread, poll) {
            Ok(_) => Some(poller),
            Err(error) => {
                tracing::error!(
                    error = %error,
                    "no thread {thread}, which fetches: {error}; SIGHUP tries again"
                );
                None
            }
        }
    }

    /// For results that something else sends at each interval, even if there is nothing new. What
    /// `again` holds is dropped with this.
    pub(super) fn told(
        results: Receiver<FetchResult>,
        again: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { results, refetch: Arc::default(), means: Means::Told { again: Box::new(again) } }
    }

    /// The next result, if there is one.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<FetchResult> {
        match self.results.poll_recv(context) {
            Poll::Ready(Some(result)) => {
                self.note(&result);
                Poll::Ready(result)
            }
            _ => Poll::Pending,
        }
    }

    /// Waits for the next result. Safe to cancel.
    pub(super) async fn next(&mut self) -> FetchResult {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Has the document told again at the end of an interval, if that is due. Doing so at once
    /// would have it told again and again.
    fn note(&self, result: &FetchResult) {
        if let (Means::Told { again }, Ok(Fetched::NotModified)) = (&self.means, result)
            && self.refetch.swap(false, Ordering::Relaxed)
        {
            again();
        }
    }

    /// Has the next fetch bring the document even if the server still has the same one.
    pub(super) fn refetch(&self) {
        self.refetch.store(true, Ordering::Relaxed);
    }
}

fn poll(
    mut fetcher: Fetcher,
    mut backoff: Backoff,
    refetch: &AtomicBool,
    results: &Sender<FetchResult>,
    stopped: &mpsc::Receiver<()>,
) {
    loop {
        if refetch.swap(false, Ordering::Relaxed) {
            fetcher.forget_etag();
        }
        // A panic in the HTTP library must not end the polling silently.
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

/// A random number: the standard library seeds its hash tables with random numbers of the system.
fn jitter() -> u16 {
    RandomState::new().build_hasher().finish() as u16
}
