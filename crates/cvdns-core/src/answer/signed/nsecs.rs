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
    seen: Nsecs,
    nsecs: [Option<SignedNsec<'s>>; MAX_NSEC],
    count: usize,
}

impl<'s> Proofs<'s> {
    pub(super) fn add(&mut self, nsec: Option<(ChainPlace, SignedNsec<'s>)>) {
        if let Some((place, nsec)) = nsec
            && self.seen.add(place)
            && let Some(slot) = self.nsecs.get_mut(self.count)
        {
            *slot = Some(nsec);
            self.count += 1;
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &SignedNsec<'s>> {
        self.nsecs.iter().flatten()
    }
}
