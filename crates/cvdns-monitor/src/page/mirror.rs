//! The page of a mirror, its Atom feed and its badge.

use jiff::Timestamp;

use cvdns_core::geo::area::Area;
use cvdns_core::health::{Cause, MirrorCondition, State};
use cvdns_core::release::CORE_DATABASES;
use cvdns_pages::mirror::Downtime;
use cvdns_pages::{
    AddressRow as AddressView, AtomFeed, Badge, MirrorPage, MirrorRow, Pool, VersionRow,
};

use super::facts::{Facts, MirrorFacts};
use super::out::{self, AddressFacts};
use super::own::Own;
use super::past::Past;
use super::renewal::renewal;
use crate::coordinator::AddressRow;
use crate::rule::later;
use crate::trial::Advice;

/// The page of a mirror with this past. Its state is noted in `own`.
pub(super) fn page(
    facts: &Facts<'_>,
    of: &MirrorFacts<'_>,
    past: Past,
    own: &mut Own,
) -> MirrorPage {
    let MirrorFacts { mirror, status, .. } = of;
    let now = facts.seen.now;
    let addresses = addresses(of, &past);
    let out = facts.out(of);
    let reason = out.as_ref().map(|out| out.reason.as_str()).unwrap_or_default();
    own.note((of.condition, reason), (of.status.since, now), &past.changes);
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
        notices: facts.notices_of(of),
        host: mirror.host.clone(),
        country: mirror.country,
        state: of.condition,
        since: since(of, own),
        out,
        fails_open: facts.fails_open(of),
        advice: advice(facts, of),
        addresses,
        versions: versions(facts, of),
        capacity: mirror.capacity,
        weight: status.weight.ratio(),
        share: of.share,
        pools: pools.collect(),
        not_for,
        fresh_until: later(renewal(&mirror.host, now), facts.seen.setting.max_age),
        downtimes: downtimes.map(|of| Downtime { from: of.from, to: of.to }).collect(),
        history: past.strips,
        checks: past.checks,
        changes: own.with(past.changes),
    }
}

/// The Atom feed beside a page.
pub(super) fn atom(page: &MirrorPage) -> AtomFeed {
    // There is always a change: at least the first state that was seen.
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
pub(super) fn row(
    facts: &Facts<'_>,
    of: &MirrorFacts<'_>,
    available: Option<f64>,
    own: &Own,
) -> MirrorRow {
    let (reason, until) =
        facts.out(of).map_or_else(|| (wrong(of), None), |out| (out.reason, out.until));
    MirrorRow {
        host: of.mirror.host.clone(),
        country: of.mirror.country,
        state: of.condition,
        since: since(of, own),
        capacity: of.mirror.capacity,
        share: of.share,
        available,
        reason,
        until,
    }
}

/// What is wrong with a mirror to which clients are sent: nothing if all of its addresses are up,
/// and were found so.
fn wrong(of: &MirrorFacts<'_>) -> String {
    let is_up = of.condition == MirrorCondition::Up;
    let by_checks = of.rows.iter().all(|row| row.state.is_none_or(State::is_usable));
    let is_well = is_up && by_checks && of.addresses.iter().all(|it| it.state.is_usable());
    if is_well { String::new() } else { out::reasons(&of.addresses) }
}

/// What the admin of a mirror can do about what checks find: the words of `cvdns monitor --try`.
fn advice(facts: &Facts<'_>, of: &MirrorFacts<'_>) -> Vec<String> {
    let is_for_all = facts.seen.setting.is_probe;
    let mut advice: Vec<Advice> = Vec::new();
    if matches!(of.condition, MirrorCondition::Lagging | MirrorCondition::Stuck) {
        advice.push(Advice::Update);
    }
    // What is not believed may be the fault of the coordinator.
    for row in of.rows.iter().filter(|row| !row.reason.starts_with("withheld: ")) {
        let found = Advice::of_reason(&row.reason);
        let found = found.filter(|advice| !is_for_all || advice.is_general());
        advice.extend(found.filter(|found| !advice.contains(found)));
    }
    advice.into_iter().map(|advice| advice.sentence().to_owned()).collect()
}

/// The start of a mirror's state.
fn since(of: &MirrorFacts<'_>, own: &Own) -> Option<Timestamp> {
    match of.status.cause {
        Cause::Override { .. } => own.since().or_else(|| since_by_checks(of)),
        // Servers stay away a little earlier than it was announced.
        Cause::Downtime(until) if !of.condition.is_answered() => {
            let downtime = of.mirror.downtimes.iter().find(|downtime| downtime.to == until);
            downtime.map(|downtime| downtime.from)
        }
        // The feed says nothing of what the operator keeps up.
        _ if of.condition.is_answered() && !of.status.state.is_usable() => own.since(),
        _ => match of.condition {
            MirrorCondition::Lagging => own.since(),
            MirrorCondition::Stuck => of.status.stuck.as_ref().map(|stuck| stuck.since),
            _ => of.status.since,
        },
    }
}

/// Since when checks have found a mirror as it is; `None` if they find it otherwise. An override
/// that agrees with them begins nothing.
fn since_by_checks(of: &MirrorFacts<'_>) -> Option<Timestamp> {
    let same = of.rows.iter().all(|row| row.state == Some(of.status.state));
    of.rows.iter().map(|row| row.since).max().flatten().filter(|_| same)
}

fn addresses(of: &MirrorFacts<'_>, past: &Past) -> Vec<AddressView> {
    let view = |facts: &AddressFacts| {
        let AddressFacts { address, state, .. } = *facts;
        let row = of.rows.iter().find(|row| row.address == address);
        let available = past.available.iter().find(|(of, _)| *of == address);
        AddressView {
            address,
            state,
            since: row.filter(|row| row.state == Some(state)).and_then(|row| row.since),
            timestamp: row.and_then(|row| row.timestamp),
            reason: facts.reason.clone(),
            available: available.and_then(|(_, available)| *available),
        }
    };
    of.addresses.iter().map(view).collect()
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
