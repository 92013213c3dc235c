//! What is announced, while mirrors fetch it: never more than they hold, and no later than they do.

use crate::asking;
use crate::large;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use asking::{A, AAAA, Asker, Numbers, TXT, loaded, query, static_data};
use cvdns_core::fleet::Mirror;
use cvdns_core::geo::country::Country;
use cvdns_core::health::Feed;
use cvdns_core::release::Release;
use cvdns_core::release::VersionHistory;
use cvdns_core::snapshot::{Now, Snapshot, StaticData};
use jiff::{SignedDuration, Timestamp};
use large::{Network, host};

const MIRRORS: usize = 200;
const RELEASES: u32 = 8;
/// Before the day's first release.
const FIRST: u32 = 28_129;
/// A step is five minutes.
const STEPS: usize = 288;
const MIDNIGHT: &str = "2026-11-22T00:00:00Z";

/// The shipped configuration's shares: a version takes 90 % of the capacity, a mirror may be one
/// behind.
const LAG: u32 = 1;

static FRAME: LazyLock<Arc<StaticData>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    static_data(&loaded(&Network { mirrors: MIRRORS, countries: 40 }.write(directory.path())), None)
});

/// What mirrors hold and how they are, at one step.
#[derive(Clone)]
struct Hour {
    released: u32,
    held: Vec<u32>,
    up: Vec<bool>,
}

/// A day: each release reaches each mirror after a time of its own, and the mirror then has the
/// newest.
fn day(numbers: &mut Numbers, failures: bool) -> Vec<Hour> {
    let mut hour = Hour { released: FIRST, held: vec![FIRST; MIRRORS], up: vec![true; MIRRORS] };
    let mut due = vec![usize::MAX; MIRRORS];
    let step = |step: usize| {
        if step % 30 == 7 && hour.released < FIRST + RELEASES {
            hour.released += 1;
            for due in &mut due {
                // Most fetch within the hour, some within four, a few once in twelve.
                let patience =
                    *numbers.one_of(&[12, 12, 12, 12, 12, 12, 12, 12, 12, 48, 48, 48, 144]);
                *due = (*due).min(step + numbers.below(patience));
            }
        }
        for ((due, held), up) in due.iter_mut().zip(&mut hour.held).zip(&mut hour.up) {
            if *due <= step {
                (*due, *held) = (usize::MAX, hour.released);
            }
            if failures {
                *up = if *up { !numbers.chance(1) } else { numbers.chance(10) };
            }
        }
        hour.clone()
    };
    (0..STEPS).map(step).collect()
}

fn feed(step: usize, hour: &Hour) -> Feed {
    let mut mirrors = String::new();
    for (number, (held, up)) in hour.held.iter().zip(&hour.up).enumerate() {
        let (comma, state) = (if number > 0 { "," } else { "" }, if *up { "up" } else { "down" });
        write!(mirrors, "{comma}\"{}\":{{\"state\":\"{state}\",\"daily\":{held}}}", host(number))
            .unwrap();
    }
    let (generated, daily) = (time(step), hour.released);
    let text = format!(
        "{{\"format\":1,\"serial\":{},\"generated\":\"{generated}\",\"release\":{{\"software\":\"1.4.6\",\"main\":63,\
         \"daily\":{daily},\"bytecode\":339,\"flevel\":90}},\"mirrors\":{{{mirrors}}}}}",
        step + 1
    );
    Feed::parse(text.as_bytes()).unwrap()
}

#[allow(clippy::cast_possible_wrap, reason = "a day has 288 steps")]
fn time(step: usize) -> Timestamp {
    let midnight: Timestamp = MIDNIGHT.parse().unwrap();
    midnight.checked_add(SignedDuration::from_mins(5 * step as i64)).unwrap()
}

/// A server that follows feeds.
fn follow(before: Option<Snapshot>, feed: &Feed, time: Timestamp) -> Snapshot {
    let now = Now::new(Some(feed), time, Duration::from_secs(3600));
    let first = || Snapshot::new(Arc::clone(&FRAME), &now);
    before.map_or_else(first, |before| Snapshot::after(&before, Arc::clone(&FRAME), &now))
}

/// The newest version that mirrors with nine tenths of the capacity of those that are up and count
/// hold, looked for one by one.
fn newest(hour: &Hour, counts: impl Fn(usize) -> bool) -> u32 {
    let fleet = &FRAME.plans[0].fleet;
    let capacity = |wanted: u32| -> u64 {
        let hosts = (0..MIRRORS).filter(|number| counts(*number));
        let hosts = hosts.filter(|number| hour.up[*number] && hour.held[*number] >= wanted);
        hosts.map(|number| fleet.get(&host(number)).unwrap().capacity).sum()
    };
    let total = capacity(0);
    let versions = FIRST - 8..=hour.released;
    versions.rev().find(|version| capacity(*version) * 10 >= total * 9).unwrap()
}

fn record(snapshot: &Snapshot) -> String {
    let strings = Asker::new(snapshot).ask("current.cvd.clamav.net", TXT).strings();
    let [record] = strings.as_slice() else { panic!("{strings:?}") };
    record.clone()
}

fn daily(record: &str) -> u32 {
    record.split(':').nth(2).unwrap().parse().unwrap()
}

/// CLIENTS: "announce a version only once the mirrors that answer can serve it, and take mirrors
/// that lag behind it out of answers".
#[test]
fn clients_no_client_is_sent_to_a_mirror_that_lags() {
    let mirrors = &FRAME.plans[0].fleet.mirrors;
    let numbers: HashMap<String, usize> =
        (0..MIRRORS).map(|number| (host(number), number)).collect();
    let number_of: BTreeMap<IpAddr, usize> = mirrors
        .iter()
        .flat_map(|mirror| mirror.addresses().map(|a| (a, numbers[&mirror.host])))
        .collect();
    let (mut server, mut announced, mut waited, mut left_out) = (None, 0, 0, 0);
    for (step, hour) in day(&mut Numbers(4), true).iter().enumerate() {
        let snapshot = follow(server.take(), &feed(step, hour), time(step));
        // What was announced stays, even when mirrors that held it fail.
        announced = newest(hour, |_| true).max(announced);
        assert_eq!(daily(&record(&snapshot)), announced, "step {step}");
        waited += usize::from(announced < hour.released);
        let lagging = |number: usize| hour.up[number] && hour.held[number] + LAG < announced;
        assert_eq!(
            snapshot.dynamic_data.lagging(),
            (0..MIRRORS).filter(|number| lagging(*number)).count()
        );
        left_out += snapshot.dynamic_data.lagging();
        let mut asker = Asker::new(&snapshot);
        for country in Country::all() {
            for qtype in [A, AAAA] {
                for address in
                    asker.send(&query(&format!("db.{country}.clamav.net"), qtype, None)).addresses()
                {
                    let number = number_of[&address];
                    assert!(hour.up[number], "step {step}: {address} is down");
                    let held = hour.held[number];
                    assert!(
                        held + LAG >= announced,
                        "step {step}: {address} has {held} of {announced}"
                    );
                }
            }
        }
        server = Some(snapshot);
    }
    assert_eq!(announced, FIRST + RELEASES, "the day's last release was announced");
    assert!(
        waited > 40 && left_out > 20,
        "{waited} steps waited for the quorum, {left_out} times one was left out"
    );
}

/// Steps of half an hour in a week.
const WEEK: usize = 336;

/// `stuck-after`, in such steps.
const STUCK_AFTER: usize = 12;

/// A week with eight releases a day. At each, another tenth of the mirrors is late until the next
/// one. One mirror is always nine hours late. A few stop to fetch, and some of those go on later.
fn week(numbers: &mut Numbers) -> Vec<Hour> {
    let mut hour = Hour { released: FIRST, held: vec![FIRST; MIRRORS], up: vec![true; MIRRORS] };
    // From which step a mirror stops, and when it goes on.
    let pause = |number: usize| match number {
        3 => Some(40..WEEK),
        57 => Some(45..140),
        91 | 92 => Some(100..130),
        150..156 => Some(200..290),
        _ => None,
    };
    let mut late: Vec<bool> = vec![false; MIRRORS];
    let step = |step: usize| {
        if step % 6 == 5 {
            hour.released += 1;
            for late in &mut late {
                *late = numbers.chance(10);
            }
        }
        for (number, held) in hour.held.iter_mut().enumerate() {
            if pause(number).is_some_and(|pause| pause.contains(&step)) {
                continue;
            }
            let behind = if number == 20 { 3 } else { u32::from(late[number]) };
            *held = (*held).max(hour.released - behind);
        }
        hour.clone()
    };
    (0..WEEK).map(step).collect()
}

/// The mirrors that the rule calls stuck, by its sentence: for `stuck-after` it had the same
/// version, and the release was more than `lag` ahead of it.
fn stuck(week: &[Hour]) -> Vec<usize> {
    let Some(first) = week.len().checked_sub(STUCK_AFTER + 1) else { return Vec::new() };
    let now = week.last().unwrap();
    let is_stuck = |number: &usize| {
        let held = now.held[*number];
        week[first..]
            .iter()
            .all(|hour| hour.held[*number] == held && hour.released.saturating_sub(held) > LAG)
    };
    (0..MIRRORS).filter(is_stuck).collect()
}

/// Rule: "One stuck mirror never freezes the record … Erosion stays impossible: with the
/// slowest tenth behind at every release (simulated week, 8 releases a day) none but those that the
/// rule calls stuck are ever out."
#[test]
fn clients_none_but_stuck_mirrors_are_ever_out_of_the_quorum() {
    let mirrors = &FRAME.plans[0].fleet.mirrors;
    let (mut history, mut server, mut announced) = (VersionHistory::default(), None, 0);
    let (mut all_out, mut left_out) = (std::collections::BTreeSet::new(), 0);
    let hours = week(&mut Numbers(7));
    for (step, hour) in hours.iter().enumerate() {
        let feed = feed(step * 6, hour);
        let listed = feed
            .mirrors
            .iter()
            .map(|(host, listed)| (host.as_str(), [listed.main, listed.daily, listed.bytecode]));
        history.follow(feed.generated, feed.release.as_ref().map(Release::core), listed);
        let now = Now::new(Some(&feed), time(step * 6), Duration::from_secs(3600));
        let now = Now { history: Some(&history), ..now };
        let snapshot = match server.take() {
            None => Snapshot::new(Arc::clone(&FRAME), &now),
            Some(before) => Snapshot::after(&before, Arc::clone(&FRAME), &now),
        };
        let out = stuck(&hours[..=step]);
        let mut hosts: Vec<String> = out.iter().map(|number| host(*number)).collect();
        hosts.sort();
        assert_eq!(snapshot.dynamic_data.stuck(), hosts, "step {step}");
        assert!(!snapshot.dynamic_data.suspect());
        announced = newest(hour, |number| !out.contains(&number)).max(announced);
        assert_eq!(daily(&record(&snapshot)), announced, "step {step}");
        // All that move have it within the next release.
        assert!(hour.released - announced <= 1 || step < 60, "step {step}: {announced}");
        let addresses: Vec<IpAddr> = out
            .iter()
            .filter_map(|number| mirrors.iter().find(|one| one.host == host(*number)))
            .flat_map(Mirror::addresses)
            .collect();
        let mut asker = Asker::new(&snapshot);
        for country in Country::all().filter(|_| !out.is_empty()) {
            let answer = asker.send(&query(&format!("db.{country}.clamav.net"), A, None));
            assert!(answer.addresses().iter().all(|address| !addresses.contains(address)));
        }
        left_out += out.len();
        all_out.extend(out);
        server = Some(snapshot);
    }
    assert!(!all_out.contains(&20), "it is always late, but moves");
    assert!(all_out.contains(&3) && all_out.contains(&57) && all_out.contains(&150), "{all_out:?}");
    assert!(left_out > 300, "{left_out}");
}

/// CLIENTS: "All servers must show the same stamp at the same time: derive it from the clock's half
/// hour, not from when a process started."
#[test]
fn clients_servers_started_at_any_time_show_the_same_record() {
    let mut servers: Vec<(usize, Option<Snapshot>)> =
        vec![(0, None), (1, None), (100, None), (201, None)];
    // Each query has an ID of its own, so all servers are sent the same ones.
    let asked = ["current.cvd", "current.cvd.win", "main.cvd", "daily.cvd", "bytecode.cvd"]
        .map(|name| query(&format!("{name}.clamav.net"), TXT, None));
    let mut records: Vec<String> = Vec::new();
    for (step, hour) in day(&mut Numbers(5), false).iter().enumerate() {
        let feed = feed(step, hour);
        // Between two feeds the clock goes on.
        for minutes in [0, 2, 4] {
            let time = time(step).checked_add(SignedDuration::from_mins(minutes)).unwrap();
            let mut packets = Vec::new();
            for (from, server) in &mut servers {
                if *from <= step {
                    let snapshot = follow(server.take(), &feed, time);
                    let mut asker = Asker::new(&snapshot);
                    packets.push(
                        asked.each_ref().map(|query| asker.send(query).message.to_vec().unwrap()),
                    );
                    records.push(record(&snapshot));
                    *server = Some(snapshot);
                }
            }
            assert!(
                packets.windows(2).all(|pair| pair[0] == pair[1]),
                "step {step}, minute {minutes}"
            );
        }
    }
    records.dedup();
    assert!(records.len() >= 48, "{} records in a day", records.len());
}

/// The stamp is never in the past of what was shown before, whatever clock and feeds do.
#[test]
fn the_stamp_never_goes_back() {
    let hour = &day(&mut Numbers(6), false)[0];
    let stamp = |snapshot: &Snapshot| -> i64 {
        record(snapshot).split(':').nth(3).unwrap().parse().unwrap()
    };
    let first = follow(None, &feed(12, hour), time(18));
    assert_eq!(stamp(&first), time(18).as_second());
    // The clock was set back.
    let set_back = follow(Some(first), &feed(12, hour), time(11));
    assert_eq!(stamp(&set_back), time(18).as_second());
    // A feed of a higher serial was generated earlier, and is stale.
    let mut older = feed(1, hour);
    older.serial = 100;
    let stale = follow(Some(set_back), &older, time(19));
    assert_eq!(stamp(&stale), time(18).as_second());
    let renewed = follow(Some(stale), &feed(30, hour), time(31));
    assert_eq!(stamp(&renewed), time(30).as_second());
}
