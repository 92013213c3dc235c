//! Determines the names of a zone before they are compiled: which exist, which are hidden by a
//! delegation, and which records and answers each has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::problem::{Location, Problems};
use crate::snapshot::static_data::NodeAnswer;
use crate::wire::name::{MAX_NAME, Name, lowered, parent};
use crate::wire::rtype;
use crate::zone::records::{OwnerSets, Records, Rrset};

/// The origins of all zones that are served.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// The number of each zone by its origin in lower case.
    numbers: HashMap<Box<[u8]>, u32>,
    /// Origins of zones by the number of the zone next above.
    below: HashMap<u32, Vec<Box<[u8]>>>,
}

/// A dynamic answer and where it is configured.
pub(super) type DynamicAnswer = (NodeAnswer, Location);

/// An existing name.
pub(super) struct Named<'o, 'r> {
    /// The name in wire form, not necessarily in lower case.
    pub name: &'o [u8],
    /// Its static records; `None` when it has none.
    pub sets: Option<OwnerSets<'r>>,
    /// Its dynamic answers.
    pub dynamic: &'o [DynamicAnswer],
}

/// The names of one zone.
#[derive(Debug)]
pub(super) struct Owners<'r> {
    /// Number of the zone.
    zone: u32,
    /// The static records of the zone.
    records: &'r Records,
    /// The origins of all zones.
    origins: &'r Origins,
    /// For each owner of static records, by its number, whether it is answered from this zone: it
    /// is neither hidden nor in another zone.
    served: Vec<bool>,
    /// Names in lower case that have dynamic answers, and empty non-terminals.
    others: BTreeMap<Box<[u8]>, Vec<DynamicAnswer>>,
    /// DS records of zones below this one that are served too, by the number of the zone.
    pub child_ds: HashMap<u32, Rrset<'r>>,
}

impl Origins {
    /// Adds a zone; false when there is already one with that origin.
    pub(super) fn add(&mut self, origin: &Name, number: u32) -> bool {
        self.numbers.insert(origin.to_lower().wire().into(), number).is_none()
    }

    /// Finds the zone next above each zone, once all are added.
    pub(super) fn link(&mut self) {
        let above = |child: &[u8]| parent(child).and_then(|above| self.zone_of(above));
        let mut below: HashMap<u32, Vec<Box<[u8]>>> = HashMap::new();
        for child in self.numbers.keys() {
            if let Some(zone) = above(child) {
                below.entry(zone).or_default().push(child.clone());
            }
        }
        self.below = below;
    }

    /// The zone with the longest origin at or above a lower-case name.
    fn zone_of(&self, lower: &[u8]) -> Option<u32> {
        let mut rest = lower;
        loop {
            if let Some(zone) = self.numbers.get(rest) {
                return Some(*zone);
            }
            rest = parent(rest)?;
        }
    }

    /// The origins of the zones next below a zone.
    fn below(&self, zone: u32) -> &[Box<[u8]>] {
        self.below.get(&zone).map(Vec::as_slice).unwrap_or_default()
    }
}

impl<'r> Owners<'r> {
    /// The names of the static records of a zone.
    pub(super) fn new(
        zone: u32,
        records: &'r Records,
        origins: &'r Origins,
        problems: &mut Problems,
    ) -> Self {
        let (served, others, child_ds) = (Vec::new(), BTreeMap::new(), HashMap::new());
        let mut owners = Self { zone, records, origins, served, others, child_ds };
        // Most zones have neither zones nor delegations below them, and need no look-ups.
        let has_children = !origins.below(zone).is_empty();
        let has_covers = records.sets().any(|set| is_cover(&set, records));
        for owner in records.owners() {
            let mut lower = [0; MAX_NAME];
            let lower = lowered(owner.name(), &mut lower);
            let closest = if has_children { origins.zone_of(lower) } else { Some(zone) };
            let cover = if has_covers { covered_by(lower, records) } else { None };
            let is_ours = closest == Some(zone);
            match (closest, cover) {
                (Some(child), cover) if !is_ours => {
                    owners.in_child_zone(child, lower, owner, cover.is_some(), problems);
                }
                (_, Some(cover)) => warn_hidden(&cover, owner, problems),
                _ => {}
            }
            owners.served.push(is_ours && cover.is_none() && !is_for_denial_alone(owner));
        }
        let origin = records.origin.to_lower();
        if !owners.has(origin.wire()) {
            owners.others.entry(origin.wire().into()).or_default();
        }
        owners.fill_to_children();
        owners
    }

    /// All names of the zone, each once.
    pub(super) fn names(&self) -> impl Iterator<Item = Named<'_, 'r>> {
        let is_served =
            |owner: &OwnerSets<'_>| self.served.get(owner.number as usize) == Some(&true);
        let fixed = self.records.owners().filter(is_served).map(|owner| {
            let name = owner.name();
            let mut lower = [0; MAX_NAME];
            let dynamic = self.others.get(lowered(name, &mut lower));
            Named {
                name,
                sets: Some(owner),
                dynamic: dynamic.map(Vec::as_slice).unwrap_or_default(),
            }
        });
        let others = self.others.iter().filter(move |(name, _)| !self.is_static(name));
        fixed.chain(others.map(|(name, dynamic)| Named { name, sets: None, dynamic }))
    }

    /// Whether static records of this zone are answered at a lower-case name.
    fn is_static(&self, lower: &[u8]) -> bool {
        let owner = self.records.owner(lower);
        owner.is_some_and(|owner| self.served.get(owner.number as usize) == Some(&true))
    }

    /// Whether a lower-case name exists.
    fn has(&self, lower: &[u8]) -> bool {
        self.is_static(lower) || self.others.contains_key(lower)
    }

    /// Adds a dynamic answer.
    pub(super) fn add(
        &mut self,
        name: &Name,
        answer: NodeAnswer,
        location: &Location,
        problems: &mut Problems,
    ) {
        let lower: Box<[u8]> = name.to_lower().wire().into();
        if self.origins.zone_of(&lower) != Some(self.zone) {
            let help = "name it in that zone's own file";
            return problems.error(
                location.clone(),
                format!("{name} is in another zone that is served here"),
                help,
            );
        }
        let cover = covered_by(&lower, self.records);
        let cut = self.records.get(name, rtype::NS).filter(|_| *name != self.records.origin);
        if let Some(cover) = cover.or(cut) {
            let what = format!("{name} is delegated or renamed away at {}", cover.owner_name());
            return problems.error(
                location.clone(),
                what,
                format!("the record is at {}", cover.location()),
            );
        }
        let mut sets = self.records.owner(&lower).into_iter().flat_map(|owner| owner.sets());
        let clash = sets.find(|set| set.rtype() == answer.rtype || set.rtype() == rtype::CNAME);
        if let Some(set) = clash {
            let what = format!("{name} is dynamic, and the master file defines it too");
            return problems.error(
                location.clone(),
                what,
                format!("remove one; the record is at {}", set.location()),
            );
        }
        let dynamic = self.others.entry(lower).or_default();
        if let Some((_, earlier)) = dynamic.iter().find(|(other, _)| other.rtype == answer.rtype) {
            let what = format!("{name} is defined twice for the same type");
            return problems.error(location.clone(), what, format!("the first is at {earlier}"));
        }
        dynamic.push((answer, location.clone()));
    }

    /// Adds the empty non-terminals between each name and the origin (RFC 8020, RFC 4592
    /// section 2.2.2).
    pub(super) fn fill_between(&mut self) {
        let origin = self.records.origin.wire().len();
        let mut missing: BTreeSet<Box<[u8]>> = BTreeSet::new();
        for named in self.names() {
            let mut lower = [0; MAX_NAME];
            let mut rest = lowered(named.name, &mut lower);
            while let Some(above) = parent(rest).filter(|above| above.len() > origin) {
                // The names above this one have been checked with it.
                if missing.contains(above) || self.has(above) {
                    break;
                }
                missing.insert(above.into());
                rest = above;
            }
        }
        for name in missing {
            self.others.entry(name).or_default();
        }
    }

    /// Adds the names between this zone and the zones served below it, delegated or not: NXDOMAIN
    /// for one of these names would deny the whole zone below (RFC 8020).
    fn fill_to_children(&mut self) {
        let origins = self.origins;
        for child in origins.below(self.zone) {
            let mut at: &[u8] = child;
            while let Some(above) =
                parent(at).filter(|above| above.len() > self.records.origin.wire().len())
            {
                if covered_by(above, self.records).is_none() && !self.is_static(above) {
                    self.others.entry(above.into()).or_default();
                }
                at = above;
            }
        }
    }

    /// Handles records at or below the apex of a child zone that is served too. The child zone
    /// answers, except for DS.
    fn in_child_zone(
        &mut self,
        child: u32,
        lower: &[u8],
        owner: OwnerSets<'r>,
        hidden: bool,
        problems: &mut Problems,
    ) {
        let at_apex = self.origins.numbers.get(lower) == Some(&child);
        for set in owner.sets() {
            match set.rtype() {
                rtype::DS if at_apex && !hidden => {
                    self.child_ds.insert(child, set);
                }
                // The delegation and its glue belong to the parent zone too.
                rtype::NS | rtype::A | rtype::AAAA => {}
                _ => problems.warning(
                    set.location(),
                    format!("{} is in a zone of its own that is served here", set.owner_name()),
                    "the record is never answered from this file: move it to the file of that zone",
                ),
            }
        }
    }
}

/// Whether an owner has nothing but an NSEC3 record and its signature. Such a name is made from a
/// hash and does not exist for queries (RFC 5155 section 7.2.8).
fn is_for_denial_alone(owner: OwnerSets<'_>) -> bool {
    let covers_nsec3 = |rdata: &[u8]| rdata.starts_with(&rtype::NSEC3.to_be_bytes());
    let is_signature =
        |set: &Rrset<'_>| set.rtype() == rtype::RRSIG && set.rdatas().all(covers_nsec3);
    let mut sets = owner.sets();
    owner.get(rtype::NSEC3).is_some()
        && sets.all(|set| set.rtype() == rtype::NSEC3 || is_signature(&set))
}

/// Whether a set hides all names below its owner: it is a delegation or a DNAME.
fn is_cover(set: &Rrset<'_>, records: &Records) -> bool {
    set.rtype() == rtype::DNAME
        || (set.rtype() == rtype::NS && set.owner().len() > records.origin.wire().len())
}

/// The highest delegation or DNAME above a name, by which the name is hidden; `None` when there is
/// none.
fn covered_by<'r>(lower: &[u8], records: &'r Records) -> Option<Rrset<'r>> {
    let origin = records.origin.wire().len();
    let mut found = None;
    let mut rest = lower;
    while let Some(above) = parent(rest).filter(|above| above.len() >= origin) {
        let mut sets = records.owner(above).into_iter().flat_map(|owner| owner.sets());
        found = sets.find(|set| is_cover(set, records)).or(found);
        rest = above;
    }
    found
}

/// Warns of records that are never answered because `cover` hides them, except for glue.
fn warn_hidden(cover: &Rrset<'_>, owner: OwnerSets<'_>, problems: &mut Problems) {
    let glue = |set: &Rrset<'_>| {
        cover.rtype() == rtype::NS && matches!(set.rtype(), rtype::A | rtype::AAAA)
    };
    for set in owner.sets().filter(|set| !glue(set)) {
        problems.warning(
            set.location(),
            format!("{} is never answered: it is below {}", set.owner_name(), cover.owner_name()),
            format!("the record at {} hides it; remove one of them", cover.location()),
        );
    }
}
