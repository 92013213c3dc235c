//! Whether a name server answers signed, by keys to which the parent's DS records refer (RFC 4035
//! section 5).

use std::net::SocketAddr;

use hickory_net::proto::op::{DnsResponse, ResponseCode};
use hickory_net::proto::rr::Record;
use hickory_net::proto::serialize::binary::BinEncodable;
use jiff::Timestamp;

use super::ds::{is_of, listed, tag};
use super::finding::Kind;
use super::resolver::owner;
use crate::cli::live::client::ask_whole;
use crate::explaining::query::{plain, with_dnssec};
use cvdns_core::dnssec::{Dnskey, key_tag};
use cvdns_core::wire::name::Name;
use cvdns_core::wire::rtype;
use cvdns_dnssec::{DNSKEY, SignatureInfo};

/// The keys of a name server, and the signatures of its SOA record.
#[derive(Debug, Clone, Default)]
pub(super) struct Signed {
    /// The data of its DNSKEY records.
    keys: Vec<Vec<u8>>,
    soa: Vec<SignatureInfo>,
}

/// What the keys of a name server are compared with.
pub(super) struct Trust<'t> {
    /// The data of all DS records of the parent.
    pub ds: Vec<&'t [u8]>,
    /// The keys that sign the zone's keys here; `None` if it is not signed here.
    pub keys: Option<&'t [Dnskey]>,
}

impl Signed {
    /// Asks a name server, over TCP where an answer is truncated. `None` if one is missing.
    pub(super) async fn ask(address: SocketAddr, origin: &Name) -> Option<Self> {
        let mut answers = Vec::new();
        for qtype in [DNSKEY, rtype::SOA] {
            let answer = ask_whole(address, &with_dnssec(plain(origin, qtype))).await.ok()?;
            if answer.metadata.response_code != ResponseCode::NoError {
                return None;
            }
            answers.push(answer);
        }
        let [keys, soa] = answers.as_slice() else { return None };
        let now = Timestamp::now();
        let signatures = data(soa, origin, rtype::RRSIG);
        let signatures = signatures.filter_map(|rdata| SignatureInfo::parse(&rdata, now));
        Some(Self {
            keys: data(keys, origin, DNSKEY).collect(),
            soa: signatures.filter(|of| of.covered == rtype::SOA).collect(),
        })
    }

    /// Whether it has DNSKEY records.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What a resolver that validates does not accept.
    pub(super) fn wrong(
        &self,
        zone: &Name,
        trust: &Trust<'_>,
        now: Timestamp,
    ) -> Vec<(Kind, String)> {
        if !self.has_keys() {
            let what = "answers without DNSKEY records: it does not sign the zone";
            return vec![(Kind::ServerUnsigned, what.to_owned())];
        }
        if self.soa.is_empty() {
            let what = "has DNSKEY records, and answers the SOA record without a signature";
            return vec![(Kind::ServerUnsigned, what.to_owned())];
        }
        let other = self.other_keys(zone, trust).map(|what| (Kind::ServerOtherKeys, what));
        let bad = self.bad_signature(now).map(|what| (Kind::ServerSignatures, what));
        other.into_iter().chain(bad).collect()
    }

    fn other_keys(&self, zone: &Name, trust: &Trust<'_>) -> Option<String> {
        let own = listed(self.keys.iter().map(|key| key_tag(key)));
        let has_ours =
            trust.keys.is_some_and(|keys| keys.iter().any(|key| self.keys.contains(&key.rdata())));
        if trust.ds.is_empty() {
            let ours = listed(trust.keys?.iter().map(Dnskey::tag));
            let what =
                format!("has the keys {own}, and none of those that sign the zone's keys: {ours}");
            return (!has_ours).then_some(what);
        }
        // A server with the keys of this configuration is right, and the parent's records are not:
        // that is said of the parent.
        let fits = |key: &Vec<u8>| trust.ds.iter().any(|ds| is_of(ds, zone, key));
        let ds = listed(trust.ds.iter().map(|rdata| tag(rdata)));
        let what = format!("has the keys {own}, and the parent's DS records are of others: {ds}");
        (!has_ours && !self.keys.iter().any(fits)).then_some(what)
    }

    /// Why no signature of the SOA record is valid (RFC 4035 section 5.3.1).
    fn bad_signature(&self, now: Timestamp) -> Option<String> {
        let fault = |of: &SignatureInfo| {
            let is_by = |key: &&Vec<u8>| {
                key_tag(key) == of.tag && key.get(3).is_some_and(|number| *number == of.algorithm)
            };
            if self.keys.iter().find(is_by).is_none() {
                Some("was made by a key that is not among its DNSKEY records".to_owned())
            } else if now < of.inception {
                Some(format!("is not valid before {}", of.inception))
            } else if of.expiration <= now {
                Some(format!("has expired at {}", of.expiration))
            } else {
                None
            }
        };
        let faults: Vec<String> = (self.soa.iter())
            .filter_map(|of| Some(format!("that by key {} {}", of.tag, fault(of)?)))
            .collect();
        (faults.len() == self.soa.len())
            .then(|| format!("has no valid signature of the SOA record: {}", faults.join("; ")))
    }
}

/// The data of the records of a type in an answer. hickory knows the forms of DNSSEC only with a
/// feature, and is asked for octets in either case.
fn data(answer: &DnsResponse, origin: &Name, qtype: u16) -> impl Iterator<Item = Vec<u8>> {
    let is_of = move |record: &&Record| {
        u16::from(record.record_type()) == qtype && owner(record) == *origin
    };
    answer.answers.iter().filter(is_of).filter_map(|record| record.data.to_bytes().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::dnssec::Algorithm;
    use cvdns_dnssec::{DigestType, KeyPair, ds};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "a table of cases")]
    fn each_fault_of_a_server_is_said() {
        let zone = Name::parse("a.example", &Name::root()).unwrap();
        let key = || KeyPair::generate(Algorithm::Ed25519, 257).unwrap().0.dnskey().clone();
        let (one, two) = (key(), key());
        let (of_one, of_two) =
            (ds(&zone, &one, DigestType::Sha256), ds(&zone, &two, DigestType::Sha256));
        let now = at("2026-11-30T12:00:00Z");
        let info = |tag, from: &str, to: &str| SignatureInfo {
            covered: rtype::SOA,
            algorithm: 15,
            tag,
            inception: at(from),
            expiration: at(to),
        };
        let (early, late) = ("2026-11-01T00:00:00Z", "2026-12-15T00:00:00Z");
        let good = info(one.tag(), early, late);
        let said = |keys: &[&Dnskey], soa: &[SignatureInfo], ds: &[&[u8]], trusted: &[Dnskey]| {
            let keys = keys.iter().map(|key| key.rdata()).collect();
            let trust = Trust { ds: ds.to_vec(), keys: Some(trusted) };
            Signed { keys, soa: soa.to_vec() }.wrong(&zone, &trust, now)
        };
        let (a, b) = (one.tag(), two.tag());
        let ours = std::slice::from_ref(&one);
        assert_eq!(said(&[&one], &[good], &[], ours), []);
        assert_eq!(said(&[&one, &two], &[good], &[&of_two], &[]), []);
        let unsigned = |what: &str| vec![(Kind::ServerUnsigned, what.to_owned())];
        assert_eq!(
            said(&[], &[], &[&of_one], ours),
            unsigned("answers without DNSKEY records: it does not sign the zone")
        );
        assert_eq!(
            said(&[&one], &[], &[&of_one], ours),
            unsigned("has DNSKEY records, and answers the SOA record without a signature")
        );
        let by_two = info(b, early, late);
        let other = |what: String| vec![(Kind::ServerOtherKeys, what)];
        assert_eq!(
            said(&[&two], &[by_two], &[], ours),
            other(format!("has the keys {b}, and none of those that sign the zone's keys: {a}"))
        );
        assert_eq!(
            said(&[&two], &[by_two], &[&of_one], ours),
            other(format!("has the keys {b}, and the parent's DS records are of others: {a}"))
        );
        // The parent is wrong, not the server.
        assert_eq!(said(&[&one], &[good], &[&of_two], ours), []);
        let bad = |what: String| {
            vec![(
                Kind::ServerSignatures,
                format!("has no valid signature of the SOA record: that by key {what}"),
            )]
        };
        let expired = info(a, early, "2026-11-30T12:00:00Z");
        assert_eq!(
            said(&[&one], &[expired], &[&of_one], ours),
            bad(format!("{a} has expired at 2026-11-30T12:00:00Z"))
        );
        assert_eq!(said(&[&one], &[expired, good], &[&of_one], ours), []);
        let to_come = info(a, "2026-11-30T12:00:01Z", late);
        assert_eq!(
            said(&[&one], &[to_come], &[&of_one], ours),
            bad(format!("{a} is not valid before 2026-11-30T12:00:01Z"))
        );
        assert_eq!(
            said(&[&one], &[by_two], &[&of_one], ours),
            bad(format!("{b} was made by a key that is not among its DNSKEY records"))
        );
    }
}
