//! Signatures of zones with `[dnssec]`, as the admin address shows them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cvdns_core::dnssec::{Lifetime, ZoneSigning};
use cvdns_core::problem::plural;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::signatures::SignatureStore;

/// What is known of signing beside snapshots.
#[derive(Debug, Clone, Default)]
pub struct SigningCondition {
    /// The signatures that were made.
    pub store: Arc<SignatureStore>,
    /// How long snapshots have waited for signatures altogether.
    pub spent: Duration,
    /// The latest moment for which anything was signed, if the clock is behind it.
    pub ahead_of_clock: Option<Timestamp>,
}

impl PartialEq for SigningCondition {
    /// The store is the same for as long as the server runs: whose it is counts, not what it has.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.store, &other.store)
            && (self.spent, self.ahead_of_clock) == (other.spent, other.ahead_of_clock)
    }
}

impl Eq for SigningCondition {}

/// What is signed in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningStatus {
    /// How many zones are signed.
    pub zones: usize,
    /// How many signatures were made since the start.
    pub made: u64,
    /// How many could not be made.
    pub failed: u64,
    /// How many sets of addresses have places for signatures.
    pub places: usize,
    /// How many of these places are empty.
    pub empty: usize,
    /// Octets of all signatures.
    pub octets: usize,
    /// When the next signature takes the place of another one.
    pub renewal: Option<Timestamp>,
    /// When the first signature expires.
    pub expiry: Option<Timestamp>,
    /// Seconds for which signatures are valid, of the zone where they are so for the shortest time.
    pub validity: u64,
    /// The latest moment for which anything was signed, if the clock is behind it.
    pub ahead_of_clock: Option<Timestamp>,
}

impl SigningStatus {
    /// What is signed in a snapshot; `None` if no zone is.
    pub fn of(snapshot: &Snapshot, condition: &SigningCondition) -> Option<Self> {
        let Lifetime { renewal, expiration } = snapshot.signatures.lifetime()?;
        let (places, empty) = snapshot.signatures.places();
        let signed: Vec<&ZoneSigning> =
            snapshot.static_data.zones.iter().filter_map(|zone| zone.signing.as_deref()).collect();
        Some(Self {
            zones: signed.len(),
            made: condition.store.made(),
            failed: condition.store.failed(),
            places,
            empty,
            octets: snapshot.signatures.octets(),
            renewal: Timestamp::from_second(renewal).ok(),
            expiry: Timestamp::from_second(expiration).ok(),
            validity: signed.iter().map(|of| of.validity.as_secs()).min().unwrap_or_default(),
            ahead_of_clock: condition.ahead_of_clock,
        })
    }

    /// The lines about signatures.
    pub fn lines(&self) -> Vec<String> {
        let zones = plural(self.zones, "zone", "zones");
        let moment = |moment: Option<Timestamp>| {
            moment.map_or_else(|| "never".to_owned(), |moment| format!("{moment:.0}"))
        };
        let mut lines = vec![format!(
            "{zones} signed; next renewal {}, first expiry {}",
            moment(self.renewal),
            moment(self.expiry)
        )];
        if self.empty > 0 {
            lines.push(format!("{} of {} sets of addresses to be signed", self.empty, self.places));
        }
        if self.failed > 0 {
            lines.push(format!("{} signatures COULD NOT BE MADE", self.failed));
        }
        if let Some(latest) = self.ahead_of_clock {
            lines.push(format!("the CLOCK IS BEHIND: signed for {latest:.0} already"));
        }
        lines
    }
}
