//! The page of a mirror, its Atom feed and its badge.

use std::net::IpAddr;

use jiff::Timestamp;

use cvdns_core::geo::area::Area;
use cvdns_core::health::{Cause, State};
use cvdns_core::release::CORE_DATABASES;
use cvdns_pages::mirror::Downtime;
use cvdns_pages::{
    AddressRow as AddressView, AtomFeed, Badge, MirrorPage, MirrorRow, Out, OutBy, Pool, VersionRow,
};

use super::facts::{Facts, MirrorFacts};
use super::past::Past;
use super::renewal::renewal;
use crate::coordinator::AddressRow;
use crate::rule::later;
use crate::trial::Advice;

/// The page of a mirror with this past.
pub(super) fn page(facts: &Facts<'_>, of: &MirrorFacts<'_>, past: Past) -> MirrorPage {
    let MirrorFacts { mirror, status, .. } = of;
    let now = facts.seen.now;
    let addresses = addresses(of, &past);
    let downtimes = mirror.downtimes.iter().filter(|downtime| now < downtime.to);
    let listed = facts.seen.feed.mirrors.get(&mirror.host);
    let not_for = mirror.not_for.iter().chain(listed.into_iter().flat_map(|of| &of.not_for));
    let mut not_for: Vec<String> = not_for.map(|area| area_name(*area)).collect();
    not_for.sort();
    not_for.dedup();
    let serves = mirror.serves.iter().filter(|country| **country != mirror.country);
    let pools = [Pool::Country(mirror.country)].into_iter();
    let pools = pools.chain(serves.map(|country| Pool::Country(*country)));
    let pools = pools.chain(mirror.pools.iter().map(|pool| Pool::Named(pool.clone())));
    MirrorPage {
        site: facts.site.clone(),
        host: mirror.host.clone(),
        country: mirror.country,
        state: status.state,
        since: since(of),
        out: out(facts, of),
        advice: advice(facts, of),
        addresses,
        versions: versions(facts, of),
        capacity: mirror.capacity,
        weight: status.weight.ratio(),
        share: of.share,
        pools: pools.collect(),
        not_for,
        fresh_until: later(renewal(&mirror.host, now), facts.seen.setting.inputs.max_age),
        downtimes: downtimes.map(|of| Downtime { from: of.from, to: of.to }).collect(),
        history: past.strips,
        checks: past.checks,
        changes: past.changes,
    }
}

/// The Atom feed beside a page.
pub(super) fn atom(page: &MirrorPage) -> AtomFeed {
    let first = page.since.unwrap_or(Timestamp::UNIX_EPOCH);
    AtomFeed {
        site: page.site.clone(),
        host: page.host.clone(),
        changes: page.changes.clone(),
        updated: page.changes.first().map_or(first, |change| change.at),
    }
}

/// The badge beside a page.
pub(super) fn badge(page: &MirrorPage) -> Badge {
    Badge { state: page.state, available: page.history.month.available }
}

/// The row of a mirror in tables. `available` is the available part of the last 30 days.
pub(super) fn row(facts: &Facts<'_>, of: &MirrorFacts<'_>, available: Option<f64>) -> MirrorRow {
    let is_well = of.status.state == State::Up && facts.is_usable(of);
    let reason = out(facts, of).map_or_else(|| reasons(&of.rows), |out| out.reason);
    MirrorRow {
        host: of.mirror.host.clone(),
        country: of.mirror.country,
        state: of.status.state,
        since: since(of),
        capacity: of.mirror.capacity,
        share: of.share,
        available,
        reason: if is_well { String::new() } else { reason },
    }
}

/// Why clients are not sent to a mirror; `None` if they are.
fn out(facts: &Facts<'_>, of: &MirrorFacts<'_>) -> Option<Out> {
    if facts.is_usable(of) {
        return None;
    }
    let status = &of.status;
    let by_checks = |reason| Out { by: OutBy::Checks, reason, until: None };
    Some(match &status.cause {
        Cause::Override { reason, until } if !status.state.is_usable() => {
            Out { by: OutBy::Operator, reason: reason.to_string(), until: *until }
        }
        Cause::Downtime(until) => Out {
            by: OutBy::Downtime,
            reason: "an announced downtime".to_owned(),
            until: Some(*until),
        },
        _ if status.state.is_usable() && status.behind > facts.seen.setting.lag => {
            by_checks(format!("it is {} versions behind the record", status.behind))
        }
        _ => by_checks(reasons(&of.rows)),
    })
}

/// The different reasons of a mirror's addresses, each with its address if they differ.
fn reasons(rows: &[&AddressRow]) -> String {
    let failing: Vec<&&AddressRow> = rows.iter().filter(|row| !row.reason.is_empty()).collect();
    match failing.split_first() {
        None => String::new(),
        Some((first, rest))
            if failing.len() == rows.len() && rest.iter().all(|row| row.reason == first.reason) =>
        {
            first.reason.clone()
        }
        Some(_) => {
            let each = failing.iter().map(|row| format!("{}: {}", row.address, row.reason));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

/// What the admin of a mirror can do about what checks find: the words of `cvdns monitor --try`.
fn advice(facts: &Facts<'_>, of: &MirrorFacts<'_>) -> Vec<String> {
    let is_for_all = facts.seen.setting.is_probe;
    let mut advice: Vec<Advice> = Vec::new();
    for row in &of.rows {
        let found = Advice::of_reason(&row.reason);
        let found = found.filter(|advice| !is_for_all || advice.is_general());
        advice.extend(found.filter(|found| !advice.contains(found)));
    }
    advice.into_iter().map(|advice| advice.sentence().to_owned()).collect()
}

/// The start of a mirror's state.
fn since(of: &MirrorFacts<'_>) -> Option<Timestamp> {
    of.status.since.filter(|_| !matches!(of.status.cause, Cause::Override { .. }))
}

fn addresses(of: &MirrorFacts<'_>, past: &Past) -> Vec<AddressView> {
    let states = of.status.ipv4.iter().chain(&of.status.ipv6);
    let view = |(address, state): (IpAddr, &State)| {
        let row = of.rows.iter().find(|row| row.address == address);
        let available = past.available.iter().find(|(of, _)| *of == address);
        AddressView {
            address,
            state: *state,
            since: row.filter(|row| row.state == Some(*state)).and_then(|row| row.since),
            timestamp: row.and_then(|row| row.timestamp),
            reason: row.map(|row| row.reason.clone()).unwrap_or_default(),
            available: available.and_then(|(_, available)| *available),
        }
    };
    of.mirror.addresses().zip(states).map(view).collect()
}

/// The databases of a mirror: the lowest versions among the addresses that clients are sent to, or
/// among all if there is none.
fn versions(facts: &Facts<'_>, of: &MirrorFacts<'_>) -> Vec<VersionRow> {
    if facts.seen.setting.is_probe {
        return Vec::new();
    }
    let used = |row: &&&AddressRow| row.state.is_some_and(State::is_usable);
    let mut rows: Vec<&&AddressRow> = of.rows.iter().filter(used).collect();
    if rows.is_empty() {
        rows = of.rows.iter().collect();
    }
    let held = [
        rows.iter().filter_map(|row| row.main).min(),
        rows.iter().filter_map(|row| row.daily).min(),
        rows.iter().filter_map(|row| row.bytecode).min(),
    ];
    let late_since = rows.iter().filter_map(|row| row.behind_since).min();
    let released = facts.seen.feed.release.as_ref().map(cvdns_core::release::Release::core);
    let row = |(number, (database, held)): (usize, (&&str, Option<u32>))| {
        let released = released.and_then(|released| released.get(number).copied());
        let behind = released.zip(held).map_or(0, |(released, held)| released.saturating_sub(held));
        VersionRow {
            database: (*database).to_owned(),
            held,
            released,
            late_since: late_since.filter(|_| behind > facts.seen.setting.lag),
        }
    };
    CORE_DATABASES.iter().zip(held).enumerate().map(row).collect()
}

fn area_name(area: Area) -> String {
    match area {
        Area::Country(country) => country.name().to_owned(),
        Area::Continent(continent) => continent.name().to_owned(),
        Area::Unknown => "unknown".to_owned(),
    }
}
