//! The signatures of a snapshot's answers (RFC 4034 section 3).
//!
//! Everything that a signed zone can answer is finite: static records, the NSEC records between its
//! names, and for names with mirrors the sets of addresses that windows have. So signatures are
//! made before they are asked for. Where that would take long, a snapshot is served at once:
//! somebody fills the empty places behind it, and who meets one first signs there.

mod address_sets;
mod fixed;
mod pool_table;
mod rrsigs;
mod store;
mod whole_zone;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::dynamic_data::{DynamicData, WindowSet};
use super::nsec_chain::ChainPlace;
use super::pools::{PathChoice, PathId, Paths};
use super::static_data::{Answer, NodeAnswer, StaticData, Zone};
use super::zone_serials::{ZoneSerials, put_serial};
use crate::dnssec::{Covered, Lifetime};
use crate::wire::name::MAX_NAME;
use crate::wire::rtype;

use address_sets::AddressSets;
use fixed::FixedSignatures;
use pool_table::PoolTable;
use rrsigs::Signer;
use store::SignatureMark;

pub use fixed::SignedNsec;
pub use rrsigs::{Rrsigs, fixed};
pub use store::SignatureStore;
pub use whole_zone::{ZoneRecord, sign_soa, sign_zone};

/// The signatures of a snapshot; empty where no zone is signed.
#[derive(Debug, Default)]
pub struct Signatures {
    fixed: Arc<FixedSignatures>,
    /// The static data that `fixed` is of.
    of: Option<Arc<StaticData>>,
    /// The signatures of the SOA record of each zone, which has the serial of the zone's transfers.
    soas: Box<[OwnRrsigs]>,
    /// The signatures of each answer that is a text of the release.
    texts: Box<[OwnRrsigs]>,
    /// The signatures of names with mirrors, along each path that the name can have, in ascending
    /// order of paths.
    tables: Box<[Table]>,
    /// The place of each answer of the static data.
    places: Box<[Place]>,
    /// The sets of addresses, to be shared and taken over.
    sets: Vec<Arc<AddressSets>>,
    /// For how long the signatures are good; `None` if there are none.
    lifetime: Option<Lifetime>,
}

/// The signatures of a name along a path; `None` if the path has no addresses.
type Table = (PathId, Option<Arc<PoolTable>>);

/// Where the signatures of an answer are: the number of its text, or of its first table.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    first: u32,
    /// How many tables; 0 for an answer that has none.
    count: u32,
}

/// RRSIG records of a set of their own.
#[derive(Debug, Default)]
struct OwnRrsigs {
    octets: Box<[u8]>,
    count: u16,
}

/// An RRSIG record of a window: its RDATA up to the signature, and the signature.
pub type WindowSignature<'s> = (&'s [u8], &'s [u8; crate::dnssec::SIGNATURE]);

/// What signatures are made of.
#[derive(Debug, Clone, Copy)]
pub struct ToSign<'s> {
    /// The static data.
    pub static_data: &'s Arc<StaticData>,
    /// The dynamic data.
    pub dynamic_data: &'s DynamicData,
    /// The serials of zones that are transferred.
    pub serials: &'s ZoneSerials,
    /// The moment in Unix seconds.
    pub now: i64,
}

impl Signatures {
    /// The signatures of what a snapshot answers, as far as they are known or few. What the
    /// signatures `before` have in common with them is taken over. Sets of addresses that were
    /// never signed are left for [`Self::fill`].
    pub fn after(before: &Self, to_sign: ToSign<'_>, store: &SignatureStore) -> Self {
        let ToSign { static_data, now, .. } = to_sign;
        if static_data.chains.is_empty() {
            return Self::default();
        }
        store.begin(now, || before.in_force().collect());
        let is_same = before.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, static_data));
        let fixed = if is_same && now <= before.fixed.lifetime.renewal {
            before.fixed.clone()
        } else {
            Arc::new(FixedSignatures::new(static_data, store, now))
        };
        let mut maker = Maker::new(before, to_sign, store);
        maker.lifetime = fixed.lifetime;
        let soas = maker.soas();
        let places = maker.answers();
        let Maker { texts, tables, sets, lifetime, .. } = maker;
        Self {
            fixed,
            of: Some(static_data.clone()),
            soas,
            texts: texts.into(),
            tables: tables.into(),
            places: places.into(),
            sets: sets.into_values().flatten().collect(),
            lifetime: Some(lifetime),
        }
    }

    /// Whether no zone is signed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.of.is_none()
    }

    /// When the first signature is to be made anew, and when the first one expires; `None` if there
    /// are none.
    pub fn lifetime(&self) -> Option<Lifetime> {
        self.lifetime
    }

    /// How many places there are for signatures of addresses, and how many are empty.
    pub fn places(&self) -> (usize, usize) {
        let places = self.tables().map(PoolTable::places);
        places.fold((0, 0), |sum, places| (sum.0 + places.0, sum.1 + places.1))
    }

    /// How many octets the signatures take.
    pub fn octets(&self) -> usize {
        self.fixed.octets() + self.tables().map(PoolTable::octets).sum::<usize>()
    }

    /// All signatures.
    fn in_force(&self) -> impl Iterator<Item = SignatureMark> {
        let tables = self.tables().flat_map(PoolTable::made).filter_map(store::mark);
        let own = self.soas.iter().chain(&self.texts).filter_map(OwnRrsigs::rrsigs);
        let own = own.flat_map(|rrsigs| rrsigs.signatures());
        tables.chain(self.fixed.all().chain(own).filter_map(store::mark))
    }

    fn tables(&self) -> impl Iterator<Item = &PoolTable> {
        self.tables.iter().filter_map(|(_, table)| table.as_deref())
    }

    /// Signs for all empty places, as long as `goes_on` says so, which is asked before each
    /// signature. Returns how many were empty.
    pub fn fill(&self, store: &SignatureStore, mut goes_on: impl FnMut() -> bool) -> usize {
        let mut filled = 0;
        for table in self.tables() {
            for number in 0..table.places().0 {
                if !goes_on() {
                    return filled;
                }
                filled += usize::from(table.fill(number, store));
            }
        }
        filled
    }

    /// The signatures of a static `RRset` of a zone. `None` if it is not signed.
    pub fn rrset(&self, zone: &Zone, number: u32, rrset: u32) -> Option<Rrsigs<'_>> {
        if rrset == zone.soa { self.soa(number) } else { self.fixed.rrset(rrset) }
    }

    /// The signatures of a zone's SOA record. `None` if the zone is not signed.
    pub fn soa(&self, zone: u32) -> Option<Rrsigs<'_>> {
        self.soas.get(zone as usize)?.rrsigs()
    }

    /// The signatures of the text that is the answer of this number. `None` if it is not signed.
    pub fn text(&self, answer: u32) -> Option<Rrsigs<'_>> {
        let place = self.places.get(answer as usize)?;
        self.texts.get(place.first as usize)?.rrsigs()
    }

    /// The signatures of a window along a path of the answer of this number, which are made if
    /// nobody has made them yet. There are none where the zone is not signed.
    #[inline]
    pub fn window(
        &self,
        answer: u32,
        path: PathId,
        window: usize,
    ) -> impl Iterator<Item = WindowSignature<'_>> {
        self.table(answer, path).into_iter().flat_map(move |table| table.signatures(window))
    }

    #[inline]
    fn table(&self, answer: u32, path: PathId) -> Option<&PoolTable> {
        let Place { first, count } = *self.places.get(answer as usize)?;
        let tables = self.tables.get(first as usize..(first + count) as usize)?;
        // A name that depends on the client has a table for every path.
        let number = match tables.get(usize::from(path)) {
            Some((of, _)) if *of == path => usize::from(path),
            _ => tables.binary_search_by_key(&path, |(of, _)| *of).ok()?,
        };
        tables.get(number)?.1.as_deref()
    }

    /// The NSEC record that says what there is of a name, which is in lower-case wire form and
    /// within the zone: its own, if it is in the zone, `without` one of its types, or else that of
    /// the name before it. `None` if the zone is not signed.
    pub fn nsec<'s>(
        &'s self,
        static_data: &'s StaticData,
        zone: u32,
        name: &[u8],
        without: Option<u16>,
    ) -> Option<(ChainPlace, SignedNsec<'s>)> {
        let chain = static_data.chains.get(zone as usize)?;
        let place = chain.place(name)?;
        let entry = (place.number(), chain.names().get(place.number())?);
        Some((place, self.fixed.nsec(zone, entry, without)?))
    }

    /// The NSEC record at a name, or at the wildcard that it is synthesised from. The name is in
    /// lower-case wire form. `None` if the zone is not signed, or has neither.
    pub fn own_nsec<'s>(
        &'s self,
        static_data: &'s StaticData,
        zone: u32,
        name: &[u8],
    ) -> Option<SignedNsec<'s>> {
        let mut wildcard = [0; MAX_NAME];
        let owner = if static_data.names.get(name).is_some() {
            name
        } else {
            static_data.names.wildcard(name, &mut wildcard)?
        };
        Some(self.nsec(static_data, zone, owner, None)?.1)
    }
}

impl OwnRrsigs {
    fn rrsigs(&self) -> Option<Rrsigs<'_>> {
        (self.count > 0).then(|| Rrsigs::new(&self.octets, self.count))
    }
}

/// Makes the signatures that follow from feed and clock.
struct Maker<'m> {
    before: &'m Signatures,
    to_sign: ToSign<'m>,
    store: &'m SignatureStore,
    texts: Vec<OwnRrsigs>,
    tables: Vec<Table>,
    /// The sets of addresses of windows, by the numbers by which they are found.
    sets: HashMap<(u32, usize), Vec<Arc<AddressSets>>>,
    sets_before: HashMap<(u32, usize), Vec<Arc<AddressSets>>>,
    lifetime: Lifetime,
    /// How many more places may be looked up.
    look_ups: usize,
}

/// Most places of new tables that are looked up among the signatures that are known, at about 1 µs
/// each. [`Signatures::fill`] looks up the others.
const MOST_LOOK_UPS: usize = 50_000;

impl<'m> Maker<'m> {
    fn new(before: &'m Signatures, to_sign: ToSign<'m>, store: &'m SignatureStore) -> Self {
        let mut sets_before: HashMap<_, Vec<Arc<AddressSets>>> = HashMap::new();
        for sets in &before.sets {
            sets_before.entry(sets.mark()).or_default().push(sets.clone());
        }
        let (texts, tables, sets) = (Vec::new(), Vec::new(), HashMap::new());
        let (lifetime, look_ups) = (Lifetime::ENDLESS, MOST_LOOK_UPS);
        Self { before, to_sign, store, texts, tables, sets, sets_before, lifetime, look_ups }
    }

    fn signer<'z>(&self, zone: &'z Zone) -> Option<Signer<'z>>
    where
        'm: 'z,
    {
        let signing = zone.signing.as_deref()?;
        let (origin, store, now) = (zone.origin.wire(), self.store, self.to_sign.now);
        Some(Signer { origin, signing, store, now })
    }

    /// Signs the SOA record of each zone.
    fn soas(&mut self) -> Box<[OwnRrsigs]> {
        let static_data = self.to_sign.static_data;
        let mut soas = Vec::with_capacity(static_data.zones.len());
        for (number, zone) in (0..).zip(&static_data.zones) {
            let signed = self.signer(zone).and_then(|signer| {
                let set = static_data.rrset(zone.soa)?;
                let mut rdata = set.first()?.to_vec();
                if let Some(serial) = self.to_sign.serials.get(number) {
                    put_serial(&mut rdata, serial);
                }
                let origin = zone.origin.to_lower();
                let covered = Covered { owner: origin.wire(), rtype: rtype::SOA, ttl: set.ttl() };
                Some(self.own(&signer, &covered, &rdata))
            });
            soas.push(signed.unwrap_or_default());
        }
        soas.into()
    }

    fn own(&mut self, signer: &Signer<'_>, covered: &Covered<'_>, rdata: &[u8]) -> OwnRrsigs {
        let mut octets = Vec::new();
        let (count, lifetime) = signer.sign(covered, &std::iter::once(rdata), &mut octets);
        self.lifetime = self.lifetime.and(lifetime);
        OwnRrsigs { octets: octets.into(), count }
    }

    /// Signs the answers of all names that follow from feed and clock. Returns the place of each.
    fn answers(&mut self) -> Vec<Place> {
        let static_data = &**self.to_sign.static_data;
        let mut places = vec![Place::default(); static_data.answers.len()];
        for (zone, chain) in static_data.zones.iter().zip(&static_data.chains) {
            let Some(signer) = self.signer(zone) else { continue };
            for name in chain.names() {
                let Some(node) = static_data.names.get(&name.name) else { continue };
                let Some(node) = static_data.nodes.get(node as usize) else { continue };
                for (number, entry) in (node.first..).zip(static_data.answers(node)) {
                    let place = self.answer(zone, &signer, (&name.name, *entry));
                    if let (Some(slot), Some(place)) = (places.get_mut(number as usize), place) {
                        *slot = place;
                    }
                }
            }
        }
        places
    }

    /// Signs an answer that follows from feed and clock. Returns its place.
    fn answer(
        &mut self,
        zone: &Zone,
        signer: &Signer<'_>,
        (owner, entry): (&[u8], NodeAnswer),
    ) -> Option<Place> {
        let static_data = &**self.to_sign.static_data;
        match entry.answer {
            Answer::Static { .. } | Answer::DownloadReport { .. } => None,
            Answer::Text(text) => {
                let place = Place { first: self.texts.len() as u32, count: 0 };
                let record = self.to_sign.dynamic_data.text(text).map(|(text, _)| text.octets);
                let ttl = static_data.texts.get(text as usize)?.ttl;
                let covered = Covered { owner, rtype: rtype::TXT, ttl };
                // The record begins with a pointer to the question.
                let rdata = record.and_then(|record| record.get(2 + rrsigs::FIXED..));
                let signed = rdata.map(|rdata| self.own(signer, &covered, rdata));
                self.texts.push(signed.unwrap_or_default());
                Some(place)
            }
            Answer::Pool { rule, choice } => {
                let first = self.tables.len();
                let limits = static_data.rules.get(rule as usize)?;
                let covered = Covered { owner, rtype: entry.rtype, ttl: limits.ttl };
                let plan = static_data.plans.get(limits.plan as usize)?;
                for path in paths_of(&plan.paths, choice) {
                    let table = self.table(zone, signer, &covered, (rule, path));
                    if let Some(table) = &table {
                        self.lifetime = self.lifetime.and(table.lifetime());
                    }
                    self.tables.push((path, table));
                }
                let count = (self.tables.len() - first) as u32;
                let place = Place { first: first as u32, count };
                Some(place)
            }
        }
    }

    /// The table of a name along a path: that of before if nothing has changed.
    fn table(
        &mut self,
        zone: &Zone,
        signer: &Signer<'_>,
        covered: &Covered<'_>,
        (rule, path): (u32, u16),
    ) -> Option<Arc<PoolTable>> {
        let answer = self.to_sign.dynamic_data.pool(rule, path)?;
        let windows = answer.windows(covered.rtype == rtype::AAAA);
        if windows.count == 0 {
            return None;
        }
        let sets = self.sets_of(windows);
        let signing = zone.signing.as_ref()?;
        // Answers and paths keep their numbers as long as the static data are the same.
        let before = self.before.tables.get(self.tables.len());
        let before = before.and_then(|(_, table)| table.as_ref());
        match before {
            Some(table) if table.is_for(&sets, covered, signing, self.to_sign.now) => {
                Some(table.clone())
            }
            _ => Some(Arc::new(self.new_table(PoolTable::new(covered, sets, signing, signer)))),
        }
    }

    /// A new table, with what is known of it, as long as that takes no time that matters.
    fn new_table(&mut self, table: PoolTable) -> PoolTable {
        let Some(rest) = self.look_ups.checked_sub(table.len()) else { return table };
        self.look_ups = rest;
        table.with_known(self.store)
    }

    /// The sets of addresses of windows.
    fn sets_of(&mut self, windows: &WindowSet) -> Arc<AddressSets> {
        let mark = AddressSets::mark_of(windows);
        let find = |sets: &HashMap<_, Vec<Arc<AddressSets>>>| {
            sets.get(&mark)?.iter().find(|of| of.is_of(windows)).cloned()
        };
        if let Some(known) = find(&self.sets) {
            return known;
        }
        let sets = find(&self.sets_before).unwrap_or_else(|| Arc::new(AddressSets::new(windows)));
        self.sets.entry(mark).or_default().push(sets.clone());
        sets
    }
}

/// The paths that a name can have, in ascending order.
fn paths_of(paths: &Paths, choice: PathChoice) -> Vec<PathId> {
    match choice {
        PathChoice::Path(path) => vec![path],
        PathChoice::Client => paths.of_clients().into_iter().collect(),
        PathChoice::Restricted(number) => {
            let variants: BTreeSet<PathId> = paths.variants_of(number).iter().copied().collect();
            variants.into_iter().collect()
        }
    }
}
