//! Remembers what was released and what mirrors held, by which stuck mirrors are found, and warns
//! of versions that wait for too long.

use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use crate::logging::LogOnce;
use cvdns_core::health::Feed;
use cvdns_core::release::{Announced, Gate, VersionHistory};

/// How long a version may wait for mirrors before somebody should look.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The history of versions, and what was logged of it.
#[derive(Debug, Default)]
pub(super) struct VersionMemory {
    history: VersionHistory,
    /// Serial and time of the feed that was followed last.
    followed: Option<(u64, Timestamp)>,
    /// Whether the history differs from what was kept of it.
    is_new: bool,
    /// The databases of which a version waits for too long.
    overdue: LogOnce,
}

impl VersionMemory {
    /// Goes on from a history that was kept.
    pub(super) fn new(history: VersionHistory) -> Self {
        Self { history, ..Self::default() }
    }

    /// The history, as decisions about mirrors take it.
    pub(super) fn history(&self) -> &VersionHistory {
        &self.history
    }

    /// Notes what a feed says that is in force from now on, and the versions that are offered with
    /// it. The same feed is noted once: what files offer later counts from the next one. What a
    /// coordinator says that has frozen all states is not noted.
    pub(super) fn follow(&mut self, feed: Option<&Feed>, offered: Option<[u32; 3]>) {
        let Some(feed) = feed.filter(|feed| feed.frozen.is_none()) else { return };
        let key = Some((feed.serial, feed.generated));
        if self.followed == key {
            return;
        }
        self.followed = key;
        let mirrors = feed
            .mirrors
            .iter()
            .map(|(host, listed)| (host.as_str(), [listed.main, listed.daily, listed.bytecode]));
        self.is_new |= self.history.follow(feed.generated, offered, mirrors);
    }

    /// The history, if it has to be kept anew.
    pub(super) fn to_keep(&self) -> Option<&VersionHistory> {
        self.is_new.then_some(&self.history)
    }

    /// Says whether the history was kept.
    pub(super) fn kept(&mut self, is_kept: bool) {
        self.is_new = !is_kept;
    }

    /// Warns once of each version that has waited for more than an hour.
    pub(super) fn log(&mut self, announced: Option<&Announced>, now: Timestamp) {
        let gates = || announced.iter().flat_map(|announced| &announced.gates);
        let is_overdue = |gate: &&Gate| overdue(gate).is_some_and(|from| from <= now);
        let overdue = gates().filter(is_overdue).map(|gate| gate.database.to_owned());
        let changes = self.overdue.update(overdue);
        for gate in gates().filter(|gate| changes.new.iter().any(|new| new == gate.database)) {
            let Gate { database, released, released_held, quorum, holding_back, .. } = gate;
            let since = gate.waits_since.map(|since| since.to_string()).unwrap_or_default();
            warn!(
                database,
                version = released,
                "{database} {released} waits, and {} stays announced although newer versions are \
                 offered since {since}, for more than an hour: held by {released_held} of {quorum}, \
                 not by {holding_back}",
                gate.announced
            );
        }
    }
}

/// When the version that is announced will have been passed for too long.
fn overdue(gate: &Gate) -> Option<Timestamp> {
    gate.waits_since?.checked_add(PATIENCE).ok()
}

/// The next moment after `now` at which a version has waited for too long.
pub(super) fn next_overdue(announced: Option<&Announced>, now: Timestamp) -> Option<Timestamp> {
    let gates = announced.iter().flat_map(|announced| &announced.gates);
    gates.filter_map(overdue).filter(|from| *from > now).min()
}
