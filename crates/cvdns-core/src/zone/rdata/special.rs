//! Fields of single types: fields that depend on one another, and fields with a format of their
//! own.

use std::net::Ipv6Addr;

use super::field::Field;
use super::fields::{
    bad_hex, base64, base64_octets, bitmap, hex_octets, ipv4, ipv6, name, number, parsed, string,
};
use super::mnemonics::{DSYNC_SCHEMES, PROTOCOLS, SERVICES, find, take};
use super::octets::Octets;
use super::parser::RdataParser;
use crate::zone::token::ParseError;

// The fields of this file.
pub(super) const WKS_SERVICES: Field = Field {
    text: services,
    // One bit for each of 65,536 ports.
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
pub(super) const AMTRELAY_RELAY: Field = Field { text: relay, wire: wire_relay };
pub(super) const GATEWAY: Field = Field { text: gateway, wire: wire_gateway };
pub(super) const DSYNC_SCHEME: Field = Field { text: scheme, wire: |octets| octets.skip(1) };
pub(super) const BASE64_OR_HYPHEN: Field =
    Field { text: base64_or_hyphen, wire: |octets| octets.any() };
pub(super) const SUBSTITUTION: Field = Field {
    text: substitution,
    wire: |octets| octets.string().filter(|text| is_substitution(text)).map(drop),
};

/// The protocol and the bitmap of ports of a WKS record (RFC 1035 section 3.4.2).
pub(super) fn services(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let protocol = take(parser, PROTOCOLS, 255, "a protocol such as tcp, udp or a number")?;
    parser.out.push(protocol as u8);
    let mut ports = Vec::new();
    while parser.continues() {
        let expected = "a port or the name of a well-known service";
        let token = parser.text_token(expected)?;
        let port = find(SERVICES, token.text).map_or_else(|| number(&token, expected), Ok)?;
        ports.push(usize::from(port));
    }
    parser.out.extend(bitmap(ports.into_iter()));
    Ok(())
}

/// An NSAP address: `0x`, then hexadecimal digits with dots anywhere (RFC 1706 section 7).
pub(super) fn nsap(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a network service access point")?;
    let digits = token.text.strip_prefix("0x").or_else(|| token.text.strip_prefix("0X"));
    let octets =
        digits.map(|digits| digits.replace('.', "")).and_then(|digits| hex_octets(&digits));
    let octets = octets.filter(|octets| !octets.is_empty());
    parser.out.extend(octets.ok_or_else(|| token.error("not 0x and pairs of hexadecimal digits"))?);
    Ok(())
}

/// `+` and the digits of an E.164 address, or the hexadecimal digits of an ATM end system address.
/// Single dots are allowed between digits (ATM Forum AF-SAA-0069.000).
pub(super) fn atma(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("an ATM address")?;
    let bad =
        || token.error(format!("`{}` is neither + and digits nor hexadecimal digits", token.text));
    let (e164, text) = match token.text.strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, token.text),
    };
    if text.split('.').any(str::is_empty) {
        return Err(bad());
    }
    let digits = text.replace('.', "");
    if !e164 {
        parser.out.push(0);
        parser.out.extend(hex_octets(&digits).ok_or_else(bad)?);
    } else if digits.bytes().all(|octet| octet.is_ascii_digit()) {
        parser.out.push(1);
        parser.out.extend(digits.bytes());
    } else {
        return Err(bad());
    }
    Ok(())
}

/// The prefix length, the address without the prefix, and the name that has the prefix (RFC 2874
/// section 3.1).
pub(super) fn a6(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a prefix length")?;
    let prefix: u8 = number(&token, "a prefix length from 0 to 128")?;
    if prefix > 128 {
        return Err(token.is_not("a prefix length from 0 to 128"));
    }
    parser.out.push(prefix);
    if prefix < 128 {
        let token = parser.text_token("an IPv6 address")?;
        let address: Ipv6Addr = parsed(&token, "an IPv6 address")?;
        let suffix = address.to_bits() & (u128::MAX >> prefix);
        let skipped = usize::from(prefix / 8);
        parser.out.extend(suffix.to_be_bytes().into_iter().skip(skipped));
    }
    if prefix > 0 { name(parser) } else { Ok(()) }
}

/// Algorithm, host identity tag, public key and rendezvous servers (RFC 8005 sections 5 and 6).
pub(super) fn hip(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("an algorithm")?;
    let algorithm: u8 = number(&token, "an algorithm from 0 to 255")?;
    let token = parser.text_token("a host identity tag")?;
    let tag = hex_octets(token.text).ok_or_else(|| bad_hex(token.span.clone()))?;
    let tag_length = u8::try_from(tag.len()).map_err(|_| token.error("over 255 octets long"))?;
    let token = parser.text_token("a public key in base64")?;
    let key = base64_octets(token.text, token.span.clone())?;
    let key_length = u16::try_from(key.len()).map_err(|_| token.error("over 65535 octets long"))?;
    parser.out.extend([tag_length, algorithm]);
    parser.out.extend(key_length.to_be_bytes());
    parser.out.extend(tag);
    parser.out.extend(key);
    while parser.continues() {
        name(parser)?;
    }
    Ok(())
}

/// Discovery bit, type of relay and relay, which may be empty (RFC 8777 section 4.2).
pub(super) fn relay(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let discovery = take(parser, &[], 1, "0 or 1 for the discovery bit")?;
    let kind = take(parser, &[], 3, "a kind of relay from 0 to 3")?;
    parser.out.push((discovery as u8) << 7 | kind as u8);
    host(parser, kind)
}

/// Type of gateway, algorithm, gateway and key, which may be missing with algorithm 0 (RFC 4025
/// section 2.1).
pub(super) fn gateway(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let kind = take(parser, &[], 3, "a kind of gateway from 0 to 3")?;
    let algorithm = take(parser, &[], 255, "an algorithm from 0 to 255")?;
    parser.out.extend([kind as u8, algorithm as u8]);
    host(parser, kind)?;
    if algorithm > 0 || parser.continues() { base64(parser) } else { Ok(()) }
}

/// A host by its type: 0 for none, 1 for an IPv4 address, 2 for an IPv6 address, 3 for a name.
fn host(parser: &mut RdataParser<'_>, kind: u16) -> Result<(), ParseError> {
    match kind {
        0 => {
            let token = parser.text_token("a dot, for none")?;
            if token.text == "." {
                Ok(())
            } else {
                Err(token.error("kind 0 has a dot here, for none"))
            }
        }
        1 => ipv4(parser),
        2 => ipv6(parser),
        _ => name(parser),
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
    // The format of further types is unknown.
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

/// A substitution expression, or an empty string (RFC 3402 section 3.2).
pub(super) fn substitution(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.peek().copied();
    let before = parser.out.len();
    string(parser)?;
    let text = parser.out.get(before + 1..).unwrap_or_default();
    match token {
        Some(token) if !is_substitution(text) => {
            let what = format!("`{}` is not a substitution such as !^.*$!sip:a@b!", token.shown());
            Err(token
                .error(what)
                .with_help("write DELIMITER PATTERN DELIMITER TEXT DELIMITER, or \"\" for none"))
        }
        _ => Ok(()),
    }
}

/// Whether a text consists of delimiter, pattern, delimiter, replacement, delimiter and flags.
/// Escaped delimiters do not count, and the pattern must have all groups that the replacement
/// refers to.
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
            // A bracket as the first octet of a bracket expression does not end it.
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

/// The scheme of a DSYNC record (RFC 9859).
pub(super) fn scheme(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let scheme = take(parser, DSYNC_SCHEMES, 255, "NOTIFY or a number up to 255")?;
    parser.out.push(scheme as u8);
    Ok(())
}

/// Base64 up to the end, or a hyphen for no data (draft-durand-doa-over-dns).
pub(super) fn base64_or_hyphen(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let joined = parser.joined("base64, or a hyphen")?;
    if joined.text != "-" {
        let octets = base64_octets(&joined.text, joined.span)?;
        parser.out.extend(octets);
    }
    Ok(())
}
