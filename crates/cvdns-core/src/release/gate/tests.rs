use std::collections::BTreeMap;

use super::*;
use proptest::prelude::*;

fn release(core: [u32; 3], rollback: bool) -> Release {
    let text =
        r#"{"software":"1.4.6","main":1,"daily":1,"bytecode":1,"flevel":90,"extra":{"test":6}}"#;
    let release: Release = serde_json::from_str(text).unwrap();
    Release { rollback, ..release.with_core(core) }
}

/// A mirror of a few hosts, so that fleets share some.
fn holder() -> impl Strategy<Value = MirrorVersions<'static>> {
    const HOSTS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let version = || prop::option::weighted(0.9, 1u32..12);
    (0usize..12, 1u64..5, [version(), version(), version()]).prop_map(
        |(host, capacity, versions)| MirrorVersions { host: HOSTS[host], capacity, versions },
    )
}

/// Each host of a fleet once.
fn fleet() -> impl Strategy<Value = Vec<MirrorVersions<'static>>> {
    prop::collection::vec(holder(), 0..9).prop_map(|mut fleet| {
        fleet.sort_by_key(|mirror| mirror.host);
        fleet.dedup_by_key(|mirror| mirror.host);
        fleet
    })
}

/// In percent.
fn quorum() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(90u32), 1 => 0u32..=100]
}

proptest! {
    /// Compares with a search through all versions from the released one down.
    #[test]
    fn the_newest_version_of_the_quorum_is_announced(
        releases in prop::collection::vec(
            ([1u32..12, 1u32..12, 1u32..12], any::<bool>(), prop::collection::vec(fleet(), 0..4)), 1..6),
        quorum in quorum(),
    ) {
        let share = Share::new(f64::from(quorum) / 100.0).unwrap();
        let mut before: Option<Announced> = None;
        for (core, rollback, fleets) in releases {
            let now = Announced::new(&release(core, rollback), 0, &fleets, share, before.as_ref());
            // Each host as in the first fleet that has it.
            let mut mirrors: BTreeMap<&str, MirrorVersions<'_>> = BTreeMap::new();
            for mirror in fleets.iter().rev().flatten() {
                mirrors.insert(mirror.host, *mirror);
            }
            for (number, released) in core.into_iter().enumerate() {
                let capacity = |wanted: u32| -> u64 {
                    let holds = |h: &&MirrorVersions<'_>| h.versions[number].is_some_and(|version| version >= wanted);
                    mirrors.values().filter(holds).map(|h| h.capacity).sum()
                };
                let enough = |version: &u32| {
                    quorum == 0 || capacity(*version) * 100 >= capacity(0) * u64::from(quorum)
                };
                let known = before.as_ref().map(|before| before.gates[number].announced);
                let held = match known {
                    Some(known) if quorum > 0 && capacity(0) == 0 => known.min(released),
                    _ => (1..=released).rev().find(enough).unwrap(),
                };
                let wanted = match known {
                    Some(known) if known > held && !rollback => known,
                    Some(known) if rollback => held.max(known.min(released)),
                    _ => held,
                };
                let gate = &now.gates[number];
                prop_assert_eq!(gate.announced, wanted);
                prop_assert_eq!(now.release.core()[number], wanted);
                let share = |version| match capacity(0) {
                    0 => 1.0,
                    all => capacity(version) as f64 / all as f64,
                };
                prop_assert!((gate.held.ratio() - share(wanted)).abs() < 1e-5);
                prop_assert!((gate.released_held.ratio() - share(released)).abs() < 1e-5);
                // Who holds it back.
                let lacks = |h: &&MirrorVersions<'_>| h.versions[number].is_some_and(|version| version < released);
                let lacking = mirrors.values().filter(lacks).count();
                let named = &gate.holding_back.largest;
                let expected = if wanted < released { lacking } else { 0 };
                prop_assert_eq!(named.len() + gate.holding_back.more, expected);
                prop_assert!(named.len() == expected.min(3) && named.is_sorted_by_key(|(_, share)| std::cmp::Reverse(*share)));
                for (host, part) in named {
                    let mirror = &mirrors[host.as_str()];
                    prop_assert!(lacks(&mirror) && (part.ratio() - mirror.capacity as f64 / capacity(0) as f64).abs() < 1e-5);
                }
            }
            before = Some(now);
        }
    }
}

/// A mirror of a zone of its own has no more weight than it would have beside the others.
#[test]
fn a_stuck_mirror_of_one_fleet_holds_no_other_back() {
    let of = |host, capacity, version| MirrorVersions {
        host,
        capacity,
        versions: [Some(1), version, Some(1)],
    };
    let many = || vec![of("a", 60, Some(9)), of("b", 35, Some(9))];
    let daily = |fleets: &[Vec<MirrorVersions<'static>>]| {
        Announced::new(&release([1, 9, 1], false), 0, fleets, Share::MOST, None).gates[1].clone()
    };
    assert_eq!(daily(&[many(), vec![of("c", 5, Some(3))]]).announced, 9);
    // Without any known version a fleet has no say.
    assert_eq!(daily(&[vec![of("c", 500, None)], many()]).announced, 9);
    // The host that two fleets share counts once: 40 of 100 lack the version.
    let shared = daily(&[many(), vec![of("c", 5, Some(3)), of("b", 35, Some(3))]]);
    assert_eq!((shared.announced, shared.held.to_string()), (9, "95 %".to_owned()));
    let gate = daily(&[vec![of("b", 35, Some(3)), of("c", 5, Some(3))], many()]);
    let words = "daily 3 (9 is held by 60 % of 90 %, not by b (35 %), c (5 %))";
    assert_eq!(gate.to_string(), words);
}

#[test]
fn a_quorum_is_reached_exactly() {
    let holders = |with: u64| {
        let of = |(host, capacity, version)| MirrorVersions {
            host,
            capacity,
            versions: [None, Some(version), None],
        };
        vec![of(("a", with, 10)), of(("b", 100 - with, 9))]
    };
    let gate = |with| {
        Announced::new(&release([5, 10, 5], false), 0, &[holders(with)], Share::MOST, None).gates[1]
            .clone()
    };
    assert_eq!(gate(90).announced, 10);
    assert_eq!(gate(89).announced, 9);
    assert_eq!(gate(89).to_string(), "daily 9 (10 is held by 89 % of 90 %, not by b (11 %))");
    assert_eq!(gate(89).held, Share::WHOLE);
    assert_eq!(Share::of(89_999, 100_000).to_string(), "89.9 %");
    assert_eq!((Share::new(1.1), Share::new(-0.1), Share::new(f64::NAN)), (None, None, None));
}

/// A coordinator without network knows the version of no mirror.
#[test]
fn announced_versions_stay_when_no_version_is_known() {
    let holder =
        |version| MirrorVersions { host: "a", capacity: 1, versions: [Some(1), version, Some(1)] };
    let at = |daily, fleet: Vec<MirrorVersions<'_>>, before: Option<&Announced>| {
        Announced::new(&release([1, daily, 1], false), 0, &[fleet], Share::MOST, before)
    };
    let first = at(8, vec![holder(Some(8))], None);
    assert_eq!(at(9, vec![], Some(&first)).gates[1].announced, 8);
    // Nothing is held by all of no mirrors.
    let words = "daily 8 (9 waits: the version of no usable mirror is known)";
    let gate = at(9, vec![], Some(&first)).gates[1].clone();
    assert_eq!((gate.is_known, gate.to_string().as_str()), (false, words));
    assert!(first.gates[1].is_known);
    assert_eq!(at(9, vec![holder(None)], Some(&first)).gates[1].announced, 8);
    assert_eq!(at(9, vec![], None).gates[1].announced, 9);
}

#[test]
fn extra_databases_do_not_go_back_either() {
    let at = |version, rollback, before: Option<&Announced>| {
        let mut release = release([1, 1, 1], rollback);
        release.extra.insert("test".to_owned(), version);
        Announced::new(&release, 0, &[], Share::MOST, before)
    };
    let first = at(6, false, None);
    let second = at(5, false, Some(&first));
    assert_eq!(second.release.extra["test"], 6);
    assert_eq!(at(7, false, Some(&second)).release.extra["test"], 7);
    assert_eq!(at(5, true, Some(&second)).release.extra["test"], 5);
}

#[test]
fn a_mirror_is_behind_by_its_worst_database() {
    let announced = Announced::new(&release([63, 100, 339], false), 0, &[], Share::MOST, None);
    assert_eq!(announced.behind([None; 3]), 0);
    assert_eq!(announced.behind([Some(63), Some(98), Some(339)]), 2);
    assert_eq!(announced.behind([Some(60), Some(120), None]), 3);
}
