use std::fmt::Write as _;

use super::*;
use crate::health::FeedRequirements;
use crate::health::{HealthInputs, Overrides};
use crate::problem::Problems;
use crate::release::Share;
use crate::snapshot::inputs::Inputs;
use crate::snapshot::{Loss, LossLimit, Now, compile};
use proptest::prelude::*;

const MIRRORS: usize = 12;
const LENGTH: Duration = Duration::from_secs(100);
const HOUR: Duration = Duration::from_secs(3600);

/// A zone with twelve mirrors in two countries.
fn world() -> StaticData {
    let zone = "format = 1\norigin = \"clam.example\"\nrecords = \"r\"\nmirrors = \"m\"\n\
                [[name]]\nowner = \"db.{cc}\"\npool = \"{cc}\"\n";
    let records = "@ 60 IN SOA ns. h. 1 2 3 4 5\n@ 60 IN NS ns1.example.\n";
    let mut fleet = String::new();
    for number in 0..MIRRORS {
        let country = if number < 5 { "DE" } else { "US" };
        let mirror = "[[mirror]]\nhost = \"";
        writeln!(
            fleet,
            "{mirror}m{number}\"\ncountry = \"{country}\"\nipv4 = [\"192.0.2.{number}\"]"
        )
        .unwrap();
    }
    let mut problems = Problems::default();
    let inputs = Inputs::of_zone(zone, records, &fleet, &mut problems).unwrap();
    compile(&inputs, &FeedRequirements::default(), &mut problems).unwrap()
}

fn feed(up: &[bool]) -> Feed {
    let state = |up: &bool| if *up { "up" } else { "down" };
    let mirrors: Vec<String> = up
        .iter()
        .enumerate()
        .map(|(number, up)| format!("\"m{number}\":{{\"state\":\"{}\"}}", state(up)))
        .collect();
    let head = "\"format\":1,\"serial\":1,\"generated\":\"2026-11-24T00:00:00Z\"";
    let text = format!("{{{head},\"mirrors\":{{{}}}}}", mirrors.join(","));
    Feed::parse(text.as_bytes()).unwrap()
}

fn at(second: u64) -> Timestamp {
    let start: Timestamp = "2026-11-24T00:00:00Z".parse().unwrap();
    start.checked_add(Duration::from_secs(second)).unwrap()
}

/// What was lost, pool by pool: its name, the hosts, and how many were usable.
type Lost = Vec<(String, Vec<usize>, usize)>;

fn found(loss: Option<Loss>) -> Lost {
    let pools = loss.map(|loss| loss.pools).unwrap_or_default();
    let number = |host: &String| host[1..].parse().unwrap();
    let mut lost: Lost = pools
        .iter()
        .map(|pool| (pool.pool.to_string(), pool.hosts.iter().map(number).collect(), pool.usable))
        .collect();
    for (_, hosts, _) in &mut lost {
        hosts.sort_unstable();
    }
    lost.sort();
    lost
}

/// The same from plain lists: of the feeds in force within the window, the newest of those with
/// the most usable members.
fn expected(feeds: &[&Vec<bool>], next: &[bool]) -> Lost {
    let mut lost: Lost = Vec::new();
    for (name, range) in [("world", 0..MIRRORS), ("DE", 0..5), ("US", 5..MIRRORS)] {
        let up = |feed: &&&Vec<bool>| range.clone().filter(|number| feed[*number]).count();
        let best = feeds.iter().max_by_key(up).unwrap();
        let usable = up(&best);
        let hosts: Vec<usize> = range.clone().filter(|n| best[*n] && !next[*n]).collect();
        let too_many = hosts.len() * 2 > usable;
        if too_many && (name == "world" || usable >= 4) {
            lost.push((name.to_owned(), hosts, usable));
        }
    }
    // A continent here has the mirrors of its country.
    for (name, country) in [("continent:EU", "DE"), ("continent:NA", "US")] {
        let same = lost.iter().find(|(pool, ..)| pool == country).cloned();
        lost.extend(same.map(|(_, hosts, usable)| (name.to_owned(), hosts, usable)));
    }
    lost.sort();
    lost
}

proptest! {
    /// FORMATS: "an update that leaves less than 1 − this of the usable mirrors that there were at
    /// most within loss-window (or of any pool of 4 or more) is held back".
    #[test]
    fn losses_are_those_since_the_best_moment(
        steps in prop::collection::vec((0u64..60, prop::collection::vec(prop::bool::weighted(0.6), MIRRORS)), 2..12),
    ) {
        let (world, mut window, mut second) = (world(), LossWindow::default(), 0);
        // Each feed with the second at which it was replaced.
        let mut before: Vec<(u64, Vec<bool>)> = Vec::new();
        let mut in_force = vec![true; MIRRORS];
        for (step, next) in steps {
            second += step;
            window.trim(at(second), LENGTH);
            let [now, then] = [&in_force, &next].map(|up| feed(up));
            let [one, other] = [&now, &then].map(|feed| Now::new(Some(feed), at(second), HOUR));
            let limit = LossLimit { most: Share::HALF, window: &window };
            let loss = found(Loss::between(&world, None, &one, &other, limit));
            let recent = before.iter().filter(|(until, _)| until + LENGTH.as_secs() > second);
            let feeds: Vec<&Vec<bool>> = recent.map(|(_, up)| up).chain([&in_force]).collect();
            prop_assert_eq!(&loss, &expected(&feeds, &next));
            let usable = window.usable(&world, &now, None);
            if loss.is_empty() {
                window.add(usable, at(second), LENGTH);
                before.push((second, std::mem::replace(&mut in_force, next)));
            } else if second % 2 == 0 {
                // An operator accepts it.
                window.forget();
                before.clear();
                in_force = next;
            }
        }
    }
}

/// Overrides and downtimes are no losses by the feed, whenever they began.
#[test]
fn what_an_operator_decides_is_not_lost() {
    let world = world();
    let mut problems = Problems::default();
    let text = |state: &str| {
        format!("[[override]]\nhost = \"m?\"\nstate = \"{state}\"\nreason = \"test\"\n")
    };
    let (all, rest) = (feed(&[true; MIRRORS]), feed(&[false; MIRRORS]));
    let mut window = LossWindow::default();
    let usable = window.usable(&world, &all, None);
    assert_eq!(usable.len(), 12);
    window.add(usable, at(0), LENGTH);
    let mut lost = |state: &str| {
        let overrides = Overrides::parse("o", &text(state), &mut problems);
        let now = |feed| {
            let now = Now::new(Some(feed), at(10), HOUR);
            Now { inputs: HealthInputs { overrides: Some(&overrides), ..now.inputs }, ..now }
        };
        let limit = LossLimit { most: Share::HALF, window: &window };
        found(Loss::between(&world, None, &now(&rest), &now(&rest), limit))
    };
    // Ten are drained. Of the two that are left to the feed, both are lost.
    let world = lost("drained").into_iter().find(|(pool, ..)| pool == "world").unwrap();
    assert_eq!(world, ("world".to_owned(), vec![10, 11], 2));
    // Ten are up, whatever the feed says.
    assert_eq!(lost("up"), vec![]);
}

#[test]
fn what_is_remembered_is_bounded() {
    let world = world();
    let mut window = LossWindow::default();
    for number in 0..1_000u64 {
        let up: Vec<bool> =
            (0..MIRRORS as u64).map(|bit| number == 7 || number >> bit & 1 == 0).collect();
        let usable = window.usable(&world, &feed(&up), None);
        window.add(usable, at(number), Duration::from_secs(100_000));
    }
    assert_eq!(window.moments.len(), MAX_MOMENTS);
    // The best moment stays.
    assert!(window.moments().any(|usable| usable.len() == 12));
    window.trim(at(2_000), Duration::ZERO);
    assert_eq!(window.moments.len(), 0);
}
