//! TSIG records of messages: where they are, what they say, and how they are written.

use cvdns_core::wire::name::Name;
use cvdns_core::wire::{HEADER, rtype, u16_at};
use domain::base::iana::{Class, Rtype};
use domain::base::name::ToName;
use domain::base::{Message, ParsedName, Ttl};
use domain::rdata::tsig::Tsig;

/// A TSIG record (RFC 8945 section 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TsigRecord {
    /// Name of the key, in lower case.
    pub key: Name,
    /// Name of the algorithm, in lower case.
    pub algorithm: Name,
    /// When the message was signed.
    pub time: u64,
    /// How many seconds that may be off.
    pub fudge: u16,
    pub mac: Vec<u8>,
    /// The ID of the message when it was signed.
    pub id: u16,
    /// The error, 0 for none.
    pub error: u16,
    pub other: Vec<u8>,
}

/// A message has a TSIG record that cannot be read, is not the last record, or is not the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl TsigRecord {
    /// The record of a message and the offset at which it begins; `None` if there is none. Where
    /// the message cannot be parsed to its end, nothing is said of its signature: that is an error.
    pub(super) fn find(message: &[u8]) -> Result<Option<(Self, usize)>, Malformed> {
        let message = Message::from_octets(message).map_err(|_| Malformed)?;
        for records in [message.answer(), message.authority()] {
            for record in records.map_err(|_| Malformed)? {
                if record.map_err(|_| Malformed)?.rtype() == Rtype::TSIG {
                    return Err(Malformed);
                }
            }
        }
        let mut records = message.additional().map_err(|_| Malformed)?;
        loop {
            let start = records.pos();
            let Some(record) = records.next() else { return Ok(None) };
            let record = record.map_err(|_| Malformed)?;
            if record.rtype() != Rtype::TSIG {
                continue;
            }
            // CLASS ANY, TTL 0, the last record (section 4.2), and nothing after it.
            let is_last = records.next().is_none() && records.pos() == message.as_slice().len();
            if record.class() != Class::ANY || record.ttl() != Ttl::ZERO || !is_last {
                return Err(Malformed);
            }
            let record = record.into_record::<Tsig<_, _>>().map_err(|_| Malformed)?;
            let record = record.ok_or(Malformed)?;
            return Ok(Some((Self::of(*record.owner(), record.data())?, start)));
        }
    }

    fn of(
        owner: ParsedName<&[u8]>,
        data: &Tsig<&[u8], ParsedName<&[u8]>>,
    ) -> Result<Self, Malformed> {
        let time: [u8; 6] = data.time_signed().into_octets();
        let [t5, t4, t3, t2, t1, t0] = time;
        Ok(Self {
            key: lower(owner)?,
            algorithm: lower(*data.algorithm())?,
            time: u64::from_be_bytes([0, 0, t5, t4, t3, t2, t1, t0]),
            fudge: data.fudge(),
            mac: data.mac().to_vec(),
            id: data.original_id(),
            error: data.error().to_int(),
            other: data.other().to_vec(),
        })
    }

    /// The octets that a record has in a message.
    pub(super) fn octets(&self) -> Vec<u8> {
        let mut data = self.algorithm.wire().to_vec();
        data.extend(time_octets(self.time));
        data.extend(self.fudge.to_be_bytes());
        data.extend((self.mac.len() as u16).to_be_bytes());
        data.extend(&self.mac);
        for number in [self.id, self.error, self.other.len() as u16] {
            data.extend(number.to_be_bytes());
        }
        data.extend(&self.other);
        let mut octets = self.key.wire().to_vec();
        octets.extend(rtype::TSIG.to_be_bytes());
        octets.extend([0, 255, 0, 0, 0, 0]);
        octets.extend((data.len() as u16).to_be_bytes());
        octets.extend(data);
        octets
    }

    /// Appends the record to a message. `None` if it does not fit, or there is no header.
    pub(super) fn append(&self, message: &mut Vec<u8>) -> Option<()> {
        let octets = self.octets();
        let length = message.len().checked_add(octets.len())?;
        let count = u16_at(message, 10)?.checked_add(1)?;
        if length > cvdns_core::wire::MAX_MESSAGE {
            return None;
        }
        message.get_mut(10..HEADER)?.copy_from_slice(&count.to_be_bytes());
        message.extend(octets);
        Some(())
    }
}

/// Takes the record at this offset off a message, which then has the ID that it was signed with.
pub(super) fn remove(message: &mut Vec<u8>, start: usize, id: u16) {
    message.truncate(start);
    let count = u16_at(message, 10).unwrap_or_default().saturating_sub(1);
    if let Some(field) = message.get_mut(10..HEADER) {
        field.copy_from_slice(&count.to_be_bytes());
    }
    if let Some(field) = message.get_mut(..2) {
        field.copy_from_slice(&id.to_be_bytes());
    }
}

/// The 48 bits of a time.
pub(super) fn time_octets(time: u64) -> [u8; 6] {
    let [_, _, rest @ ..] = time.to_be_bytes();
    rest
}

fn lower(name: ParsedName<&[u8]>) -> Result<Name, Malformed> {
    Name::from_wire(&name.to_vec().as_slice().to_ascii_lowercase()).map_err(|_| Malformed)
}
