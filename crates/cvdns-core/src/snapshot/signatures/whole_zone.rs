//! Signs a zone as a list of records, for servers that only copy it.

use std::collections::BTreeMap;

use super::rrsigs::{Rrsigs, Signer};
use super::store::SignatureStore;
use crate::dnssec::{Covered, OrderKey, ZoneSigning, nsec};
use crate::snapshot::static_data::Zone;
use crate::wire::name::{MAX_NAME, Name, lowered};
use crate::wire::rtype;

/// A resource record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRecord {
    /// The owner in wire form.
    pub owner: Box<[u8]>,
    /// Type.
    pub rtype: u16,
    /// TTL in seconds.
    pub ttl: u32,
    /// RDATA, uncompressed.
    pub rdata: Box<[u8]>,
}

/// The sets of an owner, by type.
type Sets<'r> = BTreeMap<u16, Vec<&'r ZoneRecord>>;

/// The signatures of the SOA record of a zone, with this TTL in seconds and this RDATA. `now` is
/// the moment in Unix seconds.
pub fn sign_soa(
    (origin, signing): (&Name, &ZoneSigning),
    (ttl, rdata): (u32, &[u8]),
    store: &SignatureStore,
    now: i64,
) -> Vec<ZoneRecord> {
    store.advance(now);
    let signer = Signer { origin: origin.wire(), signing, store, now };
    let origin = origin.to_lower();
    let covered = Covered { owner: origin.wire(), rtype: rtype::SOA, ttl };
    signatures(&signer, &covered, &std::iter::once(rdata))
}

/// An owner in lower-case wire form, with its sets.
type Owner<'r> = (Box<[u8]>, Sets<'r>);

/// The NSEC records of a zone that has these records, its SOA record among them, and the signatures
/// of everything but the SOA record, whose serial may not be known yet. There are none if the zone
/// is not signed. `now` is the moment in Unix seconds.
pub fn sign_zone(
    zone: &Zone,
    records: &[ZoneRecord],
    store: &SignatureStore,
    now: i64,
) -> Vec<ZoneRecord> {
    let Some(signing) = &zone.signing else { return Vec::new() };
    store.advance(now);
    let signer = Signer { origin: zone.origin.wire(), signing, store, now };
    let mut owners: BTreeMap<Box<[u8]>, Owner<'_>> = BTreeMap::new();
    for record in records {
        let mut lower = [0; MAX_NAME];
        let lower = lowered(&record.owner, &mut lower);
        let key = OrderKey::new(lower).octets().into();
        let (_, sets) = owners.entry(key).or_insert_with(|| (lower.into(), Sets::new()));
        sets.entry(record.rtype).or_default().push(record);
    }
    // What is below a delegation is glue: it is neither signed nor in the chain (RFC 4035 sections
    // 2.2 and 2.3). The keys of names below another name begin with its key.
    let mut cut: Option<Box<[u8]>> = None;
    owners.retain(|key, (owner, sets)| {
        if cut.as_ref().is_some_and(|cut| key.starts_with(cut)) {
            return false;
        }
        if sets.contains_key(&rtype::NS) && !owner.eq_ignore_ascii_case(zone.origin.wire()) {
            cut = Some(key.clone());
        }
        true
    });
    let names: Vec<Owner<'_>> = owners.into_values().collect();
    let next = names.iter().skip(1).chain(names.first()).map(|(name, _)| name);
    let signed = names.iter().zip(next);
    signed.flat_map(|((owner, sets), next)| of_owner(zone, &signer, (owner, sets), next)).collect()
}

/// The NSEC record of an owner, and all its signatures.
fn of_owner(
    zone: &Zone,
    signer: &Signer<'_>,
    (owner, sets): (&[u8], &Sets<'_>),
    next: &[u8],
) -> Vec<ZoneRecord> {
    let is_apex = owner.eq_ignore_ascii_case(zone.origin.wire());
    let is_cut = sets.contains_key(&rtype::NS) && !is_apex;
    // At a delegation, only DS records are the parent's (RFC 4035 section 2.2).
    let own = |rtype: &u16| !is_cut || matches!(*rtype, rtype::DS | rtype::NS);
    let types = sets.keys().copied().filter(own).chain([rtype::RRSIG, rtype::NSEC]);
    let ttl = zone.negative_ttl;
    let nsec = ZoneRecord {
        owner: owner.into(),
        rtype: rtype::NSEC,
        ttl,
        rdata: nsec(next, types).into(),
    };
    let mut out = Vec::new();
    let mut sign = |rtype: u16, records: &[&ZoneRecord]| {
        let Some(ttl) = records.iter().map(|record| record.ttl).min() else { return };
        let covered = Covered { owner, rtype, ttl };
        out.extend(signatures(signer, &covered, &records.iter().map(|of| &*of.rdata)));
    };
    for (rtype, records) in sets {
        let is_delegation = is_cut && *rtype == rtype::NS;
        if own(rtype) && !is_delegation && *rtype != rtype::SOA {
            sign(*rtype, records);
        }
    }
    sign(rtype::NSEC, &[&nsec]);
    out.push(nsec);
    out
}

fn signatures<'d>(
    signer: &Signer<'_>,
    covered: &Covered<'_>,
    rdatas: &(impl Iterator<Item = &'d [u8]> + Clone),
) -> Vec<ZoneRecord> {
    let mut octets = Vec::new();
    let (count, _) = signer.sign(covered, rdatas, &mut octets);
    let record = |rdata: &[u8]| ZoneRecord {
        owner: covered.owner.into(),
        rtype: rtype::RRSIG,
        ttl: covered.ttl,
        rdata: rdata.into(),
    };
    Rrsigs::new(&octets, count).rdatas().map(record).collect()
}
