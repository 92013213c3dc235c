//! What is known of a document that is followed. Pure, but for the jitter of delays.

use std::time::Duration;

use tokio::time::Instant;

use super::backoff::{Backoff, varied};
use super::error::Error;
use super::names::KeyName;
use super::stored::{Content, Stored};
use super::update::Update;

/// How soon the last value is asked for again where an answer, or a message, was unexpectedly old:
/// time for a replica to catch up.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How soon it is asked for once more after an answer, if something happened meanwhile: whoever
/// floods a subject does not so have the store flooded with requests.
const AGAIN: Duration = Duration::from_millis(100);

/// A document that is followed.
#[derive(Debug)]
pub(crate) struct Followed {
    name: KeyName,
    interval: Duration,
    /// The revision that was told last.
    known: Option<Known>,
    /// When the last value is to be asked for; `None` while the answer is waited for.
    due: Option<Instant>,
    /// Whether it is to be asked for once more, as soon as there is the answer.
    again: bool,
    /// Whether the last answer was older than what is known.
    was_older: bool,
    failures: Backoff,
}

/// A revision, and when it was stored.
#[derive(Debug)]
struct Known {
    revision: u64,
    moment: Option<String>,
}

impl Known {
    /// Whether this is the message. Some versions of nats-server do not say the moment everywhere.
    fn is(&self, revision: u64, moment: Option<&String>) -> bool {
        let is_other = |(known, moment)| known != moment;
        self.revision == revision && !self.moment.as_ref().zip(moment).is_some_and(is_other)
    }
}

impl Followed {
    /// A document of which nothing is known.
    pub(crate) fn new(name: KeyName, interval: Duration, now: Instant) -> Self {
        Self {
            name,
            interval,
            known: None,
            due: Some(now),
            again: false,
            was_older: false,
            failures: Backoff::default(),
        }
    }

    /// When the last value is to be asked for.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The last value is being asked for.
    pub(crate) fn asked(&mut self) {
        (self.due, self.again) = (None, false);
    }

    /// There is a new connection.
    pub(crate) fn connected(&mut self, now: Instant) {
        (self.due, self.again) = (Some(now), false);
    }

    /// Has the last value asked for now, or once more after the answer that is waited for.
    pub(crate) fn ask(&mut self, now: Instant) {
        match self.due {
            Some(_) => self.due = Some(now),
            None => self.again = true,
        }
    }

    /// Has the last value told even if it is the one that was told last.
    pub(crate) fn forget(&mut self, now: Instant) {
        self.known = None;
        self.ask(now);
    }

    /// What a message means that was published just now.
    pub(crate) fn live(&mut self, stored: Stored, now: Instant) -> Option<Update> {
        match (stored.revision, &self.known) {
            (Some(revision), Some(known)) if known.is(revision, stored.moment.as_ref()) => None,
            // Either it is late, or NATS lost its store; or it is none of JetStream's.
            (None, _) => self.ask_soon(now),
            (Some(revision), Some(known)) if revision <= known.revision => self.ask_soon(now),
            (Some(revision), _) => Some(self.told(stored, revision)),
        }
    }

    fn ask_soon(&mut self, now: Instant) -> Option<Update> {
        let soon = now + CATCH_UP;
        match self.due {
            Some(due) => self.due = Some(due.min(soon)),
            None => self.again = true,
        }
        None
    }

    /// What the answer means that was waited for.
    pub(crate) fn got(
        &mut self,
        got: Result<Option<Stored>, Error>,
        now: Instant,
    ) -> Option<Update> {
        let delay = match &got {
            Ok(_) => varied(self.interval),
            Err(_) => self.failures.delay(),
        };
        self.due = Some(now + if self.again { AGAIN.min(delay) } else { delay });
        let stored = match got {
            Err(error) => return Some(Update::Unavailable { key: Some(self.name.clone()), error }),
            Ok(stored) => stored,
        };
        self.failures.succeeded();
        let Some(stored) = stored else {
            self.was_older = false;
            self.known = None;
            return Some(Update::Absent { key: self.name.clone() });
        };
        let revision = stored.revision.unwrap_or(0);
        let is_older = self.known.as_ref().is_some_and(|known| revision < known.revision);
        if is_older && !self.was_older {
            self.was_older = true;
            return self.ask_soon(now);
        }
        self.was_older = false;
        if self.known.as_ref().is_some_and(|known| known.is(revision, stored.moment.as_ref())) {
            return Some(Update::Same { key: self.name.clone() });
        }
        Some(self.told(stored, revision))
    }

    fn told(&mut self, stored: Stored, revision: u64) -> Update {
        let key = self.name.clone();
        match stored.content {
            Content::Document(Ok(document)) => {
                self.known = Some(Known { revision, moment: stored.moment });
                Update::Document { key, document, revision }
            }
            Content::Document(Err(refusal)) => Update::Refused { key, refusal },
            Content::Deleted => Update::Absent { key },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::error::ErrorKind;
    use crate::refusal::Refusal;

    const INTERVAL: Duration = Duration::from_secs(60);

    fn new() -> (Followed, Instant) {
        let now = Instant::now();
        let mut followed = Followed::new("feed".parse().unwrap(), INTERVAL, now);
        assert_eq!(followed.due(), Some(now));
        followed.asked();
        (followed, now)
    }

    fn stored(revision: impl Into<Option<u64>>) -> Stored {
        let document = Document { octets: Vec::new(), signature: None };
        let content = Content::Document(Ok(document));
        Stored { revision: revision.into(), moment: None, content }
    }

    fn at(revision: u64, moment: &str) -> Stored {
        Stored { moment: Some(moment.to_owned()), ..stored(revision) }
    }

    /// The revision that is told.
    fn told(update: Option<Update>) -> Option<u64> {
        match update? {
            Update::Document { revision, .. } => Some(revision),
            other => panic!("{other:?}"),
        }
    }

    fn delay(followed: &Followed, now: Instant) -> Duration {
        followed.due().unwrap() - now
    }

    #[test]
    fn a_revision_is_told_once_by_whichever_way_it_comes_first() {
        let (mut followed, now) = new();
        assert_eq!(told(followed.live(stored(7), now)), Some(7));
        let got = followed.got(Ok(Some(stored(7))), now);
        assert!(matches!(got, Some(Update::Same { .. })), "{got:?}");
        assert!(delay(&followed, now) >= INTERVAL * 9 / 10);
        assert_eq!(followed.live(stored(7), now), None);
        assert_eq!(told(followed.live(stored(8), now)), Some(8));
        followed.forget(now);
        assert_eq!(followed.due(), Some(now));
        followed.asked();
        assert_eq!(told(followed.got(Ok(Some(stored(8))), now)), Some(8));
    }

    #[test]
    fn an_older_answer_counts_if_it_comes_twice() {
        let (mut followed, now) = new();
        assert_eq!(told(followed.got(Ok(Some(stored(500))), now)), Some(500));
        followed.asked();
        assert_eq!(followed.got(Ok(Some(stored(3))), now), None);
        assert_eq!(delay(&followed, now), CATCH_UP);
        followed.asked();
        assert_eq!(told(followed.got(Ok(Some(stored(3))), now)), Some(3));
        assert_eq!(told(followed.live(stored(4), now)), Some(4));
        // A replica that was behind once is not one that is always.
        followed.asked();
        assert_eq!(followed.got(Ok(Some(stored(3))), now), None);
        followed.asked();
        assert!(matches!(followed.got(Ok(Some(stored(4))), now), Some(Update::Same { .. })));
        followed.asked();
        assert_eq!(followed.got(Ok(Some(stored(3))), now), None);
    }

    #[test]
    fn a_message_that_cannot_be_placed_has_the_last_value_asked_for() {
        for revision in [None, Some(0), Some(6)] {
            let (mut followed, now) = new();
            assert_eq!(told(followed.got(Ok(Some(stored(7))), now)), Some(7));
            assert_eq!(followed.live(stored(revision), now), None);
            assert_eq!(delay(&followed, now), CATCH_UP, "{revision:?}");
            followed.asked();
            // While an answer is waited for, another is asked for behind it.
            assert_eq!(followed.live(stored(revision), now), None);
            assert_eq!(followed.due(), None);
            followed.got(Ok(Some(stored(7))), now);
            assert_eq!(delay(&followed, now), AGAIN);
        }
    }

    #[test]
    fn the_same_number_from_another_store_is_another_document() {
        let (mut followed, now) = new();
        assert_eq!(told(followed.got(Ok(Some(at(1, "10:00"))), now)), Some(1));
        assert_eq!(followed.live(at(1, "10:00"), now), None);
        assert!(delay(&followed, now) > CATCH_UP);
        assert_eq!(followed.live(at(1, "11:00"), now), None);
        assert_eq!(delay(&followed, now), CATCH_UP);
        followed.asked();
        assert_eq!(told(followed.got(Ok(Some(at(1, "11:00"))), now)), Some(1));
        followed.asked();
        assert!(matches!(followed.got(Ok(Some(stored(1))), now), Some(Update::Same { .. })));
    }

    #[test]
    fn a_forged_revision_holds_up_nothing_for_long() {
        let (mut followed, now) = new();
        assert_eq!(told(followed.live(stored(u64::MAX), now)), Some(u64::MAX));
        assert_eq!(followed.got(Ok(Some(stored(9))), now), None);
        followed.asked();
        assert_eq!(told(followed.got(Ok(Some(stored(9))), now)), Some(9));
    }

    #[test]
    fn what_fails_is_tried_again_soon_and_a_refused_message_is_not_known() {
        let (mut followed, now) = new();
        let failed = || Err(Error::new(ErrorKind::NoBucket, "x"));
        for _ in 0..20 {
            let got = followed.got(failed(), now);
            assert!(matches!(got, Some(Update::Unavailable { key: Some(_), .. })), "{got:?}");
            assert!(delay(&followed, now) <= Duration::from_millis(1600));
            followed.asked();
        }
        assert!(matches!(followed.got(Ok(None), now), Some(Update::Absent { .. })));
        let wrong = || {
            let content = Content::Document(Err(Refusal::CutOff));
            Stored { revision: Some(1), moment: None, content }
        };
        for _ in 0..2 {
            let got = followed.got(Ok(Some(wrong())), now);
            assert!(matches!(got, Some(Update::Refused { .. })), "{got:?}");
        }
        assert_eq!(told(followed.live(stored(2), now)), Some(2));
    }
}
