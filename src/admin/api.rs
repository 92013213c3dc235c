//! The JSON API: status, mirrors, pools and record in force.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::status::Status;
use super::view::{AdminState, ServerView};
use cvdns_core::explain::RecordInfo;
use cvdns_core::explain::fleet::{MirrorInfo, mirrors as mirrors_of};
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Country;
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::static_data::{Plan, Rule};
use cvdns_core::snapshot::yields::Group;
use cvdns_core::zone::file::Families;

/// The response of `/api/v1/mirrors`.
#[derive(Serialize)]
struct MirrorsResponse {
    fleets: Vec<FleetMirrors>,
}

#[derive(Serialize)]
struct FleetMirrors {
    /// The zone file's origin.
    zone: String,
    mirrors: Vec<MirrorInfo>,
}

/// The response of `/api/v1/pools`.
#[derive(Serialize)]
struct PoolsResponse {
    fleets: Vec<FleetPools>,
}

#[derive(Serialize)]
struct FleetPools {
    /// The zone file's origin.
    zone: String,
    /// The pools that occur in paths.
    pools: Vec<PoolStatus>,
    paths: Vec<PathStatus>,
}

#[derive(Serialize)]
struct PoolStatus {
    pool: String,
    /// Hosts of the pool's mirrors.
    mirrors: Vec<String>,
    /// Hosts of its usable mirrors.
    usable: Vec<String>,
}

#[derive(Serialize)]
struct PathStatus {
    /// The pools of the path, in order.
    path: Vec<String>,
    /// Countries whose clients use the path.
    countries: Vec<&'static str>,
    /// Continents whose clients use the path if their country is unknown.
    continents: Vec<&'static str>,
    /// Whether clients of unknown location use the path.
    unknown: bool,
    /// The answers of the path, for each combination of limits that names have.
    yields: Vec<YieldStatus>,
}

#[derive(Serialize)]
struct YieldStatus {
    min: u16,
    max: u16,
    ttl: u32,
    types: &'static [&'static str],
    ipv4: FamilyStatus,
    ipv6: FamilyStatus,
}

#[derive(Serialize)]
struct FamilyStatus {
    /// Number of addresses.
    addresses: usize,
    /// The groups that answers are drawn from, those in front first.
    groups: Vec<GroupStatus>,
    /// The fallback level: `near`, `further`, `lagging` or `open`.
    reach: &'static str,
}

#[derive(Serialize)]
struct GroupStatus {
    /// The pools of which the group has addresses. Several share a demand.
    pools: Vec<String>,
    /// Number of its addresses.
    addresses: usize,
    /// How many of them are in each answer.
    per_answer: usize,
}

/// The response of `/api/v1/record`.
#[derive(Serialize)]
struct RecordResponse {
    /// `None` if no name serves the record.
    record: Option<RecordInfo>,
}

pub(super) async fn status(State(shared): State<Arc<AdminState>>) -> Response {
    json(shared, Status::of).await
}

pub(super) async fn mirrors(State(shared): State<Arc<AdminState>>) -> Response {
    json(shared, |view, _| {
        let snapshot = view.snapshots.load();
        let fleets = snapshot.static_data.plans.iter().enumerate().map(|(number, plan)| {
            let mirrors = mirrors_of(&snapshot, number as u32);
            FleetMirrors { zone: plan.origin.to_string(), mirrors }
        });
        MirrorsResponse { fleets: fleets.collect() }
    })
    .await
}

pub(super) async fn pools(State(shared): State<Arc<AdminState>>) -> Response {
    json(shared, |view, _| {
        let snapshot = view.snapshots.load();
        let plans = snapshot.static_data.plans.iter().enumerate();
        PoolsResponse {
            fleets: plans
                .map(|(number, plan)| FleetPools::of(&snapshot, number as u32, plan))
                .collect(),
        }
    })
    .await
}

pub(super) async fn record(State(shared): State<Arc<AdminState>>) -> Response {
    json(shared, |view, now| RecordResponse {
        record: RecordInfo::of_release(&view.snapshots.load(), now),
    })
    .await
}

/// Responds with the value that `make` returns, as JSON. With many mirrors this takes some
/// milliseconds, which must not delay queries over TCP; it runs on the blocking pool.
pub(super) async fn json<T: Serialize>(
    shared: Arc<AdminState>,
    make: impl FnOnce(&ServerView, Timestamp) -> T + Send + 'static,
) -> Response {
    let made = spawn_blocking(move || serde_json::to_string(&make(&shared.view, Timestamp::now())));
    match made.await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "application/json")], text + "\n").into_response(),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

impl FleetPools {
    fn of(snapshot: &Snapshot, number: u32, plan: &Plan) -> Self {
        let health = snapshot.dynamic_data.health(number);
        let is_usable =
            |mirror: u32| health.is_some_and(|health| health.is_usable(mirror as usize));
        let host =
            |mirror: u32| plan.fleet.mirrors.get(mirror as usize).map(|mirror| mirror.host.clone());
        let pools = plan.paths.pools.iter().map(|members| PoolStatus {
            pool: members.pool.to_string(),
            mirrors: members.mirrors.iter().filter_map(|mirror| host(*mirror)).collect(),
            usable: members
                .mirrors
                .iter()
                .filter(|m| is_usable(**m))
                .filter_map(|m| host(*m))
                .collect(),
        });
        let countries: Vec<(Country, u16)> =
            Country::all().map(|country| (country, plan.paths.of_client(country))).collect();
        let paths = plan.paths.paths.iter().enumerate().map(|(id, path)| {
            let of_country = countries.iter().filter(|(_, of)| usize::from(*of) == id);
            let of_continent =
                plan.paths.of_continents().iter().filter(|(_, of)| usize::from(*of) == id);
            let rules = snapshot
                .static_data
                .rules
                .iter()
                .enumerate()
                .filter(|(_, rule)| rule.plan == number);
            PathStatus {
                path: plan.paths.along(path).map(|members| members.pool.to_string()).collect(),
                countries: of_country.map(|(country, _)| country.code()).collect(),
                continents: of_continent.map(|(continent, _)| continent.code()).collect(),
                unknown: usize::from(plan.paths.of_client(Area::Unknown)) == id,
                yields: rules
                    .filter_map(|(at, rule)| {
                        YieldStatus::of(snapshot, number, at as u32, rule, id as u16)
                    })
                    .collect(),
            }
        });
        Self { zone: plan.origin.to_string(), pools: pools.collect(), paths: paths.collect() }
    }
}

impl GroupStatus {
    /// The groups of answers with `size` addresses; `pools` are those of the path.
    fn of(groups: &[Group], pools: &[String], size: usize) -> Vec<Self> {
        let mut room = size;
        let status = |group: &Group| {
            let per_answer = group.take.min(room);
            room -= per_answer;
            let pools = group.pools.iter().filter_map(|part| pools.get(part.at).cloned());
            Self { pools: pools.collect(), addresses: group.len(), per_answer }
        };
        groups.iter().map(status).collect()
    }
}

impl YieldStatus {
    fn of(snapshot: &Snapshot, plan: u32, number: u32, rule: &Rule, path: u16) -> Option<Self> {
        let answer = snapshot.dynamic_data.pool(number, path)?;
        let (plan, health) =
            (snapshot.static_data.plans.get(plan as usize)?, snapshot.dynamic_data.health(plan)?);
        // The same walk made the answer.
        let path = plan.paths.get(path)?;
        let found = plan.walk(rule.min, rule.families, health).along(path);
        let pools: Vec<String> =
            plan.paths.along(path).map(|members| members.pool.to_string()).collect();
        let family = |addresses, groups: &[Group], ipv6| FamilyStatus {
            addresses,
            groups: GroupStatus::of(groups, &pools, answer.windows(ipv6).size.into()),
            reach: answer.windows(ipv6).fallback.label(),
        };
        Some(Self {
            min: rule.min,
            max: rule.max,
            ttl: rule.ttl,
            types: match rule.families {
                Families::Both => &["A", "AAAA"],
                Families::V4 => &["A"],
                Families::V6 => &["AAAA"],
            },
            ipv4: family(found.ipv4.len(), &found.ipv4.groups, false),
            ipv6: family(found.ipv6.len(), &found.ipv6.groups, true),
        })
    }
}
