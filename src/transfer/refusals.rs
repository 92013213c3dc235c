//! Requests that were refused: how many, and a line of the log for those who ask.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tracing::warn;

use cvdns_core::wire::name::Name;
use cvdns_transfer::tsig::TsigError;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// Nobody with this address and key may transfer anything, or the request is not signed.
    Stranger,
    /// The signature is not accepted.
    Signature(TsigError),
    /// The secondary may not have this zone, or there is no such zone here.
    Zone,
    /// The zone's answers depend on the client.
    DependsOnClients,
    /// There are too many transfers at the same time.
    Busy,
    /// The request is malformed, or asks for a whole zone over UDP.
    Malformed,
    /// The zone has no data that may be answered: it is expired, or was never transferred here, or
    /// this server is just taking over.
    Unavailable,
}

/// Counts refusals, and logs each source at most once a minute.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: [AtomicU64; RefusalReason::LABELS.len()],
    logged: Mutex<Logged>,
}

/// What was logged in the current minute.
#[derive(Debug, Default)]
struct Logged {
    since: Option<Instant>,
    sources: Vec<IpAddr>,
    /// Sources that had no line of their own.
    others: u64,
}

/// How long a source has one line.
const PERIOD: Duration = Duration::from_secs(60);

/// Most lines in that time. Addresses of datagrams may be forged.
const MOST: usize = 16;

impl RefusalReason {
    /// The words for the reasons in metrics, in the order of the reasons.
    pub const LABELS: [&str; 7] =
        ["stranger", "signature", "zone", "client-names", "busy", "malformed", "unavailable"];

    fn index(self) -> usize {
        match self {
            Self::Stranger => 0,
            Self::Signature(_) => 1,
            Self::Zone => 2,
            Self::DependsOnClients => 3,
            Self::Busy => 4,
            Self::Malformed => 5,
            Self::Unavailable => 6,
        }
    }

    /// The reason in words.
    fn words(self) -> String {
        match self {
            Self::Stranger => "no [[transfer.secondary]] has this address and key".to_owned(),
            Self::Signature(TsigError::BadSig) => "its secret is another one (BADSIG)".to_owned(),
            Self::Signature(TsigError::BadKey) => {
                "its key is not in `keys` of [transfer], or has another algorithm there (BADKEY)"
                    .to_owned()
            }
            Self::Signature(TsigError::BadTime) => {
                "its clock is not this server's (BADTIME): compare both".to_owned()
            }
            Self::Signature(error) => format!("its signature is not accepted ({error})"),
            Self::Zone => "`zones` of its [[transfer.secondary]] has no such zone".to_owned(),
            Self::DependsOnClients => {
                "the zone's answers depend on the client (`client-names` in [transfer])".to_owned()
            }
            Self::Busy => "too many transfers are under way".to_owned(),
            Self::Malformed => "the request is malformed".to_owned(),
            Self::Unavailable => {
                "the zone has no data to give at the moment (`cvdns status`)".to_owned()
            }
        }
    }
}

impl Refusals {
    /// Counts a request for a zone, as it is written, and logs it if its source has had no line for
    /// a while.
    pub(super) fn note(&self, source: IpAddr, zone: Option<&Name>, reason: RefusalReason) {
        if let Some(count) = self.counts.get(reason.index()) {
            count.fetch_add(1, Relaxed);
        }
        // Nobody waits for the log of refusals: another thread has it.
        let Ok(mut logged) = self.logged.try_lock() else { return };
        let Some(others) = logged.admit(source, Instant::now()) else { return };
        drop(logged);
        let words = reason.words();
        let more = match others {
            0 => String::new(),
            others => format!("; {others} more were not logged"),
        };
        let zone = zone.map(ToString::to_string);
        let what = match &zone {
            Some(zone) => format!("the transfer of {zone} to {source} is refused"),
            None => format!("a signed query of {source} is refused"),
        };
        warn!(address = %source, zone, reason = words, "{what}: {words}{more}");
    }

    /// How many were refused for each reason of [`RefusalReason::LABELS`].
    pub(super) fn counts(&self) -> [u64; RefusalReason::LABELS.len()] {
        self.counts.each_ref().map(|count| count.load(Relaxed))
    }
}

impl Logged {
    /// Whether a source gets a line now, and how many had none since the last line.
    fn admit(&mut self, source: IpAddr, now: Instant) -> Option<u64> {
        if self.since.is_none_or(|since| now.duration_since(since) >= PERIOD) {
            self.since = Some(now);
            self.sources.clear();
        }
        if self.sources.contains(&source) || self.sources.len() >= MOST {
            self.others = self.others.saturating_add(1);
            return None;
        }
        self.sources.push(source);
        Some(std::mem::take(&mut self.others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_one_line_a_minute_and_all_have_few() {
        let mut logged = Logged::default();
        let source = |number: usize| IpAddr::from([192, 0, 2, number as u8]);
        let start = Instant::now();
        assert_eq!(logged.admit(source(0), start), Some(0));
        assert_eq!(logged.admit(source(0), start), None);
        assert_eq!(logged.admit(source(1), start), Some(1));
        let lines = (2..100).filter(|number| logged.admit(source(*number), start).is_some());
        assert_eq!(lines.count(), MOST - 2);
        assert_eq!(logged.admit(source(0), start + PERIOD), Some(84));
    }

    #[test]
    fn reasons_are_counted_apart() {
        let refusals = Refusals::default();
        let source = "::1".parse().unwrap();
        refusals.note(source, Some(&Name::root()), RefusalReason::Busy);
        refusals.note(source, None, RefusalReason::Signature(TsigError::BadTime));
        refusals.note(source, Some(&Name::root()), RefusalReason::Busy);
        assert_eq!(refusals.counts(), [0, 1, 0, 0, 2, 0, 0]);
        let labels = std::collections::HashSet::from(RefusalReason::LABELS);
        assert_eq!(labels.len(), RefusalReason::LABELS.len());
    }
}
