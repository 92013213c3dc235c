//! The records of a message, one after the other.

use super::name::skip_name;
use super::{HEADER, rtype, u16_at};

/// Walks through the records of a message. It ends at the first one that is cut off.
#[derive(Debug, Clone)]
pub struct Records<'m> {
    message: &'m [u8],
    at: usize,
    /// Records that are left in the answer, authority and additional sections.
    left: [u16; 3],
}

/// A record of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'m> {
    /// The section that it is in.
    pub section: Section,
    /// Type.
    pub rtype: u16,
    /// TTL in seconds; other data in an OPT record.
    pub ttl: u32,
    /// RDATA, with compressed names where it has names.
    pub rdata: &'m [u8],
}

/// A section of records (RFC 1035 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer,
    /// What a referral or a denial refers to.
    Authority,
    /// What may help.
    Additional,
}

impl<'m> Records<'m> {
    /// The records of this message.
    pub fn new(message: &'m [u8]) -> Self {
        let count = |at| u16_at(message, at).unwrap_or_default();
        let mut at = Some(HEADER);
        // A question has five octets at least, so this ends with the message.
        for _ in 0..count(4) {
            at = at.and_then(|at| skip_name(message, at)).map(|end| end + 4);
        }
        let left = if at.is_some() { [6, 8, 10].map(count) } else { [0; 3] };
        Self { message, at: at.unwrap_or_default(), left }
    }
}

impl<'m> Iterator for Records<'m> {
    type Item = Record<'m>;

    fn next(&mut self) -> Option<Record<'m>> {
        let sections = [Section::Answer, Section::Authority, Section::Additional];
        let (left, section) = self.left.iter_mut().zip(sections).find(|(left, _)| **left > 0)?;
        *left -= 1;
        let fixed = skip_name(self.message, self.at)?;
        let number = |at| u16_at(self.message, fixed + at);
        let (rtype, length) = (number(0)?, usize::from(number(8)?));
        let ttl = u32::from(number(4)?) << 16 | u32::from(number(6)?);
        let end = fixed + 10 + length;
        let rdata = self.message.get(fixed + 10..end)?;
        self.at = end;
        Some(Record { section, rtype, ttl, rdata })
    }
}

/// For how many seconds an answer may be kept: as long as the record of the answer section with the
/// lowest TTL, or if there is none, as long as the SOA record says that what does not exist does
/// not (RFC 8484 section 5.1, RFC 2308 section 5). `None` if the message says neither.
pub fn lifetime(message: &[u8]) -> Option<u32> {
    let of_answer = Records::new(message).filter(|record| record.section == Section::Answer);
    of_answer.map(|record| record.ttl).min().or_else(|| {
        let soa = Records::new(message)
            .find(|record| record.section == Section::Authority && record.rtype == rtype::SOA)?;
        let minimum = u32::from_be_bytes(*soa.rdata.last_chunk()?);
        Some(soa.ttl.min(minimum))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message with a question for the root, and these records of the root: section, type, TTL,
    /// RDATA.
    fn message(records: &[(usize, u16, u32, &[u8])]) -> Vec<u8> {
        let count =
            |wanted| records.iter().filter(|(section, ..)| *section == wanted).count() as u8;
        let mut out = vec![0, 0, 0x84, 0, 0, 1, 0, count(0), 0, count(1), 0, count(2)];
        out.extend([0, 0, 1, 0, 1]);
        for (_, rtype, ttl, rdata) in records {
            out.push(0);
            out.extend(rtype.to_be_bytes());
            out.extend([0, 1]);
            out.extend(ttl.to_be_bytes());
            out.extend((rdata.len() as u16).to_be_bytes());
            out.extend_from_slice(rdata);
        }
        out
    }

    const SOA: [u8; 22] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 90];

    #[test]
    fn rfc8484_5_1_an_answer_is_kept_as_long_as_its_records() {
        let (a, ns) = ([192, 0, 2, 1], [0]);
        assert_eq!(lifetime(&message(&[(0, 1, 60, &a), (0, 1, 30, &a), (1, 2, 7, &ns)])), Some(30));
        assert_eq!(lifetime(&message(&[(1, 6, 300, &SOA)])), Some(90));
        assert_eq!(lifetime(&message(&[(1, 6, 20, &SOA)])), Some(20));
        assert_eq!(lifetime(&message(&[(1, 2, 20, &ns), (2, 41, 5, &[])])), None);
        assert_eq!(lifetime(&message(&[])), None);
    }

    proptest! {
        /// Whatever the octets, the walk ends within the message.
        #[test]
        fn any_octets_are_walked(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Records::new(&octets).count() <= octets.len());
            let _ = lifetime(&octets);
        }
    }
}
