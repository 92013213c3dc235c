//! Signatures of what neither feed nor clock change: static records, NSEC records.

use super::rrsigs::{self, FIXED, Rrsigs, Signer};
use super::store::SignatureStore;
use crate::dnssec::{Covered, Lifetime, nsec};
use crate::snapshot::nsec_chain::{ChainName, NsecChain};
use crate::snapshot::static_data::{Answer, NodeKind, StaticData, Zone};
use crate::wire::name::{MAX_NAME, lowered};
use crate::wire::rtype;

/// Signatures of what neither feed nor clock change.
#[derive(Debug)]
pub(super) struct FixedSignatures {
    blocks: Blocks,
    /// The block of each static `RRset`, by its number.
    rrsets: Box<[Option<BlockId>]>,
    /// The blocks of the NSEC records of each zone.
    chains: Box<[ChainBlocks]>,
    pub lifetime: Lifetime,
}

/// Number of a block.
type BlockId = u32;

/// Runs of octets, one after the other, each with a number of records.
#[derive(Debug, Default)]
struct Blocks {
    octets: Vec<u8>,
    /// Where each one ends, and how many records it has.
    ends: Vec<(u32, u16)>,
}

/// The blocks of a chain. Each name has the NSEC record without its owner, then its signatures, and
/// the same again without each of the types that may have no records.
#[derive(Debug, Default)]
struct ChainBlocks {
    /// The first block of each name.
    first: Box<[BlockId]>,
}

/// An NSEC record with its signatures, all without their owner.
#[derive(Debug, Clone, Copy)]
pub struct SignedNsec<'s> {
    /// The owner in lower-case wire form.
    pub owner: &'s [u8],
    /// The record: type, class, TTL, RDLENGTH, RDATA.
    pub record: &'s [u8],
    /// Its signatures.
    pub signatures: Rrsigs<'s>,
}

impl<'s> SignedNsec<'s> {
    /// RDATA of the record.
    pub fn rdata(&self) -> &'s [u8] {
        self.record.get(FIXED..).unwrap_or_default()
    }
}

impl Default for FixedSignatures {
    fn default() -> Self {
        Self {
            blocks: Blocks::default(),
            rrsets: Box::default(),
            chains: Box::default(),
            lifetime: Lifetime::ENDLESS,
        }
    }
}

impl FixedSignatures {
    pub(super) fn new(static_data: &StaticData, store: &SignatureStore, now: i64) -> Self {
        let rrsets = vec![None; static_data.rrsets.len()].into();
        let mut fixed = Self { rrsets, ..Self::default() };
        let signer = |zone: &'_ Zone| zone.signing.clone();
        for node in &static_data.nodes {
            let Some(zone) = static_data.zone(node.zone) else { continue };
            let Some(signing) = signer(zone) else { continue };
            let signer = Signer { origin: zone.origin.wire(), signing: &signing, store, now };
            for entry in static_data.answers(node) {
                let (Answer::Static { rrset, .. } | Answer::DownloadReport { rrset, .. }) =
                    entry.answer
                else {
                    continue;
                };
                // NS records of a delegation are not signed, and are no answers of the node.
                debug_assert!(entry.rtype == rtype::DS || !matches!(node.kind, NodeKind::Cut(_)));
                fixed.sign_rrset(static_data, rrset, &signer);
            }
        }
        fixed.sign_ds_of_children(static_data, store, now);
        let chains = static_data.zones.iter().zip(&static_data.chains);
        fixed.chains = {
            let mut out = Vec::new();
            for (zone, chain) in chains {
                let blocks = zone.signing.as_ref().map(|signing| {
                    let origin = zone.origin.wire();
                    fixed.sign_chain(zone, chain, &Signer { origin, signing, store, now })
                });
                out.push(blocks.unwrap_or_default());
            }
            out.into()
        };
        fixed.blocks.octets.shrink_to_fit();
        fixed
    }

    /// DS records of zones that are served here too are among the answers of no node.
    fn sign_ds_of_children(&mut self, static_data: &StaticData, store: &SignatureStore, now: i64) {
        use crate::snapshot::static_data::{Parent, ParentDs};
        let parents = static_data.zones.iter().filter_map(|zone| zone.parent);
        for Parent { zone, ds } in parents {
            let (Some(zone), ParentDs::Records { rrset, .. }) = (static_data.zone(zone), ds) else {
                continue;
            };
            if let Some(signing) = &zone.signing {
                let signer = Signer { origin: zone.origin.wire(), signing, store, now };
                self.sign_rrset(static_data, rrset, &signer);
            }
        }
    }

    fn sign_rrset(&mut self, static_data: &StaticData, rrset: u32, signer: &Signer<'_>) {
        let Some(set) = static_data.rrset(rrset) else { return };
        let mut lower = [0; MAX_NAME];
        let owner = lowered(set.owner(), &mut lower);
        let covered = Covered { owner, rtype: set.rtype(), ttl: set.ttl() };
        let block = self.sign(&covered, &set.rdatas(), signer);
        if let Some(slot) = self.rrsets.get_mut(rrset as usize) {
            *slot = Some(block);
        }
    }

    fn sign_chain(&mut self, zone: &Zone, chain: &NsecChain, signer: &Signer<'_>) -> ChainBlocks {
        let mut first = Vec::with_capacity(chain.names().len());
        for (number, name) in chain.names().iter().enumerate() {
            let Some(next) = chain.next(number) else { continue };
            first.push(self.blocks.ends.len() as BlockId);
            for without in std::iter::once(None).chain(name.pool_types.iter().copied().map(Some)) {
                let covered =
                    Covered { owner: &name.name, rtype: rtype::NSEC, ttl: zone.negative_ttl };
                let rdata = nsec(&next.name, types_without(name, without));
                let mut record = Vec::with_capacity(FIXED + rdata.len());
                record.extend(rrsigs::fixed(rtype::NSEC, zone.negative_ttl, rdata.len()));
                record.extend_from_slice(&rdata);
                self.blocks.add(1, |octets| octets.extend_from_slice(&record));
                self.sign(&covered, &std::iter::once(&*rdata), signer);
            }
        }
        ChainBlocks { first: first.into() }
    }

    fn sign<'d>(
        &mut self,
        covered: &Covered<'_>,
        rdatas: &(impl Iterator<Item = &'d [u8]> + Clone),
        signer: &Signer<'_>,
    ) -> BlockId {
        let mut lifetime = Lifetime::ENDLESS;
        let block = self.blocks.add_counted(|octets| {
            let (count, own) = signer.sign(covered, rdatas, octets);
            lifetime = own;
            count
        });
        self.lifetime = self.lifetime.and(lifetime);
        block
    }

    /// The signatures of a static `RRset`. `None` if it is not signed.
    pub(super) fn rrset(&self, rrset: u32) -> Option<Rrsigs<'_>> {
        let (octets, count) = self.blocks.get((*self.rrsets.get(rrset as usize)?)?)?;
        Some(Rrsigs::new(octets, count))
    }

    /// The NSEC record of a name of a zone's chain, `without` one of its types.
    pub(super) fn nsec<'s>(
        &'s self,
        zone: u32,
        (number, name): (usize, &'s ChainName),
        without: Option<u16>,
    ) -> Option<SignedNsec<'s>> {
        let first = *self.chains.get(zone as usize)?.first.get(number)?;
        let variant = without.and_then(|rtype| name.pool_types.iter().position(|of| *of == rtype));
        let block = first + 2 * variant.map_or(0, |variant| variant as u32 + 1);
        let (record, _) = self.blocks.get(block)?;
        let (octets, count) = self.blocks.get(block + 1)?;
        Some(SignedNsec { owner: &name.name, record, signatures: Rrsigs::new(octets, count) })
    }

    /// All signatures. There may be other octets among them.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u8]> {
        let blocks = (0..self.blocks.ends.len()).filter_map(|block| self.blocks.get(block as u32));
        blocks.flat_map(|(octets, count)| Rrsigs::new(octets, count).signatures())
    }

    /// How many octets they take.
    pub(super) fn octets(&self) -> usize {
        self.blocks.octets.len() + self.blocks.ends.len() * size_of::<(u32, u16)>()
    }
}

/// The types of a name's NSEC record (RFC 4034 section 4.1.2): the record itself and its signature
/// are there too.
fn types_without(name: &ChainName, without: Option<u16>) -> impl Iterator<Item = u16> {
    let types = name.types.iter().copied().filter(move |rtype| Some(*rtype) != without);
    types.chain([rtype::RRSIG, rtype::NSEC])
}

impl Blocks {
    fn add(&mut self, count: u16, write: impl FnOnce(&mut Vec<u8>)) -> BlockId {
        self.add_counted(|octets| {
            write(octets);
            count
        })
    }

    fn add_counted(&mut self, write: impl FnOnce(&mut Vec<u8>) -> u16) -> BlockId {
        let count = write(&mut self.octets);
        self.ends.push((u32::try_from(self.octets.len()).unwrap_or(u32::MAX), count));
        self.ends.len() as BlockId - 1
    }

    fn get(&self, block: BlockId) -> Option<(&[u8], u16)> {
        let begin = match block.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before as usize)?.0,
        };
        let (end, count) = *self.ends.get(block as usize)?;
        Some((self.octets.get(begin as usize..end as usize)?, count))
    }
}
