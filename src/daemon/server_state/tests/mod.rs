mod clock;
mod counting;
mod mutations;

use std::sync::Weak;

use super::*;
use crate::daemon::answerer::Answerer;
use crate::load::{FeedSource, load, signature_path};
use cvdns_core::answer::{Answering, Transport};
use cvdns_core::health::Keys;
use cvdns_core::snapshot::Snapshot;
use cvdns_net::Responder;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The state of the example's server, with another feed.
fn example(feed: &Path) -> ServerState {
    let mut problems = Problems::default();
    let mut loaded = load(&project().join("cvdns.toml"), &mut problems).unwrap();
    loaded.feeds = FeedSource::File(feed.to_owned()).into();
    ServerState::new(loaded, Timestamp::now(), &mut problems).unwrap()
}

/// Why the feed of the only source is not taken.
fn complaint(state: &ServerState) -> Option<String> {
    state.feed.complaints().next().map(|(_, why)| why.to_owned())
}

fn newest(state: &ServerState) -> Weak<Snapshot> {
    Arc::downgrade(&state.publisher.newest())
}

#[test]
fn snapshots_that_nobody_answers_from_are_freed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feed.json");
    let feed = std::fs::read_to_string(project().join("feed.json")).unwrap();
    std::fs::write(&path, &feed).unwrap();
    let mut state = example(&path);
    let first = newest(&state);
    let mut workers = [0, 1].map(|turn| {
        Answerer::new(state.publisher.snapshots().clone(), Answering::new(turn, Timestamp::now))
    });
    let query = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x02db\x02de\x06clamav\x03net\0\0\x01\0\x01";
    let mut seen: Vec<Weak<Snapshot>> = Vec::new();
    for serial in 0..200u64 {
        let word = if serial % 2 == 0 { "\"down\", \"since\"" } else { "\"up\", \"since\"" };
        let next = feed.replace("1763800000", &(1_763_800_001 + serial).to_string());
        std::fs::write(&path, next.replace("\"down\", \"since\"", word)).unwrap();
        state.read(Timestamp::now());
        // The first worker is always there, the second comes every third time.
        for (worker, every) in workers.iter_mut().zip([1, 3]) {
            if serial % every == 0 {
                worker.refresh();
            }
            let mut buffer = [0; 512];
            buffer[..query.len()].copy_from_slice(query);
            let client = "127.0.0.1:53".parse().unwrap();
            assert!(worker.respond(&mut buffer, query.len(), client, Transport::Udp).is_some());
        }
        state.publisher.reclaim();
        seen.push(newest(&state));
        let held = seen.iter().filter(|snapshot| snapshot.strong_count() > 0).count();
        assert!(
            held <= 2,
            "{held} snapshots are held: the newest, and one where the second worker is"
        );
    }
    assert_eq!(first.strong_count(), 0);
    workers.iter_mut().for_each(Responder::refresh);
    assert_eq!(state.publisher.reclaim(), None, "nobody holds any other than the newest");
    assert_eq!(seen.iter().filter(|snapshot| snapshot.strong_count() > 0).count(), 1);
}

/// A worker only lets go of a snapshot, which is freed elsewhere.
#[test]
fn no_worker_frees_a_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feed.json");
    let feed = std::fs::read_to_string(project().join("feed.json")).unwrap();
    std::fs::write(&path, &feed).unwrap();
    let mut state = example(&path);
    let mut worker =
        Answerer::new(state.publisher.snapshots().clone(), Answering::new(0, Timestamp::now));
    let before = newest(&state);
    std::fs::write(&path, feed.replace("1763800000", "1763800001")).unwrap();
    state.read(Timestamp::now());
    assert!(state.publisher.reclaim().is_some(), "the worker holds it");
    worker.refresh();
    assert_eq!(before.strong_count(), 1);
    assert_eq!(state.publisher.reclaim(), None);
    assert_eq!(before.strong_count(), 0);
}

/// A key pair that signs in minisign's format.
struct Coordinator(minisign::KeyPair);

impl Coordinator {
    fn new() -> Self {
        Self(minisign::KeyPair::generate_unencrypted_keypair().unwrap())
    }

    fn keys(&self) -> Keys {
        Keys::new(vec![self.0.pk.to_base64().parse().unwrap()]).unwrap()
    }

    fn sign(&self, text: &str) -> String {
        minisign::sign(None, &self.0.sk, text.as_bytes(), None, None).unwrap().into_string()
    }
}

#[test]
fn the_feed_in_force_is_verified_by_the_keys_that_are_asked_for_now() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let feed = std::fs::read_to_string(project().join("feed.json")).unwrap();
    std::fs::write(path("feed.json"), &feed).unwrap();
    let sign = |by: &Coordinator, text: &str| {
        let signature = by.sign(text);
        std::fs::write(path("feed.json.minisig"), &signature).unwrap();
        signature
    };
    let loaded = |by: &Coordinator| {
        let mut loaded = load(&project().join("cvdns.toml"), &mut Problems::default()).unwrap();
        loaded.feeds = FeedSource::File(path("feed.json")).into();
        loaded.state = Some(path("state"));
        loaded.config.feed.public_key = Some(by.keys());
        loaded
    };
    let kept = || StateDirectory::new(Some(path("state")));
    let is_kept = |by: &Coordinator| {
        let sources = FeedSource::File(path("feed.json")).into();
        kept().feed(&sources, Some(&by.keys()), Timestamp::now()).is_some()
    };
    let (old, new) = (Coordinator::new(), Coordinator::new());
    sign(&old, &feed);
    let mut problems = Problems::default();
    let mut state = ServerState::new(loaded(&old), Timestamp::now(), &mut problems).unwrap();
    assert!(state.has_feed() && state.feed.complaints().next().is_none());
    // The old signature is refused, and so is another one that is not good.
    assert!(state.reload(loaded(&new), Timestamp::now(), &mut problems));
    assert!(complaint(&state).is_some_and(|complaint| complaint.contains("key other than")));
    sign(&new, "other octets");
    state.read(Timestamp::now());
    assert!(
        complaint(&state)
            .is_some_and(|complaint| complaint.contains("does not match these octets"))
    );
    // One of the new key over the same octets is kept for the next start.
    sign(&new, &feed);
    state.read(Timestamp::now());
    assert_eq!(complaint(&state), None);
    assert!(is_kept(&new));
    // The next feed's signature may already be beside the feed that these keys verified.
    sign(&new, "the next feed");
    state.read(Timestamp::now());
    assert_eq!(complaint(&state), None);
    assert!(is_kept(&new));
}

#[test]
fn an_unreadable_signature_is_not_called_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("feed.json");
    std::fs::copy(project().join("feed.json"), &path).unwrap();
    nix::unistd::mkfifo(&signature_path(&path), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut loaded = load(&project().join("cvdns.toml"), &mut Problems::default()).unwrap();
    loaded.feeds = FeedSource::File(path).into();
    loaded.state = None;
    loaded.config.feed.public_key = Some(Coordinator::new().keys());
    let state = ServerState::new(loaded, Timestamp::now(), &mut Problems::default()).unwrap();
    let complaint = complaint(&state).unwrap();
    assert!(complaint.contains("feed.json.minisig: it is a pipe"), "{complaint}");
}

/// A server without `[transfer]` neither compiles for it nor has a thread for it.
#[test]
fn transfers_cost_nothing_where_there_are_none() {
    let feed = project().join("feed.json");
    let mut state = example(&feed);
    let now = Timestamp::now();
    let before = (state.publisher.compiled(), newest(&state));
    state.begin_transfers(Arc::default(), now);
    state.begin_notifying(Vec::new());
    assert_eq!(state.publisher.compiled(), before.0);
    assert!(before.1.ptr_eq(&newest(&state)));
    // Nothing is put in force again and again.
    let served = state.transfers().unwrap().served();
    state.publish(state.publisher.static_data(), now);
    assert!(Arc::ptr_eq(&served, &state.transfers().unwrap().served()));
}
