//! Following documents: whatever happens to NATS, the newest that can be had is told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::backoff::Backoff;
use super::connection::denied;
use super::error::{Error, ErrorKind};
use super::followed::Followed;
use super::names::Key;
use super::session::{Event, Session};
use super::settings::Settings;
use super::stored::Stored;
use super::update::Update;

/// Follows documents over one connection, which is made again whenever it ends. It does nothing
/// while nobody waits for its next update.
pub struct Follower {
    settings: Settings,
    keys: Vec<Key>,
    /// In the order of `keys`.
    followed: Vec<Followed>,
    session: Option<Session>,
    /// How many documents are still to be answered for over this connection, before it counts as
    /// one that works.
    unanswered: usize,
    backoff: Backoff,
    ready: VecDeque<Update>,
    refetch: Refetch,
}

/// Has the documents told again.
#[derive(Debug, Clone, Default)]
pub struct Refetch(Arc<Notify>);

enum Happened {
    Connected(Result<Session, Error>),
    Event(Event),
    Due,
    Refetch,
}

impl Follower {
    /// A follower of these documents, which asks for each of them at every connect and once in
    /// each `interval`, and hears of those that are published meanwhile.
    pub fn new(settings: Settings, keys: Vec<Key>, interval: Duration) -> Self {
        let now = Instant::now();
        let followed =
            keys.iter().map(|key| Followed::new(key.name.clone(), interval, now)).collect();
        Self {
            settings,
            keys,
            followed,
            session: None,
            unanswered: 0,
            backoff: Backoff::default(),
            ready: VecDeque::new(),
            refetch: Refetch::default(),
        }
    }

    /// What has the documents told again.
    pub fn refetch(&self) -> Refetch {
        self.refetch.clone()
    }

    /// Waits for the next update. Safe to cancel. Must be called within a runtime of `tokio`.
    pub async fn next(&mut self) -> Update {
        loop {
            if let Some(update) = self.ready.pop_front() {
                return update;
            }
            match self.happens().await {
                Happened::Connected(Ok(session)) => self.connected(session),
                Happened::Connected(Err(error)) => self.unavailable(error),
                Happened::Event(event) => self.take(event),
                Happened::Due => self.ask(),
                Happened::Refetch => {
                    let now = Instant::now();
                    self.followed.iter_mut().for_each(|followed| followed.forget(now));
                }
            }
        }
    }

    async fn happens(&mut self) -> Happened {
        let Some(session) = &mut self.session else {
            // Counted by the delay that was waited for, not by one that was cancelled.
            sleep(self.backoff.clone().delay()).await;
            let opened = Session::open(&self.settings, &self.keys).await;
            let _ = self.backoff.delay();
            return Happened::Connected(opened);
        };
        let due = self.followed.iter().filter_map(Followed::due).min();
        let due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = session.next() => Happened::Event(event),
            () = due => Happened::Due,
            () = self.refetch.0.notified() => Happened::Refetch,
        }
    }

    fn connected(&mut self, session: Session) {
        let now = Instant::now();
        self.ready.push_back(Update::Connected { server: session.server() });
        self.followed.iter_mut().for_each(|followed| followed.connected(now));
        self.unanswered = self.followed.len();
        self.session = Some(session);
        self.ask();
    }

    fn unavailable(&mut self, error: Error) {
        self.session = None;
        self.ready.push_back(Update::Unavailable { key: None, error });
    }

    /// Asks for all documents that are due.
    fn ask(&mut self) {
        let Some(session) = &mut self.session else { return };
        let now = Instant::now();
        for (place, (followed, key)) in self.followed.iter_mut().zip(&self.keys).enumerate() {
            if followed.due().is_some_and(|due| due <= now) {
                followed.asked();
                session.get(&self.settings, place, key);
            }
        }
    }

    fn take(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Live(messages) => {
                for (place, message) in messages {
                    self.tell(place, |followed, limit| {
                        followed.live(Stored::read(&message, limit), now)
                    });
                }
            }
            Event::Got(_, Err(error)) if is_over(&error) => self.unavailable(error),
            Event::Got(place, got) => {
                self.tell(place, |followed, limit| {
                    let read = |message| Stored::read(&message, limit);
                    followed.got(got.map(|message| message.map(read)), now)
                });
                self.unanswered = self.unanswered.saturating_sub(1);
                if self.unanswered == 0 {
                    self.backoff.succeeded();
                }
            }
            Event::Dropped => self.followed.iter_mut().for_each(|followed| followed.ask(now)),
            // What is denied to a request is told with its answer.
            Event::Complaint(what) if what.contains("Subscription to \"live.") => {
                self.ready.push_back(Update::Unavailable { key: None, error: denied(&what) });
            }
            Event::Complaint(_) => {}
            Event::Over(error) => self.unavailable(error),
        }
    }

    fn tell(&mut self, place: usize, means: impl FnOnce(&mut Followed, usize) -> Option<Update>) {
        let (Some(followed), Some(key)) = (self.followed.get_mut(place), self.keys.get(place))
        else {
            return;
        };
        self.ready.extend(means(followed, key.limit));
    }
}

/// Whether another connection, perhaps to another server, is better than this one.
fn is_over(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected)
}

impl Refetch {
    /// Has the last value of every document told, even if it was told before.
    pub fn now(&self) {
        self.0.notify_one();
    }
}
