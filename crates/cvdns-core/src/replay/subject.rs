//! The names whose answers are replayed, and by which path each client is answered.

use std::net::IpAddr;

use super::clients::Clients;
use crate::decision::{Outcome, Trail, decide_by_name};
use crate::geo::area::Area;
use crate::geo::country::Country;
use crate::snapshot::Snapshot;
use crate::snapshot::inputs::ZoneInput;
use crate::snapshot::pools::PathId;
use crate::wire::lower::LowerName;
use crate::wire::name::Name;
use crate::wire::rtype;
use crate::zone::file::{CC, DynamicName, Families, NameKind, PoolRef};

/// A name of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Number of the zone file, which is also that of its plan.
    pub plan: usize,
    /// The name. With `{cc}` in it, clients of each country ask for the name of their country.
    pub name: String,
}

/// The rule and path that a client is answered by.
pub type DecidedPath = (u32, PathId);

/// By which paths clients are answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decisions {
    /// The path of each area's clients.
    pub of_areas: Vec<(Area, DecidedPath)>,
    /// The names that have no records of mirrors.
    pub without: Vec<String>,
}

impl Subject {
    /// What each client is answered by: the serving code's decision. With `{cc}` in the name, a
    /// client without a country asks for nothing.
    ///
    /// # Errors
    /// When the name is no domain name.
    pub fn decisions(
        &self,
        snapshot: &Snapshot,
        clients: &Clients,
        qtype: u16,
    ) -> Result<Decisions, String> {
        let asked: Vec<(Area, IpAddr, String)> = if self.name.contains(CC) {
            let of = |country: Country| {
                let name = self.name.replace(CC, &country.code().to_ascii_lowercase());
                (Area::Country(country), clients.in_country(country), name)
            };
            Country::all().map(of).collect()
        } else {
            clients.all().map(|(area, address)| (area, address, self.name.clone())).collect()
        };
        let mut out = Decisions::default();
        for (area, address, name) in asked {
            match decided(snapshot, &name, qtype, address)? {
                Some(path) => out.of_areas.push((area, path)),
                None => out.without.push(name),
            }
        }
        Ok(out)
    }
}

/// The rule and path of an answer; `None` if the name is not answered from mirrors.
///
/// # Errors
/// When the name is no domain name.
pub fn decided(
    snapshot: &Snapshot,
    name: &str,
    qtype: u16,
    address: IpAddr,
) -> Result<Option<DecidedPath>, String> {
    let parsed = Name::parse(name, &Name::root())
        .map_err(|error| format!("\"{name}\" is not a domain name: {error}"))?;
    let (mut lower, mut trail) = (LowerName::new(), Trail::default());
    lower.set(parsed.to_lower().wire());
    let decision = decide_by_name(snapshot, &lower, qtype, address, &mut trail);
    Ok(match decision.outcome {
        Outcome::Pool { rule, path, .. } | Outcome::NoAddresses { rule, path } => {
            Some((rule, path))
        }
        _ => None,
    })
}

/// The first name of a zone that depends on the client, else the first for each country.
pub fn usual_name(zone: &ZoneInput, qtype: u16) -> Option<String> {
    let first = |wanted: &PoolRef| {
        let is_it = |name: &&DynamicName| {
            let NameKind::Pool { pool, families } = &name.kind else { return false };
            pool == wanted && has_records(*families, qtype)
        };
        let names = zone.file.names.iter().filter(is_it).map(|name| full_name(zone, name));
        names.into_iter().find(|name| {
            name.contains(CC) == (*wanted == PoolRef::OfName) && !name.starts_with('*')
        })
    };
    first(&PoolRef::Client).or_else(|| first(&PoolRef::OfName))
}

/// The names of a zone whose records of this type are mirrors.
pub fn pool_names(zone: &ZoneInput, qtype: u16) -> impl Iterator<Item = String> {
    let is_it = move |name: &&DynamicName| match name.kind {
        NameKind::Pool { families, .. } => has_records(families, qtype),
        _ => false,
    };
    zone.file.names.iter().filter(is_it).map(move |name| full_name(zone, name))
}

/// Whether a name with these address families has records of the type.
fn has_records(families: Families, qtype: u16) -> bool {
    let one = if qtype == rtype::A { Families::V4 } else { Families::V6 };
    [Families::Both, one].contains(&families)
}

/// The whole name of a dynamic name, without a final dot.
pub fn full_name(zone: &ZoneInput, name: &DynamicName) -> String {
    let origin = zone.file.origin.value.trim_end_matches('.');
    match name.owner.value.as_str() {
        "@" => origin.to_owned(),
        absolute if absolute.ends_with('.') => absolute.trim_end_matches('.').to_owned(),
        owner => format!("{owner}.{origin}"),
    }
}
