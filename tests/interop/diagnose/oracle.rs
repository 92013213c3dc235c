//! What diagnostic names must say of the fixture's network, by plain list logic over its mirrors,
//! paths and states.

use crate::support::fixture::{MAX, MIN, Mirror, States, TTL, path, pool};
use std::collections::BTreeSet;

/// A pool as people read it.
pub fn label(pool: &str) -> String {
    if matches!(pool, "EU" | "AS" | "NA" | "SA") {
        format!("continent:{pool}")
    } else {
        pool.to_owned()
    }
}

fn state(mirror: &Mirror, states: &States) -> &'static str {
    states.get(&mirror.host).copied().unwrap_or("up")
}

/// A pool that is drawn from: its mirrors that stand in no earlier one, and of each whether its
/// address is answered.
pub struct Drawn {
    pub pool: &'static str,
    pub mirrors: Vec<(Mirror, bool)>,
    /// How many of its addresses are in each answer, whatever `max` is.
    pub take: usize,
}

impl Drawn {
    fn answered(&self) -> usize {
        self.mirrors.iter().filter(|(_, answered)| *answered).count()
    }
}

/// The pools that a path is followed through for the addresses of a family.
pub fn drawn(path: &[&'static str], states: &States, ipv6: bool) -> Vec<Drawn> {
    let mut seen = BTreeSet::new();
    let (mut out, mut count) = (Vec::new(), 0);
    for &name in path {
        if count >= MIN {
            break;
        }
        let fresh: Vec<Mirror> =
            pool(name).into_iter().filter(|mirror| seen.insert(mirror.host.clone())).collect();
        let has = |mirror: &Mirror| !ipv6 || mirror.v6.is_some();
        let of =
            |wanted: &str| fresh.iter().filter(|m| has(m) && state(m, states) == wanted).count();
        count += of("up");
        let old = count < MIN;
        if old {
            count += of("old");
        }
        let answered = |mirror: &Mirror| {
            has(mirror)
                && (state(mirror, states) == "up" || (old && state(mirror, states) == "old"))
        };
        let mirrors = fresh.into_iter().map(|mirror| (mirror.clone(), answered(&mirror))).collect();
        out.push(Drawn { pool: name, mirrors, take: 0 });
    }
    // FORMATS, "Home first": of the pool in which MIN is reached as many as are missing, unless it
    // is the first that has any.
    let mut before = 0;
    let last = out.len().saturating_sub(1);
    for (at, drawn) in out.iter_mut().enumerate() {
        let n = drawn.answered();
        let missing = if before == 0 { n } else { MIN.saturating_sub(before) };
        drawn.take = if at == last && count >= MIN { missing.min(n) } else { n };
        before += n;
    }
    out
}

/// What is said of the part that a pool has in answers with addresses of several pools.
fn part(drawn: &[Drawn], at: usize) -> String {
    let gives: Vec<usize> = (0..drawn.len()).filter(|at| drawn[*at].answered() > 0).collect();
    let (n, take) = (drawn[at].answered(), drawn[at].take);
    match gives.as_slice() {
        [] | [_] => String::new(),
        _ if n == 0 => String::new(),
        [first, ..] if *first == at => ", in front".to_owned(),
        _ if take == n => ", in each answer".to_owned(),
        _ => format!(", {take} of {n} in each answer"),
    }
}

/// `pool=DE 2 of 3 usable`.
pub fn head(name: &str, states: &States) -> String {
    let usable = |mirror: &&Mirror| matches!(state(mirror, states), "up" | "old");
    let all = pool(name);
    format!("pool={} {} of {} usable", label(name), all.iter().filter(usable).count(), all.len())
}

/// Why a mirror is not answered.
fn why(mirror: &Mirror, states: &States, ipv6: bool) -> String {
    match state(mirror, states) {
        state @ ("up" | "old") if ipv6 && mirror.v6.is_none() => {
            format!("{state}, but has no IPv6 address")
        }
        "old" => format!("old: the {MIN} that are needed are up"),
        other => other.to_owned(),
    }
}

/// The strings of `_explain` about a path: all but those of client, country, window, answer and
/// feed, which differ from query to query.
pub fn thought(owner: &str, country: &str, states: &States, ipv6: bool) -> Vec<String> {
    let path = path(country);
    let labels: Vec<String> =
        path.iter().filter(|name| !pool(name).is_empty()).map(|pool| label(pool)).collect();
    let mut out = vec![format!("path={}", labels.join(" "))];
    let drawn = drawn(&path, states, ipv6);
    let mut left_out = Vec::new();
    for (at, Drawn { pool, mirrors, .. }) in drawn.iter().enumerate() {
        out.push(head(pool, states) + &part(&drawn, at));
        let out_of_it = mirrors.iter().filter(|(_, answered)| !answered);
        left_out.extend(
            out_of_it.map(|(mirror, _)| {
                format!("left out: {} {}", mirror.host, why(mirror, states, ipv6))
            }),
        );
    }
    let more = left_out.len().saturating_sub(NAMED);
    out.extend(left_out.into_iter().take(NAMED));
    if more > 0 {
        out.push(format!("left out: {more} more, which _pool.{owner} names"));
    }
    out.extend(note(country, states, ipv6).map(|note| format!("note={note}")));
    out
}

/// What is said of an answer from further along than the first pool of the country.
pub fn note(country: &str, states: &States, ipv6: bool) -> Option<String> {
    let path = path(country);
    let drawn = drawn(&path, states, ipv6);
    let gives = |drawn: &&Drawn| drawn.mirrors.iter().any(|(_, answered)| *answered);
    let last = drawn.iter().rev().find(gives)?.pool;
    let first = *path.first()?;
    if first != country && country != "??" {
        return Some(format!("no mirror in the country: path followed to {}", label(last)));
    }
    let head = head(first, states);
    let counts = head.strip_prefix(&format!("pool={} ", label(first)))?.strip_suffix(" usable")?;
    let fills = drawn.first().is_some_and(|drawn| gives(&drawn));
    let how = if fills { "filled up from" } else { "path followed to" };
    (last != first)
        .then(|| format!("{} has {counts} mirrors usable: {how} {}", label(first), label(last)))
}

/// A group of addresses, and how many of them an answer has, whatever `max` is.
pub type Group = (BTreeSet<String>, usize);

/// All addresses that may be answered, in the groups in which they are.
pub fn addresses(country: &str, states: &States, ipv6: bool) -> Vec<Group> {
    let address = |mirror: &Mirror| if ipv6 { mirror.v6.clone() } else { Some(mirror.v4.clone()) };
    let group = |drawn: Drawn| {
        let answered = drawn.mirrors.iter().filter(|(_, answered)| *answered);
        (answered.filter_map(|(mirror, _)| address(mirror)).collect(), drawn.take)
    };
    let groups = drawn(&path(country), states, ipv6).into_iter().map(group);
    groups.filter(|(_, take)| *take > 0).collect()
}

/// The strings of `_pool`.
pub fn pools(country: &str, states: &States, ipv6: bool) -> Vec<String> {
    let mut out = Vec::new();
    let drawn = drawn(&path(country), states, ipv6);
    for (at, Drawn { pool, mirrors, .. }) in drawn.iter().enumerate() {
        out.push(head(pool, states) + &part(&drawn, at));
        for (mirror, answered) in mirrors.clone() {
            let tail = if answered {
                state(&mirror, states).to_owned()
            } else {
                format!("left out: {}", why(&mirror, states, ipv6))
            };
            let v6 = mirror.v6.map(|v6| format!(", {v6}")).unwrap_or_default();
            out.push(format!(
                "{} {}: {}{v6}; 100Mbit/s; {tail}",
                mirror.host, mirror.country, mirror.v4
            ));
        }
    }
    out
}

/// Most mirrors that `_explain` names as left out.
const NAMED: usize = 40;

/// Takes the strings of client, country, window, answer, TTL and feed out of `_explain`'s, which
/// must be right in themselves.
#[track_caller]
pub fn without_window(strings: &[String], of: &[Group], scope: Option<u8>) -> Vec<String> {
    let value = |key: &str| strings.iter().find_map(|string| string.strip_prefix(key));
    let (number, count) = value("window=").and_then(|w| w.split_once(" of ")).expect("a window");
    let (number, count): (usize, usize) =
        (number.parse().expect("a number"), count.parse().expect("a count"));
    // Equal mirrors: as many windows as addresses, and of several groups all pairs.
    let windows: usize = of.iter().map(|(all, _)| all.len()).product();
    assert!((1..=count).contains(&number) && count == windows, "{strings:?}");
    let answer: Vec<&str> = strings
        .iter()
        .filter_map(|string| string.strip_prefix("answer="))
        .flat_map(|a| a.split(' '))
        .collect();
    let distinct: BTreeSet<String> = answer.iter().map(|address| (*address).to_owned()).collect();
    assert_eq!(distinct.len(), answer.len(), "{strings:?}");
    let mut rest = answer.as_slice();
    for (all, take) in of {
        let size = (*take).min(MAX - (answer.len() - rest.len()));
        let (own, others) = rest.split_at_checked(size).expect("enough addresses");
        assert!(own.iter().all(|address| all.contains(*address)), "{strings:?}");
        rest = others;
    }
    assert!(rest.is_empty(), "{strings:?}");
    let scope = scope.map(|scope| format!(" scope={scope}")).unwrap_or_default();
    assert_eq!(value("ttl="), Some(format!("{TTL}{scope}").as_str()), "{strings:?}");
    feed_line(strings.last().expect("the feed's"), 1_000);
    let differing = ["client=", "country=", "window=", "answer=", "ttl=", "feed "];
    strings
        .iter()
        .filter(|string| !differing.iter().any(|key| string.starts_with(key)))
        .cloned()
        .collect()
}

/// `feed serial=1000 age=3s`, of a feed that a test wrote not an hour ago.
#[track_caller]
pub fn feed_line(line: &str, serial: u64) {
    let age = line.strip_prefix(&format!("feed serial={serial} age=")).expect("the serial");
    assert!(is_age(age), "{line}");
}

/// `3s`, `1m 3s`.
pub fn is_age(text: &str) -> bool {
    let part = |part: &str| {
        let digits = part.trim_end_matches(['m', 's']);
        part.len() == digits.len() + 1 && digits.parse::<u8>().is_ok_and(|number| number < 60)
    };
    text.split(' ').all(part)
}
