//! The questions of a secondary.

use cvdns_core::wire::name::Name;
use cvdns_core::wire::{class, rtype};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The SOA record alone.
    Soa,
    /// The whole zone (RFC 5936).
    Axfr,
    /// What changed since the version with this serial (RFC 1995).
    Ixfr(u32),
}

/// Offset of the question's name, as a compression pointer to it.
const TO_QUESTION: [u8; 2] = [0xc0, 12];

/// Length of the SOA record's RDATA below: two names that are the root, and five numbers.
const SOA_LENGTH: u16 = 22;

impl Asked {
    /// QTYPE.
    pub fn qtype(self) -> u16 {
        match self {
            Self::Soa => rtype::SOA,
            Self::Axfr => rtype::AXFR,
            Self::Ixfr(_) => rtype::IXFR,
        }
    }
}

/// The message that asks for this of a zone. RD is clear: nobody is to ask others for a zone.
pub fn request(id: u16, zone: &Name, asked: Asked) -> Vec<u8> {
    let authority = u8::from(matches!(asked, Asked::Ixfr(_)));
    let [id1, id0] = id.to_be_bytes();
    let mut message = vec![id1, id0, 0, 0, 0, 1, 0, 0, 0, authority, 0, 0];
    message.extend(zone.wire());
    message.extend(asked.qtype().to_be_bytes());
    message.extend(class::IN.to_be_bytes());
    if let Asked::Ixfr(serial) = asked {
        // RFC 1995 section 3: the SOA record of the client's version, of which only the serial
        // counts.
        message.extend(TO_QUESTION);
        message.extend(rtype::SOA.to_be_bytes());
        message.extend(class::IN.to_be_bytes());
        message.extend([0; 4]);
        message.extend(SOA_LENGTH.to_be_bytes());
        message.extend([0, 0]);
        message.extend(serial.to_be_bytes());
        message.extend([0; 16]);
    }
    message
}
