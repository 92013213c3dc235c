//! Plain lists: `network,CC` with an optional header line.
//!
//! A network is `192.0.2.0/24`, an address, or a range `192.0.2.0-192.0.2.99`. Lines of the form
//! `start,end,CC` (DB-IP) are accepted too, also with addresses as decimal numbers (`IP2Location`).
//! Fields may be quoted. Fields after the code are ignored.
//!
//! If the header line has a column `country_code`, columns are found by their names (`IPinfo` Lite
//! has the name of the country before the code). Then an empty code is an unknown country, and a
//! column `continent_code` may have its continent.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::problem::{Problem, Problems, SourceLine};
use super::reader::{AddressRange, ParsedSource, SourceReader, UnknownCodes};

/// Parses a file.
///
/// # Errors
/// Invalid lines, or no networks.
pub fn parse(
    file: &str,
    text: &str,
    unknown_codes: UnknownCodes,
) -> Result<ParsedSource, Problems> {
    let mut reader = SourceReader::new(file, unknown_codes);
    let mut columns = None;
    for (n, line) in SourceLine::all(file, text).enumerate() {
        let is_header = n == 0 && is_header(line.text);
        match fields_of(&line) {
            Ok(fields) if is_header => columns = Columns::named(&fields),
            Ok(fields) => {
                let added = match &columns {
                    Some(columns) => columns.add(&mut reader, &line, &fields),
                    None => network_and_code(&line, &fields)
                        .map(|(span, code)| reader.add(&line, span, code)),
                };
                added.unwrap_or_else(|problem| reader.problem(problem));
            }
            Err(problem) => reader.problem(problem),
        }
    }
    reader.finish(None, format!("list {}", file.rsplit(['/', '\\']).next().unwrap_or(file)))
}

/// Whether a line that is not a comment may be the first of this format.
pub(super) fn looks_like(line: &str) -> bool {
    let mut fields = line.split(',').map(|field| field.trim().trim_matches('"'));
    let (Some(first), Some(second)) = (fields.next(), fields.next()) else { return false };
    is_header(line) || first.contains(['.', ':', '/']) || is_decimal(first) && is_decimal(second)
}

/// Column indices of a list with named columns.
struct Columns {
    /// Column of the network, or of its first address.
    network: usize,
    /// Column of the last address; `None` if it is not in a column of its own.
    last: Option<usize>,
    country: usize,
    continent: Option<usize>,
}

impl Columns {
    /// Finds the columns by the fields of the header; `None` if there is no `country_code`, so that
    /// the order of [`network_and_code`] applies.
    fn named(fields: &[Cow<'_, str>]) -> Option<Columns> {
        let index_of =
            |name: &str| fields.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
        let first_of = |names: &[&str]| names.iter().find_map(|name| index_of(name));
        Some(Columns {
            network: first_of(&["network", "start_ip", "start"]).unwrap_or(0),
            last: first_of(&["end_ip", "end"]),
            country: index_of("country_code")?,
            continent: index_of("continent_code"),
        })
    }

    /// Adds the range of a line.
    fn add(
        &self,
        reader: &mut SourceReader,
        line: &SourceLine<'_>,
        fields: &[Cow<'_, str>],
    ) -> Result<(), Problem> {
        let field = |at: usize| {
            fields.get(at).map(AsRef::as_ref).ok_or_else(|| {
                let message =
                    format!("expected at least {} columns, as the first line has", at + 1);
                line.problem(line.text, message)
            })
        };
        let network = field(self.network)?;
        let span = match self.last {
            Some(last) => range(line, network, field(last)?)?,
            None => span(line, network)?,
        };
        match field(self.country)? {
            "" => reader.add_continent(line, span, self.continent.map_or(Ok(""), field)?),
            code => reader.add(line, span, code),
        }
        Ok(())
    }
}

/// Whether a line is a header: unlike an address, the name of a column has no digit and no colon.
fn is_header(line: &str) -> bool {
    let first = line.split(',').next().unwrap_or_default();
    line.contains(',') && !first.contains(|c: char| c.is_ascii_digit() || c == ':')
}

/// The fields of a line without their quotes (RFC 4180 section 2). A field cannot span lines.
pub(super) fn fields_of<'a>(line: &SourceLine<'a>) -> Result<Vec<Cow<'a, str>>, Problem> {
    let mut fields = Vec::new();
    let mut rest = line.text;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = closing_quote(quoted).ok_or_else(|| {
                line.problem(rest, "the quoted field has no end; expected a closing `\"`")
            })?;
            let (inner, after) = quoted.split_at(end);
            let inner = if inner.contains('"') {
                Cow::Owned(inner.replace("\"\"", "\""))
            } else {
                inner.into()
            };
            (inner, after.get(1..).unwrap_or_default())
        } else {
            let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            (field.trim().into(), after)
        };
        fields.push(field);
        if after.is_empty() {
            return Ok(fields);
        }
        rest = after
            .strip_prefix(',')
            .ok_or_else(|| line.problem(after, "expected a comma after the quoted field"))?;
    }
}

/// Offset of the closing quote of a field, which is the first quote that is not doubled.
fn closing_quote(text: &str) -> Option<usize> {
    let mut quotes = text.match_indices('"').map(|(at, _)| at).peekable();
    while let Some(at) = quotes.next() {
        if quotes.next_if(|next| *next == at + 1).is_none() {
            return Some(at);
        }
    }
    None
}

fn network_and_code<'a>(
    line: &SourceLine<'a>,
    fields: &'a [Cow<'a, str>],
) -> Result<(AddressRange, &'a str), Problem> {
    match fields {
        [first, last, code, ..]
            if last.contains(['.', ':']) || is_decimal(first) && is_decimal(last) =>
        {
            Ok((range(line, first, last)?, code))
        }
        [network, code, ..] => Ok((span(line, network)?, code)),
        _ => Err(line.problem(line.text, "expected `network,CC`, such as `192.0.2.0/24,DE`")),
    }
}

fn span(line: &SourceLine<'_>, text: &str) -> Result<AddressRange, Problem> {
    if let Some((first, last)) = text.split_once('-') {
        return range(line, first.trim(), last.trim());
    }
    network(line, text).map(AddressRange::of)
}

fn range(line: &SourceLine<'_>, first: &str, last: &str) -> Result<AddressRange, Problem> {
    let span = if is_decimal(first) && is_decimal(last) {
        // Both are addresses of the same family; the larger number shows which.
        match (decimal(line, first)?, decimal(line, last)?) {
            (first, last) if first.max(last) <= u32::MAX.into() => {
                AddressRange::V4(first as u32, last as u32)
            }
            (first, last) => AddressRange::V6(first, last),
        }
    } else {
        match (address(line, first)?, address(line, last)?) {
            (IpAddr::V4(first), IpAddr::V4(last)) => AddressRange::V4(first.into(), last.into()),
            (IpAddr::V6(first), IpAddr::V6(last)) => AddressRange::V6(first.into(), last.into()),
            _ => {
                let message = "the range begins in one address family and ends in the other";
                return Err(line.problem(last, message));
            }
        }
    };
    match span {
        AddressRange::V4(first, last) if first <= last => Ok(span),
        AddressRange::V6(first, last) if first <= last => Ok(unmapped(first, last)),
        _ => Err(line.problem(last, "the range ends before it starts; expected `start` <= `end`")),
    }
}

/// A range of IPv6 addresses, which is an IPv4 range if it is within `::ffff:0:0/96` (RFC 4291
/// section 2.5.5.2).
fn unmapped(first: u128, last: u128) -> AddressRange {
    let mapped = |address: u128| Ipv6Addr::from(address).to_ipv4_mapped().map(u32::from);
    match (mapped(first), mapped(last)) {
        (Some(first), Some(last)) => AddressRange::V4(first, last),
        _ => AddressRange::V6(first, last),
    }
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn decimal(line: &SourceLine<'_>, text: &str) -> Result<u128, Problem> {
    let expected = "expected an address as a decimal number, 0 to 340282366920938463463374607431768211455 (IPv4: 4294967295)";
    text.parse().map_err(|_| line.problem(text, expected))
}

fn address(line: &SourceLine<'_>, text: &str) -> Result<IpAddr, Problem> {
    text.parse()
        .map_err(|_| line.problem(text, "expected an address such as 192.0.2.1 or 2001:db8::1"))
}

/// Parses a network in CIDR notation, or an address as a network of one address.
pub(super) fn network(line: &SourceLine<'_>, text: &str) -> Result<IpNet, Problem> {
    let message = "expected a network such as 192.0.2.0/24 or 2001:db8::/32";
    let net: IpNet = if text.contains('/') {
        text.parse().map_err(|_| line.problem(text, message))?
    } else {
        IpNet::from(text.parse::<IpAddr>().map_err(|_| line.problem(text, message))?)
    };
    if net.trunc() != net {
        let message =
            format!("the address has bits beyond its prefix length; expected {}", net.trunc());
        return Err(line.problem(text, message));
    }
    // Networks in ::ffff:0:0/96 are IPv4 networks: clients there are looked up by their IPv4
    // address.
    if let IpNet::V6(v6) = net
        && let (Some(v4), length @ 96..) = (v6.addr().to_ipv4_mapped(), v6.prefix_len())
        && let Ok(net) = IpNet::new(IpAddr::V4(Ipv4Addr::from(u32::from(v4))), length - 96)
    {
        return Ok(net);
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let parsed = parse("dir/list.csv", text, UnknownCodes::Refuse).unwrap();
        assert_eq!(parsed.credit, "list list.csv");
        parsed.entries.iter().map(|entry| format!("{} {}", entry.span, entry.area)).collect()
    }

    fn refuse(text: &str) -> String {
        parse("list.csv", text, UnknownCodes::Refuse).unwrap_err().to_string()
    }

    #[test]
    fn networks_addresses_and_ranges() {
        let text = "network,country\r\n192.0.2.0/25,de\n# ours\n\"192.0.2.200\" , \"UK\"\n192.0.2.128 - 192.0.2.130,FR,x\n\
                    1.0.0.0,1.0.0.255,AU\n2001:db8::/127,JP\n2001:db8::4,2001:db8::7,JP\n::ffff:10.0.0.0/104,US\n";
        // A blank between the quote and the comma is not CSV.
        assert!(refuse(text).contains("list.csv:4:14: expected a comma after the quoted field"));
        assert_eq!(
            read(&text.replace("\" , \"", "\",\"")),
            [
                "192.0.2.0-192.0.2.127 DE",
                "192.0.2.200-192.0.2.200 GB",
                "192.0.2.128-192.0.2.130 FR",
                "1.0.0.0-1.0.0.255 AU",
                "2001:db8::-2001:db8::1 JP",
                "2001:db8::4-2001:db8::7 JP",
                "10.0.0.0-10.255.255.255 US"
            ]
        );
        assert_eq!(read("192.0.2.1,DE").len(), 1);
    }

    #[test]
    fn bad_lines_are_all_listed() {
        let message = refuse(
            "192.0.2.1/24,DE\n192.0.2.0/33,DE\n300.0.0.0/8,DE\n192.0.2.0/24\n192.0.2.9-192.0.2.1,DE\n192.0.2.0-::1,DE\n\
             192.0.2.0/24,CS\n192.0.2.0/24,\n\"192.0.2.0/24,DE\nnetwork,country\n",
        );
        for part in [
            "list.csv:1:1: the address has bits beyond its prefix length; expected 192.0.2.0/24",
            "list.csv:2:1: expected a network",
            "list.csv:3:1: expected a network",
            "list.csv:4:1: expected `network,CC`",
            "list.csv:5:11: the range ends before it starts",
            "list.csv:6:11: the range begins in one address family",
            "list.csv:7:14: CS (Serbia and Montenegro) was withdrawn",
            "list.csv:8:14: \"\" is not a country code",
            "list.csv:9:1: the quoted field has no end",
            "list.csv:10:1: expected a network",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
        assert!(refuse("network,country\n").contains("no networks"));
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let text = "network,country,country_code,continent,continent_code,asn,as_name\n\
                    192.0.2.0/25,Australia,AU,Oceania,OC,AS64500,\"Ours, Inc.\"\n\
                    192.0.2.128/25,,,Asia,AS,,\n198.51.100.0/24,,,,,,\n2001:db8::/127,Japan,JP,Asia,AS,,\n";
        assert_eq!(
            read(text),
            [
                "192.0.2.0-192.0.2.127 AU",
                "192.0.2.128-192.0.2.255 continent:AS",
                "2001:db8::-2001:db8::1 JP"
            ]
        );
        assert_eq!(parse("l", text, UnknownCodes::Refuse).unwrap().unlocated, 1);
        let text = "start_ip,end_ip,Country_Code\n192.0.2.0,192.0.2.9,DE\n192.0.2.10,192.0.2.11,\n";
        assert_eq!(read(text), ["192.0.2.0-192.0.2.9 DE"]);
        let message = refuse(
            "network,country_code,continent_code\n192.0.2.0/24,DE\n192.0.2.0/24,,XX\n192.0.2.0/24,ZX,\n192.0.2.0\n",
        );
        for part in [
            "list.csv:3:15: \"XX\": expected a continent's code",
            "list.csv:4:14: \"ZX\" is not a country code",
            "list.csv:5:1: expected at least 2 columns",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }

    #[test]
    fn addresses_may_be_decimal_numbers() {
        let text = "\"0\",\"16777215\",\"-\",\"-\"\n16777216,16777471,AU\n281470698520576,281470698520831,CN\n\
                    42540766411282592856903984951653826560,42540766411282592856903984951653826561,JP\n::ffff:1.2.3.0,::ffff:1.2.3.9,DE\n";
        assert_eq!(
            read(text),
            [
                "1.0.0.0-1.0.0.255 AU",
                "1.0.0.0-1.0.0.255 CN",
                "2001:db8::-2001:db8::1 JP",
                "1.2.3.0-1.2.3.9 DE"
            ]
        );
        let message =
            refuse("5,4,DE\n1,99999999999999999999999999999999999999999,DE\n1,192.0.2.1,DE\n1,2\n");
        for part in [
            "list.csv:1:3: the range ends before it starts",
            "list.csv:2:3: expected an address as a decimal number",
            "list.csv:3:1: expected an address such as",
            "list.csv:4:1: expected a network",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }

    #[test]
    fn quotes() {
        let line = SourceLine { file: "", number: 1, text: "a,\"b, \"\"c\"\"\",,\"\"" };
        assert_eq!(fields_of(&line).unwrap(), ["a", "b, \"c\"", "", ""]);
    }
}
