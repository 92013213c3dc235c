//! The TSIG record of an answer (RFC 8945).

use cvdns_core::wire::name::wire_length;
use cvdns_core::wire::tsig::Tsig;
use hickory_server::proto::rr::Record;
use hickory_server::proto::rr::rdata::TSIG;
use hickory_server::proto::rr::rdata::tsig::{TsigAlgorithm, TsigError, make_tsig_record};

use crate::record::name;

/// Octets of type, class, TTL and RDLENGTH.
const FIXED: usize = 10;

/// The record that says that the key of a query is not known (RFC 8945 section 5.2.1). `None` if
/// hickory cannot read the names in it.
pub(crate) fn unknown_key(tsig: Tsig, message: &[u8]) -> Option<Box<Record<TSIG>>> {
    let (octets, length) = tsig.unknown_key(message)?;
    let octets = octets.get(..length)?;
    let (key, rest) = octets.split_at_checked(wire_length(octets)?)?;
    let rdata = rest.get(FIXED..)?;
    let (algorithm, rest) = rdata.split_at_checked(wire_length(rdata)?)?;
    let (signed, rest) = rest.split_first_chunk::<6>()?;
    let time = signed.iter().fold(0, |time, octet| time << 8 | u64::from(*octet));
    let fudge = u16::from_be_bytes(*rest.first_chunk()?);
    let id = u16::from_be_bytes(*message.first_chunk()?);
    let algorithm = TsigAlgorithm::from_name(name(algorithm)?);
    let error = Some(TsigError::BadKey);
    let data = TSIG::new(algorithm, time, fudge, Vec::new(), id, error, Vec::new());
    Some(Box::new(make_tsig_record(name(key)?, data)))
}
