//! What would change in answers from one feed to the next: two feeds, separated by a line of `---`.

use std::sync::Arc;
use std::time::Duration;

use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::difference::{PathChange, changes};
use cvdns_core::snapshot::{Now, Snapshot, compile};

use super::snapshots::{clock, small_inputs};

/// From a feed to itself nothing changes, and the way back is the way there the other way round.
pub fn run(input: &[u8]) {
    let Some(at) = input.windows(5).position(|window| window == b"\n---\n") else { return };
    let parse = |octets| Feed::parse(octets).ok();
    let (Some(one), Some(two)) = (parse(&input[..at]), parse(&input[at + 5..])) else { return };
    let (Some(before), Some(after)) = (snapshot(&one), snapshot(&two)) else { return };
    let again = snapshot(&one).expect("as before");
    assert_eq!(changes(&before, &again), [], "nothing has changed");
    let there = changes(&before, &after);
    let back = changes(&after, &before);
    // With other restrictions (`not-for`) there are other paths; several may have been one before.
    if one.requirements() != two.requirements() {
        return;
    }
    let place = |change: &PathChange<'_>| (change.plan, change.rtype, change.min, change.path);
    assert_eq!(
        there.iter().map(place).collect::<Vec<_>>(),
        back.iter().map(place).collect::<Vec<_>>(),
        "the same paths change"
    );
    for (there, back) in there.iter().zip(&back) {
        assert_eq!((&there.before, &there.after), (&back.after, &back.before));
        assert_eq!(there.mirrors.len(), back.mirrors.len());
        for (there, back) in there.mirrors.iter().zip(&back.mirrors) {
            assert_eq!((there.host, there.enter, there.leave), (back.host, back.leave, back.enter));
            assert_eq!((there.before, there.after), (back.after, back.before));
        }
    }
}

fn snapshot(feed: &Feed) -> Option<Snapshot> {
    let inputs = small_inputs();
    let static_data = compile(&inputs, &feed.requirements(), &mut Problems::default())?;
    let now = Now::new(Some(feed), clock(), Duration::from_secs(3600));
    Some(Snapshot::new(Arc::new(static_data), &now))
}
