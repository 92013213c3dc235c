//! The record that a name announces, and how its versions were chosen.

use jiff::Timestamp;
use serde::Serialize;

use crate::decision::{Decision, NameMatch, Outcome, find};
use crate::release::{Announced, Gate};
use crate::snapshot::Snapshot;
use crate::snapshot::static_data::{Answer, NodeAnswer, StaticData};
use crate::wire::lower::LowerName;
use crate::wire::name::Name;
use crate::wire::rtype;
use crate::zone::records::target;

/// A record of the release, or why it is not answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordInfo {
    /// The TXT string; `None` for SERVFAIL.
    pub text: Option<String>,
    /// TTL in seconds.
    pub ttl: Option<u32>,
    /// The record's stamp in Unix seconds.
    pub stamp: Option<i64>,
    /// Seconds since the stamp.
    pub age: Option<i64>,
    /// Whether nothing renews the stamp any more, and caches could keep the record for longer than
    /// clients trust it.
    pub stale: bool,
    /// How the announced versions of main, daily and bytecode were chosen.
    pub gates: Vec<GateInfo>,
    /// Why the release is suspect, for people; `None` if it is not.
    pub suspect: Option<String>,
}

/// How the announced version of a database follows from the versions that mirrors have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateInfo {
    /// Name of the database.
    pub database: &'static str,
    /// Version in the release.
    pub released: u32,
    /// Version that is announced.
    pub announced: u32,
    /// Whether the released version waits for mirrors.
    pub waits: bool,
    /// Share of the usable mirrors' capacity that has the announced version, from 0 to 1; `None` if
    /// the version of no usable mirror is known.
    pub held: Option<f64>,
    /// Share that has the released version, from 0 to 1; `None` likewise.
    pub released_held: Option<f64>,
    /// Share that a version needs to be announced, from 0 to 1.
    pub quorum: f64,
    /// The largest mirrors that do not have the released version, while it waits.
    pub held_back_by: Vec<HoldingMirror>,
    /// How many other mirrors do not have it.
    pub held_back_by_more: usize,
    /// Since when the release has had a later version than the announced one, if that is known.
    pub waits_since: Option<Timestamp>,
    /// The same as a text for people.
    pub words: String,
}

/// A mirror that does not have a released version.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HoldingMirror {
    /// Host name.
    pub host: String,
    /// Its share of the usable mirrors' capacity, from 0 to 1.
    pub share: f64,
}

/// Octets in front of a TXT record's string: pointer, type, class, TTL, RDLENGTH, length.
const BEFORE_STRING: usize = 13;

impl RecordInfo {
    /// The record of a decision; `None` if the decision is not about the release.
    pub(super) fn of(
        snapshot: &Snapshot,
        decision: &Decision<'_>,
        time: Timestamp,
    ) -> Option<Self> {
        let announced = snapshot.dynamic_data.announced();
        match decision.outcome {
            Outcome::Text { template, announced, stale } => {
                let text = template.octets.get(BEFORE_STRING..);
                debug_assert!(text.is_some(), "a text template is a TXT record");
                let text = text.unwrap_or_default();
                let ttl = template.octets.get(6..10).and_then(|ttl| ttl.try_into().ok());
                Some(Self {
                    text: Some(String::from_utf8_lossy(text).into_owned()),
                    ttl: ttl.map(u32::from_be_bytes),
                    stale,
                    ..Self::announced(snapshot, Some(announced), time)
                })
            }
            Outcome::Expired => {
                Some(Self { stale: true, ..Self::announced(snapshot, announced, time) })
            }
            Outcome::NotReady => Some(Self::announced(snapshot, announced, time)),
            _ => None,
        }
    }

    /// The record of the release as it is answered now; `None` if no name announces it.
    pub fn of_release(snapshot: &Snapshot, time: Timestamp) -> Option<Self> {
        let static_data = &snapshot.static_data;
        let number = static_data.texts.iter().position(|text| text.database.is_none())? as u32;
        let announced = snapshot.dynamic_data.announced();
        let answered = snapshot.dynamic_data.text(number).zip(announced);
        let text = answered.map(|(_, announced)| announced.release.record(announced.stamp));
        let ttl = static_data.texts.get(number as usize).map(|text| text.ttl);
        let stale = snapshot.dynamic_data.stale(number);
        Some(Self { text, ttl, stale, ..Self::announced(snapshot, announced, time) })
    }

    fn announced(snapshot: &Snapshot, announced: Option<&Announced>, time: Timestamp) -> Self {
        let stamp = announced.map(|announced| announced.stamp);
        let gates = announced.map(|announced| announced.gates.iter().map(GateInfo::of).collect());
        Self {
            text: None,
            ttl: None,
            stamp,
            age: stamp.map(|stamp| time.as_second() - stamp),
            stale: false,
            gates: gates.unwrap_or_default(),
            suspect: snapshot
                .dynamic_data
                .suspect()
                .then(|| suspect(snapshot.dynamic_data.stuck())),
        }
    }
}

impl GateInfo {
    fn of(gate: &Gate) -> Self {
        Self {
            database: gate.database,
            released: gate.released,
            announced: gate.announced,
            waits: gate.waits(),
            held: gate.is_known.then(|| gate.held.ratio()),
            released_held: gate.is_known.then(|| gate.released_held.ratio()),
            quorum: gate.quorum.ratio(),
            held_back_by: gate
                .holding_back
                .largest
                .iter()
                .map(|(host, share)| HoldingMirror { host: host.clone(), share: share.ratio() })
                .collect(),
            held_back_by_more: gate.holding_back.more,
            waits_since: gate.waits_since,
            words: gate.to_string(),
        }
    }
}

/// Why the release is suspect: these hosts have more than half of the usable capacity and are
/// stuck.
pub fn suspect(stuck: &[String]) -> String {
    /// Most hosts that are named.
    const NAMED: usize = 3;
    let named = stuck.get(..NAMED).unwrap_or(stuck);
    let more = match stuck.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = named.join(", ");
    format!(
        "mirrors with more than half of the usable capacity are stuck, and none is left out for it: \
         {named}{more}"
    )
}

/// The query type to explain when the operator gives none. It is TXT where the release is
/// announced, otherwise A, AAAA or SOA if the name has them, otherwise the first type at the name.
/// For an alias, it is the type at its target.
pub fn usual_type(snapshot: &Snapshot, name: &LowerName) -> u16 {
    let static_data = &*snapshot.static_data;
    let mut at = name.clone();
    for _ in 0..MAX_ALIASES {
        let NameMatch::Node(node) = find(static_data, &at, static_data.names.probe(&at)) else {
            return rtype::A;
        };
        let Some(node) = static_data.nodes.get(node as usize) else { return rtype::A };
        let holdings = static_data.answers(node);
        let holding = |wanted: u16| holdings.iter().find(|holding| holding.rtype == wanted);
        if let Some(alias) = holding(rtype::CNAME) {
            let Some(next) = cname_target(static_data, alias) else { return rtype::A };
            at = next;
            continue;
        }
        let text = holdings.iter().find(|holding| matches!(holding.answer, Answer::Text(_)));
        let of_types = [rtype::A, rtype::AAAA, rtype::SOA].into_iter().find_map(holding);
        let meant = text.or(of_types);
        return meant.or(holdings.first()).map_or(rtype::A, |meant| meant.rtype);
    }
    rtype::A
}

/// Most aliases that are followed to find a type.
const MAX_ALIASES: usize = 16;

/// The target of a CNAME.
fn cname_target(static_data: &StaticData, alias: &NodeAnswer) -> Option<LowerName> {
    let Answer::Static { rrset, .. } = alias.answer else { return None };
    let target = target(static_data.rrset(rrset)?.first()?)?;
    let mut name = LowerName::new();
    name.set(Name::from_wire(target).ok()?.to_lower().wire()).then_some(name)
}
