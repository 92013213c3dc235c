//! Rollovers by the steps of docs/dnssec.md ("Rollovers"), on a server that runs. A resolver that
//! trusts a signed parent is asked all the time: no step may make an answer anything but secure.

mod parent;
mod stage;
mod watch;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use stage::{KEYS, Key, Stage, ZONE, wait};
use watch::Watch;

/// Seconds that are left for a reload before a moment in files of keys.
const LEFT: u32 = 10;

/// A moment so many seconds from now, as `cvdns keys generate` takes it and shows it.
fn after(seconds: u32) -> Timestamp {
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("now");
    now + SignedDuration::from_secs(seconds.into())
}

/// A moment as dnssec-settime takes it.
fn for_settime(moment: Timestamp) -> String {
    moment.strftime("%Y%m%d%H%M%S").to_string()
}

fn tags(keys: &[&Key]) -> BTreeSet<String> {
    keys.iter().map(|key| key.tag.clone()).collect()
}

/// Ends a watch that must have seen nothing wrong.
fn end(watch: Watch, stage: &Stage) {
    let wrong = watch.end();
    let (resolver, server) = (stage.resolver.log(), stage.daemon.log());
    assert!(
        wrong.is_empty(),
        "{}\n--- resolver:\n{resolver}\n--- server:\n{server}",
        wrong.concat()
    );
}

#[test]
fn a_zone_signing_key_is_rolled_over() {
    let stage = Stage::start(&["--ksk", "--zsk"]);
    let [ksk, old] = &stage.keys[..] else { panic!("{:?}", stage.keys) };
    let watch = stage.watch();
    // 1.
    let moment = after(KEYS + LEFT);
    let new = stage.generate(&["--zsk", "--activate", &moment.to_string()]);
    stage.reload();
    assert!(stage.listed(&new).contains("  published  "), "{}", stage.listed(&new));
    assert_eq!(stage.signers(), tags(&[old]));
    // 2.
    let end_of_old =
        [for_settime(moment), for_settime(moment + SignedDuration::from_secs(i64::from(ZONE) + 4))];
    old.settime(&["-I", &end_of_old[0], "-D", &end_of_old[1]]);
    stage.reload();
    assert!(stage.listed(old).contains(&moment.to_string()), "{}", stage.listed(old));
    // 3.
    stage.daemon.until("the new key signs", || stage.signers() == tags(&[&new]));
    assert_eq!(Stage::published(stage.daemon.port()), tags(&[ksk, old, &new]));
    // 4.
    let served = || Stage::published(stage.daemon.port());
    stage.daemon.until("the old key leaves", || served() == tags(&[ksk, &new]));
    old.remove();
    stage.reload();
    assert!(stage.listed(&new).contains("signs the zone"), "{}", stage.listed(&new));
    wait(KEYS);
    assert_eq!(Stage::published(stage.resolver.port), tags(&[ksk, &new]));
    end(watch, &stage);
}

/// The steps for a key-signing key, or one that signs everything.
fn key_that_signs_keys(stage: &Stage, kind: &str) {
    let (old, others) = stage.keys.split_first().expect("a key");
    let others: Vec<&Key> = others.iter().collect();
    let watch = stage.watch();
    // 1.
    let new = stage.generate(&[kind]);
    stage.reload();
    for key in [old, &new] {
        let row = stage.listed(key);
        assert!(row.contains("signs the keys") || row.contains("signs everything"), "{row}");
    }
    // 2.
    wait(KEYS);
    let both = [&others[..], &[old, &new]].concat();
    assert_eq!(Stage::published(stage.resolver.port), tags(&both));
    // 3.
    stage.give_to_parent(&[&new]);
    assert_eq!(stage.findings(), BTreeSet::from(["key-without-ds".to_owned()]));
    // 4.
    wait(parent::TTL);
    assert_eq!(stage.trusted(), tags(&[&new]));
    // 5.
    old.settime(&["-I", "now", "-D", "now"]);
    stage.reload();
    assert_eq!(stage.findings(), BTreeSet::new());
    wait(KEYS);
    assert_eq!(Stage::published(stage.resolver.port), tags(&[&others[..], &[&new]].concat()));
    end(watch, stage);
}

#[test]
fn a_key_signing_key_is_rolled_over() {
    key_that_signs_keys(&Stage::start(&["--ksk", "--zsk"]), "--ksk");
}

#[test]
fn a_key_that_signs_everything_is_rolled_over() {
    key_that_signs_keys(&Stage::start(&["--csk"]), "--csk");
}

/// The other order: the parent has both DS records before the keys change (RFC 6781 section 4.1.2).
#[test]
fn a_key_signing_key_is_rolled_over_by_two_ds_records() {
    let stage = Stage::start(&["--ksk", "--zsk"]);
    let [old, zsk] = &stage.keys[..] else { panic!("{:?}", stage.keys) };
    let watch = stage.watch();
    let moment = after(parent::TTL + LEFT);
    let (text, for_old) = (moment.to_string(), for_settime(moment));
    let new = stage.generate(&["--ksk", "--publish", &text, "--activate", &text]);
    old.settime(&["-I", &for_old, "-D", &for_old]);
    stage.reload();
    stage.give_to_parent(&[old, &new]);
    assert_eq!(stage.findings(), BTreeSet::from(["ds-of-unknown-key".to_owned()]));
    let served = || Stage::published(stage.daemon.port());
    assert_eq!(served(), tags(&[old, zsk]));
    stage.daemon.until("the new key is in the zone", || served() == tags(&[&new, zsk]));
    assert_eq!(stage.trusted(), tags(&[old, &new]));
    wait(KEYS);
    stage.give_to_parent(&[&new]);
    assert_eq!(stage.findings(), BTreeSet::new());
    wait(parent::TTL);
    end(watch, &stage);
}

/// The steps for an algorithm. The parent follows CDS records, or is told by hand.
fn algorithm(stage: &Stage, has_cds: bool) {
    let old: Vec<&Key> = stage.keys.iter().collect();
    let watch = stage.watch();
    let served = || Stage::published(stage.daemon.port());
    let signers = stage.signers();
    // 1.
    let moment = after(ZONE + LEFT);
    let publish = moment.to_string();
    let new = stage.generate(&["--algorithm", "ed25519", "--publish", &publish]);
    if has_cds {
        let caches_have_it = moment + SignedDuration::from_secs(i64::from(KEYS) + 1);
        new.settime(&["-P", "sync", &for_settime(caches_have_it)]);
    }
    stage.reload();
    assert!(stage.listed(&new).contains("signs, not published"), "{}", stage.listed(&new));
    let both = &signers | &tags(&[&new]);
    assert_eq!((stage.signers(), served()), (both.clone(), tags(&old)));
    // 2.
    let all = &tags(&old) | &tags(&[&new]);
    stage.daemon.until("the new key is in the zone", || served() == all);
    // 3.
    if has_cds {
        stage.follow_cds();
        tell_by_cds(stage, &new);
    } else {
        wait(KEYS);
        assert_eq!(Stage::published(stage.resolver.port), all);
        stage.give_to_parent(&[&new]);
    }
    assert_eq!(stage.findings(), BTreeSet::from(["key-without-ds".to_owned()]));
    wait(parent::TTL);
    assert_eq!(stage.trusted(), tags(&[&new]));
    // 4.
    for key in &old {
        key.settime(&["-P", "+1y"]);
    }
    stage.reload();
    for key in &old {
        assert!(stage.listed(key).contains("signs, not published"), "{}", stage.listed(key));
    }
    assert_eq!((stage.signers(), served()), (both, tags(&[&new])));
    // 5.
    wait(KEYS);
    for key in &old {
        key.settime(&["-I", "now", "-D", "now"]);
    }
    stage.reload();
    assert_eq!((stage.signers(), served()), (tags(&[&new]), tags(&[&new])));
    assert_eq!(stage.findings(), BTreeSet::new());
    wait(ZONE);
    end(watch, stage);
}

/// The CDS records name the new key once caches have it, and then no longer the old one.
fn tell_by_cds(stage: &Stage, new: &Key) {
    let old = stage.keys.first().expect("a key");
    assert_eq!(stage.synced(), tags(&[old]));
    stage.daemon.until("CDS records name the new key", || stage.synced() == tags(&[old, new]));
    stage.follow_cds();
    wait(parent::TTL);
    assert_eq!(stage.trusted(), tags(&[old, new]));
    old.settime(&["-D", "sync", "now"]);
    stage.reload();
    assert_eq!(stage.synced(), tags(&[new]));
    stage.follow_cds();
}

#[test]
fn an_algorithm_is_rolled_over() {
    algorithm(&Stage::start(&["--ksk", "--zsk"]), false);
}

#[test]
fn an_algorithm_is_rolled_over_with_a_parent_that_follows_cds() {
    algorithm(&Stage::start(&["--csk"]), true);
}

/// What is in caches for longer than any test.
const LONG: u32 = 300;

/// The watch sees a key that goes before the parent knows the new one (step 5 before step 3).
#[test]
fn a_key_signing_key_that_ends_too_early_is_seen() {
    let stage = Stage::start(&["--ksk", "--zsk"]);
    let [old, _] = &stage.keys[..] else { panic!("{:?}", stage.keys) };
    let watch = stage.watch();
    stage.generate(&["--ksk"]);
    stage.reload();
    wait(KEYS);
    end(watch, &stage);
    old.settime(&["-I", "now", "-D", "now"]);
    let watch = stage.watch();
    stage.reload();
    assert_eq!(stage.findings(), BTreeSet::from(["ds-of-other-keys".to_owned()]));
    watch.until(": rcode 2\n");
}

/// The watch sees a key that goes while caches have its signatures (`Delete` at `Inactive`).
#[test]
fn a_zone_signing_key_that_leaves_too_early_is_seen() {
    let stage = Stage::start_with(&["--ksk", "--zsk"], LONG);
    let [_, old] = &stage.keys[..] else { panic!("{:?}", stage.keys) };
    let watch = stage.watch();
    stage.generate(&["--zsk", "--activate", "now"]);
    stage.reload();
    wait(KEYS);
    end(watch, &stage);
    let watch = stage.watch();
    old.settime(&["-I", "now", "-D", "now"]);
    stage.reload();
    watch.until("no valid signature found");
}

/// The watch sees keys of an algorithm that has not signed what caches have (no `--publish`).
#[test]
fn an_algorithm_that_is_published_too_early_is_seen() {
    let stage = Stage::start_with(&["--csk"], LONG);
    let watch = stage.watch();
    wait(KEYS);
    end(watch, &stage);
    let watch = stage.watch();
    stage.generate(&["--algorithm", "ed25519"]);
    stage.reload();
    watch.until("signed by {13} with keys of {13, 15}");
}

/// The watch sees an algorithm without keys that DS records still name: this resolver wants all of
/// them (`harden-algo-downgrade`).
#[test]
fn an_algorithm_that_leaves_before_its_ds_record_is_seen() {
    let stage = Stage::start(&["--csk"]);
    let [old] = &stage.keys[..] else { panic!("{:?}", stage.keys) };
    let new = stage.generate(&["--algorithm", "ed25519"]);
    stage.reload();
    wait(KEYS);
    stage.give_to_parent(&[old, &new]);
    let watch = stage.watch();
    wait(parent::TTL);
    end(watch, &stage);
    let watch = stage.watch();
    old.settime(&["-P", "+1y"]);
    stage.reload();
    watch.until(": rcode 2\n");
}
