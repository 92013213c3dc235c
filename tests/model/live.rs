//! What a feed changes is compiled, and nothing else; the result is as if all had been.

use crate::asking;
use crate::large;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use asking::{loaded, project, static_data};
use cvdns_core::health::{Feed, MirrorHealth, State};
use cvdns_core::snapshot::dynamic_data::{PoolAnswer, WindowSet};
use cvdns_core::snapshot::{DynamicData, Now, StaticData};
use large::Network;
use proptest::prelude::*;

/// The shipped example, and a network with enough mirrors for every way of laying windows out.
static FRAMES: LazyLock<[(Arc<StaticData>, Feed); 2]> = LazyLock::new(|| {
    let feed = Feed::parse(&std::fs::read(project().join("feed.json")).unwrap()).unwrap();
    let shipped = static_data(&loaded(&project().join("cvdns.toml")), Some(&feed));
    let directory = tempfile::tempdir().unwrap();
    let network = Network { mirrors: 600, countries: 40 };
    let other = static_data(&loaded(&network.write(directory.path())), None);
    [(shipped, feed), (other, network.feed(1, |_| "up"))]
});

fn now(feed: &Feed) -> Now<'_> {
    Now::new(Some(feed), feed.generated, Duration::from_secs(3600))
}

/// The answers of all paths under all rules.
fn answers<'l>(static_data: &StaticData, dynamic_data: &'l DynamicData) -> Vec<&'l PoolAnswer> {
    let rules = static_data.rules.iter().zip(0..);
    let keys = rules.flat_map(|(rule, number)| {
        (0..static_data.plans[rule.plan as usize].paths.paths.len())
            .map(move |path| (number, path as u16))
    });
    keys.map(|(rule, path)| dynamic_data.pool(rule, path).unwrap()).collect()
}

/// Each of its windows.
fn windows(set: &WindowSet) -> Vec<&[u8]> {
    let turn = |window: u32| ((u128::from(window) << 64) / u128::from(set.count)) as u64 + 1;
    (0..set.count).map(|window| set.window(turn(window))).collect()
}

/// What a feed may do to the one before.
#[derive(Debug, Clone)]
enum Change {
    /// A mirror, by its number, has another state.
    Mirror(usize, State),
    /// An address has another state than its mirror.
    Address(usize, State),
    /// All mirrors have this state.
    All(State),
    /// The feed is of so many hours later.
    Later(i64),
}

fn state() -> impl Strategy<Value = State> {
    prop::sample::select(vec![
        State::Up,
        State::Up,
        State::Old,
        State::Down,
        State::Drained,
        State::Removed,
    ])
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (any::<usize>(), state()).prop_map(|(mirror, state)| Change::Mirror(mirror, state)),
        3 => (any::<usize>(), state()).prop_map(|(mirror, state)| Change::Address(mirror, state)),
        1 => state().prop_map(Change::All),
        1 => (0i64..30).prop_map(Change::Later),
    ]
}

fn apply(feed: &mut Feed, static_data: &StaticData, change: &Change) {
    feed.serial += 1;
    let mirrors = &static_data.plans[0].fleet.mirrors;
    let up = || MirrorHealth {
        state: State::Up,
        since: None,
        main: None,
        daily: None,
        bytecode: None,
        addresses: BTreeMap::new(),
        weight: cvdns_core::release::Share::WHOLE,
        note: String::new(),
    };
    match change {
        Change::Mirror(index, state) => {
            let host = mirrors[index % mirrors.len()].host.clone();
            feed.mirrors.entry(host).or_insert_with(up).state = *state;
        }
        Change::Address(index, state) => {
            let mirror = &mirrors[index % mirrors.len()];
            let said = feed.mirrors.entry(mirror.host.clone()).or_insert_with(up);
            said.addresses.insert(mirror.addresses().last().unwrap(), *state);
        }
        Change::All(state) => {
            for mirror in mirrors {
                feed.mirrors.entry(mirror.host.clone()).or_insert_with(up).state = *state;
            }
        }
        Change::Later(hours) => {
            feed.generated =
                feed.generated.checked_add(jiff::SignedDuration::from_hours(*hours)).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_taken_over_is_what_would_be_compiled(
        which in 0usize..2,
        feeds in prop::collection::vec(prop::collection::vec(change(), 0..8), 1..8),
    ) {
        let (static_data, feed) = &FRAMES[which];
        let mut feed = feed.clone();
        let mut dynamic_data = DynamicData::compile(static_data, &now(&feed));
        for changes in feeds {
            for change in &changes {
                apply(&mut feed, static_data, change);
            }
            // What was announced is not taken back, taken over or not: it decides who lags.
            let anew = DynamicData::remembering(dynamic_data.remembered(), static_data, &now(&feed));
            dynamic_data = DynamicData::after(&dynamic_data, static_data, &now(&feed));
            prop_assert_eq!(dynamic_data.announced(), anew.announced());
            prop_assert_eq!(dynamic_data.lagging(), anew.lagging());
            prop_assert_eq!(dynamic_data.octets(), anew.octets());
            for (kept, new) in answers(static_data, &dynamic_data).into_iter().zip(answers(static_data, &anew)) {
                prop_assert_eq!(kept, new);
                prop_assert_eq!(windows(&kept.ipv4), windows(&new.ipv4));
                prop_assert_eq!(windows(&kept.ipv6), windows(&new.ipv6));
            }
        }
    }
}

/// Where its first window lies.
fn place(set: &WindowSet) -> *const u8 {
    set.window(0).as_ptr()
}

#[test]
fn a_feed_moves_only_what_it_changes() {
    for (static_data, feed) in &*FRAMES {
        let before = DynamicData::compile(static_data, &now(feed));
        let mut feed = feed.clone();
        apply(&mut feed, static_data, &Change::Mirror(1, State::Down));
        let after = DynamicData::after(&before, static_data, &now(&feed));
        let (mut kept, mut moved) = (0, 0);
        for (old, new) in
            answers(static_data, &before).into_iter().zip(answers(static_data, &after))
        {
            for (old, new) in [(&old.ipv4, &new.ipv4), (&old.ipv6, &new.ipv6)] {
                assert_eq!(old == new, place(old) == place(new) || old.count == 0);
                if old == new { kept += 1 } else { moved += 1 }
            }
        }
        assert!(moved > 0 && kept > 4 * moved, "{kept} kept, {moved} moved");
    }
}
