//! What became of the checks of zones that are transferred.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::Duration;

use super::random;
use super::secondary::{Attempt, Way};
use crate::backoff::Backoff;
use crate::logging::LogOnce;
use cvdns_core::wire::name::Name;
use cvdns_transfer::incoming::SoaTimers;

/// The time from the first failed check of a zone without records to the next one.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What became of the checks of all zones since the start.
#[derive(Debug, Default)]
pub(super) struct ZoneChecks {
    zones: HashMap<Name, ZoneCheck>,
}

/// What became of the checks of one zone since the start.
#[derive(Debug)]
pub(super) struct ZoneCheck {
    /// Why a primary, or all of them, failed at the last check.
    complaint: LogOnce,
    /// How often a primary failed, by reason.
    pub(super) failures: BTreeMap<&'static str, u64>,
    /// How often a version was taken over: by AXFR, by IXFR.
    pub(super) transfers: [u64; 2],
    /// How often a primary confirmed the version in force.
    pub(super) confirmations: u64,
    /// The primary that confirmed or sent the version in force last.
    pub(super) primary: Option<SocketAddr>,
    backoff: Backoff,
}

impl Default for ZoneCheck {
    fn default() -> Self {
        Self {
            complaint: LogOnce::default(),
            failures: BTreeMap::new(),
            transfers: [0; 2],
            confirmations: 0,
            primary: None,
            backoff: Backoff::new(FIRST_RETRY),
        }
    }
}

impl ZoneChecks {
    /// Those of a zone.
    pub(super) fn of(&self, zone: &Name) -> Option<&ZoneCheck> {
        self.zones.get(zone)
    }

    /// The same, to be changed.
    pub(super) fn of_mut(&mut self, zone: &Name) -> &mut ZoneCheck {
        self.zones.entry(zone.clone()).or_default()
    }

    /// Forgets all zones but these.
    pub(super) fn retain<'z>(&mut self, zones: impl Iterator<Item = &'z Name>) {
        let kept: std::collections::HashSet<&Name> = zones.collect();
        self.zones.retain(|zone, _| kept.contains(zone));
    }
}

impl ZoneCheck {
    /// Counts primaries that failed.
    pub(super) fn count(&mut self, failed: &[Attempt]) {
        for attempt in failed {
            *self.failures.entry(attempt.failure.reason).or_default() += 1;
        }
    }

    /// Counts a version that was taken over.
    pub(super) fn took(&mut self, way: Way) {
        let [axfr, ixfr] = &mut self.transfers;
        match way {
            Way::Axfr => *axfr += 1,
            Way::Ixfr => *ixfr += 1,
        }
    }

    /// Notes what is wrong, and returns whether it is to be logged.
    pub(super) fn complain(&mut self, what: String) -> bool {
        self.complaint.is_new(what)
    }

    /// Notes that nothing is wrong, and returns whether something was.
    pub(super) fn settle(&mut self) -> bool {
        self.complaint.clear()
    }

    /// What is wrong, for people.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.current().first().map(String::as_str)
    }

    /// The time to the check after one that succeeded: up to a tenth less than the zone's refresh,
    /// so that servers that were started together do not ask together for ever.
    pub(super) fn after_success(&mut self, timers: SoaTimers) -> Duration {
        self.backoff.succeeded();
        timers.refresh.saturating_sub(jitter(timers.refresh))
    }

    /// The time to the check after one that failed: up to a tenth more than the zone's retry. A
    /// zone without records has none: it is asked for soon, and less and less often.
    pub(super) fn after_failure(&mut self, timers: Option<SoaTimers>) -> Duration {
        match timers {
            Some(SoaTimers { retry, .. }) => retry.saturating_add(jitter(retry)),
            None => self.backoff.failed(number()),
        }
    }
}

/// Up to a tenth of a time.
fn jitter(time: Duration) -> Duration {
    (time / (10 * 65_536)).saturating_mul(number().into())
}

/// A random number.
fn number() -> u16 {
    let [one, other, ..] = random::octets();
    u16::from_be_bytes([one, other])
}
