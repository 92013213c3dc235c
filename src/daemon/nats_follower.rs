//! Follows feed and overrides through NATS, over one connection, and hands them on as what was
//! fetched.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Sender, channel};
use tracing::{debug, error};

use cvdns_nats::{Error, Following, KeyName, Update, follow};

use super::feed_poller::{FeedPoller, FetchResult};
use crate::load::remote::{ABSENT, FetchError, FetchFailure, Fetched, FetchedPart};
use crate::load::{Loaded, NatsDocument, explained};

/// What is followed.
#[derive(Default)]
pub(super) struct Carried {
    /// `None` if the feed does not come through NATS.
    pub feed: Option<FeedPoller>,
    /// `None` if overrides do not.
    pub overrides: Option<FeedPoller>,
}

/// The documents that are followed.
const DOCUMENTS: [NatsDocument; 2] = [NatsDocument::Feed, NatsDocument::Overrides];

/// Follows what the configuration has come through NATS.
pub(super) fn start(loaded: &Loaded) -> Carried {
    let Some(place) = &loaded.nats else { return Carried::default() };
    let keys: Vec<_> = DOCUMENTS.iter().filter_map(|document| document.key().ok()).collect();
    // Room for one result of each: what is told next waits until the last one was taken over.
    let [(feed, feeds), (overrides, of_overrides)] = [channel(1), channel(1)];
    let sinks = Sinks([feed, overrides]);
    let interval = loaded.config.feed.interval;
    let started = follow("cvdns-nats", place.settings.clone(), keys, interval, move |update| {
        sinks.tell(update);
    });
    match started {
        Ok(following) => {
            let following = Arc::new(following);
            let told = |results, following: Arc<Following>| {
                FeedPoller::told(results, move || following.refetch())
            };
            Carried {
                feed: Some(told(feeds, following.clone())),
                overrides: Some(told(of_overrides, following)),
            }
        }
        Err(error) => {
            error!(
                error = %error,
                "no thread cvdns-nats, which follows {place}: {error}; SIGHUP tries again"
            );
            Carried::default()
        }
    }
}

/// Where results go: those of each document.
struct Sinks([Sender<FetchResult>; 2]);

/// The pause after each document. Whoever publishes all the time keeps the server busy for a share
/// of its time, and of what comes meanwhile only the newest is told.
const PAUSE: Duration = Duration::from_millis(20);

impl Sinks {
    fn tell(&self, update: Update) {
        match update {
            Update::Document { key, document, .. } => {
                let (octets, signature) = (document.octets, document.signature);
                self.tell_of(Some(&key), &Ok(Fetched::New { octets, signature }));
                std::thread::sleep(PAUSE);
            }
            Update::Same { key } => self.tell_of(Some(&key), &Ok(Fetched::NotModified)),
            Update::Absent { key } => {
                let what = format!("nothing is published as {key} yet");
                self.tell_of(Some(&key), &failure(ABSENT, what));
            }
            Update::Refused { key, refusal } => {
                self.tell_of(Some(&key), &failure(refusal.label(), refusal.to_string()));
            }
            Update::Connected { server } => debug!(server, "connected to {server}"),
            Update::Unavailable { key, error } => self.tell_of(key.as_ref(), &of_error(&error)),
        }
    }

    /// Hands a result on; without a document, to all. Nobody may be there any more.
    fn tell_of(&self, key: Option<&KeyName>, result: &FetchResult) {
        for (document, sender) in DOCUMENTS.iter().zip(&self.0) {
            if key.is_none_or(|key| key.as_str() == document.name()) {
                let _ = sender.blocking_send(result.clone());
            }
        }
    }
}

fn of_error(error: &Error) -> FetchResult {
    failure(error.kind().label(), explained(error))
}

fn failure(reason: &'static str, what: String) -> FetchResult {
    let failure = FetchFailure::Nats { reason, what };
    Err(FetchError { part: FetchedPart::Document, failure })
}
