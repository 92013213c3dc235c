//! Fetches feed and overrides on threads of their own, so that no server can hold up anything else.

use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::task::Poll;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::nats_follower::{self, Following};

use crate::backoff::Backoff;
use crate::load::remote::{FetchError, FetchFailure, FetchTimeouts, Fetched, FetchedPart, Fetcher};
use crate::load::{FeedSource, Loaded, MAX_OVERRIDES};
use cvdns_core::health::MAX_FEED_SIZE;
use cvdns_io::essential;

/// The outcome of one fetch.
pub(super) type FetchResult = Result<Fetched, FetchError>;

/// What is fetched.
pub(super) struct Pollers {
    /// Those of the feed, in the order of the configuration.
    pub feeds: FeedPollers,
    /// `None` if the overrides do not come from a URL.
    pub overrides: Option<FeedPoller>,
}

impl Pollers {
    /// Starts fetching what comes from a URL. Certificates of the system are read afresh.
    pub(super) fn start(loaded: &Loaded) -> Self {
        let of = |source: &FeedSource, thread, limit| {
            FeedPoller::start(source.url()?, loaded, thread, limit)
        };
        let mut carried = nats_follower::start(loaded);
        let mut feeds = Vec::new();
        for source in &loaded.feeds {
            let poller = match source {
                FeedSource::Nats(_) => carried.feed.take(),
                _ => of(source, "cvdns-feed", MAX_FEED_SIZE),
            };
            feeds.extend(poller.map(|poller| (source.clone(), poller)));
        }
        let overrides = match &loaded.overrides.remote {
            Some(FeedSource::Nats(_)) => carried.overrides.take(),
            Some(url) => of(url, "cvdns-overrides", MAX_OVERRIDES),
            None => None,
        };
        Self { feeds: FeedPollers(feeds), overrides }
    }
}

/// Those of the feed, each with its source.
pub(super) struct FeedPollers(Vec<(FeedSource, FeedPoller)>);

impl FeedPollers {
    /// Waits for the next result of any source; for ever if nothing is fetched. Safe to cancel.
    pub(super) async fn next(&mut self) -> (FeedSource, FetchResult) {
        poll_fn(|context| {
            for (source, poller) in &mut self.0 {
                if let Poll::Ready(Some(result)) = poller.results.poll_recv(context) {
                    poller.note(&result);
                    return Poll::Ready((source.clone(), result));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Has the next fetch from a source bring the document even if the server still has the same
    /// one.
    pub(super) fn refetch(&self, source: &FeedSource) {
        for (_, poller) in self.0.iter().filter(|(of, _)| of == source) {
            poller.refetch();
        }
    }

    /// The number of sources that are fetched.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

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
    /// What follows NATS, for other documents too. It tells of the same document at each interval.
    Nats(Arc<Following>),
}

impl FeedPoller {
    /// Fetches documents of at most `limit` octets from this URL, on a thread of this name.
    fn start(url: &str, loaded: &Loaded, thread: &str, limit: usize) -> Option<Self> {
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

    /// Of a document that is followed through NATS.
    pub(super) fn of_nats(results: Receiver<FetchResult>, following: Arc<Following>) -> Self {
        Self { results, refetch: Arc::default(), means: Means::Nats(following) }
    }

    /// Waits for the next result. Safe to cancel.
    pub(super) async fn next(&mut self) -> FetchResult {
        match self.results.recv().await {
            Some(result) => {
                self.note(&result);
                result
            }
            None => std::future::pending().await,
        }
    }

    /// Has NATS bring the document again at the end of an interval, if that is due. Doing so at
    /// once would bring it again and again.
    fn note(&self, result: &FetchResult) {
        if let (Means::Nats(following), Ok(Fetched::NotModified)) = (&self.means, result)
            && self.refetch.swap(false, Ordering::Relaxed)
        {
            following.refetch();
        }
    }

    /// Has the next fetch bring the document even if the server still has the same one.
    pub(super) fn refetch(&self) {
        self.refetch.store(true, Ordering::Relaxed);
    }
}

/// Waits for the next result; for ever if nothing is fetched.
pub(super) async fn next(poller: &mut Option<FeedPoller>) -> FetchResult {
    match poller {
        Some(poller) => poller.next().await,
        None => std::future::pending().await,
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
