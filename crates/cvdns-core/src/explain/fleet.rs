//! How each mirror stands, and why it is not answered.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use crate::fleet::Mirror;
use crate::health::{Cause, Health, MirrorStatus, State};
use crate::release::CORE_DATABASES;
use crate::snapshot::Snapshot;
use crate::snapshot::static_data::Plan;

/// A mirror, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MirrorStory {
    /// Its host.
    pub host: String,
    /// The code of its country.
    pub country: &'static str,
    /// Whether it takes part at all (`enabled`).
    pub enabled: bool,
    /// Its capacity in kbit/s.
    pub capacity: u64,
    /// Its addresses, IPv4 first.
    pub addresses: Vec<AddressStory>,
    /// Its state as a whole.
    pub state: State,
    /// Who says so: `nothing`, `feed`, `downtime`, `override`, `settling`.
    pub said_by: &'static str,
    /// Since when, where the feed says it.
    pub since: Option<Timestamp>,
    /// The state with who says it, for people: `down since 2026-11-20T02:11:00Z`.
    pub standing: String,
    /// Its versions of main, daily and bytecode, where the feed says them.
    pub versions: Vec<Held>,
    /// How many versions it is behind the record.
    pub behind: u32,
    /// Whether any of its addresses may be answered.
    pub usable: bool,
    /// Why it may not, for people.
    pub left_out: Option<String>,
}

/// An address of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressStory {
    /// The address.
    pub address: IpAddr,
    /// Its state.
    pub state: State,
}

/// A version that a mirror holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The database.
    pub database: &'static str,
    /// Its version.
    pub version: u32,
}

/// The mirrors of a plan of a snapshot, in the fleet's order; empty when there is no such plan.
pub fn mirrors(snapshot: &Snapshot, plan: u32) -> Vec<MirrorStory> {
    let static_data = &snapshot.static_data;
    let Some((plan, health)) =
        static_data.plans.get(plan as usize).zip(snapshot.dynamic_data.health(plan))
    else {
        return Vec::new();
    };
    let story = |index| MirrorStory::of(plan, health, index);
    (0..plan.fleet.mirrors.len()).filter_map(story).collect()
}

impl MirrorStory {
    /// The mirror of this index; none when there is no such mirror.
    pub fn of(plan: &Plan, health: &Health, index: usize) -> Option<Self> {
        let (mirror, standing) = (plan.fleet.mirrors.get(index)?, health.mirrors.get(index)?);
        let usable = health.is_usable(index);
        let of = |database: &'static str, version: Option<u32>| {
            Some(Held { database, version: version? })
        };
        let versions = CORE_DATABASES.into_iter().zip(standing.versions);
        Some(Self {
            host: mirror.host.clone(),
            country: mirror.country.code(),
            enabled: mirror.enabled,
            capacity: mirror.capacity,
            addresses: addresses(mirror, standing),
            state: standing.state,
            said_by: said_by(&standing.cause),
            since: standing.since,
            standing: standing.to_string(),
            versions: versions.filter_map(|(database, version)| of(database, version)).collect(),
            behind: standing.behind,
            usable,
            left_out: (!usable).then(|| left_out(mirror, standing)),
        })
    }
}

fn addresses(mirror: &Mirror, standing: &MirrorStatus) -> Vec<AddressStory> {
    let states = standing.ipv4.iter().chain(&standing.ipv6);
    mirror
        .addresses()
        .zip(states)
        .map(|(address, state)| AddressStory { address, state: *state })
        .collect()
}

fn said_by(cause: &Cause) -> &'static str {
    match cause {
        Cause::Unmentioned => "nothing",
        Cause::Feed => "feed",
        Cause::Downtime(_) => "downtime",
        Cause::Override { .. } => "override",
        Cause::Settling(_) => "settling",
    }
}

/// Why none of its addresses is answered.
fn left_out(mirror: &Mirror, standing: &MirrorStatus) -> String {
    if !mirror.enabled {
        return "enabled = false in the fleet file".to_owned();
    }
    let works = |state: &State| state.is_usable();
    if standing.behind > 0 && standing.ipv4.iter().chain(&standing.ipv6).any(works) {
        let versions = if standing.behind == 1 { "version" } else { "versions" };
        return format!("{standing}, but {} {versions} behind the record", standing.behind);
    }
    if works(&standing.state) {
        // It works as a whole; its addresses do not.
        let mut states = standing.ipv4.iter().chain(&standing.ipv6);
        return match (states.next(), states.next()) {
            (Some(only), None) => format!("{standing}, but its address is {only}"),
            (Some(first), Some(_)) => format!("{standing}, but its addresses are {first}"),
            (None, _) => format!("{standing}, but has no address"),
        };
    }
    standing.to_string()
}
