//! What is known of addresses that have come into the fleet.
//!
//! An address that is new is not answered until it is found to be well. But a coordinator that has
//! lost its memory must not take the whole fleet to be new, and the network away with it: the feed
//! that it wrote before says which mirrors were answered.

use std::collections::HashSet;

use jiff::Timestamp;

use super::rule::Known;
use super::stored::{Address, StoredState};
use super::target::Target;
use cvdns_core::health::{Feed, MirrorHealth, State};

/// Removes the addresses that the fleet no longer has from the memory, and adds those of which it
/// knows nothing. `newcomers_wait` says whether those that are new to the fleet are not
/// answered for now. Nothing is added for the others: servers take them to be up.
pub(super) fn admit(
    stored: &mut StoredState,
    targets: &[Target],
    feed: Option<&Feed>,
    newcomers_wait: bool,
    now: Timestamp,
) {
    let hosts: HashSet<String> = stored.mirrors.keys().cloned().collect();
    let remembers = targets.iter().any(|target| stored.of(target).is_some());
    stored.keep(targets, now);
    let unknown: Vec<&Target> =
        targets.iter().filter(|target| stored.of(target).is_none()).collect();
    for target in unknown {
        let health = feed.and_then(|feed| feed.mirrors.get(&target.host));
        let health = health.filter(|_| !hosts.contains(&target.host));
        let known = match health.map(|health| published(health, target, now)) {
            Some(known) if known.state.is_usable() || !remembers => known,
            _ if remembers && newcomers_wait => Known::newcomer(now),
            _ => continue,
        };
        stored.note(target, Address { checked: None, due: now, known: Some(known) }, now);
    }
}

/// What a feed says of an address.
fn published(health: &MirrorHealth, target: &Target, now: Timestamp) -> Known {
    let MirrorHealth { state, since, main, daily, bytecode, addresses, note, .. } = health;
    let state = match addresses.get(&target.address).unwrap_or(state) {
        // Nobody drains a mirror because of a check.
        State::Drained => State::Up,
        state => *state,
    };
    let since = since.filter(|since| *since < now).unwrap_or(now);
    let serving = u32::from(state.is_usable());
    let well = u32::from(state == State::Up);
    let old = matches!(state, State::Old | State::Removed);
    Known {
        reason: if well == 1 { String::new() } else { note.clone() },
        good: well,
        serving,
        fresh: well,
        old_from: old.then_some(since),
        versions: (|| Some([(*main)?, (*daily)?, (*bytecode)?]))(),
        ..Known::first(state, since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::NEW;
    use crate::target::all;
    use cvdns_core::fleet::Fleet;
    use cvdns_core::problem::Problems;

    /// The addresses of these mirrors: a host, and the last octets of its addresses.
    fn targets(mirrors: &[(&str, &[u8])]) -> Vec<Target> {
        let mirror = |(host, octets): &(&str, &[u8])| {
            let addresses: Vec<String> =
                octets.iter().map(|octet| format!("\"192.0.2.{octet}\"")).collect();
            let addresses = addresses.join(",");
            format!("[[mirror]]\nhost = \"{host}\"\ncountry = \"DE\"\nipv4 = [{addresses}]\n")
        };
        let text: String = mirrors.iter().map(mirror).collect();
        let fleet = Fleet::parse("m", &text, &mut Problems::default());
        all(&[("clam.example".to_owned(), fleet)], &cvdns_core::config::Monitor::default()).unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-24T00:00:00Z".parse().unwrap()
    }

    fn feed(mirrors: &str) -> Feed {
        let text = format!(
            "{{\"format\":1,\"serial\":1,\"generated\":\"2026-11-24T00:00:00Z\",\"mirrors\":{{{mirrors}}}}}"
        );
        Feed::parse(text.as_bytes()).unwrap()
    }

    /// The state of each address: `None` where servers take it to be up.
    fn states(stored: &StoredState, targets: &[Target]) -> Vec<Option<State>> {
        let state = |target| Some(stored.of(target)?.known.as_ref()?.state);
        targets.iter().map(state).collect()
    }

    fn admitted(
        known: &[(&str, &[u8])],
        fleet: &[(&str, &[u8])],
        feed: Option<&Feed>,
        waits: bool,
    ) -> (Vec<Option<State>>, StoredState) {
        let mut stored = StoredState::default();
        for target in targets(known) {
            let known = Some(Known::first(State::Up, now()));
            stored.note(&target, Address { checked: Some(now()), due: now(), known }, now());
        }
        let targets = targets(fleet);
        admit(&mut stored, &targets, feed, waits, now());
        (states(&stored, &targets), stored)
    }

    const UP: Option<State> = Some(State::Up);
    const DOWN: Option<State> = Some(State::Down);

    #[test]
    fn who_is_new_waits() {
        let known: &[(&str, &[u8])] = &[("a", &[1])];
        let fleet: &[(&str, &[u8])] = &[("a", &[1, 2]), ("b", &[3])];
        let (found, stored) = admitted(known, fleet, None, true);
        assert_eq!(found, [UP, DOWN, DOWN]);
        let mirror = &stored.mirrors["b"];
        assert_eq!((mirror.state, mirror.since), (State::Down, now()));
        let address = mirror.addresses.values().next().unwrap();
        assert_eq!((address.checked, address.due), (None, now()));
        assert_eq!(address.known.as_ref().unwrap().reason, NEW);
        assert_eq!(admitted(known, fleet, None, false).0, [UP, None, None]);
        // The feed has the mirror, not its new address; and a mirror that the memory does not have.
        let feed = feed("\"a\":{\"state\":\"up\"},\"b\":{\"state\":\"up\"}");
        assert_eq!(admitted(known, fleet, Some(&feed), true).0, [UP, DOWN, UP]);
    }

    #[test]
    fn a_lost_memory_takes_nothing_away() {
        let fleet: &[(&str, &[u8])] = &[("a", &[1, 2]), ("b", &[3]), ("c", &[4]), ("d", &[5])];
        assert_eq!(admitted(&[], fleet, None, true).0, [None; 5]);
        let feed = feed(
            "\"a\":{\"state\":\"up\",\"main\":1,\"daily\":2,\"bytecode\":3,\"addresses\":{\"192.0.2.2\":\"down\"}},\
             \"b\":{\"state\":\"removed\",\"since\":\"2026-11-01T00:00:00Z\",\"note\":\"gone\"},\"c\":{\"state\":\"drained\"}",
        );
        let (found, stored) = admitted(&[], fleet, Some(&feed), true);
        assert_eq!(found, [UP, DOWN, Some(State::Removed), UP, None]);
        let known = stored.mirrors["b"].addresses.values().next().unwrap().known.clone().unwrap();
        let since: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        assert_eq!((known.since, known.reason.as_str()), (since, "gone"));
        assert_eq!((known.old_from, stored.mirrors["b"].since), (Some(since), since));
        let known = stored.mirrors["a"].addresses.values().next().unwrap().known.clone().unwrap();
        assert!(known.is_well() && known.versions == Some([1, 2, 3]));
        // Another address in place of the former one: the mirror begins anew.
        let (found, stored) = admitted(&[("a", &[1])], &[("a", &[2]), ("x", &[9])], None, true);
        assert_eq!((found, stored.mirrors.len()), (vec![None, None], 0));
        let known: &[(&str, &[u8])] = &[("a", &[1]), ("x", &[9])];
        let (found, stored) = admitted(known, &[("a", &[2]), ("x", &[9])], None, true);
        assert_eq!((found, stored.mirrors["a"].state), (vec![DOWN, UP], State::Down));
        // Nothing of the fleet is left of which the memory knew: the same.
        assert_eq!(admitted(&[("x", &[9])], fleet, None, true).0, [None; 5]);
    }
}
