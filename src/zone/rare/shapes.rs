//! Types whose fields depend on one another, or that have a form of their own.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Fault;
use super::aliases::{DSYNC_SCHEMES, PROTOCOLS, SERVICES, find, take};
use super::data::Data;
use super::fields::{bad_hex, base64_octets, bitmap, hex_octets, name, number, parsed};

/// Address, protocol and a bitmap of ports (RFC 1035 section 3.4.2).
pub(super) fn services(data: &mut Data<'_>) -> Result<(), Fault> {
    let protocol = take(data, PROTOCOLS, 255, "a protocol such as tcp, udp or a number")?;
    data.out.push(protocol as u8);
    let mut ports = Vec::new();
    while data.continues() {
        let expected = "a port, or a service's name that is known everywhere";
        let word = data.plain(expected)?;
        let port = find(SERVICES, word.text).map_or_else(|| number(&word, expected), Ok)?;
        ports.push(usize::from(port));
    }
    data.out.extend(bitmap(ports.into_iter()));
    Ok(())
}

/// `0x`, then hexadecimal digits with dots anywhere (RFC 1706 section 7).
pub(super) fn nsap(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("a network service access point")?;
    let digits = word.text.strip_prefix("0x").or_else(|| word.text.strip_prefix("0X"));
    let octets = digits.map(|digits| digits.replace('.', "")).and_then(|digits| hex_octets(&digits));
    let octets = octets.filter(|octets| !octets.is_empty());
    data.out.extend(octets.ok_or_else(|| word.fault("not 0x and pairs of hexadecimal digits"))?);
    Ok(())
}

/// `+` and the digits of E.164, or the hexadecimal digits of an ATM end system address; dots stand where they like,
/// but neither at the ends nor side by side (ATM Forum AF-SAA-0069.000).
pub(super) fn atma(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("an ATM address")?;
    let bad = || word.fault(format!("`{}` is neither + and digits nor hexadecimal digits", word.text));
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
    let word = data.plain("a prefix length")?;
    let prefix: u8 = number(&word, "a prefix length from 0 to 128")?;
    if prefix > 128 {
        return Err(word.fault(format!("`{}` is not a prefix length from 0 to 128", word.text)));
    }
    data.out.push(prefix);
    if prefix < 128 {
        let word = data.plain("an IPv6 address")?;
        let address: Ipv6Addr = parsed(&word, "an IPv6 address")?;
        let suffix = address.to_bits() & (u128::MAX >> prefix);
        let skipped = usize::from(prefix / 8);
        data.out.extend(suffix.to_be_bytes().into_iter().skip(skipped));
    }
    if prefix > 0 { name(data) } else { Ok(()) }
}

/// Algorithm, host identity tag, public key, rendezvous servers (RFC 8005 sections 5 and 6).
pub(super) fn hip(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("an algorithm")?;
    let algorithm: u8 = number(&word, "an algorithm from 0 to 255")?;
    let word = data.plain("a host identity tag")?;
    let tag = hex_octets(word.text).ok_or_else(|| bad_hex(word.span.clone()))?;
    let tag_length = u8::try_from(tag.len()).map_err(|_| word.fault("over 255 octets long"))?;
    let word = data.plain("a public key in base64")?;
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
    let word = data.plain("a kind of relay")?;
    let kind: u8 = number(&word, "a kind of relay from 0 to 3")?;
    data.out.push((discovery as u8) << 7 | kind & 0x7f);
    match kind {
        0 => {
            let word = data.plain("a dot, for no relay")?;
            if word.text == "." { Ok(()) } else { Err(word.fault("relay kind 0 has a dot here, for none")) }
        }
        1 => {
            let word = data.plain("an IPv4 address")?;
            data.out.extend(parsed::<Ipv4Addr>(&word, "an IPv4 address")?.octets());
            Ok(())
        }
        2 => {
            let word = data.plain("an IPv6 address")?;
            data.out.extend(parsed::<Ipv6Addr>(&word, "an IPv6 address")?.octets());
            Ok(())
        }
        3 => name(data),
        _ => Err(word.fault(format!("`{kind}` is not a kind of relay from 0 to 3"))),
    }
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
