//! `$GENERATE`, an extension of BIND: records that differ by a number. In a template, `$` is the
//! number, and `${OFFSET,WIDTH,BASE}` a variation of it; `$$` and `\$` are dollar signs.

use super::arguments::{expect_end, first};
use super::lexer::Lexer;
use super::record_head::RecordHead;
use super::state::{EntryContext, ReaderState};
use crate::problem::Location;
use crate::wire::name::Name;
use crate::zone::rdata::bad_name;
use crate::zone::token::{ParseError, Token};

/// Highest number of records that all `$GENERATE` of a zone make: as many as a /16 network has
/// addresses. A typing error must not fill the memory.
const MAX_RECORDS: usize = 65_536;

/// Highest total length of the data of these records in presentation format, in octets.
const MAX_OCTETS: usize = 64 << 20;

/// Highest number of a range, as in BIND.
const MAX_NUMBER: i64 = i32::MAX as i64;

/// Highest width of a number in characters. No name is longer.
const MAX_WIDTH: usize = 255;

/// Highest length of an expanded template in octets.
const MAX_EXPANSION: usize = 1 << 18;

const FORM: &str = "write $GENERATE START-STOP[/STEP] OWNER [TTL] [IN] TYPE DATA, quotes around DATA if it has blanks";
const NUMBER_FORM: &str =
    "write $, $$ for a dollar sign, or ${OFFSET[,WIDTH[,BASE]]}, where BASE is d, o, x, X, n or N";

/// The record of a `$GENERATE` line, with placeholders for the number.
struct Template<'a, 't> {
    owner: &'a Token<'t>,
    head: RecordHead,
    data: &'a Token<'t>,
}

/// Adds the records of a `$GENERATE` line. As in BIND, they do not become the last owner, which a
/// line that starts with a blank refers to.
///
/// # Errors
/// If the line, or one of its records, is invalid, or if a limit is exceeded.
pub(super) fn generate(
    reader: &mut ReaderState<'_>,
    name: &Token<'_>,
    arguments: &[Token<'_>],
    location: &Location,
    context: &EntryContext,
) -> Result<(), ParseError> {
    let (numbers, rest) = first(name, arguments, FORM)?;
    let range = GenerateRange::read(numbers)?;
    let missing = |end: usize, what: &str| {
        ParseError::new(end..end, format!("{what} is missing")).with_help(FORM)
    };
    let (owner, rest) = rest.split_first().ok_or_else(|| missing(numbers.end(), "the owner"))?;
    if owner.quoted {
        return Err(owner.error("an owner is written without quotes here").with_help(FORM));
    }
    let head = RecordHead::read(rest, owner.end())?;
    let rest = rest.get(head.count..).unwrap_or_default();
    let (data, rest) = rest.split_first().ok_or_else(|| missing(head.end, "the data"))?;
    expect_end(rest, FORM)?;
    reader.generated = reader.generated.saturating_add(range.count());
    if reader.generated > MAX_RECORDS {
        let what = format!("$GENERATE makes more than {MAX_RECORDS} records of this zone");
        return Err(numbers.error(what).with_help("check the range, or write the records out"));
    }
    let template = Template { owner, head, data };
    for number in range.all() {
        let of_number = |error: ParseError| ParseError {
            what: format!("for {number}: {}", error.what),
            ..error
        };
        let (owner, data) = template.expand(number, &context.origin).map_err(of_number)?;
        reader.generated_octets = reader.generated_octets.saturating_add(data.len());
        if reader.generated_octets > MAX_OCTETS {
            let limit = MAX_OCTETS >> 20;
            let what = format!("$GENERATE makes over {limit} MiB of data of this zone");
            let help = "check the range and the data, or write the records out";
            return Err(template.data.error(what).with_help(help));
        }
        template.add(reader, owner, &data, location, &context.origin).map_err(of_number)?;
    }
    Ok(())
}

impl Template<'_, '_> {
    /// The owner, and the data in presentation format, for `number`.
    ///
    /// # Errors
    /// If a placeholder or the owner is invalid.
    fn expand(&self, number: i64, origin: &Name) -> Result<(Name, Vec<u8>), ParseError> {
        let owner = self.owner;
        let text = expanded(owner, number)?;
        let name = Name::parse_octets(&text, origin)
            .map_err(|e| bad_name(&Token { text: &text, ..*owner }, e))
            .map_err(|error| ParseError { span: owner.span(), ..error })?;
        Ok((name, expanded(self.data, number)?))
    }

    /// Adds a record with this owner and data.
    ///
    /// # Errors
    /// If the data is not valid for the type.
    fn add(
        &self,
        reader: &mut ReaderState<'_>,
        owner: Name,
        data: &[u8],
        location: &Location,
        origin: &Name,
    ) -> Result<(), ParseError> {
        let mut tokens = Vec::new();
        let mut lexer = Lexer::new(data);
        let read = match lexer.entry(&mut tokens) {
            Some(entry) => entry.error.map_or(Ok(()), Err),
            None => Err(self.data.error("the data is missing")),
        };
        let read = read.and_then(|()| reader.data(&self.head, &tokens, owner, location, origin));
        // Offsets in the generated text mean nothing to users.
        read.map_err(|error| ParseError { span: self.data.span(), ..error })?;
        match lexer.entry(&mut Vec::new()) {
            Some(_) => Err(self.data.error("the data has several lines").with_help(FORM)),
            None => Ok(()),
        }
    }
}

/// The octets of a token with `number` in it.
fn expanded(token: &Token<'_>, number: i64) -> Result<Vec<u8>, ParseError> {
    let text = if token.quoted { unescape_quotes(token.text) } else { token.text.to_vec() };
    expand(&text, number).map_err(|what| token.error(what).with_help(NUMBER_FORM))
}

/// The range `START-STOP[/STEP]`, both ends included.
struct GenerateRange {
    start: i64,
    stop: i64,
    step: i64,
}

impl GenerateRange {
    fn read(token: &Token<'_>) -> Result<Self, ParseError> {
        let text = std::str::from_utf8(token.text).ok().filter(|_| !token.quoted);
        let read = text.and_then(|text| {
            let (range, step) = text.split_once('/').unwrap_or((text, "1"));
            let (start, stop) = range.split_once('-')?;
            Some(Self { start: digits(start)?, stop: digits(stop)?, step: digits(step)? })
        });
        read.filter(|range| range.start <= range.stop && range.step > 0).ok_or_else(|| {
            let what = format!("`{}` is not a range such as 1-10 or 0-254/2", token.shown());
            token.error(what).with_help(FORM)
        })
    }

    fn count(&self) -> usize {
        usize::try_from((self.stop - self.start) / self.step + 1).unwrap_or(usize::MAX)
    }

    fn all(&self) -> impl Iterator<Item = i64> {
        (self.start..=self.stop).step_by(usize::try_from(self.step).unwrap_or(usize::MAX))
    }
}

/// A number without a sign, up to [`MAX_NUMBER`].
fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= MAX_NUMBER)
}

/// Unescapes the quotes of a quoted text, as they belong to the generated record. Other escapes
/// stay, to be resolved in that record.
fn unescape_quotes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.iter().copied();
    while let Some(octet) = octets.next() {
        if octet != b'\\' {
            out.push(octet);
            continue;
        }
        match octets.next() {
            Some(b'"') => out.push(b'"'),
            next => out.extend([octet].into_iter().chain(next)),
        }
    }
    out
}

/// Puts `number` into a template.
///
/// # Errors
/// What is wrong with the template.
fn expand(template: &[u8], number: i64) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(template.len() + 8);
    let mut rest = template;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match (octet, tail.first()) {
            (b'\\', Some(next)) => {
                out.extend([octet, *next]);
                rest = tail.get(1..).unwrap_or_default();
            }
            (b'$', Some(b'$')) => {
                out.push(b'$');
                rest = tail.get(1..).unwrap_or_default();
            }
            (b'$', Some(b'{')) => {
                let end =
                    tail.iter().position(|octet| *octet == b'}').ok_or("a { is not closed")?;
                let inside = tail.get(1..end).and_then(|inside| std::str::from_utf8(inside).ok());
                out.extend(formatted(inside.unwrap_or_default(), number)?);
                rest = tail.get(end + 1..).unwrap_or_default();
            }
            (b'$', _) => out.extend(number.to_string().bytes()),
            _ => out.push(octet),
        }
        if out.len() > MAX_EXPANSION {
            return Err(format!("the text has more than {MAX_EXPANSION} octets"));
        }
    }
    Ok(out)
}

/// Formats a number as `OFFSET[,WIDTH[,BASE]]` says.
///
/// # Errors
/// What is wrong with the modifiers.
fn formatted(modifiers: &str, number: i64) -> Result<Vec<u8>, String> {
    let bad = || format!("`${{{modifiers}}}` is not known");
    let mut parts = modifiers.split(',');
    let offset = parts.next().unwrap_or_default();
    let (sign, amount) = match offset.strip_prefix('-') {
        Some(amount) => (-1, amount),
        None => (1, offset.strip_prefix('+').unwrap_or(offset)),
    };
    let number = number + sign * digits(amount).ok_or_else(bad)?;
    let width = parts.next().map_or(Some(0), digits).and_then(|width| usize::try_from(width).ok());
    let width = width.ok_or_else(bad)?;
    let base = parts.next().unwrap_or("d");
    if width > MAX_WIDTH || parts.next().is_some() {
        return Err(bad());
    }
    if number > MAX_NUMBER || (number < 0 && base != "d") {
        return Err(format!("`${{{modifiers}}}` gives {number}, which is out of range"));
    }
    Ok(match base {
        "d" => format!("{number:0width$}").into_bytes(),
        "o" => format!("{number:0width$o}").into_bytes(),
        "x" => format!("{number:0width$x}").into_bytes(),
        "X" => format!("{number:0width$X}").into_bytes(),
        "n" => nibbles(number, width),
        "N" => nibbles(number, width).to_ascii_uppercase(),
        _ => return Err(bad()),
    })
}

/// Hexadecimal digits in the order of reverse zones of IPv6: least significant first, with dots
/// between them. As in BIND, `width` includes the dots, so the result ends with a dot if `width` is
/// even and not exceeded.
fn nibbles(number: i64, width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = number;
    loop {
        let digit = u32::try_from(rest & 15).ok().and_then(|digit| char::from_digit(digit, 16));
        out.push(digit.map_or(b'0', |digit| digit as u8));
        rest >>= 4;
        if rest == 0 && out.len() >= width {
            return out;
        }
        out.push(b'.');
        if rest == 0 && out.len() >= width {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_expanded_as_by_bind() {
        for (template, number, expected) in [
            ("a$", 7, "a7"),
            ("a$$b\\$$", 7, "a$b\\$7"),
            ("${5,3,d}", 1, "006"),
            ("${-1}x${+1}", 1, "0x2"),
            ("${-3}", 1, "-2"),
            ("${0,4,x}.${0,4,X}.${1,4,o}", 11, "000b.000B.0014"),
            ("${0,2,n}", 105, "9.6"),
            ("${0,2,N}", 205, "D.C"),
            ("${0,2,n}", 5, "5."),
            ("${0,5,n}", 5, "5.0.0"),
            ("${0,0,n}", 0x69, "9.6"),
            ("${0,1,n}", 0x69, "9.6"),
        ] {
            assert_eq!(
                expand(template.as_bytes(), number),
                Ok(expected.as_bytes().to_vec()),
                "{template}"
            );
        }
        for bad in [
            "${",
            "${}",
            "${x}",
            "${0,}",
            "${0,1,}",
            "${0,1,q}",
            "${0,1,d,}",
            "${ 0}",
            "${0,256}",
            "${-2,1,x}",
        ] {
            assert!(expand(bad.as_bytes(), 1).is_err(), "{bad}");
        }
        assert!(expand(b"${1}", MAX_NUMBER).is_err());
    }

    #[test]
    fn ranges_are_counted_without_iterating() {
        let read = |text: &'static str| {
            GenerateRange::read(&Token { text: text.as_bytes(), quoted: false, start: 0 }).ok()
        };
        assert_eq!(read("0-2147483647").map(|range| range.count()), Some(1 << 31));
        assert_eq!(
            read("0-10/4").map(|range| range.all().collect::<Vec<_>>()),
            Some(vec![0, 4, 8])
        );
        for bad in
            ["1", "2-1", "1-2/0", "-1-2", "1-2/", "0-2147483648", "1-2/1x", "+1-2", "1--2", "-"]
        {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
