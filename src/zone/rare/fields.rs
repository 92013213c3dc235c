//! The fields that layouts are made of: each takes its words and appends its octets.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::str::FromStr;

use domain::base::iana::Rtype;
use domain::utils::base64;

use super::Fault;
use super::data::Data;
use super::table;
use super::words::Word;
use crate::wire::name::Name;

/// A number in one octet.
pub(super) fn u8(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("a number from 0 to 255")?;
    data.out.push(number(&word, "a number from 0 to 255")?);
    Ok(())
}

/// A number in two octets.
pub(super) fn u16(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("a number from 0 to 65535")?;
    let number: u16 = number(&word, "a number from 0 to 65535")?;
    data.out.extend(number.to_be_bytes());
    Ok(())
}

/// A number in four octets.
pub(super) fn u32(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("a number from 0 to 4294967295")?;
    let number: u32 = number(&word, "a number from 0 to 4294967295")?;
    data.out.extend(number.to_be_bytes());
    Ok(())
}

/// Reads a decimal number, without the sign that the standard library would take.
pub(super) fn number<N: FromStr>(word: &Word<'_>, expected: &str) -> Result<N, Fault> {
    let digits = Some(word.text).filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok());
    number.ok_or_else(|| word.fault(format!("`{}` is not {expected}", word.text)))
}

/// A domain name, uncompressed.
pub(super) fn name(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("a domain name")?;
    let name =
        Name::parse(word.text, data.origin).map_err(|e| word.fault(format!("`{}`: {e}", word.text)))?;
    data.out.extend_from_slice(name.wire());
    Ok(())
}

/// An IPv4 address.
pub(super) fn ipv4(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("an IPv4 address")?;
    let address: Ipv4Addr = parsed(&word, "an IPv4 address")?;
    data.out.extend(address.octets());
    Ok(())
}

/// Reads what the standard library knows to read.
pub(super) fn parsed<T: FromStr>(word: &Word<'_>, expected: &str) -> Result<T, Fault> {
    word.text.parse().map_err(|_| word.fault(format!("`{}` is not {expected}", word.text)))
}

/// A character-string (RFC 1035 section 3.3).
pub(super) fn string(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.string("a string")?;
    push_string(data, &word)
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
    let word = data.string("a PSDN address")?;
    if word.text.len() < 4 || !word.text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(word.fault(format!("`{}` is not four digits or more", word.text)));
    }
    push_string(data, &word)
}

fn push_string(data: &mut Data<'_>, word: &Word<'_>) -> Result<(), Fault> {
    let octets = word.octets()?;
    let length = u8::try_from(octets.len())
        .map_err(|_| word.fault(format!("the string has {} octets, of 255 at most", octets.len())))?;
    data.out.push(length);
    data.out.extend(octets);
    Ok(())
}

/// A quoted string that fills the RDATA and so has no length (RFC 7553 section 4.4).
pub(super) fn long_string(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.string("a quoted string")?;
    if !word.quoted {
        return Err(word.fault(format!("`{}` has no quotes around it", word.text)));
    }
    let octets = word.octets()?;
    data.out.extend(octets);
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

/// Reads base64 that stands at `span`.
pub(super) fn base64_octets(text: &str, span: Range<usize>) -> Result<Vec<u8>, Fault> {
    base64::decode(text).map_err(|e| Fault::new(span, format!("not base64: {e}")))
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
    let word = data.plain(expected)?;
    let bad = || word.fault(format!("`{}` is not {expected}", word.text));
    let groups: Vec<&str> = word.text.split(between).collect();
    let groups: [&str; COUNT] = groups.try_into().map_err(|_| bad())?;
    for group in groups {
        let plain = (1..=digits).contains(&group.len()) && group.bytes().all(|o| o.is_ascii_hexdigit());
        let octets = hex_octets(&format!("{:0>digits$}", if plain { group } else { "" })).filter(|_| plain);
        data.out.extend(octets.ok_or_else(bad)?);
    }
    Ok(())
}

/// A type by its name, or as `TYPEnnn`.
pub(super) fn rtype(data: &mut Data<'_>) -> Result<(), Fault> {
    let word = data.plain("a type")?;
    let number = rtype_number(&word)?;
    data.out.extend(number.to_be_bytes());
    Ok(())
}

fn rtype_number(word: &Word<'_>) -> Result<u16, Fault> {
    let known = table::by_name(word.text).map(|layout| layout.number);
    let number = known.or_else(|| Rtype::from_str(word.text).ok().map(Rtype::to_int));
    number.ok_or_else(|| word.fault(format!("`{}` is no type: write its name or TYPEnnn", word.text)))
}

/// Types in blocks of 256, each with its bitmap (RFC 4034 section 4.1.2).
pub(super) fn types(data: &mut Data<'_>) -> Result<(), Fault> {
    let mut numbers = Vec::new();
    while data.continues() {
        numbers.push(rtype_number(&data.plain("a type")?)?);
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

/// Types below 128 in one bitmap (RFC 2535 section 5.2).
pub(super) fn low_types(data: &mut Data<'_>) -> Result<(), Fault> {
    let mut numbers = Vec::new();
    while data.continues() {
        let word = data.plain("a type")?;
        match rtype_number(&word)? {
            number @ 1..=127 => numbers.push(usize::from(number)),
            _ => return Err(word.fault(format!("`{}` is no type from 1 to 127", word.text))),
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
        self.plain("\\#")?;
        let word = self.plain("a length")?;
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
