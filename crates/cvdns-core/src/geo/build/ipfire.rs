//! The IPFire Location database as in Debian's `tor-geoipdb`: the files `geoip` and `geoip6`.
//!
//! IPv4 lines are `start,end,CC` with addresses as decimal numbers, IPv6 lines the same with
//! addresses in text form. `??` is an unknown country. Both files may have lines of both families.
//! Comments (`#`) at the start of the file name the vendor, the date and the licence. Only a list
//! with such comments is taken for IPFire's: the licence and the leniency towards unknown codes do
//! not apply to other lists in the same form.

use std::net::Ipv6Addr;

use super::problem::{Problems, SourceLine};
use super::reader::{AddressRange, ParsedSource, SourceReader, UnknownCodes};
use crate::geo::date::date_text;

/// Parses a file.
///
/// # Errors
/// Invalid lines, a last line without a line end, or no networks.
pub fn parse(
    file: &str,
    text: &str,
    unknown_codes: UnknownCodes,
) -> Result<ParsedSource, Problems> {
    let mut reader = SourceReader::new(file, unknown_codes);
    reader.check_end(text);
    for line in SourceLine::all(file, text) {
        let mut fields = line.text.split(',');
        let (Some(start), Some(end), Some(code), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            reader.problem(line.problem(line.text, "expected three fields, `start,end,CC`"));
            continue;
        };
        if let Some(span) = span(&mut reader, &line, start, end) {
            reader.add(&line, span, code);
        }
    }
    let date = header(text, "Generated:").and_then(http_date);
    let credit = credit(text, date);
    reader.finish(date, credit)
}

/// Whether a file has this format; `line` is its first line that is not a comment.
pub(super) fn looks_like(text: &str, line: &str) -> bool {
    comments(text).any(|comment| comment.contains("IPFire")) && is_range(line)
}

/// Whether a line begins with two addresses in the form of this format.
fn is_range(line: &str) -> bool {
    let mut fields = line.split(',');
    let address = |field: &str| {
        !field.is_empty()
            && (field.bytes().all(|byte| byte.is_ascii_digit())
                || field.parse::<Ipv6Addr>().is_ok())
    };
    fields.next().is_some_and(address) && fields.next().is_some_and(address)
}

fn span(
    reader: &mut SourceReader,
    line: &SourceLine<'_>,
    start: &str,
    end: &str,
) -> Option<AddressRange> {
    if start.contains(':') {
        let first = v6(reader, line, start)?;
        let last = v6(reader, line, end)?;
        reader.span(line, first, last, end).map(|(first, last)| AddressRange::V6(first, last))
    } else {
        let first = v4(reader, line, start)?;
        let last = v4(reader, line, end)?;
        reader.span(line, first, last, end).map(|(first, last)| AddressRange::V4(first, last))
    }
}

fn v4(reader: &mut SourceReader, line: &SourceLine<'_>, field: &str) -> Option<u32> {
    let number = field.parse().ok();
    if number.is_none() {
        let message = "expected an IPv4 address as a decimal number, 0 to 4294967295";
        reader.problem(line.problem(field, message));
    }
    number
}

fn v6(reader: &mut SourceReader, line: &SourceLine<'_>, field: &str) -> Option<u128> {
    let address = field.parse::<Ipv6Addr>().ok().map(u128::from);
    if address.is_none() {
        reader.problem(line.problem(field, "expected an IPv6 address such as 2001:db8::"));
    }
    address
}

/// The value of a `# Key: value` line in the comments at the start of the file.
fn header<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut values = comments(text).filter_map(|comment| comment.strip_prefix(key));
    values.next().map(str::trim)
}

/// The comments at the start of the file.
fn comments(text: &str) -> impl Iterator<Item = &str> {
    let comments = text.lines().take_while(|line| line.starts_with('#') || line.trim().is_empty());
    comments.map(|line| line.trim_start_matches('#').trim_start())
}

/// Parses a date such as `Thu, 25 Jun 2026 04:33:59 GMT`; the result is in Unix seconds.
fn http_date(text: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(zoned.as_second())
}

fn credit(text: &str, date: Option<i64>) -> String {
    let mut credit = "IPFire Location".to_owned();
    if let Some(date) = date {
        credit.push(' ');
        credit.push_str(&date_text(date));
    }
    if let Some(licence) = header(text, "License:") {
        credit = format!("{credit}, {licence}, https://location.ipfire.org/");
    }
    credit
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n# License:   CC BY-SA 4.0\n#\n";

    fn refuse(text: &str) -> String {
        parse("geoip", text, UnknownCodes::Refuse).unwrap_err().to_string()
    }

    #[test]
    fn both_families_and_the_header() {
        let text = format!(
            "{HEAD}15726992,15726999,??\n16777216,16777471,AU\n\n2001:200::,2001:200:134:ffff::,JP\n"
        );
        let parsed = parse("geoip", &text, UnknownCodes::Refuse).unwrap();
        assert_eq!(parsed.unlocated, 1);
        assert_eq!(parsed.entries.len(), 2);
        assert_eq!(parsed.entries[0].span, AddressRange::V4(0x0100_0000, 0x0100_00ff));
        assert_eq!(parsed.entries[0].area.to_string(), "AU");
        assert_eq!(parsed.entries[1].span.to_string(), "2001:200::-2001:200:134:ffff::");
        assert_eq!(parsed.date, Some(1_782_362_039));
        assert_eq!(
            parsed.credit,
            "IPFire Location 2026-06-25, CC BY-SA 4.0, https://location.ipfire.org/"
        );
    }

    #[test]
    fn bad_lines_are_all_listed_with_their_place() {
        let message = refuse(
            "1,2,DE\n5,4,DE\n1,x,DE\n1,2\n4294967296,4294967297,DE\n::,g::,DE\n1,2,Germany\n",
        );
        for part in [
            "geoip:2:3: the range ends before it starts",
            "geoip:3:3: expected an IPv4 address as a decimal number",
            "geoip:4:1: expected three fields",
            "geoip:5:1: expected an IPv4 address",
            "geoip:6:4: expected an IPv6 address",
            "geoip:7:5: \"Germany\" is not a country code; write DE",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }

    #[test]
    fn unknown_codes_are_refused_or_counted() {
        let text = "1,2,CS\n3,4,CS\n5,6,DE\n";
        assert!(refuse(text).contains(
            "geoip:1:5: CS (Serbia and Montenegro) was withdrawn in 2006; write RS or ME"
        ));
        let parsed = parse("geoip", text, UnknownCodes::LeaveOut).unwrap();
        assert_eq!(parsed.entries.len(), 1);
        assert_eq!((parsed.left_out[0].lines, parsed.left_out[0].first), (2, 1));
    }

    #[test]
    fn a_file_that_is_cut_off_or_empty_is_refused() {
        assert!(refuse("1,2,DE\n3,4,D").contains("geoip:2:6: the last line has no end"));
        assert!(refuse(HEAD).contains("no networks"));
        assert!(refuse("").contains("no networks"));
    }
}
