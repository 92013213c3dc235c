//! Says in the log which mirrors stand otherwise than before, and why.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use tracing::info;

use super::LOGGED;
use cvdns_core::fleet::Mirror;
use cvdns_core::health::{MirrorCondition, MirrorStatus, State};
use cvdns_core::snapshot::Snapshot;

/// A mirror of a fleet and how it stands.
type Stand<'s> = (&'s Mirror, &'s MirrorStatus);

/// A line for each of the first few, and how many more there are: many change at once when a network breaks.
///
/// Before the first feed all mirrors count as up, whatever they are: what it says of them is no change.
pub(super) fn log(before: &Snapshot, now: &Snapshot) {
    if before.meta.feed.is_none() && now.meta.feed.is_some() {
        return;
    }
    let mut lines = changes(before, now).into_iter();
    for line in lines.by_ref().take(LOGGED) {
        info!("{line}");
    }
    let more = lines.count();
    if more > 0 {
        info!("{more} more mirrors changed: `cvdns status` shows who is left out");
    }
}

/// How many mirrors stand how, for people: those that are up first, others where there are any.
pub(super) fn summary(snapshot: &Snapshot) -> String {
    let counts = snapshot.mirrors_by_condition();
    let told =
        |condition: &MirrorCondition, count: u64| count > 0 || *condition == MirrorCondition::Up;
    let shown = counts.iter().filter(|(condition, count)| told(condition, **count));
    let words: Vec<String> =
        shown.map(|(condition, count)| format!("{count} {}", condition.label())).collect();
    words.join(", ")
}

/// A line for each mirror that stands otherwise, each host once. Who lags behind the record changes with every version and is
/// told as a number, and who settles is told where that is found out.
fn changes(before: &Snapshot, now: &Snapshot) -> Vec<String> {
    if Arc::ptr_eq(&before.static_data, &now.static_data) {
        // The usual case: fleets are the same, and nothing needs to be looked up.
        let mut seen = HashSet::new();
        let pairs = stands(before).zip(stands(now));
        let changed = pairs.filter(|((_, before), (mirror, now))| differs(mirror, before, now));
        let first = changed.filter(|(_, (mirror, _))| seen.insert(&mirror.host));
        return first.map(|(before, now)| changed_line(before, now)).collect();
    }
    let mut known: HashMap<&str, Stand<'_>> = HashMap::new();
    for (mirror, standing) in stands(before) {
        known.entry(&mirror.host).or_insert((mirror, standing));
    }
    let (mut lines, mut seen) = (Vec::new(), HashSet::new());
    for (mirror, now) in stands(now).filter(|(mirror, _)| seen.insert(mirror.host.as_str())) {
        match known.get(mirror.host.as_str()) {
            Some((old, before))
                if old.enabled != mirror.enabled || differs(mirror, before, now) =>
            {
                lines.push(changed_line((old, before), (mirror, now)));
            }
            Some(_) => {}
            None => lines.push(format!(
                "mirror {} ({}) is new: {}",
                mirror.host,
                mirror.country,
                told(mirror, now)
            )),
        }
    }
    let mut gone: Vec<&str> = known.into_keys().filter(|host| !seen.contains(host)).collect();
    gone.sort_unstable();
    lines.extend(gone.iter().map(|host| format!("mirror {host} is no longer in the fleet")));
    lines
}

/// All mirrors of all fleets.
fn stands(snapshot: &Snapshot) -> impl Iterator<Item = Stand<'_>> {
    snapshot.static_data.plans.iter().enumerate().flat_map(|(number, plan)| {
        let standings =
            snapshot.dynamic_data.health(number as u32).map(|health| health.mirrors.iter());
        plan.fleet.mirrors.iter().zip(standings.into_iter().flatten())
    })
}

/// Whether a mirror stands otherwise, in whole or with single addresses.
fn differs(mirror: &Mirror, before: &MirrorStatus, now: &MirrorStatus) -> bool {
    let of = |standing| MirrorCondition::of(mirror, standing, u32::MAX);
    let states = |standing: &MirrorStatus| (standing.ipv4.clone(), standing.ipv6.clone());
    let settles = [of(before), of(now)].contains(&MirrorCondition::Settling);
    !settles && (of(before) != of(now) || (mirror.enabled && states(before) != states(now)))
}

fn changed_line((old, before): Stand<'_>, (mirror, now): Stand<'_>) -> String {
    let (host, country) = (&mirror.host, mirror.country);
    if old.enabled && mirror.enabled && before.state == now.state {
        let addresses = changed_addresses((old, before), (mirror, now));
        if !addresses.is_empty() {
            return format!("mirror {host} ({country}): {}", addresses.join(", "));
        }
    }
    let was = if old.enabled { before.state.to_string() } else { "not enabled".to_owned() };
    format!("mirror {host} ({country}): {}, was {was}", told(mirror, now))
}

/// The addresses of a mirror that stand otherwise, that are new, and that are gone.
fn changed_addresses((old, before): Stand<'_>, (mirror, now): Stand<'_>) -> Vec<String> {
    let known: HashMap<IpAddr, State> = states(old, before).collect();
    let mut words = Vec::new();
    for (address, state) in states(mirror, now) {
        match known.get(&address) {
            Some(was) if *was == state => {}
            Some(was) => words.push(format!("its address {address} is {state}, was {was}")),
            None => words.push(format!("its address {address} is new: {state}")),
        }
    }
    let gone = old.addresses().filter(|address| !mirror.addresses().any(|kept| kept == *address));
    words.extend(gone.map(|address| format!("its address {address} is gone")));
    words
}

/// The state of each address.
fn states(mirror: &Mirror, standing: &MirrorStatus) -> impl Iterator<Item = (IpAddr, State)> {
    mirror.addresses().zip(standing.ipv4.iter().chain(&standing.ipv6).copied())
}

/// How a mirror stands, with the addresses that stand otherwise.
fn told(mirror: &Mirror, standing: &MirrorStatus) -> String {
    if !mirror.enabled {
        return "not enabled".to_owned();
    }
    let others = states(mirror, standing).filter(|(_, state)| *state != standing.state);
    let words: Vec<String> = others.map(|(address, state)| format!("{address} {state}")).collect();
    if words.is_empty() {
        standing.to_string()
    } else {
        format!("{standing}, but {}", words.join(", "))
    }
}
