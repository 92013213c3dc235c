//! The coordinator as others drive it: with a clock, checks and a place for the feed of their own.
//!
//! [`Coordinator::due`] says what to check now, [`Coordinator::checked`] takes each result, and
//! [`Coordinator::feed_text`] gives the feed. What a result calls for is due at once: after results
//! ask for what is due again, and at [`Coordinator::next_due`] at the latest.

use std::net::IpAddr;

use jiff::Timestamp;

use super::coordinator::{Conduct, Coordinator};
use super::history::Note;
use super::learn::News;
use super::publish::compose;
use super::rule::Evidence;
use super::stored::StoredState;
use super::target::all;
use crate::MonitorInputs;
use cvdns_core::release::Release;

impl Coordinator {
    /// A coordinator of these inputs that knows nothing yet. It reads and writes no files.
    ///
    /// # Errors
    /// When the virtual hosts follow neither from a zone's origin nor from the settings.
    pub fn without_memory(inputs: &MonitorInputs, now: Timestamp) -> Result<Self, String> {
        let targets = all(&inputs.fleets, &inputs.settings)?;
        Ok(Self::new(targets, StoredState::default(), Conduct::of(inputs), None, now))
    }

    /// Takes what is released from now on.
    pub fn set_release(&mut self, release: Release) {
        self.stored.release = Some(release);
    }

    /// The addresses to check now, each with the number by which its result is returned. They count
    /// as being checked until then.
    pub fn due(&mut self, now: Timestamp) -> Vec<(usize, IpAddr)> {
        let due = self.take_due(now, false).into_iter();
        due.filter_map(|number| Some((number, self.targets.get(number)?.address))).collect()
    }

    /// Takes the result of a check, and returns what the history has of it, and of others that were
    /// withheld until now. `random` returns random numbers, by which checks are spread.
    pub fn checked(
        &mut self,
        number: usize,
        evidence: Evidence,
        now: Timestamp,
        random: &mut dyn FnMut() -> u64,
    ) -> Vec<Note> {
        let news = self.learn(number, evidence, now, random);
        news.into_iter().filter_map(News::into_note).collect()
    }

    /// What the history has of addresses that are in an announced downtime.
    pub fn in_downtime(&self, now: Timestamp) -> Vec<Note> {
        self.away(now).collect()
    }

    /// Takes an answer of the witnesses, after [`Coordinator::asks_witnesses`]: whether any of them
    /// answered. Returns what [`Coordinator::checked`] does.
    pub fn witnesses_answered(
        &mut self,
        answer: bool,
        now: Timestamp,
        random: &mut dyn FnMut() -> u64,
    ) -> Vec<Note> {
        let news = self.hear(answer, now, random);
        news.into_iter().filter_map(News::into_note).collect()
    }

    /// The feed as servers read it. Its serial is above that of the feed before.
    ///
    /// # Errors
    /// When the serial cannot rise any more, or servers would refuse the feed.
    pub fn feed_text(&mut self, now: Timestamp) -> Result<Vec<u8>, String> {
        let mirrors = self.mirrors(now);
        let (feed, text) = compose(&self.stored, &mirrors, self.stored.serial, now)?;
        self.stored.serial = feed.serial;
        Ok(text)
    }
}
