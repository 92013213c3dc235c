//! Holds back a feed that takes away too much, until a newer one says the same or an operator
//! accepts it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::feed_candidate::FeedDocument;
use cvdns_core::health::Feed;
use cvdns_core::release::Share;
use cvdns_core::snapshot::{HeldFeed, Loss};

/// A feed that is held back.
#[derive(Debug)]
pub(super) struct HeldCandidate {
    pub feed: Box<Feed>,
    pub document: Arc<FeedDocument>,
    /// The mirrors that the feed would take away.
    pub loss: Loss,
    /// When a feed first asked for such a loss.
    pub since: Timestamp,
}

impl HeldCandidate {
    /// The summary for snapshots, metrics and the admin address.
    pub(super) fn summary(&self) -> HeldFeed {
        let Feed { serial, generated, .. } = *self.feed;
        HeldFeed { serial, generated, takes_away: self.loss.to_string(), since: self.since }
    }
}

/// The guard's decision about a feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The feed takes away no more than `max-loss`.
    Harmless,
    /// The feed repeats a loss for which an earlier feed was held back.
    Confirmed,
    /// The feed is held back. The time is when a feed first asked for this loss.
    Hold(Timestamp),
}

/// Judges a feed that takes away `loss` while `held` is held back.
///
/// The feed confirms the loss if its serial is higher, at least `interval` has passed since the
/// loss was first seen, and what both feeds take away exceeds `max_loss` by itself.
pub(super) fn judge(
    loss: Option<&Loss>,
    serial: u64,
    held: Option<&HeldCandidate>,
    max_loss: Share,
    interval: Duration,
    now: Timestamp,
) -> Verdict {
    let Some(loss) = loss else { return Verdict::Harmless };
    let Some(held) = held.filter(|held| loss.agreed(&held.loss, max_loss).is_some()) else {
        return Verdict::Hold(now);
    };
    // A clock that was set back must not hold the feed for ever.
    let since = held.since.min(now);
    let waited = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    if serial > held.feed.serial && waited >= interval {
        Verdict::Confirmed
    } else {
        Verdict::Hold(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::snapshot::pools::Pool;
    use cvdns_core::snapshot::{LossKind, PoolLoss};

    fn loss(hosts: &[&str]) -> Loss {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Loss {
            pools: vec![PoolLoss { pool: Pool::World, kind: LossKind::Whole, hosts, usable: 4 }],
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn held(hosts: &[&str], serial: u64) -> HeldCandidate {
        let text =
            format!("{{\"format\":1,\"serial\":{serial},\"generated\":\"2026-11-22T17:00:00Z\"}}");
        let feed = Box::new(Feed::parse(text.as_bytes()).unwrap());
        let source = crate::load::FeedSource::File("feed.json".into());
        let document = Arc::new(FeedDocument { source, octets: Vec::new(), signature: None });
        HeldCandidate { feed, document, loss: loss(hosts), since: at(0) }
    }

    #[test]
    fn a_loss_is_believed_when_a_second_feed_says_so() {
        let interval = Duration::from_secs(30);
        let judge = |hosts: &[&str], serial, held: Option<&HeldCandidate>, seconds| {
            judge(Some(&loss(hosts)), serial, held, Share::HALF, interval, at(seconds))
        };
        let first = held(&["a", "b", "c"], 5);
        assert_eq!(judge(&["a", "b", "c"], 5, None, 7), Verdict::Hold(at(7)));
        assert_eq!(judge(&["a", "b", "c"], 6, Some(&first), 29), Verdict::Hold(at(0)));
        assert_eq!(judge(&["a", "b", "c"], 6, Some(&first), 30), Verdict::Confirmed);
        assert_eq!(judge(&["a", "b", "c", "d"], 6, Some(&first), 30), Verdict::Confirmed);
        assert_eq!(
            judge(&["a", "b", "c"], 5, Some(&first), 30),
            Verdict::Hold(at(0)),
            "no higher serial"
        );
        assert_eq!(
            judge(&["b", "c", "d"], 6, Some(&first), 30),
            Verdict::Hold(at(30)),
            "b and c are half, no more"
        );
        assert_eq!(
            judge(&["a", "b", "c"], 6, Some(&first), -5),
            Verdict::Hold(at(-5)),
            "the clock was set back"
        );
        let harmless = super::judge(None, 6, Some(&first), Share::HALF, interval, at(30));
        assert_eq!(harmless, Verdict::Harmless);
    }
}
