//! When feeds and reports are written, and what goes with them.

use std::time::{Duration, Instant};

use tracing::error;

use super::paging::Paging;
use super::{Checked, Published, Start};
use crate::coordinator::Coordinator;
use crate::history::Status as HistoryStatus;
use crate::metrics;
use crate::page::Status;
use cvdns_io::replace;

/// Changes are collected for this long: a network failure is to make one feed, not a hundred.
pub(super) const COLLECT: Duration = Duration::from_secs(1);

/// A running coordinator is silent if no feed came in the time of so many.
const LATE_FEEDS: u32 = 6;

/// The pause before a feed that could not be written is written again.
const RETRY: Duration = Duration::from_secs(10);

/// The time for which pages and metrics wait for the history of a single round.
const HISTORY_GRACE: Duration = Duration::from_secs(10);

impl Start {
    /// Publishes if it is time to, or else returns for how long it is not. What could not be
    /// written is due again after a pause.
    pub(super) fn publish_or_wait(&mut self, started: Instant) -> Option<Duration> {
        let hold =
            self.failed.map_or(Duration::ZERO, |failed| RETRY.saturating_sub(failed.elapsed()));
        let wait = self.until_publish(started).max(hold);
        if !wait.is_zero() {
            return Some(wait);
        }
        self.failed = self.publish().err().map(|error| {
            error!("{error}");
            Instant::now()
        });
        None
    }

    /// The time until a feed is due.
    fn until_publish(&self, started: Instant) -> Duration {
        if let Some(reporter) = &self.reporter {
            let lacks = reporter.lacks(&self.coordinator.targets, self.clock.now());
            return reporter.until_due(lacks.is_empty(), started);
        }
        let every = self.settings.publish_every;
        match &self.published {
            // The first feed waits until every mirror was checked: a mirror without an entry counts
            // as up.
            None if self.coordinator.knows_all(self.clock.now()) => Duration::ZERO,
            None => every.saturating_sub(started.elapsed()),
            Some(published) if self.differs(published) => {
                COLLECT.saturating_sub(published.at.elapsed())
            }
            Some(published) => every.saturating_sub(published.at.elapsed()),
        }
    }

    /// Whether the next feed would differ from the last one.
    fn differs(&self, published: &Published) -> bool {
        published.mirrors != self.coordinator.mirrors(self.clock.now())
            || published.frozen != self.coordinator.frozen()
    }

    /// Writes the feed or the report, and what goes with it.
    fn publish(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        let (mirrors, frozen) = (self.coordinator.mirrors(now), self.coordinator.frozen());
        let away = self.coordinator.away(now).collect();
        for note in self.downtimes.due(away, self.settings.interval, now) {
            self.history.note(note);
        }
        let Coordinator { stored, targets, .. } = &mut self.coordinator;
        if let Some(reporter) = &mut self.reporter {
            reporter.publish(stored, targets, now)?;
        }
        let feed = self.publisher.as_mut().map(|of| of.publish(stored, &mirrors, now));
        let feed = feed.transpose()?;
        self.published = Some(Published { mirrors, frozen, at: Instant::now(), time: now });
        if let Some((pages, feed)) = self.pages.as_ref().zip(feed) {
            pages.show(&self.coordinator, feed, now);
            if pages.lacked_history() {
                self.history.suspect();
            }
        }
        self.write_metrics(self.history.status(), self.pages.as_ref().map(Paging::status))?;
        self.save()
    }

    fn write_metrics(&self, history: HistoryStatus, pages: Option<Status>) -> Result<(), String> {
        let written = self.published.as_ref().map_or(0, |published| published.time.as_second());
        let patience = if self.is_once {
            self.max_age
        } else {
            self.settings.publish_every.saturating_mul(LATE_FEEDS)
        };
        let overdue = written.saturating_add_unsigned(patience.as_secs());
        let mut text = metrics::text(&self.coordinator.stored, history, pages, (written, overdue));
        text.push_str(&metrics::members(&self.members));
        let path = metrics::path(&self.state);
        replace(&path, text.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Publishes what a single round has found, and ends when all of it is written.
    pub(super) fn conclude(mut self) -> Result<Checked, String> {
        let frozen = self.coordinator.stored.frozen.clone();
        let published = self.publish();
        let rows = self.coordinator.rows();
        // What goes wrong after the feed, as on a full disk, must not cost the pages.
        let history = self.history.conclude(HISTORY_GRACE);
        let pages = self.pages.take().map(Paging::finish);
        published?;
        self.write_metrics(history, pages)?;
        if let Some(notifier) = self.notifier {
            notifier.finish(Duration::MAX);
        }
        Ok(Checked { rows, frozen })
    }
}
