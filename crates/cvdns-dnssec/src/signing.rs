//! Makes of keys what signs a zone at a moment.

use std::sync::Arc;
use std::time::Duration;

use cvdns_core::dnssec::{Algorithm, Dnskey, PrivateKey, SigningKey, ZoneSigning};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::zone::records::ResourceRecord;
use jiff::{SignedDuration, Timestamp};

use crate::digest::{DigestType, ds};
use crate::key_set::{KeyDuty, KeyRole, KeySet};
use crate::rr_type::{CDNSKEY, CDS, DNSKEY};
use crate::rrsig::Rrsig;
use crate::signed_key_set::SignedKeySet;
use crate::timing;
use crate::zone_key::ZoneKey;

/// TTL of records of keys in seconds, where no file has another: that of BIND (`dnskey-ttl`).
pub const KEY_TTL: u32 = 3600;

/// What signs a zone, at any moment.
#[derive(Debug, Clone, Copy)]
pub struct SigningInputs<'k> {
    /// The keys of the zone.
    pub keys: &'k KeySet,
    /// Its set of keys, if that was signed elsewhere.
    pub signed: Option<&'k SignedKeySet>,
    /// How long signatures are valid.
    pub validity: Duration,
    /// What names the keys, for problems of all of them.
    pub location: &'k Location,
}

/// What signs a zone at a moment. `None` if nothing does, which is reported.
pub fn zone_signing(
    inputs: &SigningInputs<'_>,
    now: Timestamp,
    problems: &mut Problems,
) -> Option<ZoneSigning> {
    let at = Moment { inputs, now, duties: inputs.keys.at(now) };
    let (before, _) = problems.counts();
    let foreign = match inputs.signed {
        Some(signed) => signed.valid_at(now, problems).unwrap_or_default(),
        None => Vec::new(),
    };
    let zone_keys = at.zone_keys(problems);
    let key_set_keys = at.key_set_keys(problems);
    at.warn(problems);
    if problems.counts().0 == before {
        at.warn_of_end(problems);
    }
    let signing = ZoneSigning {
        key_records: at.key_records(),
        zone_keys,
        key_set_keys,
        foreign,
        validity: inputs.validity,
    };
    (problems.counts().0 == before).then_some(signing)
}

/// The keys of a zone to which DS records at the parent are to refer: those that are in the zone,
/// sign the set of keys and are not revoked. As with CDS records, a key that signs and is not in
/// the zone does not count: a DS record would refer to nothing (RFC 7344 section 4.1).
pub fn trusted_keys(signing: &ZoneSigning) -> Vec<Dnskey> {
    let published: Vec<Dnskey> = (signing.key_records.iter())
        .filter(|record| record.rtype == DNSKEY)
        .filter_map(|record| Dnskey::parse(&record.rdata))
        .collect();
    let here = signing.key_set_keys.iter().map(|key| key.dnskey.clone());
    let here = here.filter(|key| published.contains(key));
    let foreign = signing.foreign.iter().filter(|of| of.covered == DNSKEY);
    let elsewhere = foreign.filter_map(|of| {
        let rrsig = Rrsig::parse(&of.rdata)?;
        let is_by =
            |key: &&Dnskey| key.tag() == rrsig.tag && key.algorithm.number() == rrsig.algorithm;
        published.iter().find(is_by).cloned()
    });
    let mut keys: Vec<Dnskey> = here.chain(elsewhere).filter(|key| !key.is_revoked()).collect();
    // Zone-signing keys may sign the keys too, as dnssec-signzone has them do.
    if keys.iter().any(Dnskey::is_key_signing) {
        keys.retain(Dnskey::is_key_signing);
    }
    keys
}

/// How far ahead changes of keys are looked at, as signatures that end are.
const AHEAD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Changes of keys that are looked at, at most.
const MAX_CHANGES: usize = 100;

/// The keys at a moment.
struct Moment<'i> {
    inputs: &'i SigningInputs<'i>,
    now: Timestamp,
    /// In the order of the keys.
    duties: Vec<KeyDuty>,
}

impl Moment<'_> {
    fn each(&self) -> impl Iterator<Item = (&ZoneKey, KeyDuty)> + Clone {
        self.inputs.keys.keys.iter().zip(self.duties.iter().copied())
    }

    /// Whether the DNSKEY record of a key is in the zone.
    fn is_published(&self, key: &ZoneKey, duty: KeyDuty) -> bool {
        match self.inputs.signed {
            Some(signed) => signed.keys().contains(&key.dnskey),
            None => duty.is_published,
        }
    }

    fn zone_keys(&self, problems: &mut Problems) -> Vec<SigningKey> {
        let zone = &self.inputs.keys.zone;
        let signs = |(_, duty): &(&ZoneKey, KeyDuty)| duty.signs_zone;
        let mut keys = Vec::new();
        for (key, duty) in self.each().filter(signs) {
            if self.inputs.signed.is_some() && !self.is_published(key, duty) {
                let what =
                    format!("{} is not in the key set, so it signs nothing", name(key, duty));
                let help = "have the key set signed again with it (docs/dnssec.md)";
                problems.warning(key.location.clone(), what, help);
            } else {
                keys.extend(signing_key(key));
            }
        }
        if !self.each().any(|(key, duty)| duty.signs_zone && self.is_published(key, duty)) {
            let what = format!("nothing signs the zone {zone}{}", self.reasons(|_| true));
            let help = format!(
                "make a key by `cvdns keys generate {zone}`, or set the moments of one by \
                 dnssec-settime"
            );
            problems.error(self.inputs.location.clone(), what, help);
        }
        keys
    }

    fn key_set_keys(&self, problems: &mut Problems) -> Vec<SigningKey> {
        if self.inputs.signed.is_some() {
            return Vec::new();
        }
        let zone = &self.inputs.keys.zone;
        let is_of_keys = |key: &ZoneKey| key.dnskey.is_key_signing();
        let is_trusted =
            |duty: KeyDuty| duty.signs_keys && duty.is_published && duty.role != KeyRole::Revoked;
        if !self.each().any(|(_, duty)| is_trusted(duty)) {
            let reasons = if self.each().any(|(key, _)| is_of_keys(key)) {
                self.reasons(is_of_keys)
            } else {
                ": no key has the flag for that (257)".to_owned()
            };
            let what = format!("nothing signs the keys of the zone {zone}{reasons}");
            let help = format!(
                "make a key by `cvdns keys generate --ksk {zone}`, or name a key set that was \
                 signed elsewhere by `key-set` in [dnssec]"
            );
            problems.error(self.inputs.location.clone(), what, help);
        }
        let keys = self.each().filter(|(_, duty)| duty.signs_keys);
        keys.filter_map(|(key, _)| signing_key(key)).collect()
    }

    /// Why keys do not sign: `: key 1 …; key 2 …`.
    fn reasons(&self, concerns: impl Fn(&ZoneKey) -> bool) -> String {
        let keys = self.each().filter(|(key, _)| concerns(key));
        let texts: Vec<String> = keys
            .map(|(key, duty)| format!("{} {}", name(key, duty), self.reason(key, duty)))
            .collect();
        if texts.is_empty() { String::new() } else { format!(": {}", texts.join("; ")) }
    }

    fn reason(&self, key: &ZoneKey, duty: KeyDuty) -> String {
        let (timing, now) = (&key.timing, self.now);
        let past = |moment: Option<Timestamp>| moment.filter(|moment| *moment <= now);
        if duty.role == KeyRole::Revoked {
            "is revoked".to_owned()
        } else if let Some(moment) = past(timing.delete) {
            format!("is deleted since {moment}")
        } else if let Some(moment) = past(timing.inactive) {
            format!("is inactive since {moment}")
        } else if !duty.is_active {
            match timing.activate {
                Some(moment) => format!("is active from {moment} on"),
                None => "is never active by its moments".to_owned(),
            }
        } else if key.private.is_none() {
            "has no private key here".to_owned()
        } else if !self.is_published(key, duty) {
            match timing.publish.filter(|_| self.inputs.signed.is_none()) {
                Some(moment) => format!("is published from {moment} on"),
                None => "is not published".to_owned(),
            }
        } else {
            "signs only keys".to_owned()
        }
    }

    /// Warns of a moment soon from which on nothing would sign the zone or its keys. A set of keys
    /// that was signed elsewhere is warned of by itself.
    fn warn_of_end(&self, problems: &mut Problems) {
        let keys = self.inputs.keys;
        let is_near = |moment: &Timestamp| moment.duration_since(self.now) <= AHEAD;
        let changes = std::iter::successors(keys.next_change(self.now), |at| keys.next_change(*at));
        for now in changes.take_while(is_near).take(MAX_CHANGES) {
            let then = Moment { inputs: self.inputs, now, duties: keys.at(now) };
            let mut found = Problems::default();
            then.zone_keys(&mut found);
            then.key_set_keys(&mut found);
            let Some(problem) = found.by_severity().next().filter(|_| found.has_errors()) else {
                continue;
            };
            let what = format!("from {now} on {}", problem.what);
            let help = format!(
                "make its successor in time by `cvdns keys generate {}` (docs/dnssec.md), or have \
                 the key go on by dnssec-settime",
                keys.zone
            );
            return problems.warning(self.inputs.location.clone(), what, help);
        }
    }

    /// Warns of what resolvers may stumble over.
    fn warn(&self, problems: &mut Problems) {
        for (key, duty) in self.each() {
            self.warn_of_key(key, duty, problems);
        }
        for algorithm in Algorithm::ALL {
            self.warn_of_algorithm(algorithm, problems);
            self.warn_of_early_key(algorithm, problems);
        }
    }

    fn warn_of_key(&self, key: &ZoneKey, duty: KeyDuty, problems: &mut Problems) {
        let is_elsewhere = self.inputs.signed.is_some();
        let name = name(key, duty);
        let mut note = |what: String, help: &str| {
            problems.warning(key.location.clone(), what, help);
        };
        if duty.role == KeyRole::Revoked && duty.is_published {
            let what = format!("{name} is revoked: it signs nothing but the keys (RFC 5011)");
            note(what, "delete it 30 days after it was revoked: dnssec-settime -D +30d");
        } else if key.timing.revoke.is_some_and(|moment| moment <= self.now) {
            let what = format!("{name} is to be revoked by now, and its flags do not say so");
            note(what, "revoke it by dnssec-revoke");
        }
        if is_elsewhere && duty.role == KeyRole::Ksk && key.private.is_some() {
            let what =
                format!("the private key of {name} is here, and the key set is signed elsewhere");
            note(what, "keep it where the key set is signed, and remove it here");
        }
        if !is_elsewhere && duty.is_active && key.private.is_none() && !key.timing.is_unset() {
            let state = if duty.is_published { "is in the zone" } else { "is active" };
            let what =
                format!("{name} {state} and does not sign here: its private key is not here");
            let help = "that is right for a key of another signer of the zone (RFC 8901); if it is \
                        one of this server, bring its .private file back, or end it by \
                        dnssec-settime -I now";
            note(what, help);
        }
    }

    fn warn_of_algorithm(&self, algorithm: Algorithm, problems: &mut Problems) {
        let of = |key: &ZoneKey| key.dnskey.algorithm == algorithm && !key.dnskey.is_revoked();
        let mut keys = self.each().filter(|(key, _)| of(key));
        let Some((first, _)) = keys.clone().find(|(_, duty)| duty.is_published) else { return };
        let signs_zone = keys.clone().any(|(_, duty)| duty.signs_zone);
        let signs_keys =
            self.inputs.signed.is_some() || keys.clone().any(|(_, duty)| duty.signs_keys);
        if !signs_zone || !signs_keys {
            let lacks = if signs_zone { "the keys" } else { "the zone" };
            let what = format!(
                "keys of {algorithm} are published, and none of them signs {lacks}: some resolvers \
                 refuse the zone"
            );
            let help = "each algorithm of the keys has to sign everything (RFC 4035 section 2.2)";
            return problems.warning(first.location.clone(), what, help);
        }
        // One that is to sign later is in the zone before, as it has to be.
        let is_to_come =
            |key: &ZoneKey| key.timing.activate.is_some_and(|moment| self.now < moment);
        let has_zsk = keys.clone().any(|(key, duty)| duty.role == KeyRole::Zsk && !is_to_come(key));
        if let Some((key, _)) = keys.find(|(_, duty)| duty.role == KeyRole::Csk && duty.signs_zone)
            && has_zsk
        {
            let what = format!(
                "no zone-signing key of {algorithm} is active: key {} signs everything",
                key.dnskey.tag()
            );
            let help = "set the moments of the zone-signing keys by dnssec-settime, or delete them";
            problems.warning(key.location.clone(), what, help);
        }
    }

    /// Warns of a zone-signing key that signs before all resolvers know it.
    fn warn_of_early_key(&self, algorithm: Algorithm, problems: &mut Problems) {
        let Some(early) = self.inputs.keys.early_key(algorithm, self.now) else { return };
        let (tag, published, known) = (early.key.dnskey.tag(), early.published, early.known);
        let what = format!(
            "ZSK {tag} is in the zone since {published} and signs it alone: until {known}, resolvers \
             that have the keys without it refuse the zone"
        );
        let help = format!(
            "have it sign from then on, and the old key until then: dnssec-settime -A {} (RFC 6781 \
             section 4.1.1.1); in a zone that was not signed before, leave it",
            timing::text(known)
        );
        problems.warning(early.key.location.clone(), what, help);
    }

    /// The DNSKEY, CDS and CDNSKEY records.
    fn key_records(&self) -> Vec<ResourceRecord> {
        if let Some(signed) = self.inputs.signed {
            return signed.records().to_vec();
        }
        let zone = &self.inputs.keys.zone;
        let published = self.each().filter(|(_, duty)| duty.is_published);
        let ttl = published.filter_map(|(key, _)| key.ttl).min().unwrap_or(KEY_TTL);
        let record = |key: &ZoneKey, rtype: u16, rdata: Vec<u8>| ResourceRecord {
            owner: zone.clone(),
            rtype,
            ttl,
            rdata: rdata.into(),
            location: key.location.clone(),
        };
        let mut records: Vec<ResourceRecord> = self
            .each()
            .filter(|(_, duty)| duty.is_published)
            .map(|(key, _)| record(key, DNSKEY, key.dnskey.rdata()))
            .collect();
        for (key, _) in self.each().filter(|(_, duty)| duty.is_synced) {
            records.push(record(key, CDS, ds(zone, &key.dnskey, DigestType::Sha256)));
        }
        for (key, _) in self.each().filter(|(_, duty)| duty.is_synced) {
            records.push(record(key, CDNSKEY, key.dnskey.rdata()));
        }
        records
    }
}

/// A key in messages.
fn name(key: &ZoneKey, duty: KeyDuty) -> String {
    match duty.role {
        KeyRole::Revoked => format!("key {}", key.dnskey.tag()),
        role => format!("{role} {}", key.dnskey.tag()),
    }
}

fn signing_key(key: &ZoneKey) -> Option<SigningKey> {
    let private: Arc<dyn PrivateKey> = key.private.clone()?;
    Some(SigningKey { dnskey: key.dnskey.clone(), private })
}
