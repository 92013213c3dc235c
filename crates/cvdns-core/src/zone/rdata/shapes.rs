//! Types whose fields depend on one another, or that have a form of their own.

use std::net::Ipv6Addr;

use super::aliases::{DSYNC_SCHEMES, PROTOCOLS, SERVICES, find, take};
use super::data::Data;
use super::field::Field;
use super::fields::{
    bad_hex, base64, base64_octets, bitmap, hex_octets, ipv4, ipv6, name, number, parsed, string,
};
use super::octets::Octets;
use crate::zone::token::Fault;

/// Fields as layouts name them.
pub(super) const SERVICES_OF: Field = Field {
    text: services,
    // A bit for each of 65,536 ports.
    wire: |octets| octets.skip(1).filter(|()| octets.rest().len() <= 8192),
};
pub(super) const NSAP: Field = Field { text: nsap, wire: |octets| octets.some() };
pub(super) const ATMA: Field = Field {
    text: atma,
    wire: |octets| match octets.u8()? {
        1 => octets.rest().iter().all(u8::is_ascii_digit).then_some(()),
        _ => octets.some(),
    },
};
pub(super) const A6: Field = Field { text: a6, wire: wire_a6 };
pub(super) const HIP: Field = Field { text: hip, wire: wire_hip };
pub(super) const RELAY: Field = Field { text: relay, wire: wire_relay };
pub(super) const GATEWAY: Field = Field { text: gateway, wire: wire_gateway };
pub(super) const SCHEME: Field = Field { text: scheme, wire: |octets| octets.skip(1) };
pub(super) const BASE64_OR_HYPHEN: Field =
    Field { text: base64_or_hyphen, wire: |octets| octets.any() };
pub(super) const SUBSTITUTION: Field = Field {
    text: substitution,
    wire: |octets| octets.string().filter(|text| is_substitution(text)).map(drop),
};

/// Address, protocol and a bitmap of ports (RFC 1035 section 3.4.2).
pub(super) fn services(data: &mut Data<'_>) -> Result<(), Fault> {
    let protocol = take(data, PROTOCOLS, 255, "a protocol such as tcp, udp or a number")?;
    data.out.push(protocol as u8);
    let mut ports = Vec::new();
    while data.continues() {
        let expected = "a port, or a service's name that is known everywhere";
        let word = data.word(expected)?;
        let port = find(SERVICES, word.text).map_or_else(|| number(&word, expected), Ok)?;
        ports.push(usize::from(port));
    }
    data.out.extend(bitmap(ports.into_iter()));
    Ok(())
}

/// `0x`, then hexadecimal digits with dots anywhere (RFC 1706 section 7).
pub(super) fn nsap(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a network service access point")?;
    let digits = word.text.strip_prefix("0x").or_else(|| word.text.strip_prefix("0X"));
    let octets =
        digits.map(|digits| digits.replace('.', "")).and_then(|digits| hex_octets(&digits));
    let octets = octets.filter(|octets| !octets.is_empty());
    data.out.extend(octets.ok_or_else(|| word.fault("not 0x and pairs of hexadecimal digits"))?);
    Ok(())
}

/// `+` and the digits of E.164, or the hexadecimal digits of an ATM end system address; dots stand where they like,
/// but neither at the ends nor side by side (ATM Forum AF-SAA-0069.000).
pub(super) fn atma(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("an ATM address")?;
    let bad =
        || word.fault(format!("`{}` is neither + and digits nor hexadecimal digits", word.text));
    let (e164, text) = match word.text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, word.text),
    };
    if text.split('.').any(str::is_empty) {
        return Err(bad());
    }
    let digits = text.replace('.', "");
    if !e164 {
        data.out.push(0);
        data.out.extend(hex_octets(&digits).ok_or_else(bad)?);
    } else if digits.bytes().all(|octet| octet.is_ascii_digit()) {
        data.out.push(1);
        data.out.extend(digits.bytes());
    } else {
        return Err(bad());
    }
    Ok(())
}

/// How many bits come from elsewhere, the others, and the name where the former are (RFC 2874 section 3.1).
pub(super) fn a6(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a prefix length")?;
    let prefix: u8 = number(&word, "a prefix length from 0 to 128")?;
    if prefix > 128 {
        return Err(word.is_not("a prefix length from 0 to 128"));
    }
    data.out.push(prefix);
    if prefix < 128 {
        let word = data.word("an IPv6 address")?;
        let address: Ipv6Addr = parsed(&word, "an IPv6 address")?;
        let suffix = address.to_bits() & (u128::MAX >> prefix);
        let skipped = usize::from(prefix / 8);
        data.out.extend(suffix.to_be_bytes().into_iter().skip(skipped));
    }
    if prefix > 0 { name(data) } else { Ok(()) }
}

/// Algorithm, host identity tag, public key, rendezvous servers (RFC 8005 sections 5 and 6).
pub(super) fn hip(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("an algorithm")?;
    let algorithm: u8 = number(&word, "an algorithm from 0 to 255")?;
    let word = data.word("a host identity tag")?;
    let tag = hex_octets(word.text).ok_or_else(|| bad_hex(word.span.clone()))?;
    let tag_length = u8::try_from(tag.len()).map_err(|_| word.fault("over 255 octets long"))?;
    let word = data.word("a public key in base64")?;
    let key = base64_octets(word.text, word.span.clone())?;
    let key_length = u16::try_from(key.len()).map_err(|_| word.fault("over 65535 octets long"))?;
    data.out.extend([tag_length, algorithm]);
    data.out.extend(key_length.to_be_bytes());
    data.out.extend(tag);
    data.out.extend(key);
    while data.continues() {
        name(data)?;
    }
    Ok(())
}

/// Discovery bit, kind of relay and the relay, which may be none (RFC 8777 section 4.2).
pub(super) fn relay(data: &mut Data<'_>) -> Result<(), Fault> {
    let discovery = take(data, &[], 1, "0 or 1 for the discovery bit")?;
    let kind = take(data, &[], 3, "a kind of relay from 0 to 3")?;
    data.out.push((discovery as u8) << 7 | kind as u8);
    host(data, kind)
}

/// Kind of gateway, algorithm, gateway and, unless the algorithm says that there is none, the key (RFC 4025 section
/// 2.1).
pub(super) fn gateway(data: &mut Data<'_>) -> Result<(), Fault> {
    let kind = take(data, &[], 3, "a kind of gateway from 0 to 3")?;
    let algorithm = take(data, &[], 255, "an algorithm from 0 to 255")?;
    data.out.extend([kind as u8, algorithm as u8]);
    host(data, kind)?;
    if algorithm > 0 || data.continues() { base64(data) } else { Ok(()) }
}

/// None, an IPv4 address, an IPv6 address, or a name.
fn host(data: &mut Data<'_>, kind: u16) -> Result<(), Fault> {
    match kind {
        0 => {
            let word = data.word("a dot, for none")?;
            if word.text == "." {
                Ok(())
            } else {
                Err(word.fault("kind 0 has a dot here, for none"))
            }
        }
        1 => ipv4(data),
        2 => ipv6(data),
        _ => name(data),
    }
}

fn wire_host(octets: &mut Octets<'_>, kind: u8) -> Option<()> {
    match kind {
        0 => Some(()),
        1 => octets.skip(4),
        2 => octets.skip(16),
        3 => octets.name(),
        _ => None,
    }
}

fn wire_relay(octets: &mut Octets<'_>) -> Option<()> {
    let kind = octets.u8()? & 0x7f;
    // Of further kinds nothing is known.
    if kind > 3 { octets.any() } else { wire_host(octets, kind) }
}

fn wire_gateway(octets: &mut Octets<'_>) -> Option<()> {
    let (kind, algorithm) = (octets.u8()?, octets.u8()?);
    wire_host(octets, kind)?;
    if algorithm > 0 { octets.some() } else { octets.any() }
}

fn wire_a6(octets: &mut Octets<'_>) -> Option<()> {
    let prefix = octets.u8().filter(|prefix| *prefix <= 128)?;
    octets.skip(usize::from(128 - prefix).div_ceil(8))?;
    if prefix > 0 { octets.name() } else { Some(()) }
}

fn wire_hip(octets: &mut Octets<'_>) -> Option<()> {
    let (tag, _algorithm, key) = (octets.u8()?, octets.u8()?, octets.u16()?);
    if tag == 0 || key == 0 {
        return None;
    }
    octets.skip(usize::from(tag) + usize::from(key))?;
    while !octets.is_empty() {
        octets.name()?;
    }
    Some(())
}

/// A substitution expression, or nothing (RFC 3402 section 3.2).
pub(super) fn substitution(data: &mut Data<'_>) -> Result<(), Fault> {
    let token = data.peek().copied();
    let before = data.out.len();
    string(data)?;
    let text = data.out.get(before + 1..).unwrap_or_default();
    match token {
        Some(token) if !is_substitution(text) => {
            let what = format!("`{}` is not a substitution such as !^.*$!sip:a@b!", token.shown());
            Err(token
                .fault(what)
                .with("write DELIMITER PATTERN DELIMITER TEXT DELIMITER, or \"\" for none"))
        }
        _ => Ok(()),
    }
}

/// Delimiter, pattern, delimiter, text, delimiter, flags. Escaped delimiters do not count, and the pattern has as many
/// groups as the text asks for.
fn is_substitution(text: &[u8]) -> bool {
    let Some((&delimiter, rest)) = text.split_first() else { return true };
    if delimiter.is_ascii_digit() || matches!(delimiter, b'\\' | b'i' | 0) {
        return false;
    }
    let (mut parts, mut open, mut groups, mut asked) = (0, 0u32, b'0', b'0');
    let mut octets = rest.iter().copied();
    while let Some(octet) = octets.next() {
        match octet {
            b'\\' => match octets.next() {
                Some(digit) if digit.is_ascii_digit() && parts == 1 => asked = asked.max(digit),
                Some(_) => {}
                None => return false,
            },
            _ if octet == delimiter => parts += 1,
            // The first octet of a list may be a bracket that does not end it.
            b'[' if parts == 0 => {
                let first = octets.next();
                let first = if first == Some(b'^') { octets.next() } else { first };
                if first.is_none() || !octets.any(|octet| octet == b']') {
                    return false;
                }
            }
            b'(' if parts == 0 => (open, groups) = (open + 1, groups.saturating_add(1)),
            b')' if parts == 0 && open == 0 => return false,
            b')' if parts == 0 => open -= 1,
            _ if parts == 2 && octet != b'i' => return false,
            _ => {}
        }
    }
    parts == 2 && open == 0 && asked <= groups
}

/// How a parent wants to be told (RFC 9859).
pub(super) fn scheme(data: &mut Data<'_>) -> Result<(), Fault> {
    let scheme = take(data, DSYNC_SCHEMES, 255, "NOTIFY or a number up to 255")?;
    data.out.push(scheme as u8);
    Ok(())
}

/// Base64 up to the end, or a hyphen for none (draft-durand-doa-over-dns).
pub(super) fn base64_or_hyphen(data: &mut Data<'_>) -> Result<(), Fault> {
    let joined = data.joined("base64, or a hyphen")?;
    if joined.text != "-" {
        let octets = base64_octets(&joined.text, joined.span)?;
        data.out.extend(octets);
    }
    Ok(())
}
