//! APL: lists of networks (RFC 3123).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::data::Data;
use super::data::Word;
use super::field::Field;
use super::octets::Octets;
use crate::zone::token::Fault;

/// The field as layouts name it.
pub(super) const APL: Field = Field { text: apl, wire };

fn wire(octets: &mut Octets<'_>) -> Option<()> {
    while !octets.is_empty() {
        let (family, prefix, length) = (octets.u16()?, octets.u8()?, octets.u8()? & 0x7f);
        let most = match family {
            1 => Some(32),
            2 => Some(128),
            _ => None,
        };
        let address = octets.take(usize::from(length))?;
        let fits = most.is_none_or(|bits: u8| prefix <= bits && length <= bits / 8);
        if !fits || address.last() == Some(&0) {
            return None;
        }
    }
    Some(())
}

/// `[!]FAMILY:ADDRESS/PREFIX`, as often as wanted and be it never (RFC 3123 section 5).
pub(super) fn apl(data: &mut Data<'_>) -> Result<(), Fault> {
    while data.continues() {
        let word = data.word("a network")?;
        let item = item(&word)
            .ok_or_else(|| word.is_not("a network such as 1:192.0.2.0/24 or !2:2001:db8::/32"))?;
        data.out.extend(item);
    }
    Ok(())
}

/// Family, prefix length, address length with the negation as its highest bit, and the address without the zeros
/// at its end (RFC 3123 section 4).
fn item(word: &Word<'_>) -> Option<Vec<u8>> {
    let (negated, text) = match word.text.strip_prefix('!') {
        Some(rest) => (0x80, rest),
        None => (0, word.text),
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
