//! A set of keys that was signed elsewhere, as where the key-signing key is kept offline.

use std::collections::BTreeSet;

use cvdns_core::dnssec::{Algorithm, Dnskey, ForeignSignature};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_core::zone::records::ResourceRecord;
use jiff::{SignedDuration, Timestamp};

use crate::public_file::algorithm_text;
use crate::rr_type::{CDNSKEY, CDS, DNSKEY, KEY_SETS, mnemonic};
use crate::rrsig::{Rrsig, labels};

/// How long before its end a signature is warned of, at most.
const NEAR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The share of its validity that a signature has left when it is warned of, at most.
const NEAR_SHARE: i32 = 4;

const HELP: &str = "sign the key set again where the key-signing key is (docs/dnssec.md)";

/// The DNSKEY, CDS and CDNSKEY records of a zone with signatures that were verified.
#[derive(Debug, Clone)]
pub struct SignedKeySet {
    zone: Name,
    /// The DNSKEY, CDS and CDNSKEY records, of which no TTL is above what was signed.
    records: Vec<ResourceRecord>,
    /// The keys by which zones are signed here.
    keys: Vec<Dnskey>,
    signatures: Vec<KeySignature>,
    /// The file, for problems without a place in it.
    file: Location,
}

/// A signature of one of the sets.
#[derive(Debug, Clone)]
struct KeySignature {
    covered: u16,
    tag: u16,
    inception: Timestamp,
    expiration: Timestamp,
    rdata: Box<[u8]>,
    location: Location,
}

impl SignedKeySet {
    /// Takes the sets of keys of a zone out of the records of a master file; all other records are
    /// left out. Reports signatures that were not made by a key of the set. `now` tells apart
    /// moments that are 2^32 seconds from each other.
    pub fn of_records(
        zone: &Name,
        all: &[ResourceRecord],
        file: &Location,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Option<Self> {
        let at_apex = |record: &&ResourceRecord| record.owner == *zone;
        let of_keys = |record: &&ResourceRecord| KEY_SETS.contains(&record.rtype);
        let records: Vec<_> = all.iter().filter(at_apex).filter(of_keys).cloned().collect();
        let is_key = |record: &&ResourceRecord| record.rtype == DNSKEY;
        if !records.iter().any(|record| is_key(&record)) {
            let what = format!("there is no DNSKEY record of {zone} in the key set");
            problems.error(file.clone(), what, HELP);
            return None;
        }
        let keys: Vec<Dnskey> = records
            .iter()
            .filter(is_key)
            .filter_map(|record| Dnskey::parse(&record.rdata))
            .collect();
        let mut set =
            Self { zone: zone.clone(), records, keys, signatures: Vec::new(), file: file.clone() };
        let (before, _) = problems.counts();
        for record in all.iter().filter(at_apex).filter(|record| record.rtype == rtype::RRSIG) {
            set.add(record, now, problems);
        }
        set.records.sort_by_key(|record| record.rtype);
        (problems.counts().0 == before).then_some(set)
    }

    /// Adds a signature if it is one of a set of keys.
    fn add(&mut self, record: &ResourceRecord, now: Timestamp, problems: &mut Problems) {
        let Some(rrsig) = Rrsig::parse(&record.rdata) else { return };
        let rdatas: BTreeSet<&[u8]> = (self.records.iter())
            .filter(|of| of.rtype == rrsig.covered)
            .map(|of| &*of.rdata)
            .collect();
        if rdatas.is_empty() || !KEY_SETS.contains(&rrsig.covered) {
            return;
        }
        let by = format!("the signature of {} by key {}", mnemonic(rrsig.covered), rrsig.tag);
        if Algorithm::of_number(rrsig.algorithm).is_none() {
            let algorithm = algorithm_text(rrsig.algorithm);
            let what = format!("{by} is one of {algorithm}, which cannot be verified here");
            problems.warning(record.location.clone(), what, "it is left out");
            return;
        }
        let rdatas: Vec<&[u8]> = rdatas.into_iter().collect();
        let mut keys = self
            .keys
            .iter()
            .filter(|key| key.tag() == rrsig.tag && key.algorithm.number() == rrsig.algorithm);
        let fault = if rrsig.signer != self.zone || rrsig.labels != labels(&self.zone) {
            Some(format!("{by} is not one of the zone {}", self.zone))
        } else if keys.clone().next().is_none() {
            Some(format!("{by} was made by a key that is not in the key set"))
        } else if !keys.any(|key| rrsig.is_by(key, &self.zone, &rdatas)) {
            Some(format!("{by} is wrong: it is one of other records or of another key"))
        } else {
            None
        };
        if let Some(what) = fault {
            return problems.error(record.location.clone(), what, HELP);
        }
        let (inception, expiration) = (near(rrsig.inception, now), near(rrsig.expiration, now));
        let covered = rrsig.covered;
        let (tag, ttl) = (rrsig.tag, rrsig.original_ttl);
        self.signatures.push(KeySignature {
            covered,
            tag,
            inception,
            expiration,
            rdata: record.rdata.clone(),
            location: record.location.clone(),
        });
        // A TTL above the original one is refused (RFC 4035 section 5.3.3).
        for of in self.records.iter_mut().filter(|of| of.rtype == covered) {
            of.ttl = of.ttl.min(ttl);
        }
    }

    /// The DNSKEY, CDS and CDNSKEY records.
    pub fn records(&self) -> &[ResourceRecord] {
        &self.records
    }

    /// The keys of the set by which zones are signed here.
    pub fn keys(&self) -> &[Dnskey] {
        &self.keys
    }

    /// When a set of keys has no valid signature any more; `None` if one has none at all.
    pub fn expiry(&self) -> Option<Timestamp> {
        let ends = self.types().map(|rtype| self.of(rtype).map(|of| of.expiration).max());
        ends.min().flatten()
    }

    /// The first moment after `now` at which a signature begins or ends to be valid.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let moments = self.signatures.iter().flat_map(|of| [of.inception, of.expiration]);
        moments.filter(|moment| *moment > now).min()
    }

    /// The signatures that are valid at a moment. `None` if a set has none, which is reported, as
    /// are signatures that end soon.
    pub fn valid_at(
        &self,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Option<Vec<ForeignSignature>> {
        let mut valid = Vec::new();
        let mut is_complete = true;
        for rtype in self.types() {
            let (good, bad): (Vec<_>, Vec<_>) =
                self.of(rtype).partition(|of| of.inception <= now && now < of.expiration);
            for of in &bad {
                of.report(now, good.is_empty(), problems);
            }
            if good.is_empty() && bad.is_empty() {
                let what =
                    format!("the {} records of {} are not signed", mnemonic(rtype), self.zone);
                problems.error(self.file.clone(), what, HELP);
            }
            is_complete &= !good.is_empty();
            if let Some(last) = good.iter().max_by_key(|of| of.expiration) {
                last.warn_if_near(now, problems);
            }
            let foreign =
                |of: &KeySignature| ForeignSignature { covered: rtype, rdata: of.rdata.clone() };
            valid.extend(good.into_iter().map(foreign));
        }
        is_complete.then_some(valid)
    }

    /// The types of the sets that are there.
    fn types(&self) -> impl Iterator<Item = u16> {
        let has = |rtype: &u16| self.records.iter().any(|record| record.rtype == *rtype);
        [DNSKEY, CDS, CDNSKEY].into_iter().filter(has)
    }

    fn of(&self, covered: u16) -> impl Iterator<Item = &KeySignature> {
        self.signatures.iter().filter(move |of| of.covered == covered)
    }
}

impl KeySignature {
    fn name(&self) -> String {
        format!("the signature of {} by key {}", mnemonic(self.covered), self.tag)
    }

    /// Reports that it is not valid at a moment. `is_needed`: no other one is.
    fn report(&self, now: Timestamp, is_needed: bool, problems: &mut Problems) {
        let what = if now < self.inception {
            format!("{} is not valid before {}", self.name(), self.inception)
        } else {
            format!("{} has expired at {}", self.name(), self.expiration)
        };
        if is_needed {
            problems.error(self.location.clone(), what, format!("{HELP}, or set the clock"));
        } else {
            problems.warning(self.location.clone(), what, "it is left out; others are valid");
        }
    }

    fn warn_if_near(&self, now: Timestamp, problems: &mut Problems) {
        let validity = self.expiration.duration_since(self.inception);
        let near = NEAR.min(validity / NEAR_SHARE);
        if self.expiration.duration_since(now) < near {
            let what = format!("{} expires at {}", self.name(), self.expiration);
            problems.warning(self.location.clone(), what, HELP);
        }
    }
}

/// The moment nearest to `now` of those that a number of 32 bits can mean (RFC 4034 section
/// 3.1.5).
pub(crate) fn near(seconds: u32, now: Timestamp) -> Timestamp {
    let low = (now.as_second() & i64::from(u32::MAX)).unsigned_abs() as u32;
    let ahead = seconds.wrapping_sub(low).cast_signed();
    Timestamp::from_second(now.as_second().saturating_add(i64::from(ahead))).unwrap_or(now)
}
