//! Records as hickory has them, made of the octets that a snapshot has.

use cvdns_core::wire::{class, rtype};
use cvdns_core::zone::records::Rrset;
use hickory_server::proto::rr::rdata::NULL;
use hickory_server::proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_server::proto::serialize::binary::{BinDecodable, BinDecoder, Restrict};

/// A record apart from its owner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordFields<'r> {
    /// Class.
    pub class: u16,
    /// Type.
    pub rtype: u16,
    /// TTL in seconds.
    pub ttl: u32,
    /// RDATA without compression.
    pub rdata: &'r [u8],
}

impl<'r> RecordFields<'r> {
    /// Reads the first of the records that a snapshot has prepared: each is a compression pointer
    /// to QNAME, type, class, TTL, and RDATA after its length. Returns what follows it too.
    pub(crate) fn split_prepared(octets: &'r [u8]) -> Option<(Self, &'r [u8])> {
        let ([_, _, t1, t0, c1, c0, ttl3, ttl2, ttl1, ttl0, l1, l0], rest) =
            octets.split_first_chunk::<12>()?;
        let (rdata, rest) = rest.split_at_checked(u16::from_be_bytes([*l1, *l0]).into())?;
        let fields = Self {
            class: u16::from_be_bytes([*c1, *c0]),
            rtype: u16::from_be_bytes([*t1, *t0]),
            ttl: u32::from_be_bytes([*ttl3, *ttl2, *ttl1, *ttl0]),
            rdata,
        };
        Some((fields, rest))
    }

    /// The record with an owner; `None` if hickory cannot read its data.
    pub(crate) fn owned_by(&self, owner: &Name) -> Option<Record> {
        let mut record = Record::from_rdata(owner.clone(), self.ttl, self.data()?);
        record.dns_class = DNSClass::from(self.class);
        Some(record)
    }

    /// The types of RFC 1035 whose names are compressed, and addresses, become values. All others
    /// stay octets: what the master file says is sent as it is, even where hickory reads less of a
    /// type than cvdns does, or does not know it (RFC 3597).
    fn data(&self) -> Option<RData> {
        let code = RecordType::from(self.rtype);
        match self.rtype {
            rtype::A
            | rtype::AAAA
            | rtype::NS
            | rtype::CNAME
            | rtype::PTR
            | rtype::MX
            | rtype::SOA => {
                let length = Restrict::new(u16::try_from(self.rdata.len()).ok()?);
                RData::read(&mut BinDecoder::new(self.rdata), code, length).ok()
            }
            // hickory has no other value for data of no octets, and panics on NULL without any.
            _ if self.rdata.is_empty() => Some(RData::Update0(code)),
            _ => Some(RData::Unknown { code, rdata: NULL::with(self.rdata.to_vec()) }),
        }
    }
}

/// Adds the records of an `RRset` with this owner. `None` if hickory cannot read one of them.
pub(crate) fn add_set(owner: &Name, set: &Rrset<'_>, out: &mut Vec<Record>) -> Option<()> {
    for rdata in set.rdatas() {
        let fields = RecordFields { class: class::IN, rtype: set.rtype(), ttl: set.ttl(), rdata };
        out.push(fields.owned_by(owner)?);
    }
    Some(())
}

/// A name in wire form without compression, in its own case. `None` if it is none.
pub(crate) fn name(wire: &[u8]) -> Option<Name> {
    Name::read(&mut BinDecoder::new(wire)).ok()
}
