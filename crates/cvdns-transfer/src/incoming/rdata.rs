//! RDATA in messages: names in it may be compressed.

use domain::base::Rtype;
use domain::base::name::{ParsedName, ToName};
use domain::base::rdata::{ParseRecordData, RecordData};
use domain::base::wire::ParseError;
use domain::dep::octseq::Parser;

/// RDATA with uncompressed names.
#[derive(Debug)]
pub(super) struct PlainRdata {
    rtype: Rtype,
    pub(super) octets: Vec<u8>,
}

/// A part of RDATA.
#[derive(Clone, Copy)]
enum Part {
    /// This many octets.
    Octets(usize),
    /// A name, which may be compressed.
    Name,
    /// A character-string.
    Text,
}

use Part::{Name, Octets, Text};

/// The parts up to the last name, of the types in which names may be compressed, or were by
/// servers of long ago: those of RFC 1035, and those that RFC 3597 section 4 lists. Names in all
/// other types are octets like others.
fn parts(rtype: u16) -> &'static [Part] {
    match rtype {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, NXT.
        2..=5 | 7..=9 | 12 | 30 => &[Name],
        // SOA, MINFO, RP.
        6 | 14 | 17 => &[Name, Name],
        // MX, AFSDB, RT.
        15 | 18 | 21 => &[Octets(2), Name],
        // SIG.
        24 => &[Octets(18), Name],
        // PX.
        26 => &[Octets(2), Name, Name],
        // SRV.
        33 => &[Octets(6), Name],
        // NAPTR.
        35 => &[Octets(4), Text, Text, Text, Name],
        _ => &[],
    }
}

impl RecordData for PlainRdata {
    fn rtype(&self) -> Rtype {
        self.rtype
    }
}

impl<'a> ParseRecordData<'a, [u8]> for PlainRdata {
    fn parse_rdata(
        rtype: Rtype,
        parser: &mut Parser<'a, [u8]>,
    ) -> Result<Option<Self>, ParseError> {
        let mut octets = Vec::with_capacity(parser.remaining());
        for part in parts(rtype.to_int()) {
            match part {
                Octets(count) => octets.extend(parser.parse_octets(*count)?),
                Text => {
                    let length = parser.parse_u8()?;
                    octets.push(length);
                    octets.extend(parser.parse_octets(length.into())?);
                }
                Name => {
                    let name = ParsedName::parse_ref(parser)?;
                    // A vector grows as it must.
                    let Ok(()) = name.compose(&mut octets);
                }
            }
        }
        octets.extend(parser.parse_octets(parser.remaining())?);
        Ok(Some(Self { rtype, octets }))
    }
}
