//! Settling: a mirror that flaps is left out until it has been up for a while, and answers that may
//! change soon get a lower TTL.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Feed, State};
use crate::fleet::Fleet;

/// Period in which changes of a state are counted.
const WINDOW: Duration = Duration::from_secs(600);

/// A mirror with more changes than this within [`WINDOW`] flaps.
const LIMIT: usize = 3;

/// The latest changes of each mirror's state in the feed, as far as they matter. Changes before the
/// start of the server are not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settling {
    /// How long a mirror that flapped has to be up before it is answered again. With 0 nothing is
    /// remembered, and no mirror is left out.
    settle: Duration,
    /// Histories by host.
    mirrors: BTreeMap<String, History>,
}

/// Whether a mirror has changed its state recently, and whether it flaps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlapStatus {
    /// Whether its state changed in the last 10 minutes.
    pub changed: bool,
    /// Whether its state changed more than 3 times in 10 minutes, and it has not been up for long
    /// enough since.
    pub flaps: bool,
    /// If it flaps, the time at which it will have been up for long enough; `None` while it is not
    /// up.
    pub until: Option<Timestamp>,
}

/// The latest changes of a mirror's state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct History {
    state: State,
    /// Times of the latest changes, the latest first: one more than the limit, which shows whether
    /// the limit was exceeded.
    changes: [Option<Timestamp>; LIMIT + 1],
    /// Whether it changed too often. Whether it has settled since is computed when needed.
    flaps: bool,
}

impl Settling {
    /// Starts without a history.
    pub fn new(settle: Duration) -> Self {
        Self { settle, mirrors: BTreeMap::new() }
    }

    /// Changes the time that mirrors need to settle.
    pub fn set(&mut self, settle: Duration) {
        self.settle = settle;
        if settle.is_zero() {
            self.mirrors.clear();
        }
    }

    /// Forgets all histories.
    pub fn forget(&mut self) {
        self.mirrors.clear();
    }

    /// Takes over the states of a feed that comes into force at `now`. A mirror without a history
    /// counts as unchanged.
    pub fn follow<'f>(
        &mut self,
        feed: &Feed,
        fleets: impl Iterator<Item = &'f Fleet>,
        now: Timestamp,
    ) {
        if self.settle.is_zero() {
            return;
        }
        let mut before = std::mem::take(&mut self.mirrors);
        for (_, mirror) in fleets.flat_map(Fleet::enabled) {
            // Several zones may share a fleet.
            if self.mirrors.contains_key(&mirror.host) {
                continue;
            }
            let state = feed.mirrors.get(&mirror.host).map_or(State::Up, |listed| listed.state);
            let (host, history) = match before.remove_entry(&mirror.host) {
                Some((host, history)) => (host, history.follow(state, now, self.settle)),
                None => (mirror.host.clone(), History::new(state)),
            };
            self.mirrors.insert(host, history);
        }
    }

    /// The status of the mirror with this host.
    pub fn of(&self, host: &str, now: Timestamp) -> FlapStatus {
        self.mirrors.get(host).map(|history| history.status(now, self.settle)).unwrap_or_default()
    }

    /// Hosts of the mirrors that flap.
    pub fn flapping(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let flapping =
            self.mirrors.iter().filter(move |(_, history)| history.status(now, self.settle).flaps);
        flapping.map(|(host, _)| host.as_str())
    }

    /// The next time after `now` at which a status changes without a new feed.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let moments = self.mirrors.values().flat_map(|history| {
            let settled = history.flaps.then(|| history.settled(self.settle)).flatten();
            [history.last().map(|last| after(last, WINDOW)), settled]
        });
        moments.flatten().filter(|moment| *moment > now).min()
    }
}

impl History {
    fn new(state: State) -> Self {
        Self { state, changes: [None; LIMIT + 1], flaps: false }
    }

    /// The history after the mirror is listed in this state at `now`.
    fn follow(mut self, state: State, now: Timestamp, settle: Duration) -> Self {
        // If the clock was set back, changes in the future would count for too long.
        for change in self.changes.iter_mut().flatten() {
            *change = now.min(*change);
        }
        self.flaps &= !self.has_settled(now, settle);
        if state != self.state {
            self.state = state;
            self.changes.rotate_right(1);
            let [last, .., oldest] = &mut self.changes;
            *last = Some(now);
            self.flaps |= oldest.is_some_and(|oldest| now < after(oldest, WINDOW));
        }
        self
    }

    fn status(&self, now: Timestamp, settle: Duration) -> FlapStatus {
        let flaps = self.flaps && !self.has_settled(now, settle);
        FlapStatus {
            changed: self.last().is_some_and(|last| now < after(last, WINDOW)),
            flaps,
            until: self.settled(settle).filter(|_| flaps),
        }
    }

    /// Time of the latest change.
    fn last(&self) -> Option<Timestamp> {
        self.changes.first().copied().flatten()
    }

    /// The time at which it will have been up for long enough; `None` while it is not up.
    fn settled(&self, settle: Duration) -> Option<Timestamp> {
        (self.state == State::Up).then(|| self.last().map(|last| after(last, settle))).flatten()
    }

    fn has_settled(&self, now: Timestamp, settle: Duration) -> bool {
        self.settled(settle).is_some_and(|moment| moment <= now)
    }
}

fn after(moment: Timestamp, duration: Duration) -> Timestamp {
    moment.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::problem::Problems;
    use proptest::prelude::*;

    const STATES: [State; 5] = [State::Up, State::Old, State::Down, State::Drained, State::Removed];

    fn at(seconds: u64) -> Timestamp {
        "2026-11-24T00:00:00Z"
            .parse::<Timestamp>()
            .unwrap()
            .checked_add(Duration::from_secs(seconds))
            .unwrap()
    }

    fn fleet(hosts: &[&str]) -> Fleet {
        let mirror = |(number, host): (usize, &&str)| {
            format!(
                "[[mirror]]\nhost = \"{host}\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.{number}\"]\n"
            )
        };
        let text: String = hosts.iter().enumerate().map(mirror).collect();
        Fleet::parse("m", &text, &mut Problems::default())
    }

    /// A feed in which `a` has this state, and an unknown host is down.
    fn feed(state: State) -> Feed {
        let text = format!(
            "{{\"format\":1,\"serial\":1,\"generated\":\"2026-11-24T00:00:00Z\",\"mirrors\":{{\"x\":{{\"state\":\"down\"}},\
             \"a\":{{\"state\":\"{state}\"}}}}}}"
        );
        Feed::parse(text.as_bytes()).unwrap()
    }

    const CALM: FlapStatus = FlapStatus { changed: false, flaps: false, until: None };
    const CHANGED: FlapStatus = FlapStatus { changed: true, ..CALM };

    fn flapping(changed: bool, until: Option<u64>) -> FlapStatus {
        FlapStatus { changed, flaps: true, until: until.map(at) }
    }

    /// The histories after feeds with these states of `a`, each at a time in seconds.
    fn followed(settle: u64, listed: &[(u64, State)]) -> Settling {
        let (fleet, mut settling) =
            (fleet(&["a", "b"]), Settling::new(Duration::from_secs(settle)));
        for (second, state) in listed {
            settling.follow(&feed(*state), [&fleet, &fleet].into_iter(), at(*second));
        }
        settling
    }

    #[test]
    fn a_mirror_flaps_after_four_changes_in_ten_minutes_until_it_has_been_up() {
        use State::{Down, Old, Up};
        let mut listed = vec![(0, Up), (100, Down), (200, Up), (300, Down)];
        assert_eq!(followed(30, &listed).of("a", at(300)), CHANGED);
        assert_eq!(followed(30, &listed).of("a", at(899)), CHANGED);
        assert_eq!(followed(30, &listed).of("a", at(900)), CALM);
        listed.push((699, Up));
        let settling = followed(30, &listed);
        assert_eq!(settling.of("a", at(699)), flapping(true, Some(729)));
        assert_eq!(settling.next_change(at(699)), Some(at(729)));
        assert_eq!(settling.flapping(at(728)).collect::<Vec<_>>(), ["a"]);
        assert_eq!(settling.of("a", at(729)), CHANGED);
        assert_eq!(settling.next_change(at(729)), Some(at(1299)));
        assert_eq!((settling.of("a", at(1299)), settling.next_change(at(1299))), (CALM, None));
        // The mirror was up for 11 seconds only, and `old` is not `up`. Later the fourth change
        // back is outside the window, but the mirror has not settled before 5070.
        listed.extend([(710, Old)]);
        assert_eq!(followed(30, &listed).of("a", at(10_000)), flapping(false, None));
        listed.extend([(5000, Up), (5029, Down), (5040, Up)]);
        assert_eq!(followed(30, &listed).of("a", at(5069)), flapping(true, Some(5070)));
        assert_eq!(followed(30, &listed).of("a", at(5070)), CHANGED);
        // Just out of the window.
        let listed = [(0, Up), (100, Down), (200, Up), (300, Down), (700, Up)];
        assert_eq!(followed(30, &listed).of("a", at(700)), CHANGED);
    }

    #[test]
    fn only_mirrors_of_the_fleet_have_a_history() {
        use State::{Down, Up};
        let listed = [(0, Up), (1, Down), (2, Up), (3, Down), (4, Up)];
        let mut settling = followed(30, &listed);
        assert_eq!(settling.mirrors.keys().collect::<Vec<_>>(), ["a", "b"]);
        let (other, all) = (fleet(&["b", "c"]), fleet(&["a", "b", "c"]));
        settling.follow(&feed(Up), [&other].into_iter(), at(5));
        settling.follow(&feed(Down), [&all].into_iter(), at(6));
        // It is new.
        assert_eq!(settling.of("a", at(6)), CALM);
        let mut settling = followed(30, &listed);
        settling.set(Duration::ZERO);
        assert_eq!((settling.of("a", at(5)), settling.next_change(at(5))), (CALM, None));
        settling.follow(&feed(Down), [&all].into_iter(), at(6));
        assert_eq!(settling, Settling::default());
    }

    /// Changes seen by a clock that was far ahead do not leave a mirror out for long once the clock
    /// is right.
    #[test]
    fn a_clock_that_is_set_back_is_followed() {
        use State::{Down, Up};
        let far = 1_000_000;
        let mut settling =
            followed(30, &[(0, Up), (far, Down), (far + 1, Up), (far + 2, Down), (far + 3, Up)]);
        settling.follow(&feed(Up), [&fleet(&["a"])].into_iter(), at(100));
        assert_eq!(settling.of("a", at(100)), flapping(true, Some(130)));
        assert_eq!(settling.of("a", at(130)), CHANGED);
        assert_eq!(settling.of("a", at(700)), CALM);
    }

    /// The same by definition, from the list of all states with their times in seconds.
    fn by_definition(listed: &[(u64, State)], settle: u64, now: u64) -> FlapStatus {
        let changes: Vec<(u64, State)> =
            listed.windows(2).filter(|pair| pair[0].1 != pair[1].1).map(|pair| pair[1]).collect();
        let recent = |from: u64| {
            changes.iter().filter(|(moment, _)| *moment <= from && from < moment + 600).count()
        };
        let ends = |number: usize| changes.get(number + 1).map_or(now, |(moment, _)| *moment);
        let settles = |number: usize| {
            let (moment, state) = changes[number];
            state == State::Up && ends(number) - moment >= settle
        };
        let flapped = (0..changes.len()).rev().find(|number| recent(changes[*number].0) > 3);
        match flapped {
            Some(from) if !(from..changes.len()).any(settles) => {
                let (moment, state) = changes[changes.len() - 1];
                flapping(recent(now) > 0, (state == State::Up).then_some(moment + settle))
            }
            _ => FlapStatus { changed: recent(now) > 0, ..CALM },
        }
    }

    proptest! {
        #[test]
        fn the_status_is_the_one_by_definition(
            settle in prop_oneof![1u64..40, 500u64..900],
            steps in prop::collection::vec((1u64..250, prop_oneof![2 => Just(0usize), 1 => 1usize..5]), 1..40),
            pauses in prop::collection::vec(0u64..1500, 8),
        ) {
            let (mut time, mut listed) = (0, Vec::new());
            for (step, state) in steps {
                time += step;
                listed.push((time, STATES[state]));
                let settling = followed(settle, &listed);
                let mut moments: BTreeMap<u64, FlapStatus> = BTreeMap::new();
                for now in pauses.iter().map(|pause| time + pause).chain([time, time + settle - 1, time + settle]) {
                    let status = settling.of("a", at(now));
                    prop_assert_eq!(status, by_definition(&listed, settle, now), "{:?} at {}", &listed, now);
                    moments.insert(now, status);
                }
                // Between the times that `next_change` returns nothing changes.
                for (now, status) in &moments {
                    let next = settling.next_change(at(*now)).unwrap_or(Timestamp::MAX);
                    let until = moments.range(now..).filter(|(later, _)| at(**later) < next);
                    until.for_each(|(_, later)| assert_eq!(later, status));
                }
                prop_assert_eq!(settling.of("b", at(time)), CALM);
            }
        }
    }
}
