//! Logs what has come of checks, and passes it to `on-change`.

use std::net::SocketAddr;

use jiff::Timestamp;
use tracing::{info, warn};

use super::Start;
use crate::coordinator::AddressRow;
use crate::doubt::Frozen;
use crate::learn::{Finding, News};
use crate::notify::{Change, Notice, Turn};
use crate::rule::NEW;
use cvdns_core::health::State;

impl Start {
    /// Warns that the monitors cannot be combined, and why.
    fn warn_of_freeze(frozen: &str) {
        warn!(
            reason = frozen,
            "frozen: {frozen}. All states stay as they are until enough monitors agree again: see \
             \"Several monitors\" in docs/monitor.md"
        );
    }

    /// Warns that the coordinator is frozen, and why.
    pub(super) fn warn_of_doubt(frozen: &str) {
        warn!(
            reason = frozen,
            "frozen: {frozen}. This machine's own network may be the cause: all states stay as \
             they are. If it is the mirrors, see \"Doubt\" in docs/monitor.md"
        );
    }

    pub(super) fn report(&mut self, news: Vec<News>, now: Timestamp) {
        for news in news {
            match news {
                News::Found(finding) => self.found(*finding),
                News::Withheld(note) => self.history.note(*note),
                News::Frozen(frozen) => {
                    if self.roster.is_some() {
                        Self::warn_of_freeze(&frozen.reason);
                    } else {
                        Self::warn_of_doubt(&frozen.reason);
                    }
                    self.turn(true, frozen, now);
                }
                News::Thawed(frozen) => {
                    info!("no longer frozen: checks work again ({})", frozen.text());
                    self.turn(false, frozen, now);
                }
            }
        }
    }

    fn turn(&self, is_frozen: bool, Frozen { since, reason }: Frozen, time: Timestamp) {
        if let Some(notifier) = &self.notifier {
            notifier.notify(Notice::Turn(Turn { time, frozen: is_frozen, since, reason }));
        }
    }

    fn found(&mut self, finding: Finding) {
        let Finding { before, after, change, was_new, unchecked, note } = finding;
        self.history.note(note);
        let AddressRow { mirror, address, .. } = &before;
        if let Some(reason) = unchecked {
            // A coordinator without IPv6 would log the same for every mirror again and again.
            if self.unchecked.insert(*address) {
                warn!(mirror, address = %address, reason, "{mirror} {address}: {reason}");
            }
            return;
        }
        self.unchecked.remove(address);
        if let Some(change) = change {
            return self.changed(change, was_new);
        }
        let reason = after.reason.as_str();
        let was_well = before.reason.is_empty() || before.state.is_none();
        match (was_well, reason.is_empty()) {
            (true, false) => warn!(
                mirror,
                address = %address,
                reason,
                "{mirror} {address} fails, and stays up for now: {reason}"
            ),
            (false, false) if before.reason == NEW => warn!(
                mirror,
                address = %address,
                reason,
                "{mirror} {address} is new, and is not answered: {reason}"
            ),
            (false, true) if before.state.is_some() => {
                info!(mirror, address = %address, "{mirror} {address} no longer fails");
            }
            _ => {}
        }
    }

    fn changed(&self, change: Change, is_new: bool) {
        let Change { mirror, address, from, to, reason, .. } = &change;
        match to {
            State::Up if is_new => info!(
                mirror,
                address = %address,
                state = %to,
                "{mirror} {address} is up: its first good check"
            ),
            State::Up => info!(
                mirror,
                address = %address,
                state = %to,
                before = %from,
                "{mirror} {address} is up again; it was {from}"
            ),
            _ => warn!(
                mirror,
                address = %address,
                state = %to,
                before = %from,
                reason,
                "{mirror} {address} is {to}, it was {from}: {reason}"
            ),
        }
        if let Some(notifier) = &self.notifier {
            notifier.notify(Notice::Change(change));
        }
    }

    /// Logs which witnesses do not answer, when that changes.
    pub(super) fn report_witnesses(&mut self, silent: Vec<SocketAddr>) {
        for witness in silent.iter().filter(|witness| !self.silent.contains(witness)) {
            warn!(address = %witness, "the witness {witness} does not answer");
        }
        for witness in self.silent.iter().filter(|witness| !silent.contains(witness)) {
            info!(address = %witness, "the witness {witness} answers again");
        }
        self.silent = silent;
    }
}
