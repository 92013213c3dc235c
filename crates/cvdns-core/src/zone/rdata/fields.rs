//! The common fields of RDATA.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::str::FromStr;

use domain::utils::{base32, base64};

use super::field::Field;
use super::parser::{RdataParser, TextToken};
use super::rr_type::type_number;
use crate::wire::name::{Name, NameError};
use crate::zone::token::{ParseError, Token};
use crate::zone::ttl;

// The fields of this file.
pub(super) const U8: Field = Field { text: u8, wire: |octets| octets.skip(1) };
pub(super) const U16: Field = Field { text: u16, wire: |octets| octets.skip(2) };
pub(super) const U32: Field = Field { text: u32, wire: |octets| octets.skip(4) };
pub(super) const TIME: Field = Field { text: time, wire: |octets| octets.skip(4) };
pub(super) const NAME: Field = Field { text: name, wire: |octets| octets.name() };
pub(super) const IPV4: Field = Field { text: ipv4, wire: |octets| octets.skip(4) };
pub(super) const IPV6: Field = Field { text: ipv6, wire: |octets| octets.skip(16) };
pub(super) const STRING: Field = Field { text: string, wire: |octets| octets.string().map(drop) };
pub(super) const OPTIONAL_STRING: Field = Field {
    text: optional_string,
    wire: |octets| if octets.is_empty() { Some(()) } else { octets.string().map(drop) },
};
pub(super) const STRINGS: Field = Field { text: strings, wire: |octets| octets.strings() };
pub(super) const DIGITS: Field = Field {
    text: digits,
    wire: |octets| octets.string().filter(|digits| is_digits(digits)).map(drop),
};
pub(super) const CAA_VALUE: Field = Field { text: value, wire: |octets| octets.any() };
pub(super) const LONG_STRING: Field = Field { text: long_string, wire: |octets| octets.any() };
pub(super) const CAA_TAG: Field =
    Field { text: tag, wire: |octets| octets.string().filter(|tag| is_tag(tag)).map(drop) };
pub(super) const HEX: Field = Field { text: hex, wire: |octets| octets.some() };
pub(super) const NSEC3_SALT: Field =
    Field { text: nsec3_salt, wire: |octets| octets.string().map(drop) };
pub(super) const NSEC3_HASH: Field = Field {
    text: nsec3_hash,
    wire: |octets| octets.string().filter(|hash| !hash.is_empty()).map(drop),
};
pub(super) const BASE64: Field = Field { text: base64, wire: |octets| octets.some() };
pub(super) const OPTIONAL_BASE64: Field =
    Field { text: optional_base64, wire: |octets| octets.any() };
pub(super) const EUI48: Field = Field { text: eui48, wire: |octets| octets.skip(6) };
pub(super) const EUI64: Field = Field { text: eui64, wire: |octets| octets.skip(8) };
pub(super) const HEX_GROUPS: Field = Field { text: hex_groups, wire: |octets| octets.skip(8) };
pub(super) const RTYPE: Field = Field { text: rtype, wire: |octets| octets.skip(2) };
pub(super) const TYPES: Field = Field { text: types, wire: |octets| octets.types() };
pub(super) const NONEMPTY_TYPES: Field = Field {
    text: nonempty_types,
    wire: |octets| if octets.is_empty() { None } else { octets.types() },
};
pub(super) const NXT_TYPES: Field =
    Field { text: nxt_types, wire: |octets| (octets.rest().len() <= 16).then_some(()) };

/// A number in one octet.
pub(super) fn u8(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a number from 0 to 255")?;
    parser.out.push(number(&token, "a number from 0 to 255")?);
    Ok(())
}

/// A number in two octets.
pub(super) fn u16(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a number from 0 to 65535")?;
    let number: u16 = number(&token, "a number from 0 to 65535")?;
    parser.out.extend(number.to_be_bytes());
    Ok(())
}

/// A number in four octets.
pub(super) fn u32(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a number from 0 to 4294967295")?;
    let number: u32 = number(&token, "a number from 0 to 4294967295")?;
    parser.out.extend(number.to_be_bytes());
    Ok(())
}

/// Reads a decimal number.
///
/// # Errors
/// If the token is not `expected`.
pub(super) fn number<N: FromStr>(token: &TextToken<'_>, expected: &str) -> Result<N, ParseError> {
    unsigned(token.text).ok_or_else(|| token.is_not(expected))
}

/// Reads a decimal number, without the `+` that [`FromStr`] accepts.
pub(super) fn unsigned<N: FromStr>(text: &str) -> Option<N> {
    text.parse().ok().filter(|_| text.starts_with(|c: char| c.is_ascii_digit()))
}

/// A domain name, uncompressed.
pub(super) fn name(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.unquoted("a domain name")?;
    let appended = Name::append(token.text, parser.origin, parser.out);
    appended.map_err(|e| bad_name(&token, e))
}

/// The error of a token that is not a valid name.
pub(in crate::zone) fn bad_name(token: &Token<'_>, reason: NameError) -> ParseError {
    let error = token.error(format!("`{}`: {reason}", token.shown()));
    match reason {
        NameError::EmptyLabel => {
            error.with_help("write one dot between labels, and none before the first")
        }
        _ => error,
    }
}

/// An IPv4 address.
pub(super) fn ipv4(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("an IPv4 address")?;
    let address: Ipv4Addr = parsed(&token, "an IPv4 address")?;
    parser.out.extend(address.octets());
    Ok(())
}

/// An IPv6 address.
pub(super) fn ipv6(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("an IPv6 address")?;
    let address: Ipv6Addr = parsed(&token, "an IPv6 address")?;
    parser.out.extend(address.octets());
    Ok(())
}

/// Reads a value that the standard library can parse. /// # Errors /// If the token is not
/// `expected`.
pub(super) fn parsed<T: FromStr>(token: &TextToken<'_>, expected: &str) -> Result<T, ParseError> {
    token.text.parse().map_err(|_| token.is_not(expected))
}

/// A character-string (RFC 1035 section 3.3).
pub(super) fn string(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.token("a string")?;
    push_string(parser, &token)
}

/// An optional character-string.
pub(super) fn optional_string(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    if parser.continues() { string(parser) } else { Ok(()) }
}

/// One or more character-strings.
pub(super) fn strings(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    string(parser)?;
    while parser.continues() {
        string(parser)?;
    }
    Ok(())
}

/// A character-string of at least four digits (RFC 1183 section 3.1).
pub(super) fn digits(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.token("a PSDN address")?;
    if !is_digits(token.text) {
        return Err(token.error(format!("`{}` is not at least four digits", token.shown())));
    }
    push_string(parser, &token)
}

fn is_digits(octets: &[u8]) -> bool {
    octets.len() >= 4 && octets.iter().all(u8::is_ascii_digit)
}

fn push_string(parser: &mut RdataParser<'_>, token: &Token<'_>) -> Result<(), ParseError> {
    let octets = token.octets()?;
    let length = u8::try_from(octets.len()).map_err(|_| {
        let what = format!("the string has {} octets, over the limit of 255", octets.len());
        token.error(what).with_help("write several strings: \"...\" \"...\"")
    })?;
    parser.out.push(length);
    parser.out.extend_from_slice(&octets);
    Ok(())
}

/// A string, quoted or not, up to the end of the RDATA and thus without a length (RFC 8659 section
/// 4.1).
pub(super) fn value(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.token("a value")?;
    let octets = token.octets()?;
    parser.out.extend_from_slice(&octets);
    Ok(())
}

/// A quoted string up to the end of the RDATA and thus without a length (RFC 7553 section 4.4).
pub(super) fn long_string(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    match parser.peek() {
        Some(token) if !token.quoted => {
            Err(token.error(format!("`{}` must be in quotes", token.shown())))
        }
        _ => value(parser),
    }
}

/// The tag of a CAA record: letters and digits (RFC 8659 section 4.1).
pub(super) fn tag(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.unquoted("a tag")?;
    if !is_tag(token.text) {
        let what = format!("`{}` is not a tag of letters and digits such as issue", token.shown());
        return Err(token.error(what));
    }
    push_string(parser, &token)
}

fn is_tag(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(u8::is_ascii_alphanumeric)
}

/// A time of a SOA record in 32 bits, as seconds or with units (RFC 1035 section 3.3.13).
pub(super) fn time(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a time")?;
    let seconds =
        ttl::seconds(token.text.as_bytes()).and_then(|seconds| u32::try_from(seconds).ok());
    let seconds = seconds
        .ok_or_else(|| token.is_not("a time such as 3600 or 1h, up to 4294967295 seconds"))?;
    parser.out.extend(seconds.to_be_bytes());
    Ok(())
}

/// Hexadecimal digits up to the end, with blanks anywhere.
pub(super) fn hex(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let joined = parser.joined("hexadecimal digits")?;
    let octets = hex_octets(&joined.text).ok_or_else(|| bad_hex(joined.span))?;
    parser.out.extend(octets);
    Ok(())
}

/// Decodes pairs of hexadecimal digits.
pub(super) fn hex_octets(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

pub(super) fn bad_hex(span: Range<usize>) -> ParseError {
    ParseError::new(span, "not hexadecimal digits in pairs")
}

/// Base64 up to the end, with blanks anywhere (RFC 4648 section 4).
pub(super) fn base64(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let joined = parser.joined("base64")?;
    let octets = base64_octets(&joined.text, joined.span)?;
    parser.out.extend(octets);
    Ok(())
}

/// Optional base64 up to the end.
pub(super) fn optional_base64(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    if parser.continues() { base64(parser) } else { Ok(()) }
}

/// Decodes base64. Padding is required, and unused bits of the last character must be 0 (RFC 4648
/// sections 3.2 and 3.5), so that octets have only one text. `span` is the text's octet range in
/// the file. /// # Errors /// If the text is not valid base64.
pub(super) fn base64_octets(text: &str, span: Range<usize>) -> Result<Vec<u8>, ParseError> {
    let decoded: Result<Vec<u8>, _> = base64::decode(text);
    match decoded {
        Ok(octets) if base64::encode_string(&octets) == text => Ok(octets),
        Ok(_) => Err(ParseError::new(span, "not base64: the padding at the end is wrong")),
        Err(e) => Err(ParseError::new(span, format!("not base64: {e}"))),
    }
}

/// A salt as hexadecimal digits without blanks, or a hyphen for an empty one (RFC 5155 section
/// 3.3).
pub(super) fn nsec3_salt(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a salt")?;
    let octets = if token.text == "-" { Some(Vec::new()) } else { hex_octets(token.text) };
    let octets = octets.ok_or_else(|| bad_hex(token.span.clone()))?;
    push_short(parser, &token, &octets)
}

/// A hash in base32 without padding (RFC 5155 section 3.3).
pub(super) fn nsec3_hash(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.text_token("a hash in base32")?;
    // RFC 4648 section 3.5: unused bits of the last character must be 0.
    let is_plain =
        |octets: &Vec<u8>| base32::encode_string_hex(octets).eq_ignore_ascii_case(token.text);
    let octets = base32::decode_hex::<Vec<u8>>(token.text).ok().filter(is_plain);
    let octets = octets.filter(|octets| !octets.is_empty());
    let octets = octets.ok_or_else(|| token.error("not base32 of the alphabet 0-9, A-V"))?;
    push_short(parser, &token, &octets)
}

/// Appends octets after their length in one octet.
fn push_short(
    parser: &mut RdataParser<'_>,
    token: &TextToken<'_>,
    octets: &[u8],
) -> Result<(), ParseError> {
    let length = u8::try_from(octets.len()).map_err(|_| token.error("over 255 octets long"))?;
    parser.out.push(length);
    parser.out.extend_from_slice(octets);
    Ok(())
}

/// Six octets in hexadecimal with hyphens between them (RFC 7043 section 3.2).
pub(super) fn eui48(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    groups::<6>(parser, '-', 2, "six octets such as 00-00-5e-00-53-2a")
}

/// Eight octets in hexadecimal with hyphens between them (RFC 7043 section 4.2).
pub(super) fn eui64(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    groups::<8>(parser, '-', 2, "eight octets such as 00-00-5e-ef-10-00-00-2a")
}

/// A locator or node identifier of 64 bits (RFC 6742 sections 2.1.2 and 2.3.2).
pub(super) fn hex_groups(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    groups::<4>(parser, ':', 4, "four groups such as 2001:db8:1140:1000")
}

/// `COUNT` groups of up to `digits` hexadecimal digits, with `separator` between them.
fn groups<const COUNT: usize>(
    parser: &mut RdataParser<'_>,
    separator: char,
    digits: usize,
    expected: &str,
) -> Result<(), ParseError> {
    let token = parser.text_token(expected)?;
    let bad = || token.is_not(expected);
    let groups: Vec<&str> = token.text.split(separator).collect();
    let groups: [&str; COUNT] = groups.try_into().map_err(|_| bad())?;
    for group in groups {
        let plain =
            (1..=digits).contains(&group.len()) && group.bytes().all(|o| o.is_ascii_hexdigit());
        let octets =
            hex_octets(&format!("{:0>digits$}", if plain { group } else { "" })).filter(|_| plain);
        parser.out.extend(octets.ok_or_else(bad)?);
    }
    Ok(())
}

/// A type by its mnemonic, or as `TYPEnnn`.
pub(super) fn rtype(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let token = parser.unquoted("a type")?;
    let number = rtype_number(&token)?;
    parser.out.extend(number.to_be_bytes());
    Ok(())
}

fn rtype_number(token: &Token<'_>) -> Result<u16, ParseError> {
    let number = type_number(token.text);
    number.ok_or_else(|| {
        token.error(format!("`{}` is not a type: write its mnemonic or TYPEnnn", token.shown()))
    })
}

/// A type bitmap in blocks of 256 types (RFC 4034 section 4.1.2).
pub(super) fn types(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let mut numbers = Vec::new();
    while parser.continues() {
        numbers.push(rtype_number(&parser.unquoted("a type")?)?);
    }
    numbers.sort_unstable();
    for block in numbers.chunk_by(|one, other| one >> 8 == other >> 8) {
        let bits = bitmap(block.iter().map(|number| usize::from(number & 0xff)));
        let window = block.first().map_or(0, |number| number >> 8);
        parser.out.extend([window as u8, bits.len() as u8]);
        parser.out.extend(bits);
    }
    Ok(())
}

/// A type bitmap with at least one type. NSEC always lists itself (RFC 4034 section 4.1.2).
pub(super) fn nonempty_types(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    if parser.continues() { types(parser) } else { Err(parser.error_here("a type is missing")) }
}

/// A bitmap of types below 128 (RFC 2535 section 5.2).
pub(super) fn nxt_types(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    let mut numbers = Vec::new();
    while parser.continues() {
        let token = parser.unquoted("a type")?;
        match rtype_number(&token)? {
            number @ 1..=127 => numbers.push(usize::from(number)),
            _ => {
                return Err(token.error(format!("`{}` is not a type from 1 to 127", token.shown())));
            }
        }
    }
    parser.out.extend(bitmap(numbers.into_iter()));
    Ok(())
}

/// Octets with these bits set. Bit 0 is the most significant bit of the first octet.
pub(super) fn bitmap(bits: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut octets: Vec<u8> = Vec::new();
    for bit in bits {
        if octets.len() <= bit / 8 {
            octets.resize(bit / 8 + 1, 0);
        }
        if let Some(octet) = octets.get_mut(bit / 8) {
            *octet |= 0x80 >> (bit % 8);
        }
    }
    octets
}

/// Reads data in the generic form `\# LENGTH HEX` (RFC 3597 section 5). The RDATA must be empty
/// before.
///
/// # Errors
/// If the data is not of this form, or not as long as LENGTH says.
pub(super) fn generic(parser: &mut RdataParser<'_>) -> Result<(), ParseError> {
    parser.text_token("\\#")?;
    let token = parser.text_token("a length")?;
    let length: u16 = number(&token, "a length from 0 to 65535")?;
    if parser.continues() {
        hex(parser)?;
    }
    let found = parser.out.len();
    if found == usize::from(length) {
        return Ok(());
    }
    Err(token.error(format!("the length is {length}, but there are {found} octets")))
}
