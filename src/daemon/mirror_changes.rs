//! Logs which mirrors changed their status, and why.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use tracing::field::display;
use tracing::info;

use crate::logging::log_first;
use cvdns_core::fleet::Mirror;
use cvdns_core::geo::country::Country;
use cvdns_core::health::{MirrorCondition, MirrorStatus, State};
use cvdns_core::snapshot::Snapshot;

/// A mirror of a fleet and its status.
type MirrorAndStatus<'s> = (&'s Mirror, &'s MirrorStatus);

/// A mirror that changed, as it is logged.
#[derive(Debug, PartialEq, Eq)]
struct ChangedMirror {
    host: String,
    /// `None` if it is in no fleet any more.
    country: Option<Country>,
    state: &'static str,
    before: Option<&'static str>,
    /// Why it is in this state; `None` if it is gone.
    reason: Option<String>,
    /// The sentence.
    text: String,
}

/// Logs a line for each of the first mirrors that changed, and how many more there are: many change
/// at once when a network breaks.
///
/// Before the first feed all mirrors count as up, whatever they are, so what the first feed says of
/// them is no change.
pub(super) fn log(before: &Snapshot, now: &Snapshot) {
    if before.meta.feed.is_none() && now.meta.feed.is_some() {
        return;
    }
    log_first(
        changes(before, now),
        |ChangedMirror { host, country, state, before, reason, text }| {
            let country = country.map(display);
            info!(mirror = host, country, state, before, reason, "{text}");
        },
        |more| {
            info!(
                count = more,
                "{more} more mirrors changed: `cvdns status` shows who is left out"
            );
        },
    );
}

/// The number of mirrors in each condition, for people: those that are up first, and each other
/// condition that any mirror is in.
pub(super) fn summary(snapshot: &Snapshot) -> String {
    let counts = snapshot.mirrors_by_condition();
    let is_shown =
        |condition: &MirrorCondition, count: u64| count > 0 || *condition == MirrorCondition::Up;
    let shown = counts.iter().filter(|(condition, count)| is_shown(condition, **count));
    let words: Vec<String> =
        shown.map(|(condition, count)| format!("{count} {}", condition.label())).collect();
    words.join(", ")
}

/// A line for each mirror whose status changed, each host once. Lagging is left out, as it changes
/// with every version and is logged as a number; settling is left out, as `flapping` logs it.
fn changes(before: &Snapshot, now: &Snapshot) -> Vec<ChangedMirror> {
    if Arc::ptr_eq(&before.static_data, &now.static_data) {
        // The usual case: fleets are the same, and nothing needs to be looked up.
        let mut seen = HashSet::new();
        let pairs = statuses(before).zip(statuses(now));
        let changed = pairs.filter(|((_, before), (mirror, now))| differs(mirror, before, now));
        let first = changed.filter(|(_, (mirror, _))| seen.insert(&mirror.host));
        return first.map(|(before, now)| ChangedMirror::of(before, now)).collect();
    }
    let mut known: HashMap<&str, MirrorAndStatus<'_>> = HashMap::new();
    for (mirror, status) in statuses(before) {
        known.entry(&mirror.host).or_insert((mirror, status));
    }
    let (mut changed, mut seen) = (Vec::new(), HashSet::new());
    for (mirror, now) in statuses(now).filter(|(mirror, _)| seen.insert(mirror.host.as_str())) {
        match known.get(mirror.host.as_str()) {
            Some((old, before))
                if old.enabled != mirror.enabled || differs(mirror, before, now) =>
            {
                changed.push(ChangedMirror::of((old, before), (mirror, now)));
            }
            Some(_) => {}
            None => changed.push(ChangedMirror::new((mirror, now))),
        }
    }
    let mut gone: Vec<&str> = known.into_keys().filter(|host| !seen.contains(host)).collect();
    gone.sort_unstable();
    changed.extend(gone.into_iter().map(ChangedMirror::gone));
    changed
}

/// All mirrors of all fleets with their statuses.
fn statuses(snapshot: &Snapshot) -> impl Iterator<Item = MirrorAndStatus<'_>> {
    snapshot.static_data.plans.iter().enumerate().flat_map(|(number, plan)| {
        let statuses =
            snapshot.dynamic_data.health(number as u32).map(|health| health.mirrors.iter());
        plan.fleet.mirrors.iter().zip(statuses.into_iter().flatten())
    })
}

/// Whether the status of a mirror or of any of its addresses changed.
fn differs(mirror: &Mirror, before: &MirrorStatus, now: &MirrorStatus) -> bool {
    let of = |status| MirrorCondition::of(mirror, status, u32::MAX);
    let states = |status: &MirrorStatus| (status.ipv4.clone(), status.ipv6.clone());
    let settles = [of(before), of(now)].contains(&MirrorCondition::Settling);
    !settles && (of(before) != of(now) || (mirror.enabled && states(before) != states(now)))
}

impl ChangedMirror {
    /// A mirror that is new in its fleet.
    fn new((mirror, now): MirrorAndStatus<'_>) -> Self {
        let (host, country) = (&mirror.host, mirror.country);
        let text = format!("mirror {host} ({country}) is new: {}", status_text(mirror, now));
        Self {
            host: host.clone(),
            country: Some(country),
            state: label(mirror, now),
            before: None,
            reason: Some(now.cause.to_string()),
            text,
        }
    }

    /// A mirror that is in no fleet any more.
    fn gone(host: &str) -> Self {
        Self {
            host: host.to_owned(),
            country: None,
            state: "gone",
            before: None,
            reason: None,
            text: format!("mirror {host} is no longer in the fleet"),
        }
    }

    fn of((old, before): MirrorAndStatus<'_>, (mirror, now): MirrorAndStatus<'_>) -> Self {
        Self {
            before: Some(label(old, before)),
            text: changed_line((old, before), (mirror, now)),
            ..Self::new((mirror, now))
        }
    }
}

/// The state of a mirror as metrics name it, except that nothing is said of lagging.
fn label(mirror: &Mirror, status: &MirrorStatus) -> &'static str {
    MirrorCondition::of(mirror, status, u32::MAX).label()
}

fn changed_line((old, before): MirrorAndStatus<'_>, (mirror, now): MirrorAndStatus<'_>) -> String {
    let (host, country) = (&mirror.host, mirror.country);
    let stays_in = before.stuck.is_some() == now.stuck.is_some();
    if old.enabled && mirror.enabled && before.state == now.state && stays_in {
        let addresses = changed_addresses((old, before), (mirror, now));
        if !addresses.is_empty() {
            return format!("mirror {host} ({country}): {}", addresses.join(", "));
        }
    }
    let was = match (old.enabled, before.stuck) {
        (false, _) => "not enabled".to_owned(),
        (true, Some(_)) => "stuck".to_owned(),
        (true, None) => before.state.to_string(),
    };
    format!("mirror {host} ({country}): {}, was {was}", status_text(mirror, now))
}

/// The addresses of a mirror whose state changed, that are new, and that are gone.
fn changed_addresses(
    (old, before): MirrorAndStatus<'_>,
    (mirror, now): MirrorAndStatus<'_>,
) -> Vec<String> {
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
fn states(mirror: &Mirror, status: &MirrorStatus) -> impl Iterator<Item = (IpAddr, State)> {
    mirror.addresses().zip(status.ipv4.iter().chain(&status.ipv6).copied())
}

/// The status of a mirror, with the addresses whose state is another.
fn status_text(mirror: &Mirror, status: &MirrorStatus) -> String {
    if !mirror.enabled {
        return "not enabled".to_owned();
    }
    let others = states(mirror, status).filter(|(_, state)| *state != status.state);
    let words: Vec<String> = others.map(|(address, state)| format!("{address} {state}")).collect();
    if words.is_empty() {
        status.to_string()
    } else {
        format!("{status}, but {}", words.join(", "))
    }
}
