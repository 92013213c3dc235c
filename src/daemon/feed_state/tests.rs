use super::*;
use cvdns_core::snapshot::pools::Pool;
use cvdns_core::snapshot::{LossKind, PoolLoss};

use FeedChange::{Replaced, Unchanged};

fn policy(sources: &FeedSources) -> FeedPolicy<'_> {
    FeedPolicy { sources, keys: None, max_loss: Share::HALF, interval: Duration::from_secs(30) }
}

fn url(host: &str) -> FeedSource {
    FeedSource::Url(format!("https://{host}/feed.json"))
}

fn at(second: u64) -> Timestamp {
    "2026-11-22T17:00:00Z".parse::<Timestamp>().unwrap() + Duration::from_secs(second)
}

fn document(serial: u64) -> FeedDocument {
    let text =
        format!("{{\"format\":1,\"serial\":{serial},\"generated\":\"2026-11-22T17:00:00Z\"}}");
    FeedDocument { source: url("example.org"), octets: text.into_bytes(), signature: None }
}

fn loss() -> Loss {
    let hosts = ["a", "b", "c"].map(str::to_owned).into();
    Loss { pools: vec![PoolLoss { pool: Pool::World, kind: LossKind::Whole, hosts, usable: 4 }] }
}

/// A state that follows this source.
fn following(source: FeedSource) -> (FeedState, FeedSources) {
    let sources = FeedSources::from(source);
    (FeedState::new(policy(&sources)), sources)
}

/// Judges and settles the document of this serial, as it comes from a source.
fn read_of(
    state: &mut FeedState,
    sources: &FeedSources,
    source: &FeedSource,
    (serial, second): (u64, u64),
    loss: Option<Loss>,
) -> FeedChange {
    let FeedDocument { octets, signature, .. } = document(serial);
    let fetched = Ok(Fetched::New { octets, signature });
    let policy = policy(sources);
    let candidate = state.judge_fetched(source, fetched, policy, at(second));
    state.settle(candidate, loss, policy, at(second))
}

/// The same from the only source.
fn read(state: &mut FeedState, serial: u64, loss: Option<Loss>, second: u64) -> FeedChange {
    let source = document(serial).source;
    read_of(state, &source.clone().into(), &source, (serial, second), loss)
}

fn serial(state: &FeedState) -> Option<u64> {
    state.feed().map(|feed| feed.serial)
}

fn complaint(state: &FeedState) -> Option<&str> {
    state.complaints().next().map(|(_, why)| why)
}

#[test]
fn a_newer_feed_replaces_the_one_in_force() {
    let (mut state, _) = following(url("example.org"));
    assert_eq!(read(&mut state, 5, None, 0), FeedChange::Replaced);
    assert_eq!(read(&mut state, 5, None, 1), FeedChange::Unchanged);
    assert_eq!(read(&mut state, 4, None, 2), FeedChange::Unchanged);
    assert_eq!(serial(&state), Some(5));
    assert_eq!(state.refusals().values().sum::<u64>(), 1, "the lower serial");
    assert!(complaint(&state).is_some());
    assert_eq!(read(&mut state, 6, None, 3), FeedChange::Replaced);
    assert_eq!((serial(&state), complaint(&state)), (Some(6), None));
    state.clear();
    assert_eq!(serial(&state), None);
}

#[test]
fn the_newest_feed_of_any_source_is_in_force() {
    let (first, second) = (url("a.example"), url("b.example"));
    let sources = FeedSources::of_several(vec![first.clone(), second.clone()]);
    let mut state = FeedState::new(policy(&sources));
    let mut read = |source, serial, at| {
        let change = read_of(&mut state, &sources, source, (serial, at), None);
        let from = state.document().map(|document| document.source.clone());
        let complaints = state.complaints().map(|(source, _)| source.clone()).collect::<Vec<_>>();
        (change, state.feed().unwrap().serial, from.unwrap(), complaints)
    };
    assert_eq!(read(&first, 5, 0), (Replaced, 5, first.clone(), vec![]));
    // What the other one has too stays that of the first, and what it has later is no fault.
    assert_eq!(read(&second, 4, 1), (Unchanged, 5, first.clone(), vec![]));
    assert_eq!(read(&second, 5, 2), (Unchanged, 5, first.clone(), vec![]));
    assert_eq!(read(&second, 6, 3), (Replaced, 6, second.clone(), vec![]));
    assert_eq!(read(&first, 7, 4), (Replaced, 7, first.clone(), vec![]));
    // A source that goes back behind its own feeds is wrong.
    assert_eq!(read(&second, 5, 5), (Unchanged, 7, first.clone(), vec![second.clone()]));
    assert_eq!(read(&second, 7, 6), (Unchanged, 7, first.clone(), vec![]));
    assert_eq!(read(&first, 6, 7), (Unchanged, 7, first.clone(), vec![first.clone()]));
    let newest: Vec<_> =
        state.sources().map(|source| source.newest().map(|newest| newest.serial)).collect();
    assert_eq!(newest, [Some(7), Some(7)]);
    // One serial means one thing, wherever it comes from.
    let octets = b"{\"format\":1,\"serial\":7,\"generated\":\"2026-11-22T17:00:01Z\"}".to_vec();
    let other = Ok(Fetched::New { octets, signature: None });
    let candidate = state.judge_fetched(&second, other, policy(&sources), at(8));
    state.settle(candidate, None, policy(&sources), at(8));
    assert_eq!(state.refusals()["serial-reused"], 1);
}

/// The feed of a source that is no longer configured stays until another one has any, which counts
/// its serials by itself.
#[test]
fn other_sources_have_serials_of_their_own() {
    let (mut state, _) = following(url("a.example"));
    let of = |source: FeedSource| FeedSources::from(source);
    let (old, new) = (url("a.example"), url("b.example"));
    read_of(&mut state, &of(old.clone()), &old, (5, 0), None);
    state.configure(policy(&of(new.clone())));
    assert_eq!(serial(&state), Some(5));
    assert_eq!(read_of(&mut state, &of(new.clone()), &new, (2, 1), None), FeedChange::Replaced);
    assert_eq!((serial(&state), complaint(&state)), (Some(2), None));
}

#[test]
fn a_feed_that_is_held_back_waits_for_a_newer_one_or_an_operator() {
    let (mut state, sources) = following(url("example.org"));
    read(&mut state, 5, None, 0);
    assert_eq!(read(&mut state, 6, Some(loss()), 10), FeedChange::Unchanged);
    assert_eq!(state.held().map(|held| (held.serial, held.since)), Some((6, at(10))));
    assert_eq!(state.refusals()["held"], 1);
    let policy = policy(&sources);
    assert_eq!(state.accept(5, policy).unwrap_err(), "feed 5 is not held back, but feed 6 is");
    assert_eq!(serial(&state), Some(5));
    // A newer one confirms the loss once the interval has passed.
    assert_eq!(read(&mut state, 7, Some(loss()), 39), FeedChange::Unchanged);
    assert_eq!(read(&mut state, 8, Some(loss()), 40), FeedChange::Replaced);
    assert_eq!((serial(&state), state.held()), (Some(8), None));

    read(&mut state, 9, Some(loss()), 50);
    assert_eq!(state.accept(9, policy), Ok(()));
    assert_eq!(serial(&state), Some(9));
    assert_eq!(state.accept(9, policy).unwrap_err(), "no feed is held back");
}

#[test]
fn a_reload_judges_a_feed_that_is_held_back_again() {
    let (mut state, sources) = following(url("example.org"));
    read(&mut state, 5, None, 0);
    read(&mut state, 6, Some(loss()), 10);
    let serials = |candidates: Vec<SourcedCandidate>| {
        let new = candidates.iter().filter_map(|of| of.candidate.new_feed());
        new.map(|feed| feed.serial).collect::<Vec<_>>()
    };
    assert_eq!(serials(state.read_for_reload(policy(&sources), at(11))), [6]);
    let elsewhere = FeedSources::from(url("example.net"));
    assert!(state.read_for_reload(policy(&elsewhere), at(11)).is_empty());
    state.drop_held();
    assert!(state.read_for_reload(policy(&sources), at(11)).is_empty());
}

#[test]
fn what_cannot_be_read_ends_when_the_last_document_is_there_again() {
    let (mut state, sources) = following(url("example.org"));
    let policy = policy(&sources);
    read(&mut state, 5, None, 0);
    let refusal =
        Refusal { error: "it is a pipe".to_owned(), reason: "unreadable", document: None };
    let refused = FeedCandidate::Refused(refusal);
    assert!(!refused.is_final());
    let refused = SourcedCandidate { source: url("example.org"), candidate: refused };
    assert_eq!(state.settle(refused, None, policy, at(1)), FeedChange::Unchanged);
    assert_eq!((complaint(&state), serial(&state)), (Some("it is a pipe"), Some(5)));
    assert_eq!(read(&mut state, 5, None, 2), FeedChange::Unchanged);
    assert_eq!(complaint(&state), None);
}
