//! APL: lists of address prefixes (RFC 3123).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::field::Field;
use super::octets::Octets;
use super::parser::{RdataParser, TextToken};
use crate::zone::token::ParseError;

/// All address prefixes of a record.
pub(super) const APL: Field = Field { text: apl, wire };

fn wire(octets: &mut Octets<'_>) -> Option<()> {
    while !octets.is_empty() {
        let (family, prefix, length) = (octets.u16()?, octets.u8()?, octets.u8()? & 0x7f);
        let max_prefix = match family {
            1 => Some(32),
            2 => Some(128),
            _ => None,
        };
        let address = octets.take(usize::from(length))?;
        let fits = max_prefix.is_none_or(|bits: u8| prefix <= bits && length <= bits / 8);
        if !fits || address.last() == Some(&0) {
            return None;
        }
    }
    Some(())
}

/// Zero or more items `[!]FAMILY:ADDRESS/PREFIX` (RFC 3123 section 5).
pub(super) fn apl(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    while parser.continues() {
        let token = parser.text_token("a network")?;
        let item = item(&token)
            .ok_or_else(|| token.is_not("a network such as 1:192.0.2.0/24 or !2:2001:db8::/32"))?;
        parser.out.extend(item);
    }
    Ok(())
}

/// The wire form of an item: family, prefix length, address length with the negation flag as its
/// highest bit, and the address without trailing zeros (RFC 3123 section 4).
fn item(token: &TextToken<'_>) -> Option<Vec<u8>> {
    let (negated, text) = match token.text.strip_prefix('!') {
        Some(rest) => (0x80, rest),
        None => (0, token.text),
    };
    let (family, network) = text.split_once(':')?;
    let (address, prefix) = network.split_once('/')?;
    let mut octets = match family {
        "1" => address.parse::<Ipv4Addr>().ok()?.octets().to_vec(),
        "2" => address.parse::<Ipv6Addr>().ok()?.octets().to_vec(),
        _ => return None,
    };
    let digits = prefix.starts_with(|c: char| c.is_ascii_digit());
    let prefix: u8 =
        prefix.parse().ok().filter(|bits| digits && usize::from(*bits) <= octets.len() * 8)?;
    let length = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    octets.truncate(length);
    let family = if family == "1" { 1 } else { 2 };
    Some([&[0, family, prefix, negated | length as u8], octets.as_slice()].concat())
}
