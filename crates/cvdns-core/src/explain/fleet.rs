//! The state of each mirror, and why it is not answered.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use crate::fleet::Mirror;
use crate::geo::country::Country;
use crate::health::{Cause, Health, MirrorStatus, State};
use crate::problem::{excerpt, plural};
use crate::release::CORE_DATABASES;
use crate::snapshot::Snapshot;
use crate::snapshot::static_data::Plan;

/// Most characters of the feed's note that are shown.
const NOTE: usize = 200;

/// Most areas that are named where a mirror is not for their clients.
const NAMED_AREAS: usize = 4;

/// A mirror and its state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MirrorInfo {
    /// Host name.
    pub host: String,
    /// ISO 3166 code of its country.
    pub country: &'static str,
    /// ISO 3166 codes of the other countries whose pools it is in (`serves`).
    pub serves: Vec<&'static str>,
    /// Whether the fleet file enables it (`enabled`).
    pub enabled: bool,
    /// Capacity in kbit/s.
    pub capacity: u64,
    /// Countries and continents whose clients never get it, by fleet file and feed (`not-for`).
    pub not_for: Vec<String>,
    /// Addresses, IPv4 first.
    pub addresses: Vec<AddressInfo>,
    /// State of the mirror as a whole.
    pub state: State,
    /// Source of the state: `nothing`, `feed`, `downtime`, `override`, `settling`.
    pub said_by: &'static str,
    /// Start of the state, if the feed says it.
    pub since: Option<Timestamp>,
    /// The state and its source, for people: `down since 2026-11-20T02:11:00Z`.
    pub standing: String,
    /// What the feed remarks on it, escaped and cut; `None` if it is nothing.
    pub note: Option<String>,
    /// Its versions of main, daily and bytecode, as far as the feed says them.
    pub versions: Vec<MirrorVersion>,
    /// Number of versions by which it is behind the record.
    pub behind: u32,
    /// In which database it is stuck, if it is left out for that.
    pub stuck: Option<StuckInfo>,
    /// The share of its capacity by which it is answered, above 0 and up to 1.
    pub weight: f64,
    /// Whether any of its addresses can be answered.
    pub usable: bool,
    /// Why none of its addresses can be answered, for people.
    pub left_out: Option<String>,
}

/// An address of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressInfo {
    /// The address itself.
    pub address: IpAddr,
    /// State of this address.
    pub state: State,
}

/// The version of a database that a mirror has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MirrorVersion {
    /// Name of the database.
    pub database: &'static str,
    /// Version number.
    pub version: u32,
}

/// The database in which a mirror is stuck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StuckInfo {
    /// Name of the database.
    pub database: &'static str,
    /// The version that the mirror has.
    pub version: u32,
    /// Since when it has this version while the release is too far ahead of it.
    pub since: Timestamp,
}

/// The mirrors of a plan, in the order of the fleet file; empty if there is no such plan.
pub fn mirrors(snapshot: &Snapshot, plan: u32) -> Vec<MirrorInfo> {
    let static_data = &snapshot.static_data;
    let Some((plan, health)) =
        static_data.plans.get(plan as usize).zip(snapshot.dynamic_data.health(plan))
    else {
        return Vec::new();
    };
    let info = |index| MirrorInfo::of(plan, health, index);
    (0..plan.fleet.mirrors.len()).filter_map(info).collect()
}

impl MirrorInfo {
    /// The mirror with this index in the fleet; `None` if there is none.
    pub fn of(plan: &Plan, health: &Health, index: usize) -> Option<Self> {
        let (mirror, status) = (plan.fleet.mirrors.get(index)?, health.mirrors.get(index)?);
        let usable = health.is_usable(index);
        let of = |database: &'static str, version: Option<u32>| {
            Some(MirrorVersion { database, version: version? })
        };
        let versions = CORE_DATABASES.into_iter().zip(status.versions);
        Some(Self {
            host: mirror.host.clone(),
            country: mirror.country.code(),
            serves: mirror.serves.iter().map(|country| country.code()).collect(),
            enabled: mirror.enabled,
            capacity: mirror.capacity,
            not_for: plan
                .paths
                .exclusions
                .areas(index as u32)
                .map(|area| area.to_string())
                .collect(),
            addresses: addresses(mirror, status),
            state: status.state,
            said_by: said_by(&status.cause),
            since: status.since,
            standing: status.to_string(),
            note: status.note.as_deref().map(|note| excerpt(note, NOTE)),
            versions: versions.filter_map(|(database, version)| of(database, version)).collect(),
            behind: status.behind,
            stuck: status.stuck.map(|stuck| StuckInfo {
                database: stuck.database,
                version: stuck.version,
                since: stuck.since,
            }),
            weight: status.weight.ratio(),
            usable,
            left_out: (!usable).then(|| left_out(mirror, status)),
        })
    }
}

impl MirrorInfo {
    /// A reason why the mirror is left out, with what the feed remarks if the feed has decided.
    pub fn with_note(&self, why: &str) -> String {
        self.deciding_note().map_or_else(|| why.to_owned(), |note| format!("{why}: {note}"))
    }

    /// What the feed remarks, if the feed has decided the state.
    pub(super) fn deciding_note(&self) -> Option<&str> {
        self.note.as_deref().filter(|_| self.enabled && self.said_by == "feed")
    }

    /// Whether it is in the country, or in the pool of the country.
    pub fn serves(&self, country: Country) -> bool {
        self.country == country.code() || self.serves.contains(&country.code())
    }

    /// Its addresses whose state is not that of the mirror.
    pub fn differing(&self) -> impl Iterator<Item = &AddressInfo> {
        self.addresses.iter().filter(|of| of.state != self.state)
    }

    /// For whom the mirror is not, for people: `not for CN, continent:AS`; `None` if it is for all.
    pub fn restriction(&self) -> Option<String> {
        let named: Vec<&str> = self.not_for.iter().take(NAMED_AREAS).map(String::as_str).collect();
        let more = match self.not_for.len().saturating_sub(NAMED_AREAS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (!named.is_empty()).then(|| format!("not for {}{more}", named.join(", ")))
    }
}

fn addresses(mirror: &Mirror, status: &MirrorStatus) -> Vec<AddressInfo> {
    let states = status.ipv4.iter().chain(&status.ipv6);
    mirror
        .addresses()
        .zip(states)
        .map(|(address, state)| AddressInfo { address, state: *state })
        .collect()
}

/// The source of a state, as the JSON documents name it.
fn said_by(cause: &Cause) -> &'static str {
    match cause {
        Cause::Unmentioned => "nothing",
        Cause::Feed => "feed",
        Cause::Downtime(_) => "downtime",
        Cause::Override { .. } => "override",
        Cause::Settling(_) => "settling",
    }
}

/// Why none of a mirror's addresses is answered.
fn left_out(mirror: &Mirror, status: &MirrorStatus) -> String {
    if !mirror.enabled {
        return "enabled = false in the fleet file".to_owned();
    }
    if status.stuck.is_some() {
        return status.to_string();
    }
    let works = |state: &State| state.is_usable();
    if status.behind > 0 && status.ipv4.iter().chain(&status.ipv6).any(works) {
        let versions = plural(status.behind as usize, "version", "versions");
        return format!("{status}, but {versions} behind the record");
    }
    if works(&status.state) {
        // The mirror as a whole works, but none of its addresses does.
        let mut states = status.ipv4.iter().chain(&status.ipv6);
        return match (states.next(), states.next()) {
            (Some(only), None) => format!("{status}, but its address is {only}"),
            (Some(first), Some(_)) => format!("{status}, but its addresses are {first}"),
            (None, _) => format!("{status}, but has no address"),
        };
    }
    status.to_string()
}
