//! The NSEC records of an answer.

use crate::snapshot::nsec_chain::ChainPlace;
use crate::snapshot::signatures::SignedNsec;

/// Most NSEC records of an answer: one for each name that a chain of aliases leads along, and two
/// for its end.
pub(super) const MAX_NSEC: usize = 20;

/// The NSEC records that an answer has: none is there twice.
#[derive(Default)]
pub(super) struct Nsecs {
    places: [Option<ChainPlace>; MAX_NSEC],
}

impl Nsecs {
    /// Notes a record; false if it is there already, or there are too many.
    pub(super) fn add(&mut self, place: ChainPlace) -> bool {
        for slot in &mut self.places {
            match slot {
                Some(known) if known.number() == place.number() => return false,
                Some(_) => {}
                None => {
                    *slot = Some(place);
                    return true;
                }
            }
        }
        false
    }
}

/// NSEC records of an answer whose aliases are written first.
#[derive(Default)]
pub(super) struct Proofs<'s> {
    nsecs: [Option<(ChainPlace, SignedNsec<'s>)>; MAX_NSEC],
}

impl<'s> Proofs<'s> {
    /// Adds a record, unless there is one of its owner.
    pub(super) fn add(&mut self, nsec: Option<(ChainPlace, SignedNsec<'s>)>) {
        if let Some((place, nsec)) = nsec
            && !self.nsecs.iter().flatten().any(|(known, _)| known.number() == place.number())
        {
            self.put((place, nsec));
        }
    }

    /// Adds a record, or puts it in place of the one of its owner: it may lack a type that must be
    /// denied.
    pub(super) fn put(&mut self, (place, nsec): (ChainPlace, SignedNsec<'s>)) {
        let is_free = |slot: &&mut Option<(ChainPlace, SignedNsec<'s>)>| match slot {
            Some((known, _)) => known.number() == place.number(),
            None => true,
        };
        if let Some(slot) = self.nsecs.iter_mut().find(is_free) {
            *slot = Some((place, nsec));
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &SignedNsec<'s>> {
        self.nsecs.iter().flatten().map(|(_, nsec)| nsec)
    }
}
