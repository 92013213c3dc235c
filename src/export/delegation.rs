//! What parent zones need to lead to the zones served here: NS records and glue (RFC 1034 section 4.2.1, RFC 9471).

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::{header, text};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::{Inputs, ZoneInput};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::records::Rrset;
use cvdns_core::zone::{Records, file::CC};

/// Delegations by the zone that they belong into.
#[derive(Debug)]
pub struct Delegations<'z> {
    parents: Vec<Parent<'z>>,
    /// Whether names are written relative to it.
    relative: bool,
}

/// What belongs into one zone.
#[derive(Debug)]
struct Parent<'z> {
    name: Name,
    /// Whether it is served here as well.
    is_served: bool,
    sets: Vec<Set<'z>>,
    /// Addresses of name servers within the zones, by name.
    glue: BTreeMap<Box<[u8]>, Vec<Rrset<'z>>>,
}

/// The zones of one file.
#[derive(Debug)]
struct Set<'z> {
    origin: &'z str,
    /// Their NS records.
    ns: Vec<Rrset<'z>>,
}

/// The delegations of all zones that are served, or of those that belong into `parent`. Zones whose name servers could not be
/// found are noted.
pub fn delegations<'z>(
    inputs: &'z Inputs,
    parent: Option<&Name>,
    problems: &mut Problems,
) -> Delegations<'z> {
    let served = Served::of(inputs);
    let mut parents: Vec<Parent<'z>> = Vec::new();
    for input in &inputs.zones {
        let above = common_parent(input);
        for zone in &input.zones {
            let origin = &zone.records.origin;
            let Some(into) = into(origin, &served, parent, above.as_ref()) else { continue };
            let Some(ns) = zone.records.get(origin, rtype::NS) else { continue };
            let place = parents.iter().position(|known| known.name == into).unwrap_or_else(|| {
                let is_served = served.0.contains_key(&into);
                parents.push(Parent {
                    name: into,
                    is_served,
                    sets: Vec::new(),
                    glue: BTreeMap::new(),
                });
                parents.len() - 1
            });
            let Some(parent) = parents.get_mut(place) else { continue };
            parent.add(&input.file.origin.value, ns);
        }
    }
    for parent in &mut parents {
        parent.find_glue(&served, problems);
    }
    Delegations { parents, relative: parent.is_some() }
}

/// The zones that are served, by name.
struct Served<'z>(HashMap<Name, &'z Records>);

impl<'z> Served<'z> {
    fn of(inputs: &'z Inputs) -> Self {
        let zones = inputs.zones.iter().flat_map(|input| &input.zones);
        Self(zones.map(|zone| (zone.records.origin.clone(), &*zone.records)).collect())
    }

    /// The zone that a name is in: that with the longest origin.
    fn of_name(&self, name: &Name) -> Option<&'z Records> {
        let mut at = Some(name.clone());
        while let Some(here) = at {
            if let Some(records) = self.0.get(&here) {
                return Some(records);
            }
            at = here.parent();
        }
        None
    }
}

/// The zone that the delegation of `origin` belongs into; none where that is not `wanted`, and for the root.
fn into(
    origin: &Name,
    served: &Served<'_>,
    wanted: Option<&Name>,
    above: Option<&Name>,
) -> Option<Name> {
    let parent = origin.parent()?;
    let known = served.of_name(&parent).map(|records| &records.origin);
    let Some(wanted) = wanted else { return known.or(above).cloned() };
    // Another zone that is served may lie in between.
    let is_direct = known.is_none_or(|known| wanted.is_within(known));
    (parent.is_within(wanted) && is_direct).then(|| wanted.clone())
}

/// The longest name that all zones of a file are below.
fn common_parent(input: &ZoneInput) -> Option<Name> {
    let mut origins = input.zones.iter().map(|zone| &zone.records.origin);
    let mut common = origins.next()?.parent()?;
    for origin in origins {
        while !origin.is_within(&common) {
            common = common.parent()?;
        }
    }
    Some(common)
}

impl<'z> Parent<'z> {
    fn add(&mut self, origin: &'z str, ns: Rrset<'z>) {
        match self.sets.last_mut() {
            Some(set) if set.origin == origin => set.ns.push(ns),
            _ => self.sets.push(Set { origin, ns: vec![ns] }),
        }
    }

    /// Gathers the addresses of name servers that lie in one of the zones: nobody could ask for them otherwise.
    fn find_glue(&mut self, served: &Served<'z>, problems: &mut Problems) {
        let zones: Vec<Rrset<'z>> =
            self.sets.iter().flat_map(|set| set.ns.iter().copied()).collect();
        let names: HashMap<Name, Rrset<'z>> =
            zones.iter().map(|zone| (zone.owner_name(), *zone)).collect();
        let holder = |server: &Name| {
            let mut above = std::iter::successors(Some(server.clone()), Name::parent);
            above.find_map(|name| names.get(&name))
        };
        let mut noted: Vec<Location> = Vec::new();
        for zone in &zones {
            for server in zone.rdatas().filter_map(|rdata| Name::from_wire(rdata).ok()) {
                let key: Box<[u8]> = server.to_lower().wire().into();
                let is_known = self.glue.contains_key(&key);
                // In its own zone, or in a sibling that is delegated beside it.
                let Some(holder) = (!is_known).then(|| holder(&server)).flatten() else { continue };
                let records = served.of_name(&server);
                let addresses: Vec<Rrset<'z>> = records.map_or_else(Vec::new, |records| {
                    [rtype::A, rtype::AAAA]
                        .iter()
                        .filter_map(|kind| records.get(&server, *kind))
                        .collect()
                });
                let is_cut = records.is_some_and(|records| records.cut_above(&server).is_some());
                let is_own = server.is_within(&zone.owner_name());
                // The zones of a file only repeat what is wrong with it.
                if addresses.is_empty() && (is_own || !is_cut) && !noted.contains(&zone.location())
                {
                    noted.push(zone.location());
                    problems.error(
                        zone.location(),
                        format!(
                            "the name server {server} of {} lies in {} and has no address",
                            zone.owner_name(),
                            holder.owner_name()
                        ),
                        "add its A or AAAA record to that zone: the parent needs it as glue (RFC 9471)",
                    );
                }
                if !addresses.is_empty() {
                    self.glue.insert(key, addresses);
                }
            }
        }
    }
}

impl Delegations<'_> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// Parts of master files, one for each parent; `ecs` as it is set in `[server]`.
    pub fn to_text(&self, ecs: bool) -> String {
        let mut out = String::new();
        for (number, parent) in self.parents.iter().enumerate() {
            if number > 0 {
                out.push('\n');
            }
            parent.write(&mut out, self.relative, ecs);
        }
        out
    }
}

impl Parent<'_> {
    fn write(&self, out: &mut String, relative: bool, ecs: bool) {
        let name = &self.name;
        let served = if self.is_served {
            ", which is served here too: records of its master file"
        } else {
            ""
        };
        let _ = writeln!(out, "; Delegations in the zone {name}{served}.");
        let _ = writeln!(
            out,
            "; Made by cvdns {}. Make them anew when name servers change.",
            env!("CARGO_PKG_VERSION")
        );
        out.push_str("; No DS records: answers are not signed.\n");
        for line in header::trap(ecs) {
            let _ = writeln!(out, "; {line}");
        }
        if relative {
            let _ = writeln!(out, "$ORIGIN {}", text::name(name.wire()));
        }
        let of = |wire: &[u8]| if relative { relative_to(wire, name) } else { text::name(wire) };
        for set in &self.sets {
            out.push('\n');
            if set.origin.contains(CC) {
                let _ = writeln!(out, "; {}: {} zones", set.origin, set.ns.len());
            }
            for ns in &set.ns {
                for target in ns.rdatas() {
                    let _ = writeln!(out, "{} {} IN NS {}", of(ns.owner()), ns.ttl(), of(target));
                }
            }
        }
        if !self.glue.is_empty() {
            out.push_str("\n; Glue: addresses of name servers within these zones.\n");
        }
        for set in self.glue.values().flatten() {
            for rdata in set.rdatas() {
                let (mnemonic, data) = text::data(set.rtype(), rdata);
                let _ = writeln!(out, "{} {} IN {mnemonic} {data}", of(set.owner()), set.ttl());
            }
        }
    }
}

/// A name as it is written behind `$ORIGIN`.
fn relative_to(wire: &[u8], origin: &Name) -> String {
    let length = wire.len().checked_sub(origin.wire().len());
    let is_within = Name::from_wire(wire).is_ok_and(|name| name.is_within(origin));
    let labels = length.and_then(|length| wire.get(..length)).filter(|_| is_within);
    match labels {
        Some([]) => "@".to_owned(),
        Some(labels) => match Name::from_wire(&[labels, &[0]].concat()) {
            Ok(name) => name.to_string(),
            Err(_) => text::name(wire),
        },
        None => text::name(wire),
    }
}
