//! What workers need against abuse: keys, secrets, and a place to note whom they limited.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::{Instant, sleep};
use tracing::field::display;
use tracing::warn;

use super::random;
use cvdns_core::abuse::{CookieSecrets, LimitedPrefixes, RateLimiter};
use cvdns_io::essential::Essential;
use cvdns_net::Endpoint;

/// The rate limit and the cookies of all workers.
#[derive(Clone)]
pub(super) struct Protection {
    /// Places of buckets follow from it, so that nobody can choose addresses with the same place.
    key: [u64; 2],
    /// For each socket, among how many workers clients are spread.
    shares: Arc<[u32]>,
    secrets: Arc<ArcSwap<CookieSecrets>>,
    /// What each socket's worker notes.
    noted: Arc<[Arc<Mutex<LimitedPrefixes>>]>,
}

/// How often notes are looked at. The first of a flood are logged this soon.
const LOOK: Duration = Duration::from_secs(1);

/// The shortest time from one line of the log to the next.
const PERIOD: Duration = Duration::from_secs(60);

impl Protection {
    /// For these sockets: `shares` says for each among how many workers clients are spread.
    pub(super) fn new(secrets: Arc<ArcSwap<CookieSecrets>>, shares: &[usize]) -> Self {
        let [high, low] = {
            let octets = u128::from_le_bytes(random::octets());
            [(octets >> 64) as u64, octets as u64]
        };
        let noted = shares.iter().map(|_| Arc::default()).collect();
        let share = |workers: &usize| u32::try_from(*workers).unwrap_or(u32::MAX);
        let shares = shares.iter().map(share).collect();
        Self { key: [high, low], shares, secrets, noted }
    }

    /// The limiter of a UDP socket; `None` for TCP, whose peers cannot forge their address.
    pub(super) fn limiter(&self, endpoint: Endpoint) -> Option<RateLimiter> {
        let Endpoint::Socket(number) = endpoint else { return None };
        let noted = self.noted.get(number).cloned().unwrap_or_default();
        let workers = self.shares.get(number).copied().unwrap_or(1);
        Some(RateLimiter::new(self.key, workers, noted))
    }

    /// The secrets of cookies.
    pub(super) fn secrets(&self) -> &Arc<ArcSwap<CookieSecrets>> {
        &self.secrets
    }

    /// Logs which prefixes went over the limit, at most once a minute. Never returns.
    pub(super) async fn log_limited(self) {
        let _essential = Essential::new("the log of the rate limit");
        let mut since = Instant::now();
        let mut next = since;
        loop {
            sleep(LOOK).await;
            let now = Instant::now();
            if now < next {
                continue;
            }
            let noted = self.take_notes();
            if !noted.is_empty() {
                // What was noted is of the time since the last look.
                let seconds = now.duration_since(since).as_secs();
                let most = noted.by_count().into_iter().next().map(|(prefix, _)| display(prefix));
                warn!(network = most, "{}", line(&noted, seconds.max(1)));
                next = now + PERIOD;
            }
            since = now;
        }
    }

    fn take_notes(&self) -> LimitedPrefixes {
        let mut all = LimitedPrefixes::default();
        for noted in &*self.noted {
            // No panic can leave notes half changed.
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            all.merge(&std::mem::take(&mut noted));
        }
        all
    }
}

fn line(noted: &LimitedPrefixes, seconds: u64) -> String {
    let mut line = format!("over the rate limit in the last {seconds} s:");
    for (number, (prefix, count)) in noted.by_count().into_iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(line, "{comma} {prefix} ({count} queries)");
    }
    if noted.others > 0 {
        let _ = write!(line, ", others ({} queries)", noted.others);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::abuse::Prefix;

    #[test]
    fn a_line_names_the_most_limited_first() {
        let mut noted = LimitedPrefixes::default();
        for number in [1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 9] {
            noted.add(Prefix { address: [192, 0, 2, number].into(), length: 32 });
        }
        let line = line(&noted, 60);
        assert!(
            line.starts_with(
                "over the rate limit in the last 60 s: 192.0.2.2/32 (2 queries), 192.0.2.1/32 (1 queries), "
            ),
            "{line}"
        );
        assert!(line.ends_with("192.0.2.8/32 (1 queries), others (2 queries)"), "{line}");
    }
}
