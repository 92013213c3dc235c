//! Follows feed, overrides and a bundle through NATS, over one connection, and hands them on as
//! what was fetched.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{Sender, channel};
use tracing::{debug, error};

use cvdns_nats::{Error, KeyName, Update, follow};

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
    /// `None` if no bundle is served.
    pub bundle: Option<FeedPoller>,
}

/// Follows what the configuration has come through NATS.
pub(super) fn start(loaded: &Loaded) -> Carried {
    let Some(place) = &loaded.nats else { return Carried::default() };
    let bundle = loaded.bundle_source().map(|source| source.document());
    let documents = [Some(NatsDocument::Feed), Some(NatsDocument::Overrides), bundle];
    let keys = documents.map(|document| document.and_then(|document| document.key().ok()));
    // Room for one result of each: what is told next waits until the last one was taken over.
    let (mut sinks, mut results) = (Vec::new(), Vec::new());
    for key in &keys {
        let (sender, receiver) = channel(1);
        sinks.extend(key.as_ref().map(|key| (key.name.clone(), sender)));
        results.push(key.as_ref().map(|_| receiver));
    }
    let (sinks, keys) = (Sinks(sinks), keys.into_iter().flatten().collect());
    let interval = loaded.config.feed.interval;
    let started = follow("cvdns-nats", place.settings.clone(), keys, interval, move |update| {
        sinks.tell(update);
    });
    match started {
        Ok(following) => {
            let following = Arc::new(following);
            let mut results = results.into_iter();
            let mut next = || {
                let (results, following) = (results.next()??, following.clone());
                Some(FeedPoller::told(results, move || following.refetch()))
            };
            Carried { feed: next(), overrides: next(), bundle: next() }
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
struct Sinks(Vec<(KeyName, Sender<FetchResult>)>);

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
        for (name, sender) in &self.0 {
            if key.is_none_or(|key| key == name) {
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
