//! RDATA without regard to the case of names, to recognise duplicates (RFC 4034 section 6.2).

use std::borrow::Cow;
use std::ops::Range;

use crate::wire::name::wire_length;

/// The RDATA with names in lower case, for the types of RFC 4034 section 6.2.
pub fn canonical(rtype: u16, rdata: &[u8]) -> Cow<'_, [u8]> {
    let names = names_in(rtype, rdata);
    if !rdata.get(names.clone()).is_some_and(|names| names.iter().any(u8::is_ascii_uppercase)) {
        return Cow::Borrowed(rdata);
    }
    let mut lower = rdata.to_vec();
    if let Some(names) = lower.get_mut(names) {
        // Length octets stay: they are at most 63, below 'A'.
        names.make_ascii_lowercase();
    }
    Cow::Owned(lower)
}

/// The octet range of the names whose case does not matter (RFC 4034 section 6.2, RFC 6840 section
/// 5.1).
fn names_in(rtype: u16, rdata: &[u8]) -> Range<usize> {
    let name_at = |at: usize| {
        let length = rdata.get(at..).and_then(wire_length).unwrap_or(0);
        at..at + length
    };
    match rtype {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME: a name; MINFO, RP: two names.
        2..=5 | 7..=9 | 12 | 39 | 14 | 17 => 0..rdata.len(),
        // SOA: two names, five numbers.
        6 => 0..rdata.len().saturating_sub(20),
        // MX, AFSDB, RT, KX: a number, a name; PX: a number, two names.
        15 | 18 | 21 | 36 | 26 => 2..rdata.len(),
        // SRV: three numbers, a name.
        33 => 6..rdata.len(),
        // NAPTR: two numbers, three strings, a name.
        35 => name_at(
            (0..3).fold(4, |at, _| at + 1 + usize::from(rdata.get(at).copied().unwrap_or(0))),
        ),
        // SIG, RRSIG: 18 octets, a name, the signature.
        24 | 46 => name_at(18),
        // NXT: a name, a bitmap.
        30 => name_at(0),
        // A6: a prefix length, the rest of the address, a name.
        38 => name_at(
            1 + (128 - usize::from(rdata.first().copied().unwrap_or(0).min(128))).div_ceil(8),
        ),
        _ => 0..0,
    }
}
