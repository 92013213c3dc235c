//! The fields that layouts are made of: each takes its words and appends its octets.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::str::FromStr;

use domain::utils::{base32, base64};

use super::data::{Data, Word};
use super::field::Field;
use super::table;
use crate::wire::name::{Name, NameError};
use crate::zone::token::{Fault, Token};
use crate::zone::ttl;

/// Fields as layouts name them.
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
pub(super) const VALUE: Field = Field { text: value, wire: |octets| octets.any() };
pub(super) const LONG_STRING: Field = Field { text: long_string, wire: |octets| octets.any() };
pub(super) const TAG: Field =
    Field { text: tag, wire: |octets| octets.string().filter(|tag| is_tag(tag)).map(drop) };
pub(super) const HEX: Field = Field { text: hex, wire: |octets| octets.some() };
pub(super) const SALT: Field = Field { text: salt, wire: |octets| octets.string().map(drop) };
pub(super) const HASH: Field =
    Field { text: hash, wire: |octets| octets.string().filter(|hash| !hash.is_empty()).map(drop) };
pub(super) const BASE64: Field = Field { text: base64, wire: |octets| octets.some() };
pub(super) const OPTIONAL_BASE64: Field =
    Field { text: optional_base64, wire: |octets| octets.any() };
pub(super) const EUI48: Field = Field { text: eui48, wire: |octets| octets.skip(6) };
pub(super) const EUI64: Field = Field { text: eui64, wire: |octets| octets.skip(8) };
pub(super) const FOUR_WORDS: Field = Field { text: four_words, wire: |octets| octets.skip(8) };
pub(super) const RTYPE: Field = Field { text: rtype, wire: |octets| octets.skip(2) };
pub(super) const TYPES: Field = Field { text: types, wire: |octets| octets.types() };
pub(super) const SOME_TYPES: Field = Field {
    text: some_types,
    wire: |octets| if octets.is_empty() { None } else { octets.types() },
};
pub(super) const LOW_TYPES: Field =
    Field { text: low_types, wire: |octets| (octets.rest().len() <= 16).then_some(()) };

/// A number in one octet.
pub(super) fn u8(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a number from 0 to 255")?;
    data.out.push(number(&word, "a number from 0 to 255")?);
    Ok(())
}

/// A number in two octets.
pub(super) fn u16(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a number from 0 to 65535")?;
    let number: u16 = number(&word, "a number from 0 to 65535")?;
    data.out.extend(number.to_be_bytes());
    Ok(())
}

/// A number in four octets.
pub(super) fn u32(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a number from 0 to 4294967295")?;
    let number: u32 = number(&word, "a number from 0 to 4294967295")?;
    data.out.extend(number.to_be_bytes());
    Ok(())
}

/// Reads a decimal number, without the sign that the standard library would take.
pub(super) fn number<N: FromStr>(word: &Word<'_>, expected: &str) -> Result<N, Fault> {
    let digits = Some(word.text).filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok());
    number.ok_or_else(|| word.is_not(expected))
}

/// A domain name, uncompressed.
pub(super) fn name(data: &mut Data<'_>) -> Result<(), Fault> {
    let token = data.unquoted("a domain name")?;
    let appended = Name::append(token.text, data.origin, data.out);
    appended.map_err(|e| bad_name(&token, e))
}

/// That a token is no name, and why.
pub(in crate::zone) fn bad_name(token: &Token<'_>, error: NameError) -> Fault {
    let fault = token.fault(format!("`{}`: {error}", token.shown()));
    match error {
        NameError::EmptyLabel => {
            fault.with("write one dot between labels, and none before the first")
        }
        _ => fault,
    }
}

/// An IPv4 address.
pub(super) fn ipv4(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("an IPv4 address")?;
    let address: Ipv4Addr = parsed(&word, "an IPv4 address")?;
    data.out.extend(address.octets());
    Ok(())
}

/// An IPv6 address.
pub(super) fn ipv6(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("an IPv6 address")?;
    let address: Ipv6Addr = parsed(&word, "an IPv6 address")?;
    data.out.extend(address.octets());
    Ok(())
}

/// Reads what the standard library knows to read.
pub(super) fn parsed<T: FromStr>(word: &Word<'_>, expected: &str) -> Result<T, Fault> {
    word.text.parse().map_err(|_| word.is_not(expected))
}

/// A character-string (RFC 1035 section 3.3).
pub(super) fn string(data: &mut Data<'_>) -> Result<(), Fault> {
    let token = data.token("a string")?;
    push_string(data, &token)
}

/// A character-string that may be missing.
pub(super) fn optional_string(data: &mut Data<'_>) -> Result<(), Fault> {
    if data.continues() { string(data) } else { Ok(()) }
}

/// One character-string or several.
pub(super) fn strings(data: &mut Data<'_>) -> Result<(), Fault> {
    string(data)?;
    while data.continues() {
        string(data)?;
    }
    Ok(())
}

/// A character-string of four digits or more (RFC 1183 section 3.1).
pub(super) fn digits(data: &mut Data<'_>) -> Result<(), Fault> {
    let token = data.token("a PSDN address")?;
    if !is_digits(token.text) {
        return Err(token.fault(format!("`{}` is not four digits or more", token.shown())));
    }
    push_string(data, &token)
}

fn is_digits(octets: &[u8]) -> bool {
    octets.len() >= 4 && octets.iter().all(u8::is_ascii_digit)
}

fn push_string(data: &mut Data<'_>, token: &Token<'_>) -> Result<(), Fault> {
    let octets = token.octets()?;
    let length = u8::try_from(octets.len()).map_err(|_| {
        let what = format!("the string has {} octets, of 255 at most", octets.len());
        token.fault(what).with("write several strings: \"...\" \"...\"")
    })?;
    data.out.push(length);
    data.out.extend_from_slice(&octets);
    Ok(())
}

/// A string, quoted or not, that fills the RDATA and so has no length (RFC 8659 section 4.1).
pub(super) fn value(data: &mut Data<'_>) -> Result<(), Fault> {
    let token = data.token("a value")?;
    let octets = token.octets()?;
    data.out.extend_from_slice(&octets);
    Ok(())
}

/// A quoted string that fills the RDATA and so has no length (RFC 7553 section 4.4).
pub(super) fn long_string(data: &mut Data<'_>) -> Result<(), Fault> {
    match data.peek() {
        Some(token) if !token.quoted => {
            Err(token.fault(format!("`{}` has no quotes around it", token.shown())))
        }
        _ => value(data),
    }
}

/// The tag of a CAA record: letters and digits (RFC 8659 section 4.1).
pub(super) fn tag(data: &mut Data<'_>) -> Result<(), Fault> {
    let token = data.unquoted("a tag")?;
    if !is_tag(token.text) {
        let what = format!("`{}` is not a tag of letters and digits such as issue", token.shown());
        return Err(token.fault(what));
    }
    push_string(data, &token)
}

fn is_tag(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(u8::is_ascii_alphanumeric)
}

/// A time in seconds or with units, of 32 bits: those of a SOA record (RFC 1035 section 3.3.13).
pub(super) fn time(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a time")?;
    let seconds =
        ttl::seconds(word.text.as_bytes()).and_then(|seconds| u32::try_from(seconds).ok());
    let seconds = seconds
        .ok_or_else(|| word.is_not("a time such as 3600 or 1h, up to 4294967295 seconds"))?;
    data.out.extend(seconds.to_be_bytes());
    Ok(())
}

/// Hexadecimal digits up to the end, in words of any length.
pub(super) fn hex(data: &mut Data<'_>) -> Result<(), Fault> {
    let joined = data.joined("hexadecimal digits")?;
    let octets = hex_octets(&joined.text).ok_or_else(|| bad_hex(joined.span))?;
    data.out.extend(octets);
    Ok(())
}

/// Octets of pairs of hexadecimal digits.
pub(super) fn hex_octets(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

pub(super) fn bad_hex(span: Range<usize>) -> Fault {
    Fault::new(span, "not hexadecimal digits in pairs")
}

/// Base64 up to the end, in words of any length (RFC 4648 section 4).
pub(super) fn base64(data: &mut Data<'_>) -> Result<(), Fault> {
    let joined = data.joined("base64")?;
    let octets = base64_octets(&joined.text, joined.span)?;
    data.out.extend(octets);
    Ok(())
}

/// The same, where nothing at all is no octets.
pub(super) fn optional_base64(data: &mut Data<'_>) -> Result<(), Fault> {
    if data.continues() { base64(data) } else { Ok(()) }
}

/// Reads base64 that stands at `span`: padded, and with zeros where the last character says more than the last octet
/// (RFC 4648 sections 3.2 and 3.5), or the text would not be the octets'.
pub(super) fn base64_octets(text: &str, span: Range<usize>) -> Result<Vec<u8>, Fault> {
    let decoded: Result<Vec<u8>, _> = base64::decode(text);
    match decoded {
        Ok(octets) if base64::encode_string(&octets) == text => Ok(octets),
        Ok(_) => Err(Fault::new(span, "not base64: the end is not padded right")),
        Err(e) => Err(Fault::new(span, format!("not base64: {e}"))),
    }
}

/// Hexadecimal digits without blanks, or a hyphen for none, behind their length (RFC 5155 section 3.3).
pub(super) fn salt(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a salt")?;
    let octets = if word.text == "-" { Some(Vec::new()) } else { hex_octets(word.text) };
    let octets = octets.ok_or_else(|| bad_hex(word.span.clone()))?;
    push_short(data, &word, &octets)
}

/// A hash in base32 without padding, behind its length (RFC 5155 section 3.3).
pub(super) fn hash(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.word("a hash in base32")?;
    // RFC 4648 section 3.5: what the last character says beyond the last octet is zero.
    let is_plain =
        |octets: &Vec<u8>| base32::encode_string_hex(octets).eq_ignore_ascii_case(word.text);
    let octets = base32::decode_hex::<Vec<u8>>(word.text).ok().filter(is_plain);
    let octets = octets.filter(|octets| !octets.is_empty());
    let octets = octets.ok_or_else(|| word.fault("not base32 of the alphabet 0-9, A-V"))?;
    push_short(data, &word, &octets)
}

/// Appends octets behind their length, which has one octet.
fn push_short(data: &mut Data<'_>, word: &Word<'_>, octets: &[u8]) -> Result<(), Fault> {
    let length = u8::try_from(octets.len()).map_err(|_| word.fault("over 255 octets long"))?;
    data.out.push(length);
    data.out.extend_from_slice(octets);
    Ok(())
}

/// Six octets, hexadecimal, with hyphens between them (RFC 7043 section 3.2).
pub(super) fn eui48(data: &mut Data<'_>) -> Result<(), Fault> {
    groups::<6>(data, '-', 2, "six octets such as 00-00-5e-00-53-2a")
}

/// Eight octets, hexadecimal, with hyphens between them (RFC 7043 section 4.2).
pub(super) fn eui64(data: &mut Data<'_>) -> Result<(), Fault> {
    groups::<8>(data, '-', 2, "eight octets such as 00-00-5e-ef-10-00-00-2a")
}

/// The 64 bits of a locator or node identifier (RFC 6742 sections 2.1.2 and 2.3.2).
pub(super) fn four_words(data: &mut Data<'_>) -> Result<(), Fault> {
    groups::<4>(data, ':', 4, "four groups such as 2001:db8:1140:1000")
}

/// `COUNT` groups of up to `digits` hexadecimal digits each.
fn groups<const COUNT: usize>(
    data: &mut Data<'_>,
    between: char,
    digits: usize,
    expected: &str,
) -> Result<(), Fault> {
    let word = data.word(expected)?;
    let bad = || word.is_not(expected);
    let groups: Vec<&str> = word.text.split(between).collect();
    let groups: [&str; COUNT] = groups.try_into().map_err(|_| bad())?;
    for group in groups {
        let plain =
            (1..=digits).contains(&group.len()) && group.bytes().all(|o| o.is_ascii_hexdigit());
        let octets =
            hex_octets(&format!("{:0>digits$}", if plain { group } else { "" })).filter(|_| plain);
        data.out.extend(octets.ok_or_else(bad)?);
    }
    Ok(())
}

/// A type by its name, or as `TYPEnnn`.
pub(super) fn rtype(data: &mut Data<'_>) -> Result<(), Fault> {
    let token = data.unquoted("a type")?;
    let number = rtype_number(&token)?;
    data.out.extend(number.to_be_bytes());
    Ok(())
}

fn rtype_number(token: &Token<'_>) -> Result<u16, Fault> {
    let number = table::number(token.text);
    number.ok_or_else(|| {
        token.fault(format!("`{}` is no type: write its name or TYPEnnn", token.shown()))
    })
}

/// Types in blocks of 256, each with its bitmap (RFC 4034 section 4.1.2).
pub(super) fn types(data: &mut Data<'_>) -> Result<(), Fault> {
    let mut numbers = Vec::new();
    while data.continues() {
        numbers.push(rtype_number(&data.unquoted("a type")?)?);
    }
    numbers.sort_unstable();
    for block in numbers.chunk_by(|one, other| one >> 8 == other >> 8) {
        let bits = bitmap(block.iter().map(|number| usize::from(number & 0xff)));
        let window = block.first().map_or(0, |number| number >> 8);
        data.out.extend([window as u8, bits.len() as u8]);
        data.out.extend(bits);
    }
    Ok(())
}

/// The same, at least one of them (RFC 4034 section 4.1.2: the type itself is always there).
pub(super) fn some_types(data: &mut Data<'_>) -> Result<(), Fault> {
    if data.continues() { types(data) } else { Err(data.fault_here("a type is missing")) }
}

/// Types below 128 in one bitmap (RFC 2535 section 5.2).
pub(super) fn low_types(data: &mut Data<'_>) -> Result<(), Fault> {
    let mut numbers = Vec::new();
    while data.continues() {
        let token = data.unquoted("a type")?;
        match rtype_number(&token)? {
            number @ 1..=127 => numbers.push(usize::from(number)),
            _ => return Err(token.fault(format!("`{}` is no type from 1 to 127", token.shown()))),
        }
    }
    data.out.extend(bitmap(numbers.into_iter()));
    Ok(())
}

/// Octets with these bits set, counted from the highest of the first one.
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

impl Data<'_> {
    /// RDATA in the form for all types (RFC 3597 section 5).
    ///
    /// # Errors
    /// When it is not as long as it says.
    pub(super) fn generic(&mut self) -> Result<(), Fault> {
        self.word("\\#")?;
        let word = self.word("a length")?;
        let length: u16 = number(&word, "a length from 0 to 65535")?;
        if self.continues() {
            hex(self)?;
        }
        if self.out.len() == usize::from(length) {
            return Ok(());
        }
        Err(word.fault(format!("the length is {length}, and there are {} octets", self.out.len())))
    }
}
