//! Delegations for parent zones: the NS records, glue and DS records of the zones served here (RFC
//! 1034 section 4.2.1, RFC 9471, RFC 4035 section 2.4).

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::{header, presentation};
use cvdns_core::dnssec::Dnskey;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::{ExpandedZone, Inputs, ZoneInput};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::records::Rrset;
use cvdns_core::zone::{Records, file::CC};
use cvdns_dnssec::{DigestType, ds, trusted_keys};

/// Delegations by parent zone.
#[derive(Debug)]
pub struct Delegations<'z> {
    parents: Vec<ParentZone<'z>>,
    /// Whether names are written relative to the parent zone.
    relative: bool,
}

/// The delegations in one parent zone.
#[derive(Debug)]
struct ParentZone<'z> {
    name: Name,
    /// Whether the parent zone is served here as well.
    is_served: bool,
    sets: Vec<DelegationSet<'z>>,
    /// Addresses of name servers within the delegated zones, by lower-case name in wire form.
    glue: BTreeMap<Box<[u8]>, Vec<Rrset<'z>>>,
}

/// The delegations of the zones of one zone file.
#[derive(Debug)]
struct DelegationSet<'z> {
    origin: &'z str,
    zones: Vec<DelegatedZone<'z>>,
}

/// The delegation of a zone.
#[derive(Debug)]
struct DelegatedZone<'z> {
    ns: Rrset<'z>,
    /// Data of DS records: one for each key that signs the zone's keys.
    ds: Vec<Vec<u8>>,
}

impl<'z> DelegatedZone<'z> {
    fn of(zone: &'z ExpandedZone) -> Option<Self> {
        let origin = &zone.records.origin;
        let ns = zone.records.get(origin, rtype::NS)?;
        let keys = zone.signing.as_ref().map(|signing| trusted_keys(signing));
        let ds = |key: Dnskey| ds(origin, &key, DigestType::Sha256);
        Some(Self { ns, ds: keys.into_iter().flatten().map(ds).collect() })
    }
}

/// The delegations of all served zones, or of those that are delegated from `parent`. Missing glue
/// is an error in `problems`.
pub fn delegations<'z>(
    inputs: &'z Inputs,
    parent: Option<&Name>,
    problems: &mut Problems,
) -> Delegations<'z> {
    let served = ServedZones::of(inputs);
    let mut parents: Vec<ParentZone<'z>> = Vec::new();
    for input in &inputs.zones {
        let above = common_parent(input);
        for zone in &input.zones {
            let origin = &zone.records.origin;
            let Some(into) = parent_zone(origin, &served, parent, above.as_ref()) else {
                continue;
            };
            let Some(delegated) = DelegatedZone::of(zone) else { continue };
            let index = parents.iter().position(|known| known.name == into).unwrap_or_else(|| {
                let is_served = served.0.contains_key(&into);
                parents.push(ParentZone {
                    name: into,
                    is_served,
                    sets: Vec::new(),
                    glue: BTreeMap::new(),
                });
                parents.len() - 1
            });
            let Some(parent) = parents.get_mut(index) else { continue };
            parent.add(&input.file.origin.value, delegated);
        }
    }
    for parent in &mut parents {
        parent.find_glue(&served, problems);
    }
    Delegations { parents, relative: parent.is_some() }
}

/// The served zones, by name.
pub(crate) struct ServedZones<'z>(HashMap<Name, &'z Records>);

impl<'z> ServedZones<'z> {
    /// The zones that these inputs serve.
    pub(crate) fn of(inputs: &'z Inputs) -> Self {
        let zones = inputs.zones.iter().flat_map(|input| &input.zones);
        Self(zones.map(|zone| (zone.records.origin.clone(), &*zone.records)).collect())
    }

    /// The zone that contains a name: the one with the longest origin.
    pub(crate) fn of_name(&self, name: &Name) -> Option<&'z Records> {
        let mut ancestors = std::iter::successors(Some(name.clone()), Name::parent);
        ancestors.find_map(|ancestor| self.0.get(&ancestor).copied())
    }
}

/// The parent zone of `origin`; `None` for the root, and if it is not the `wanted` one.
fn parent_zone(
    origin: &Name,
    served: &ServedZones<'_>,
    wanted: Option<&Name>,
    above: Option<&Name>,
) -> Option<Name> {
    let parent = origin.parent()?;
    let known = served.of_name(&parent).map(|records| &records.origin);
    let Some(wanted) = wanted else { return known.or(above).cloned() };
    // Another served zone may lie in between.
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

impl<'z> ParentZone<'z> {
    fn add(&mut self, origin: &'z str, zone: DelegatedZone<'z>) {
        match self.sets.last_mut() {
            Some(set) if set.origin == origin => set.zones.push(zone),
            _ => self.sets.push(DelegationSet { origin, zones: vec![zone] }),
        }
    }

    fn zones(&self) -> impl Iterator<Item = &DelegatedZone<'z>> {
        self.sets.iter().flat_map(|set| &set.zones)
    }

    /// Collects glue: the addresses of name servers within one of the delegated zones, which
    /// resolvers could not look up otherwise.
    fn find_glue(&mut self, served: &ServedZones<'z>, problems: &mut Problems) {
        let zones: Vec<Rrset<'z>> = self.zones().map(|zone| zone.ns).collect();
        let names: HashMap<Name, Rrset<'z>> =
            zones.iter().map(|zone| (zone.owner_name(), *zone)).collect();
        let enclosing = |server: &Name| {
            let mut ancestors = std::iter::successors(Some(server.clone()), Name::parent);
            ancestors.find_map(|name| names.get(&name))
        };
        let mut reported: Vec<Location> = Vec::new();
        for zone in &zones {
            for server in zone.rdatas().filter_map(|rdata| Name::from_wire(rdata).ok()) {
                let key: Box<[u8]> = server.to_lower().wire().into();
                let is_known = self.glue.contains_key(&key);
                // In-domain glue, or sibling glue (RFC 9471 section 2).
                let Some(enclosing) = (!is_known).then(|| enclosing(&server)).flatten() else {
                    continue;
                };
                let records = served.of_name(&server);
                let addresses: Vec<Rrset<'z>> = records.map_or_else(Vec::new, |records| {
                    [rtype::A, rtype::AAAA]
                        .iter()
                        .filter_map(|kind| records.get(&server, *kind))
                        .collect()
                });
                let is_cut = records.is_some_and(|records| records.cut_above(&server).is_some());
                let is_own = server.is_within(&zone.owner_name());
                // All zones of one zone file have the same problem: one report is enough.
                let is_missing = addresses.is_empty() && (is_own || !is_cut);
                if is_missing && !reported.contains(&zone.location()) {
                    reported.push(zone.location());
                    problems.error(
                        zone.location(),
                        format!(
                            "the name server {server} of {} is within {} and has no address",
                            zone.owner_name(),
                            enclosing.owner_name()
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
    /// Whether there are no delegations.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// Master-file lines, grouped by parent zone. `ecs` is the setting in `[server]`.
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

impl ParentZone<'_> {
    fn write(&self, out: &mut String, relative: bool, ecs: bool) {
        let name = &self.name;
        let served = if self.is_served {
            ", which is served here too: add them to its master file"
        } else {
            ""
        };
        let _ = writeln!(out, "; Delegations in the zone {name}{served}.");
        let _ = writeln!(
            out,
            "; Made by cvdns {}. Export again when name servers change.",
            env!("CARGO_PKG_VERSION")
        );
        if self.zones().all(|zone| zone.ds.is_empty()) {
            out.push_str("; No DS records: answers are not signed.\n");
        }
        for line in header::ecs_warning(ecs) {
            let _ = writeln!(out, "; {line}");
        }
        if relative {
            let _ = writeln!(out, "$ORIGIN {}", presentation::name(name.wire()));
        }
        let of =
            |wire: &[u8]| if relative { relative_to(wire, name) } else { presentation::name(wire) };
        for set in &self.sets {
            out.push('\n');
            if set.origin.contains(CC) {
                let _ = writeln!(out, "; {}: {} zones", set.origin, set.zones.len());
            }
            for DelegatedZone { ns, ds } in &set.zones {
                let (owner, ttl) = (of(ns.owner()), ns.ttl());
                for target in ns.rdatas() {
                    let _ = writeln!(out, "{owner} {ttl} IN NS {}", of(target));
                }
                for rdata in ds {
                    let (mnemonic, data) = presentation::data(rtype::DS, rdata);
                    let _ = writeln!(out, "{owner} {ttl} IN {mnemonic} {data}");
                }
            }
        }
        if !self.glue.is_empty() {
            out.push_str("\n; Glue: addresses of name servers within these zones.\n");
        }
        for set in self.glue.values().flatten() {
            for rdata in set.rdatas() {
                let (mnemonic, data) = presentation::data(set.rtype(), rdata);
                let _ = writeln!(out, "{} {} IN {mnemonic} {data}", of(set.owner()), set.ttl());
            }
        }
    }
}

/// A name relative to `$ORIGIN`, or absolute if it is not within the origin.
fn relative_to(wire: &[u8], origin: &Name) -> String {
    let length = wire.len().checked_sub(origin.wire().len());
    let is_within = Name::from_wire(wire).is_ok_and(|name| name.is_within(origin));
    let labels = length.and_then(|length| wire.get(..length)).filter(|_| is_within);
    match labels {
        Some([]) => "@".to_owned(),
        Some(labels) => match Name::from_wire(&[labels, &[0]].concat()) {
            Ok(name) => name.to_string(),
            Err(_) => presentation::name(wire),
        },
        None => presentation::name(wire),
    }
}
