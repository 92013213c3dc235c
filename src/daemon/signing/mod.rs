//! Signs the answers of zones with `[dnssec]` before they are given.

mod filler;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tracing::{debug, error, info};

use super::state_directory::StateDirectory;
use crate::admin::SigningCondition;
use crate::export::ExportSigner;
use crate::logging::LogOnce;
use cvdns_core::problem::plural;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::signatures::SignatureStore;

use filler::Filler;

/// Most signatures that a snapshot waits for: at 17 to 35 µs each, about 0.2 seconds.
const MOST_AT_ONCE: usize = 8000;

/// How far the clock may go back without an alarm. Services that set the clock step it by less.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);

/// Signs snapshots. Signatures carry over from one to the next.
#[derive(Debug, Default)]
pub(super) struct ZoneSigner {
    store: Arc<SignatureStore>,
    filler: Filler,
    /// Signs for the next day.
    ahead: Filler,
    /// The midnight for which was signed ahead.
    ahead_for: Option<Timestamp>,
    /// The latest moment for which anything was signed, here or before the start.
    latest: Option<Timestamp>,
    /// The clock is behind that moment.
    backwards: LogOnce,
    failing: LogOnce,
    /// How long signing took altogether, apart from what was done behind a snapshot.
    spent: Duration,
}

impl ZoneSigner {
    /// Goes on from what the last run has kept.
    pub(super) fn resume(&mut self, kept: Option<Timestamp>) {
        self.latest = kept;
    }

    /// Signs what a snapshot answers that follows `before`. A clock that went back changes nothing:
    /// signatures of an earlier time would expire earlier than those that caches have.
    pub(super) fn sign(&mut self, snapshot: &mut Snapshot, before: &Snapshot, now: Timestamp) {
        if snapshot.static_data.chains.is_empty() {
            self.filler.stop();
            return;
        }
        let begun = Instant::now();
        let moment = self.moment(now);
        snapshot.sign(&before.signatures, &self.store, moment.as_second());
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
    pub(super) fn export_signer(&mut self, now: Timestamp) -> ExportSigner {
        ExportSigner { store: self.store.clone(), now: self.moment(now).as_second() }
    }

    /// Whether what is answered from a midnight on is still to be signed; it counts as signed then.
    pub(super) fn begin_ahead(&mut self, midnight: Timestamp) -> bool {
        self.ahead_for.replace(midnight) != Some(midnight)
    }

    /// Signs in the background what a snapshot of the future answers, which follows `before`. The
    /// snapshot itself is forgotten: what counts is that its signatures are known.
    pub(super) fn sign_ahead(&mut self, mut ahead: Snapshot, before: &Snapshot, now: Timestamp) {
        ahead.serials = before.serials.clone();
        ahead.sign(&before.signatures, &self.store, self.latest.unwrap_or(now).as_second());
        let (_, empty) = ahead.signatures.places();
        let what = plural(empty, "signature", "signatures");
        debug!("{what} for tomorrow are made ahead");
        self.ahead.fill(ahead.signatures, self.store.clone());
    }

    /// The moment for which is signed.
    fn moment(&mut self, now: Timestamp) -> Timestamp {
        let latest = self.latest.unwrap_or(now).max(now);
        self.latest = Some(latest);
        if now.checked_add(TOLERANCE).is_ok_and(|bound| bound < latest) {
            let text = format!(
                "the clock is behind: zones were signed for {latest} already, and signatures are \
                 made for that time until it has come; if the clock was ahead then, stop the \
                 server, remove signed.json from the directory of `state` in [feed], and start it"
            );
            if self.backwards.is_new(text.clone()) {
                error!("{text}");
            }
        } else {
            self.backwards.clear();
        }
        latest
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
        if let Some(latest) = self.latest {
            directory.keep_signed(latest);
        }
    }

    /// What is known of signing beside snapshots.
    pub(super) fn condition(&self, now: Timestamp) -> SigningCondition {
        let is_ahead =
            |latest: &Timestamp| now.checked_add(TOLERANCE).is_ok_and(|bound| bound < *latest);
        SigningCondition {
            store: self.store.clone(),
            spent: self.spent,
            ahead_of_clock: self.latest.filter(is_ahead),
        }
    }
}
