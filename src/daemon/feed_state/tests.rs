use super::*;
use cvdns_core::snapshot::pools::Pool;
use cvdns_core::snapshot::{LossKind, PoolLoss};

const POLICY: FeedPolicy<'static> = FeedPolicy {
    source: None,
    keys: None,
    max_loss: Share::HALF,
    interval: Duration::from_secs(30),
};

fn at(second: u64) -> Timestamp {
    "2026-11-22T17:00:00Z".parse::<Timestamp>().unwrap() + Duration::from_secs(second)
}

fn document(serial: u64) -> FeedDocument {
    let text =
        format!("{{\"format\":1,\"serial\":{serial},\"generated\":\"2026-11-22T17:00:00Z\"}}");
    FeedDocument {
        source: FeedSource::Url("https://example.org/feed.json".to_owned()),
        octets: text.into_bytes(),
        signature: None,
    }
}

fn loss() -> Loss {
    let hosts = ["a", "b", "c"].map(str::to_owned).into();
    Loss { pools: vec![PoolLoss { pool: Pool::World, kind: LossKind::Whole, hosts, usable: 4 }] }
}

/// Judges and settles the document of this serial.
fn read(state: &mut FeedState, serial: u64, loss: Option<Loss>, second: u64) -> FeedChange {
    let document = document(serial);
    let source = document.source.clone();
    let policy = FeedPolicy { source: Some(&source), ..POLICY };
    let candidate = FeedCandidate::judge(document, state.criteria(policy, at(second)));
    state.settle(candidate, loss, policy, at(second))
}

fn serial(state: &FeedState) -> Option<u64> {
    state.feed().map(|feed| feed.serial)
}

#[test]
fn a_newer_feed_replaces_the_one_in_force() {
    let mut state = FeedState::new(None);
    assert_eq!(read(&mut state, 5, None, 0), FeedChange::Replaced);
    assert_eq!(read(&mut state, 5, None, 1), FeedChange::Unchanged);
    assert_eq!(read(&mut state, 4, None, 2), FeedChange::Unchanged);
    assert_eq!(serial(&state), Some(5));
    assert_eq!(state.refusals().values().sum::<u64>(), 1, "the lower serial");
    assert!(state.complaint().is_some());
    assert_eq!(read(&mut state, 6, None, 3), FeedChange::Replaced);
    assert_eq!((serial(&state), state.complaint()), (Some(6), None));
    state.clear();
    assert_eq!(serial(&state), None);
}

#[test]
fn a_feed_that_is_held_back_waits_for_a_newer_one_or_an_operator() {
    let mut state = FeedState::new(None);
    read(&mut state, 5, None, 0);
    assert_eq!(read(&mut state, 6, Some(loss()), 10), FeedChange::Unchanged);
    assert_eq!(state.held().map(|held| (held.serial, held.since)), Some((6, at(10))));
    assert_eq!(state.refusals()["held"], 1);
    assert_eq!(state.accept(5, POLICY).unwrap_err(), "feed 5 is not held back, but feed 6 is");
    assert_eq!(serial(&state), Some(5));
    // A newer one confirms the loss once the interval has passed.
    assert_eq!(read(&mut state, 7, Some(loss()), 39), FeedChange::Unchanged);
    assert_eq!(read(&mut state, 8, Some(loss()), 40), FeedChange::Replaced);
    assert_eq!((serial(&state), state.held()), (Some(8), None));

    read(&mut state, 9, Some(loss()), 50);
    assert_eq!(state.accept(9, POLICY), Ok(()));
    assert_eq!(serial(&state), Some(9));
    assert_eq!(state.accept(9, POLICY).unwrap_err(), "no feed is held back");
}

#[test]
fn a_reload_judges_a_feed_that_is_held_back_again() {
    let mut state = FeedState::new(None);
    read(&mut state, 5, None, 0);
    read(&mut state, 6, Some(loss()), 10);
    let source = document(6).source;
    let policy = FeedPolicy { source: Some(&source), ..POLICY };
    let again = state.read_for_reload(policy, at(11));
    assert_eq!(again.as_ref().and_then(FeedCandidate::new_feed).map(|feed| feed.serial), Some(6));
    let elsewhere = FeedSource::Url("https://example.net/feed.json".to_owned());
    let policy = FeedPolicy { source: Some(&elsewhere), ..POLICY };
    assert!(state.read_for_reload(policy, at(11)).is_none());
    state.drop_held();
    let policy = FeedPolicy { source: Some(&source), ..POLICY };
    assert!(state.read_for_reload(policy, at(11)).is_none());
}

#[test]
fn what_cannot_be_read_ends_when_the_last_document_is_there_again() {
    let mut state = FeedState::new(None);
    let source = document(5).source;
    let policy = FeedPolicy { source: Some(&source), ..POLICY };
    read(&mut state, 5, None, 0);
    let refusal =
        Refusal { error: "it is a pipe".to_owned(), reason: "unreadable", document: None };
    let refused = FeedCandidate::Refused(refusal);
    assert!(!refused.is_final());
    assert_eq!(state.settle(refused, None, policy, at(1)), FeedChange::Unchanged);
    assert_eq!((state.complaint(), serial(&state)), (Some("it is a pipe"), Some(5)));
    assert_eq!(read(&mut state, 5, None, 2), FeedChange::Unchanged);
    assert_eq!(state.complaint(), None);
}
