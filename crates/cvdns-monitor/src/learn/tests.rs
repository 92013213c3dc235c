//! Days of a coordinator by a stepped clock: what is there, when it is checked, what is believed.

use super::*;
use crate::coordinator::Conduct;
use crate::rule::Rule;
use crate::schedule::Schedule;
use crate::stored::StoredState;
use crate::target::all;
use cvdns_core::fleet::Fleet;
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::release::{Release, Share};
use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const RELEASE: [u32; 3] = [63, 28_129, 339];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn conduct(has_witnesses: bool) -> Conduct {
    let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    Conduct {
        rule: Rule {
            old_after: seconds(DAY),
            removed_after: seconds(2 * DAY),
            good_checks: 2,
            fault_after: seconds(15 * MINUTE),
            lag: 1,
        },
        schedule: Schedule { interval: seconds(HOUR), retry: seconds(5 * MINUTE) },
        ramp: seconds(30 * MINUTE),
        newcomers_wait: true,
        has_witnesses,
        doubts: true,
    }
}

/// What a check shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Good,
    Faulty,
    Dead,
}
use Shows::{Dead, Faulty, Good};

/// A network of mirrors with one address each, numbered from 0, and its coordinator.
struct World {
    coordinator: Coordinator,
    /// Seconds since the start.
    now: i64,
    random: u64,
    /// The freezes so far: their beginnings, and their ends where they have ended.
    freezes: Vec<(i64, Option<i64>)>,
    checks: usize,
}

impl World {
    fn new(mirrors: usize, has_witnesses: bool) -> Self {
        let mut stored = StoredState::default();
        stored.release.clone_from(&Some(Release::of("1.4.6", RELEASE, 90)));
        Self::with(mirrors, stored, has_witnesses, 0)
    }

    fn with(mirrors: usize, stored: StoredState, has_witnesses: bool, now: i64) -> Self {
        let mirror = |n: usize| {
            format!(
                "[[mirror]]\nhost = \"m{n:03}\"\ncountry = \"DE\"\nipv4 = [\"192.0.{}.{}\"]\n",
                n / 200,
                n % 200
            )
        };
        let text: String = (0..mirrors).map(mirror).collect();
        let fleet = Fleet::parse("m", &text, &mut Problems::default());
        let targets =
            all(&[("clam.example".to_owned(), fleet)], &cvdns_core::config::Monitor::default())
                .unwrap();
        let coordinator = Coordinator::new(targets, stored, conduct(has_witnesses), None, at(now));
        Self { coordinator, now, random: 1, freezes: Vec::new(), checks: 0 }
    }

    /// Goes on until `end`, minute by minute. `shows` says what a check of a mirror shows at a
    /// second, and `witness` whether the witnesses answer then. What is due after a result is
    /// checked in the same minute, as the threads do.
    fn run(
        &mut self,
        end: i64,
        shows: impl Fn(usize, i64) -> Shows,
        witness: impl Fn(i64) -> bool,
    ) {
        while self.now < end {
            self.now += MINUTE;
            self.minute(&shows, &witness);
        }
    }

    fn minute(&mut self, shows: &impl Fn(usize, i64) -> Shows, witness: &impl Fn(i64) -> bool) {
        let now = at(self.now);
        for _ in 0..20 {
            let asks = self.coordinator.asks_witnesses(now);
            let due = self.coordinator.take_due(now, false);
            if due.is_empty() && !asks {
                return;
            }
            self.checks += due.len();
            let seed = &mut self.random;
            let mut random = || {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *seed
            };
            let mut news = Vec::new();
            for number in due {
                let evidence = evidence(shows(number, self.now), self.now);
                news.extend(self.coordinator.learn(number, evidence, now, &mut random));
            }
            if asks {
                news.extend(self.coordinator.hear(witness(self.now), now, &mut random));
            }
            self.note(&news);
        }
        panic!("checks go on and on at {}", self.now);
    }

    /// A round in which all are checked at once, as by cron.
    fn round(&mut self, shows: impl Fn(usize, i64) -> Shows) {
        let now = at(self.now);
        self.coordinator.begin(now);
        let mut news = Vec::new();
        for number in self.coordinator.take_due(now, true) {
            let evidence = evidence(shows(number, self.now), self.now);
            news.extend(self.coordinator.learn(number, evidence, now, &mut || 0));
        }
        news.extend(self.coordinator.conclude(now, &mut || 0));
        self.note(&news);
    }

    fn note(&mut self, news: &[News]) {
        for news in news {
            match news {
                News::Frozen(_) => self.freezes.push((self.now, None)),
                News::Thawed(_) => {
                    if let Some(last) = self.freezes.last_mut() {
                        last.1 = Some(self.now);
                    }
                }
                News::Found(_) | News::Withheld(_) => {}
            }
        }
    }

    fn states(&self) -> Vec<State> {
        self.coordinator.rows().iter().map(|row| row.state.unwrap_or(State::Up)).collect()
    }

    fn count(&self, state: State) -> usize {
        self.states().iter().filter(|of| **of == state).count()
    }

    /// The feed as a server reads it.
    fn feed(&mut self) -> Feed {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("feed.json");
        let mirrors = self.coordinator.mirrors(at(self.now));
        let mut publisher = crate::publish::Publisher::new(path.clone(), None, None);
        publisher.publish(&mut self.coordinator.stored, &mirrors, at(self.now)).unwrap();
        Feed::parse(&std::fs::read(path).unwrap()).unwrap()
    }
}

fn evidence(shows: Shows, now: i64) -> Evidence {
    match shows {
        Good => {
            Evidence::Serves { timestamp: at(now - now.rem_euclid(3 * HOUR)), versions: RELEASE }
        }
        Faulty => Evidence::Faulty("status 503".to_owned()),
        Dead => Evidence::Dead("refused".to_owned()),
    }
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap()
}

fn answers(_: i64) -> bool {
    true
}

/// Rule: "when more than half of the checks of the last round fail that were well before … it
/// freezes: states stay, feeds stay fresh and say `"frozen"` …; it thaws by itself."
#[test]
fn a_coordinator_without_network_takes_nothing_away() {
    let mut world = World::new(40, false);
    world.run(2 * HOUR, |_, _| Good, answers);
    let (gone, back) = (2 * HOUR + 7 * MINUTE, 5 * HOUR);
    let shows = |_, now| if (gone..back).contains(&now) { Dead } else { Good };
    while world.now < back - MINUTE {
        world.run(world.now + MINUTE, shows, answers);
        assert_eq!(world.count(State::Up), 40, "at {}", world.now);
    }
    // The first failure at all is in doubt, and the others are looked at in the same minute.
    let [(began, None)] = world.freezes[..] else { panic!("{:?}", world.freezes) };
    assert!((gone..gone + 3 * MINUTE).contains(&began), "{began}");
    let feed = world.feed();
    let frozen = feed.frozen.unwrap();
    assert!(frozen.contains("of 40 addresses that were well fail since 20"), "{frozen}");
    assert_eq!(feed.generated, at(world.now));

    world.run(back + 10 * MINUTE, shows, answers);
    let [(_, Some(ended))] = world.freezes[..] else { panic!("{:?}", world.freezes) };
    assert!(ended <= back + 5 * MINUTE, "it thaws within the interval of retries: {ended}");
    assert_eq!((world.count(State::Up), world.feed().frozen), (40, None));
    world.run(8 * HOUR, shows, answers);
    assert_eq!((world.count(State::Up), world.freezes.len()), (40, 1));
}

/// What fails for less than half of the network is the mirrors' fault, and believed at once.
#[test]
fn less_than_half_is_believed_at_once() {
    let mut world = World::new(40, false);
    world.run(2 * HOUR, |_, _| Good, answers);
    let before = world.checks;
    let shows = |n: usize, _| if n < 19 { Dead } else { Good };
    world.run(4 * HOUR, shows, answers);
    assert_eq!((world.count(State::Down), world.freezes.len()), (19, 0));
    // Checks of others are brought forward, and hardly more of them are made.
    let retries = 19 * 24;
    assert!(world.checks - before < 3 * (2 * 21 + retries) / 2, "{}", world.checks - before);
}

/// A single mirror that dies is out with its first check: nothing waits for a round.
#[test]
fn one_that_dies_is_down_in_the_minute_of_its_check() {
    let mut world = World::new(100, false);
    world.run(2 * HOUR, |_, _| Good, answers);
    let died = world.now;
    world.run(died + 2 * HOUR, |n, _| if n == 7 { Dead } else { Good }, answers);
    let row = world.coordinator.row(7).unwrap();
    assert_eq!(row.state, Some(State::Down));
    assert!(row.since.unwrap() <= at(died + 2 * HOUR) && world.freezes.is_empty());
    assert_eq!(world.count(State::Down), 1);
}

/// Step by step is no other way to take a network away: what was well until less than an interval
/// ago counts.
#[test]
fn erosion_ends_at_half() {
    let mut world = World::new(40, false);
    world.run(2 * HOUR, |_, _| Good, answers);
    let start = world.now;
    // Another one every minute.
    let shows = |n: usize, now| if now >= start + number(n) * MINUTE { Dead } else { Good };
    world.run(6 * HOUR, shows, answers);
    assert!(world.count(State::Down) <= 20, "{}", world.count(State::Down));
    assert_eq!(world.freezes.len(), 1);
}

/// A genuine mass failure: the rest goes on, and an operator who believes it says so.
#[test]
fn most_are_really_gone_until_an_operator_says_so() {
    let mut world = World::new(10, false);
    world.run(2 * HOUR, |_, _| Good, answers);
    let shows = |n: usize, _| if n < 6 { Dead } else { Good };
    world.run(4 * DAY, shows, answers);
    assert_eq!((world.count(State::Up), world.freezes.len()), (10, 1));
    // Those that serve are seen, so that their versions and timestamps are of today.
    for row in &world.coordinator.rows()[6..] {
        assert!(row.timestamp.unwrap() >= at(world.now - 4 * HOUR), "{row:?}");
    }
    // As the program does with --once --thaw, and the next rounds.
    world.coordinator.believe_all();
    world.round(shows);
    assert_eq!((world.count(State::Down), world.coordinator.frozen()), (6, None));
    // Another one that fails soon after is the seventh, and that is believed too.
    let stored = world.coordinator.stored.clone();
    let mut world = World::with(10, stored, false, world.now);
    let failed = world.now + MINUTE;
    let shows = |n: usize, now| if n < 6 || n == 6 && now >= failed { Dead } else { Good };
    world.run(world.now + DAY, shows, answers);
    assert_eq!((world.count(State::Down), world.freezes.len()), (7, 0));
}

/// Rule: the clocks "do not run on failed evidence of the time".
#[test]
fn the_time_of_a_freeze_does_not_count() {
    let mut world = World::new(10, false);
    world.run(2 * HOUR, |_, _| Good, answers);
    // One has been found faulty a minute ago when the network goes for two days; then it still is.
    let faulty = |n: usize| if n == 0 { Faulty } else { Good };
    let fails = |world: &World| world.coordinator.row(0).unwrap().reason == "status 503";
    while !fails(&world) {
        world.run(world.now + MINUTE, |n, _| faulty(n), answers);
    }
    let (gone, back) = (world.now + MINUTE, world.now + 2 * DAY);
    let shows = |n: usize, now| if (gone..back).contains(&now) { Dead } else { faulty(n) };
    world.run(back - MINUTE, shows, answers);
    assert_eq!((world.count(State::Up), world.freezes.len()), (10, 1));
    world.run(back + 5 * MINUTE, shows, answers);
    assert_eq!((world.count(State::Up), world.coordinator.frozen()), (10, None));
    assert!(fails(&world));
    world.run(back + HOUR, shows, answers);
    assert_eq!((world.count(State::Up), world.count(State::Down)), (9, 1));
}

/// "With fewer than 4 addresses that were well, only witnesses freeze."
#[test]
fn a_fleet_of_few_needs_witnesses() {
    let gone = |now: i64| (3 * HOUR..5 * HOUR).contains(&now);
    let shows = |_: usize, now| if gone(now) { Dead } else { Good };
    let mut alone = World::new(3, false);
    alone.run(4 * HOUR + 30 * MINUTE, shows, answers);
    assert_eq!((alone.count(State::Down), alone.freezes.len()), (3, 0));

    // The witnesses do not answer either: it is the coordinator.
    let mut world = World::new(3, true);
    world.run(4 * HOUR + 30 * MINUTE, shows, |now| !gone(now));
    assert_eq!((world.count(State::Up), world.freezes.len()), (3, 1));
    assert!(world.feed().frozen.unwrap().starts_with("no witness answers since "));
    world.run(6 * HOUR, shows, |now| !gone(now));
    assert_eq!((world.count(State::Up), world.coordinator.frozen()), (3, None));

    // They do: it is the mirrors.
    let mut world = World::new(3, true);
    world.run(4 * HOUR + 30 * MINUTE, shows, answers);
    assert_eq!((world.count(State::Down), world.freezes.len()), (3, 0));

    // The witnesses alone are gone: nothing is known for certain, and nothing changes.
    let mut world = World::new(3, true);
    world.run(4 * HOUR, |_, _| Good, |now| !gone(now));
    assert_eq!((world.count(State::Up), world.freezes.len()), (3, 1));
    world.run(6 * HOUR, |_, _| Good, |now| !gone(now));
    assert_eq!(world.coordinator.frozen(), None);
}

/// A freeze is in the memory: neither a restart nor cron ends it, and both notice its end.
#[test]
fn a_freeze_survives_a_restart() {
    let mut world = World::new(10, false);
    world.run(2 * HOUR, |_, _| Good, answers);
    world.run(4 * HOUR, |_, _| Dead, answers);
    assert!(world.coordinator.frozen().is_some());
    let bytes = serde_json::to_vec(&world.coordinator.stored).unwrap();
    let restarted = |now| World::with(10, StoredState::parse(&bytes).unwrap(), false, now);

    let mut running = restarted(world.now);
    running.run(5 * HOUR, |_, _| Dead, answers);
    assert_eq!((running.count(State::Up), running.coordinator.frozen().is_some()), (10, true));
    running.run(5 * HOUR + 6 * MINUTE, |_, _| Good, answers);
    assert_eq!((running.count(State::Up), running.coordinator.frozen()), (10, None));

    let mut cron = restarted(5 * HOUR);
    cron.round(|n, _| if n < 5 { Dead } else { Good });
    assert_eq!((cron.count(State::Up), cron.coordinator.frozen().is_some()), (10, true));
    let mut cron = restarted(5 * HOUR);
    cron.round(|n, _| if n < 4 { Dead } else { Good });
    assert_eq!((cron.count(State::Down), cron.coordinator.frozen()), (4, None));
}

/// By cron all results of a round are judged together.
#[test]
fn a_round_of_cron_is_judged_as_a_whole() {
    for (failing, down) in [(5, 5), (6, 0), (10, 0)] {
        let mut world = World::new(10, false);
        world.round(|_, _| Good);
        world.now += HOUR;
        world.round(|n, _| if n < failing { Dead } else { Good });
        assert_eq!(world.count(State::Down), down, "{failing}");
        assert_eq!(world.freezes.len(), usize::from(down == 0), "{failing}");
    }
    // Nothing was well before a first round: all is as it is found.
    let mut world = World::new(10, false);
    world.round(|_, _| Dead);
    assert_eq!((world.count(State::Down), world.freezes.len()), (10, 0));
}

/// Rule: faults "confirmed by retries for `fault-after`" make an address down, soon after
/// they are found.
#[test]
fn faults_are_down_within_minutes_of_being_found() {
    let mut world = World::new(10, false);
    world.run(2 * HOUR, |_, _| Good, answers);
    let shows = |n: usize, _| if n == 3 { Faulty } else { Good };
    let mut found = None;
    while world.count(State::Down) == 0 {
        world.run(world.now + MINUTE, shows, answers);
        let fails = !world.coordinator.row(3).unwrap().reason.is_empty();
        found = found.or(fails.then_some(world.now));
        assert!(world.now < 5 * HOUR);
    }
    let after = world.now - found.unwrap();
    assert!((15 * MINUTE..=20 * MINUTE).contains(&after), "{after}");
}

/// Rule: "A mirror that comes back after more than an hour out is given back its weight over
/// `ramp` in four steps." The feed has each step.
#[test]
fn the_feed_has_the_weight_of_who_comes_back() {
    let mut world = World::new(5, false);
    world.run(HOUR, |_, _| Good, answers);
    let back = 4 * HOUR;
    let shows = |n: usize, now| if n == 2 && now < back { Dead } else { Good };
    world.run(back - MINUTE, shows, answers);
    assert_eq!(world.count(State::Down), 1);
    while world.count(State::Down) == 1 {
        world.run(world.now + MINUTE, shows, answers);
        assert!(world.now < back + 20 * MINUTE);
    }
    let returned = world.now;
    let mut weights = BTreeMap::new();
    for minute in 0..40 {
        let feed = world.feed();
        let weight = feed.mirrors["m002"].weight.ratio();
        weights.entry(weight.to_string()).or_insert(minute);
        assert_eq!(feed.mirrors["m001"].weight, Share::WHOLE);
        world.run(world.now + MINUTE, shows, answers);
    }
    let steps = [("0.25", 0), ("0.5", 10), ("0.75", 20), ("1", 30)];
    let steps = steps.map(|(weight, minute)| (weight.to_owned(), minute));
    assert_eq!(weights, BTreeMap::from(steps));
    // The next step is a reason to wake up.
    let mut asleep = World::with(5, world.coordinator.stored.clone(), false, returned);
    let due = asleep.coordinator.next_due(at(returned)).unwrap();
    assert!(due <= at(returned + 10 * MINUTE), "{due}");
    asleep.coordinator.conduct.ramp = Duration::ZERO;
    assert_eq!(asleep.feed().mirrors["m002"].weight, Share::WHOLE);
}

/// A month of 60 mirrors that die, fault and flap on their own, and of a coordinator that loses its
/// network twice: it never takes the network away, and takes out at any other time what is dead.
#[test]
fn a_month_of_faults() {
    const MIRRORS: usize = 60;
    let lost = |now: i64| {
        (5 * DAY..5 * DAY + 7 * HOUR).contains(&now) || (20 * DAY..23 * DAY).contains(&now)
    };
    // Each has its own days: some are never well for long, most always are.
    let own = |n: usize, now: i64| {
        let phase = now + number(n) * 7 * HOUR;
        match n % 12 {
            3 if phase.rem_euclid(6 * DAY) < 9 * HOUR => Dead,
            5 if phase.rem_euclid(9 * DAY) < 2 * DAY => Faulty,
            7 if phase.rem_euclid(2 * HOUR) < 20 * MINUTE => Dead,
            _ => Good,
        }
    };
    let shows = |n: usize, now: i64| if lost(now) { Dead } else { own(n, now) };
    let mut world = World::new(MIRRORS, false);
    // Since when each has shown the same.
    let mut since: Vec<(Shows, i64)> = vec![(Good, 0); MIRRORS];
    while world.now < 30 * DAY {
        world.run(world.now + 5 * MINUTE, shows, answers);
        let (now, states) = (world.now, world.states());
        let usable = states.iter().filter(|state| state.is_usable()).count();
        assert!(usable >= MIRRORS * 3 / 4, "{usable} at {now}");
        let clear = !lost(now) && !lost(now - 3 * HOUR);
        for (n, state) in states.iter().enumerate() {
            let is = own(n, now);
            if is != since[n].0 {
                since[n] = (is, now);
            }
            let lasted = now - since[n].1;
            if clear && is != Good && lasted > 2 * HOUR + 25 * MINUTE {
                assert!(!state.is_usable(), "m{n} {is:?} since {lasted} at {now}");
            }
        }
    }
    assert_eq!(world.freezes.len(), 2, "{:?}", world.freezes);
    for ((began, ended), start) in world.freezes.iter().zip([5 * DAY, 20 * DAY]) {
        assert!((start..start + 5 * MINUTE).contains(began), "{began}");
        assert!(!lost(ended.unwrap()) && lost(ended.unwrap() - 10 * MINUTE));
    }
}
