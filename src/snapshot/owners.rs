//! Sorts a zone's names before they are compiled: which exist, which are hidden by a delegation, and what each holds.

use std::collections::{BTreeMap, HashMap};

use crate::problem::{Problems, Spot};
use crate::wire::name::{Name, parent};
use crate::wire::rtype;
use crate::zone::records::{Records, Rrset};

use super::frame::Holding;

/// Numbers of zones by their origin, in lower case.
pub(super) type Origins = HashMap<Box<[u8]>, u32>;

/// A name that exists.
#[derive(Debug, Default)]
pub(super) struct Owner<'r> {
    /// Static records.
    pub sets: Vec<&'r Rrset>,
    /// Dynamic answers and where they are configured.
    pub dynamic: Vec<(Holding, Spot)>,
}

/// The names of one zone by their lower-case wire form.
#[derive(Debug)]
pub(super) struct Owners<'r> {
    /// The names that exist, empty non-terminals included.
    pub names: BTreeMap<Box<[u8]>, Owner<'r>>,
    /// DS records at the apex of zones that are served beside this one, by those zones' number.
    pub child_ds: HashMap<u32, &'r Rrset>,
}

impl<'r> Owners<'r> {
    /// The names of a zone's static records.
    pub(super) fn new(zone: u32, records: &'r Records, origins: &Origins, problems: &mut Problems) -> Self {
        let mut owners = Self { names: BTreeMap::new(), child_ds: HashMap::new() };
        owners.names.entry(records.origin.to_lower().wire().into()).or_default();
        for (lower, sets) in &records.owners {
            let Some((closest, _)) = zone_of(lower, origins) else { continue };
            if closest != zone {
                owners.beside(closest, lower, sets, covered_by(lower, records).is_some(), origins, problems);
            } else if let Some(cover) = covered_by(lower, records) {
                warn_hidden(cover, sets, problems);
            } else {
                owners.names.entry(lower.clone()).or_default().sets.extend(sets);
            }
        }
        owners.reach_children(zone, records, origins);
        owners
    }

    /// Adds a dynamic answer.
    pub(super) fn add(
        &mut self,
        zone: u32,
        name: &Name,
        holding: Holding,
        spot: &Spot,
        place: &Place<'_>,
        problems: &mut Problems,
    ) {
        let lower: Box<[u8]> = name.to_lower().wire().into();
        if zone_of(&lower, place.origins).is_none_or(|(closest, _)| closest != zone) {
            let help = "name it in that zone's own file";
            return problems.error(
                spot.clone(),
                format!("{name} lies in another zone that is served here"),
                help,
            );
        }
        let cover = covered_by(&lower, place.records);
        let cut = place.records.get(name, rtype::NS).filter(|_| *name != place.records.origin);
        if let Some(cover) = cover.or(cut) {
            let what = format!("{name} is delegated or renamed away at {}", cover.owner);
            return problems.error(spot.clone(), what, format!("the record stands at {}", cover.spot));
        }
        let owner = self.names.entry(lower).or_default();
        let clash = owner.sets.iter().find(|set| set.rtype == holding.rtype || set.rtype == rtype::CNAME);
        if let Some(set) = clash {
            let what = format!("{name} is dynamic, and the master file defines it too");
            return problems.error(
                spot.clone(),
                what,
                format!("remove one; the record stands at {}", set.spot),
            );
        }
        if let Some((_, earlier)) = owner.dynamic.iter().find(|(other, _)| other.rtype == holding.rtype) {
            let what = format!("{name} is defined twice for the same type");
            return problems.error(spot.clone(), what, format!("the first stands at {earlier}"));
        }
        owner.dynamic.push((holding, spot.clone()));
    }

    /// Names between an owner and the origin exist too (RFC 8020, RFC 4592 section 2.2.2).
    pub(super) fn fill_between(&mut self, origin: &Name) {
        let existing: Vec<Box<[u8]>> = self.names.keys().cloned().collect();
        for lower in existing {
            let mut rest: &[u8] = &lower;
            while let Some(above) = parent(rest).filter(|above| above.len() > origin.wire().len()) {
                if self.names.contains_key(above) {
                    break;
                }
                self.names.insert(above.into(), Owner::default());
                rest = above;
            }
        }
    }

    /// A zone that is served below this one makes the names between them exist, delegated or not: as an NXDOMAIN, one of
    /// them would deny the whole zone below (RFC 8020).
    fn reach_children(&mut self, zone: u32, records: &Records, origins: &Origins) {
        for child in origins.keys() {
            let above =
                parent(child).and_then(|above| zone_of(above, origins).map(|(closest, _)| (above, closest)));
            let Some((mut above, closest)) = above else { continue };
            while closest == zone && above.len() > records.origin.wire().len() {
                if covered_by(above, records).is_none() {
                    self.names.entry(above.into()).or_default();
                }
                let Some(next) = parent(above) else { break };
                above = next;
            }
        }
    }

    /// Records at or below the apex of a zone that is served too: the longest origin answers, except for DS.
    fn beside(
        &mut self,
        child: u32,
        lower: &[u8],
        sets: &'r [Rrset],
        hidden: bool,
        origins: &Origins,
        problems: &mut Problems,
    ) {
        let at_apex = origins.get(lower) == Some(&child);
        for set in sets {
            match set.rtype {
                rtype::DS if at_apex && !hidden => {
                    self.child_ds.insert(child, set);
                }
                // The delegation and its glue: what a parent is meant to hold.
                rtype::NS | rtype::A | rtype::AAAA => {}
                _ => problems.warning(
                    set.spot.clone(),
                    format!("{} lies in a zone of its own that is served here", set.owner),
                    "the record is never answered from this file: move it there",
                ),
            }
        }
    }
}

/// What a dynamic name is checked against.
pub(super) struct Place<'p> {
    /// The zones served.
    pub origins: &'p Origins,
    /// The zone's static records.
    pub records: &'p Records,
}

/// The zone with the longest origin at or above a lower-case name, and that origin's length.
pub(super) fn zone_of(lower: &[u8], origins: &Origins) -> Option<(u32, usize)> {
    let mut rest = lower;
    loop {
        if let Some(zone) = origins.get(rest) {
            return Some((*zone, rest.len()));
        }
        rest = parent(rest)?;
    }
}

/// The delegation or DNAME strictly above a name, below which nothing is answered; the highest one rules.
fn covered_by<'r>(lower: &[u8], records: &'r Records) -> Option<&'r Rrset> {
    let origin = records.origin.wire().len();
    let mut found = None;
    let mut rest = lower;
    while let Some(above) = parent(rest).filter(|above| above.len() >= origin) {
        let sets = records.owners.get(above).map(Vec::as_slice).unwrap_or_default();
        let covers =
            |set: &&Rrset| set.rtype == rtype::DNAME || (set.rtype == rtype::NS && above.len() > origin);
        found = sets.iter().find(covers).or(found);
        rest = above;
    }
    found
}

fn warn_hidden(cover: &Rrset, sets: &[Rrset], problems: &mut Problems) {
    let glue = |set: &&Rrset| cover.rtype == rtype::NS && matches!(set.rtype, rtype::A | rtype::AAAA);
    for set in sets.iter().filter(|set| !glue(set)) {
        problems.warning(
            set.spot.clone(),
            format!("{} is never answered: it lies below {}", set.owner, cover.owner),
            format!("what stands at {} rules there; remove the record", cover.spot),
        );
    }
}
