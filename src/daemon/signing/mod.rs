//! Signs the answers of zones with `[dnssec]` before they are given.

mod filler;
mod signing_clock;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::{debug, error, info, warn};

use super::state_directory::StateDirectory;
use crate::admin::SigningCondition;
use crate::export::ExportSigner;
use crate::logging::LogOnce;
use cvdns_core::problem::plural;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::signatures::{SignatureStore, Signatures};

use filler::Filler;
use signing_clock::{Reading, SigningClock};

/// Most signatures that a snapshot waits for: at 17 to 35 µs each, about 0.2 seconds.
const MOST_AT_ONCE: usize = 8000;

/// Signs snapshots. Signatures carry over from one to the next.
#[derive(Debug, Default)]
pub(super) struct ZoneSigner {
    store: Arc<SignatureStore>,
    filler: Filler,
    /// Signs for the next day.
    ahead: Filler,
    /// The midnight for which was signed ahead.
    ahead_for: Option<Timestamp>,
    clock: SigningClock,
    /// The clock is behind, or was ahead.
    backwards: LogOnce,
    failing: LogOnce,
    /// How long signing took altogether, apart from what was done behind a snapshot.
    spent: Duration,
}

impl ZoneSigner {
    /// Goes on from what the last run has kept.
    pub(super) fn resume(&mut self, kept: Option<Timestamp>) {
        self.clock.resume(kept);
    }

    /// Signs what a snapshot answers that follows `before`. `generated` is when the feed in force
    /// was made.
    pub(super) fn sign(
        &mut self,
        snapshot: &mut Snapshot,
        before: &Snapshot,
        (now, generated): (Timestamp, Option<Timestamp>),
    ) {
        if snapshot.static_data.chains.is_empty() {
            self.filler.stop();
            return;
        }
        let begun = Instant::now();
        let reading = self.read_clock(now, generated);
        let moment = reading.moment(now).as_second();
        if matches!(reading, Reading::WasAhead(_)) {
            // Nothing carries over that was signed for a moment to come.
            snapshot.sign(&Signatures::default(), &self.store, moment);
        } else {
            snapshot.sign(&before.signatures, &self.store, moment);
        }
        let (places, empty) = snapshot.signatures.places();
        if empty <= MOST_AT_ONCE {
            self.filler.stop();
            snapshot.signatures.fill(&self.store, || true);
        } else {
            let what = plural(empty, "signature", "signatures");
            info!("{what} of {places} are made while the answers are served already");
            self.filler.fill(snapshot.signatures.clone(), self.store.clone());
        }
        self.spent += begun.elapsed();
        debug!("signed in {:?}", begun.elapsed());
        self.complain();
    }

    /// What signs whole zones for those who copy them, with the signatures that are answered.
    pub(super) fn export_signer(
        &mut self,
        (now, generated): (Timestamp, Option<Timestamp>),
    ) -> ExportSigner {
        let moment = self.read_clock(now, generated).moment(now);
        ExportSigner { store: self.store.clone(), now: moment.as_second() }
    }

    /// Whether what is answered from a midnight on is still to be signed; it counts as signed then.
    pub(super) fn begin_ahead(&mut self, midnight: Timestamp) -> bool {
        self.ahead_for.replace(midnight) != Some(midnight)
    }

    /// Signs in the background what a snapshot of the future answers, which follows `before`. The
    /// snapshot itself is forgotten: what counts is that its signatures are known.
    pub(super) fn sign_ahead(&mut self, mut ahead: Snapshot, before: &Snapshot, now: Timestamp) {
        ahead.serials = before.serials.clone();
        ahead.sign(&before.signatures, &self.store, self.clock.latest().unwrap_or(now).as_second());
        let (_, empty) = ahead.signatures.places();
        let what = plural(empty, "signature", "signatures");
        debug!("{what} for tomorrow are made ahead");
        self.ahead.fill(ahead.signatures, self.store.clone());
    }

    /// Reads the clock, and says if it is wrong.
    fn read_clock(&mut self, now: Timestamp, generated: Option<Timestamp>) -> Reading {
        let reading = self.clock.read(now, generated);
        match reading {
            Reading::Onward(_) => {
                self.backwards.clear();
            }
            Reading::Behind(latest) => {
                let text = format!(
                    "the clock is behind: zones were signed for {latest} already, and signatures \
                     are made for that time until it has come, or until a feed of the last hour \
                     shows that the clock is right now (docs/dnssec.md)"
                );
                if self.backwards.is_new(text.clone()) {
                    error!("{text}");
                }
            }
            Reading::WasAhead(latest) => {
                self.backwards.clear();
                warn!(
                    "the clock was ahead: zones were signed for {latest}, and are signed for now \
                     again, as the feed's time is that of the clock"
                );
            }
        }
        reading
    }

    fn complain(&mut self) {
        let failed = self.store.failed();
        if failed > 0 && self.failing.is_new(failed.to_string()) {
            let what = plural(failed as usize, "signature", "signatures");
            error!("{what} could not be made: the system gives no random numbers");
        }
    }

    /// Keeps the latest moment for the next start.
    pub(super) fn keep(&self, directory: &mut StateDirectory) {
        if let Some(latest) = self.clock.latest() {
            directory.keep_signed(latest);
        }
    }

    /// What is known of signing beside snapshots.
    pub(super) fn condition(&self, now: Timestamp) -> SigningCondition {
        SigningCondition {
            store: self.store.clone(),
            spent: self.spent,
            ahead_of_clock: self.clock.ahead_of(now),
        }
    }
}
