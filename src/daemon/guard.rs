//! Holds back a feed that takes away too much, until it is said twice or an operator accepts it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::offer::Seen;
use cvdns_core::health::Feed;
use cvdns_core::release::Share;
use cvdns_core::snapshot::{HeldFeed, Loss};

/// A feed that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub feed: Box<Feed>,
    pub document: Arc<Seen>,
    /// What it takes away.
    pub loss: Loss,
    /// When that was first said.
    pub since: Timestamp,
}

impl Held {
    /// What is told of it.
    pub(super) fn told(&self) -> HeldFeed {
        let Feed { serial, generated, .. } = *self.feed;
        HeldFeed { serial, generated, takes_away: self.loss.to_string(), since: self.since }
    }
}

/// What becomes of a feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It takes away no more than it may.
    Harmless,
    /// It says what was held back before.
    Confirmed,
    /// It waits; since when its loss was first said.
    Hold(Timestamp),
}

/// Judges a feed that takes away `loss`, where `held` waits. It is confirmed by a higher serial, `interval` after that was
/// first said, when what both take away is alone too much.
pub(super) fn judge(
    loss: Option<&Loss>,
    serial: u64,
    held: Option<&Held>,
    most: Share,
    interval: Duration,
    now: Timestamp,
) -> Verdict {
    let Some(loss) = loss else { return Verdict::Harmless };
    let Some(held) = held.filter(|held| loss.agreed(&held.loss, most).is_some()) else {
        return Verdict::Hold(now);
    };
    // A clock that was set back must not hold it for ever.
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
    use cvdns_core::snapshot::PoolLoss;
    use cvdns_core::snapshot::pools::Pool;

    fn loss(hosts: &[&str]) -> Loss {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Loss { pools: vec![PoolLoss { pool: Pool::World, hosts, usable: 4 }] }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn held(hosts: &[&str], serial: u64) -> Held {
        let text =
            format!("{{\"format\":1,\"serial\":{serial},\"generated\":\"2026-11-22T17:00:00Z\"}}");
        let feed = Box::new(Feed::parse(text.as_bytes()).unwrap());
        let source = crate::load::FeedSource::File("feed.json".into());
        let document = Arc::new(Seen { source, octets: Vec::new(), signature: None });
        Held { feed, document, loss: loss(hosts), since: at(0) }
    }

    #[test]
    fn what_is_said_twice_is_believed() {
        let interval = Duration::from_secs(30);
        let judge = |hosts: &[&str], serial, held: Option<&Held>, seconds| {
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
