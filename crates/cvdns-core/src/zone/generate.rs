//! `$GENERATE`: records that differ by a number, as BIND writes them. `$` in a template is the number, `${OFFSET,WIDTH,BASE}`
//! that and more; `$$` and `\$` are dollar signs.

use super::directives::{nothing_behind, without_argument};
use super::head::Head;
use super::lexer::Lexer;
use super::master::{Place, Reader};
use super::rdata::bad_name;
use super::token::{Fault, Token};
use crate::problem::Location;
use crate::wire::name::Name;

/// How many records all `$GENERATE` of a zone may make together: as many as a /16 network has addresses. A slip of the pen
/// must not fill the memory.
const MOST: usize = 65_536;

/// How many octets their data may have together.
const MOST_OCTETS: usize = 64 << 20;

/// The greatest number, which is BIND's.
const GREATEST: i64 = i32::MAX as i64;

/// The most characters that a number is filled up to: no name has more.
const WIDEST: usize = 255;

/// The most characters that a template may come to.
const LONGEST: usize = 1 << 18;

const FORM: &str = "write $GENERATE START-STOP[/STEP] OWNER [TTL] [IN] TYPE DATA, quotes around DATA if it has blanks";
const NUMBER_FORM: &str =
    "write $, $$ for a dollar sign, or ${OFFSET[,WIDTH[,BASE]]}, where BASE is d, o, x, X, n or N";

impl Reader<'_> {
    /// Makes the records of a `$GENERATE` line. It leaves no owner for the records behind it, as in BIND.
    pub(super) fn generate(
        &mut self,
        name: &Token<'_>,
        arguments: &[Token<'_>],
        location: &Location,
        place: &Place,
    ) -> Result<(), Fault> {
        let (numbers, rest) =
            arguments.split_first().ok_or_else(|| without_argument(name).with(FORM))?;
        let range = Numbers::read(numbers)?;
        let missing =
            |end: usize, what: &str| Fault::new(end..end, format!("{what} is missing")).with(FORM);
        let (owner, rest) =
            rest.split_first().ok_or_else(|| missing(numbers.end(), "the owner"))?;
        if owner.quoted {
            return Err(owner.fault("an owner has no quotes around it here").with(FORM));
        }
        let head = Head::read(rest, owner.end())?;
        let rest = rest.get(head.count..).unwrap_or_default();
        let (data, behind) = rest.split_first().ok_or_else(|| missing(head.end, "the data"))?;
        nothing_behind(behind, FORM)?;
        self.generated = self.generated.saturating_add(range.count());
        if self.generated > MOST {
            let what = format!("$GENERATE makes more than {MOST} records of this zone");
            return Err(numbers.fault(what).with("check the range, or write the records out"));
        }
        for number in range.all() {
            self.generated_record(number, owner, &head, data, location, place)?;
        }
        Ok(())
    }

    fn generated_record(
        &mut self,
        number: i64,
        owner: &Token<'_>,
        head: &Head,
        data: &Token<'_>,
        location: &Location,
        place: &Place,
    ) -> Result<(), Fault> {
        let of_number =
            |fault: Fault| Fault { what: format!("for {number}: {}", fault.what), ..fault };
        let expanded = |token: &Token<'_>| {
            let quotes_resolved =
                if token.quoted { without_escaped_quotes(token.text) } else { token.text.to_vec() };
            expand(&quotes_resolved, number)
                .map_err(|what| of_number(token.fault(what).with(NUMBER_FORM)))
        };
        let text = expanded(owner)?;
        let name = Name::parse_octets(&text, &place.origin)
            .map_err(|e| of_number(bad_name(&Token { text: &text, ..*owner }, e)))
            .map_err(|fault| Fault { span: owner.span(), ..fault })?;
        let text = expanded(data)?;
        self.generated_octets = self.generated_octets.saturating_add(text.len());
        if self.generated_octets > MOST_OCTETS {
            let what =
                format!("$GENERATE makes over {} MiB of data of this zone", MOST_OCTETS >> 20);
            return Err(data
                .fault(what)
                .with("check the range and the data, or write the records out"));
        }
        let mut tokens = Vec::new();
        let mut lexer = Lexer::new(&text);
        let read = match lexer.entry(&mut tokens) {
            Some(entry) => entry.fault.map_or(Ok(()), Err),
            None => Err(data.fault("the data is missing")),
        };
        let read = read.and_then(|()| self.data(head, &tokens, name, location, &place.origin));
        // Its places are those of the generated text.
        read.map_err(|fault| of_number(Fault { span: data.span(), ..fault }))?;
        match lexer.entry(&mut Vec::new()) {
            Some(_) => Err(data.fault("the data has several lines").with(FORM)),
            None => Ok(()),
        }
    }
}

/// `START-STOP[/STEP]`.
struct Numbers {
    start: i64,
    stop: i64,
    step: i64,
}

impl Numbers {
    fn read(token: &Token<'_>) -> Result<Self, Fault> {
        let text = std::str::from_utf8(token.text).ok().filter(|_| !token.quoted);
        let read = text.and_then(|text| {
            let (range, step) = text.split_once('/').unwrap_or((text, "1"));
            let (start, stop) = range.split_once('-')?;
            Some(Self { start: digits(start)?, stop: digits(stop)?, step: digits(step)? })
        });
        read.filter(|range| range.start <= range.stop && range.step > 0).ok_or_else(|| {
            let what = format!("`{}` is no range such as 1-10 or 0-254/2", token.shown());
            token.fault(what).with(FORM)
        })
    }

    fn count(&self) -> usize {
        usize::try_from((self.stop - self.start) / self.step + 1).unwrap_or(usize::MAX)
    }

    fn all(&self) -> impl Iterator<Item = i64> {
        (self.start..=self.stop).step_by(usize::try_from(self.step).unwrap_or(usize::MAX))
    }
}

/// A number without a sign, up to the greatest.
fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number <= GREATEST)
}

/// A quoted text whose escaped quotes are quotes: they belong to the record that is generated. All other escapes stay.
fn without_escaped_quotes(text: &[u8]) -> Vec<u8> {
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

/// A template with a number in it.
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
        if out.len() > LONGEST {
            return Err(format!("the text has more than {LONGEST} octets"));
        }
    }
    Ok(out)
}

/// A number as `OFFSET[,WIDTH[,BASE]]` wants it.
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
    if width > WIDEST || parts.next().is_some() {
        return Err(bad());
    }
    if number > GREATEST || (number < 0 && base != "d") {
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

/// Hexadecimal digits, the lowest first, with dots between them, as reverse zones of IPv6 have them. The dots count for
/// the width, so that an even one ends with a dot.
fn nibbles(number: i64, width: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut left = number;
    loop {
        let digit = u32::try_from(left & 15).ok().and_then(|digit| char::from_digit(digit, 16));
        out.push(digit.map_or(b'0', |digit| digit as u8));
        left >>= 4;
        if left == 0 && out.len() >= width {
            return out;
        }
        out.push(b'.');
        if left == 0 && out.len() >= width {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_those_of_bind() {
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
        assert!(expand(b"${1}", GREATEST).is_err());
    }

    #[test]
    fn ranges_are_counted_before_they_are_made() {
        let read = |text: &'static str| {
            Numbers::read(&Token { text: text.as_bytes(), quoted: false, start: 0 }).ok()
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
