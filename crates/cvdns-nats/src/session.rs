//! A follower's connection: its subscriptions and the requests under way.

use std::pin::Pin;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::stream::{SelectAll, StreamExt};
use futures_util::{FutureExt, Stream};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::connection::{Connection, Notice, ended};
use super::error::{Error, ErrorKind};
use super::exchange;
use super::names::Key;
use super::settings::Settings;

/// How long a server may take to send the last value.
const GET_TIMEOUT: Duration = Duration::from_secs(4);
/// How often it is looked whether a server sends more than any message may have.
const WATCH: Duration = Duration::from_millis(250);
/// The largest `max_payload` of a server that is believed: nats-server's own maximum.
const MAX_PAYLOAD: usize = 64 << 20;
/// Messages that are taken at once, so that of a flood only the newest is looked at.
const AT_ONCE: usize = 64;

/// The messages of a document, with its place among the keys.
type Messages = Pin<Box<dyn Stream<Item = (usize, Message)> + Send>>;

/// A connection over which documents are followed.
pub(crate) struct Session {
    connection: std::sync::Arc<Connection>,
    notices: broadcast::Receiver<Notice>,
    messages: SelectAll<Messages>,
    gets: JoinSet<(usize, Result<Option<Message>, Error>)>,
    watch: Interval,
    received: (u64, u64),
}

/// What happens in a session.
pub(crate) enum Event {
    /// Messages arrived: the newest of each document, by its place among the keys.
    Live(Vec<(usize, Message)>),
    /// A document was asked for, and this is the answer.
    Got(usize, Result<Option<Message>, Error>),
    /// Messages were dropped, as too many waited.
    Dropped,
    /// The server complains of something.
    Complaint(String),
    /// The session is over.
    Over(Error),
}

impl Session {
    /// Connects and subscribes. Whatever is published from then on is heard.
    pub(crate) async fn open(settings: &Settings, keys: &[Key]) -> Result<Self, Error> {
        let connection = Connection::open(settings).await?;
        let notices = connection.notices();
        let mut messages = SelectAll::new();
        for (place, key) in keys.iter().enumerate() {
            let subscriber: Subscriber =
                connection.subscribe(settings.bucket.live(&key.name)).await?;
            messages.push(subscriber.map(move |message| (place, message)).boxed());
        }
        let mut watch = interval(WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            connection: connection.into(),
            notices,
            messages,
            gets: JoinSet::new(),
            watch,
            received: (0, 0),
        })
    }

    /// The address of the server.
    pub(crate) fn server(&self) -> String {
        self.connection.server().to_string()
    }

    /// Asks for the last value of a document.
    pub(crate) fn get(&mut self, settings: &Settings, place: usize, key: &Key) {
        let connection = self.connection.clone();
        let (bucket, key) = (settings.bucket.clone(), key.name.clone());
        self.gets.spawn(async move {
            (place, exchange::get(&connection, &bucket, &key, GET_TIMEOUT).await)
        });
    }

    /// What happens next. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            tokio::select! {
                notice = self.notices.recv() => match notice {
                    Ok(Notice::Dropped) | Err(RecvError::Lagged(_)) => return Event::Dropped,
                    Ok(Notice::Complaint(what)) => return Event::Complaint(what),
                    Ok(Notice::Ended) | Err(RecvError::Closed) => return Event::Over(ended()),
                },
                Some(got) = self.gets.join_next() => return match got {
                    Ok((place, got)) => Event::Got(place, got),
                    Err(_) => Event::Over(ended()),
                },
                message = self.messages.next() => return match message {
                    Some(message) => Event::Live(self.newest(message)),
                    None => Event::Over(ended()),
                },
                _ = self.watch.tick() => if let Some(error) = self.flooded() {
                    return Event::Over(error);
                },
            }
        }
    }

    /// The newest of the messages that are there already, of each document.
    fn newest(&mut self, first: (usize, Message)) -> Vec<(usize, Message)> {
        let mut newest = vec![first];
        for _ in 0..AT_ONCE {
            let Some(Some((place, message))) = self.messages.next().now_or_never() else { break };
            match newest.iter_mut().find(|(other, _)| *other == place) {
                Some(older) => older.1 = message,
                None => newest.push((place, message)),
            }
        }
        newest
    }

    /// Whether the server sent more, without a message's end, than any message has: the library
    /// would keep it all.
    fn flooded(&mut self) -> Option<Error> {
        let (messages, octets, most) = self.connection.received();
        if messages != self.received.0 {
            self.received = (messages, octets);
            return None;
        }
        let most = u64::try_from(most.min(MAX_PAYLOAD)).unwrap_or(u64::MAX).saturating_add(1 << 20);
        (octets.saturating_sub(self.received.1) > most).then(|| {
            Error::new(ErrorKind::Flood, "the server sends more octets than a message may have")
        })
    }
}
