//! The statistics of the regional Internet registries: `delegated-*-latest` and
//! `delegated-*-extended-latest`.
//!
//! "RIR statistics exchange format", versions 2 and 2.3:
//! - version line: `version|registry|serial|records|startdate|enddate|UTCoffset`
//! - summary lines: `registry|*|type|*|count|summary`
//! - records: `registry|cc|type|start|value|date|status[|extensions…]`
//!
//! The value of an IPv4 record is a number of addresses, not always a power of two; that of an IPv6
//! record is a prefix length. Records of type `asn` have no addresses. Records with status
//! `available` or `reserved` are not assigned to anybody.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;

use super::problem::{Problem, Problems, SourceLine};
use super::reader::{AddressRange, ParsedSource, SourceReader, UnknownCodes, compact_date};
use crate::geo::date::date_text;

/// Parses a file.
///
/// # Errors
/// Invalid lines, or counts that do not agree with the records because the file is truncated.
pub fn parse(
    file: &str,
    text: &str,
    unknown_codes: UnknownCodes,
) -> Result<ParsedSource, Problems> {
    let mut reader = SourceReader::new(file, unknown_codes);
    let mut lines = SourceLine::all(file, text);
    let Some(version) = lines.next() else {
        return reader.finish(None, String::new());
    };
    let (registry, date, records) = version_line(&mut reader, &version);
    let mut counts = Counts::default();
    for line in lines {
        let fields: Vec<&str> = line.text.split('|').collect();
        match *fields.as_slice() {
            [_, _, kind, _, count, "summary"] => counts.promise(&mut reader, line, kind, count),
            [_, code, kind, start, value, _, status, ..] => {
                *counts.found.entry(kind).or_default() += 1;
                record(&mut reader, &line, &DelegatedRecord { code, kind, start, value, status });
            }
            _ => reader.problem(line.problem(
                line.text,
                "expected `registry|cc|type|start|value|date|status`; if this is the last line, the file is cut off",
            )),
        }
    }
    counts.check(&mut reader, &version, records);
    let credit = match date {
        Some(date) => format!("{registry} delegation statistics {}", date_text(date)),
        None => format!("{registry} delegation statistics"),
    };
    reader.finish(date, credit)
}

/// Whether a line that is not a comment may be the first of this format.
pub(super) fn looks_like(line: &str) -> bool {
    line.split('|').count() >= 6
}

/// The fields of a record that are used.
struct DelegatedRecord<'a> {
    code: &'a str,
    kind: &'a str,
    start: &'a str,
    value: &'a str,
    status: &'a str,
}

/// Number of records of each type: as in the summary lines, and as found.
#[derive(Default)]
struct Counts<'a> {
    promised: BTreeMap<&'a str, (u64, SourceLine<'a>)>,
    found: BTreeMap<&'a str, u64>,
}

impl<'a> Counts<'a> {
    fn promise(
        &mut self,
        reader: &mut SourceReader,
        line: SourceLine<'a>,
        kind: &'a str,
        count: &'a str,
    ) {
        match count.parse() {
            Ok(number) => {
                self.promised.insert(kind, (number, line));
            }
            Err(_) => reader.problem(line.problem(count, "expected a number of records")),
        }
    }

    fn check(&self, reader: &mut SourceReader, version: &SourceLine<'_>, records: Option<u64>) {
        for (kind, (promised, line)) in &self.promised {
            let found = self.found.get(kind).copied().unwrap_or(0);
            if found != *promised {
                let message = format!(
                    "{promised} {kind} records are promised and {found} are there: the file is cut off or was \
                     edited; fetch it again"
                );
                reader.problem(line.problem(line.text, message));
            }
        }
        let found: u64 = self.found.values().sum();
        if let (true, Some(promised)) = (self.promised.is_empty(), records)
            && found != promised
        {
            let message = format!(
                "{promised} records are promised and {found} are there: the file is cut off or was edited; fetch \
                 it again"
            );
            reader.problem(version.problem(version.text, message));
        }
    }
}

/// Parses the version line: the registry, the date of the data and the number of records.
fn version_line<'a>(
    reader: &mut SourceReader,
    line: &SourceLine<'a>,
) -> (&'a str, Option<i64>, Option<u64>) {
    let fields: Vec<&str> = line.text.split('|').collect();
    let &[version, registry, serial, records, _, end, _, ..] = fields.as_slice() else {
        let message = "expected the version line, `version|registry|serial|records|startdate|enddate|UTCoffset`";
        reader.problem(line.problem(line.text, message));
        return ("", None, None);
    };
    if version != "2" && !version.starts_with("2.") {
        let message = "expected version 2 of the statistics format; this one is not known here";
        reader.problem(line.problem(version, message));
    }
    let number = records.parse().ok();
    if number.is_none() {
        reader.problem(line.problem(records, "expected the number of records"));
    }
    (registry, compact_date(end).or_else(|| compact_date(serial)), number)
}

fn record(reader: &mut SourceReader, line: &SourceLine<'_>, record: &DelegatedRecord<'_>) {
    if !["allocated", "assigned", "available", "reserved"].contains(&record.status) {
        let message = "expected a status: allocated, assigned, available or reserved";
        reader.problem(line.problem(record.status, message));
        return;
    }
    let span = match record.kind {
        "asn" => return,
        "ipv4" => v4(line, record),
        "ipv6" => v6(line, record),
        kind => Err(line.problem(kind, "expected a type: asn, ipv4 or ipv6")),
    };
    match span {
        Err(problem) => reader.problem(problem),
        Ok(_) if matches!(record.status, "available" | "reserved") => {}
        Ok(_) if record.code.is_empty() => reader.add_unlocated(),
        Ok(span) => reader.add(line, span, record.code),
    }
}

fn v4(line: &SourceLine<'_>, record: &DelegatedRecord<'_>) -> Result<AddressRange, Problem> {
    let start = record.start.parse::<Ipv4Addr>();
    let start = start
        .map_err(|_| line.problem(record.start, "expected an IPv4 address such as 192.0.2.0"))?;
    let first = u32::from(start);
    let size = record.value.parse::<u64>().ok().filter(|size| *size > 0);
    let last = size.and_then(|size| u32::try_from(u64::from(first).checked_add(size - 1)?).ok());
    let message = "expected a number of addresses, at least 1 and not beyond 255.255.255.255";
    last.map(|last| AddressRange::V4(first, last))
        .ok_or_else(|| line.problem(record.value, message))
}

fn v6(line: &SourceLine<'_>, record: &DelegatedRecord<'_>) -> Result<AddressRange, Problem> {
    let start = record.start.parse::<Ipv6Addr>();
    let start = start
        .map_err(|_| line.problem(record.start, "expected an IPv6 address such as 2001:db8::"))?;
    let net = record.value.parse().ok().and_then(|length| Ipv6Net::new(start, length).ok());
    let net =
        net.ok_or_else(|| line.problem(record.value, "expected a prefix length, 0 to 128"))?;
    if net.network() != start {
        let message =
            format!("the address has bits beyond its prefix length; expected {}", net.trunc());
        return Err(line.problem(record.start, message));
    }
    Ok(AddressRange::of(net.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
2|ripencc|1695247199|5|19830705|20230920|+0200
ripencc|*|ipv4|*|3|summary
ripencc|*|asn|*|1|summary
ripencc|*|ipv6|*|1|summary
ripencc|FR|asn|7|1|19930901|allocated
ripencc|FR|ipv4|2.0.0.0|1048576|20100712|allocated
ripencc|GB|ipv4|193.0.2.0|768|19930901|assigned|opaque
ripencc||ipv4|193.0.8.0|8||available
ripencc|NL|ipv6|2001:600::|32|19990826|allocated
";

    fn refuse(text: &str) -> String {
        parse("delegated", text, UnknownCodes::Refuse).unwrap_err().to_string()
    }

    #[test]
    fn counts_of_addresses_need_not_be_powers_of_two() {
        let parsed = parse("delegated", GOOD, UnknownCodes::Refuse).unwrap();
        let spans: Vec<_> =
            parsed.entries.iter().map(|entry| format!("{} {}", entry.span, entry.area)).collect();
        assert_eq!(
            spans,
            [
                "2.0.0.0-2.15.255.255 FR",
                "193.0.2.0-193.0.4.255 GB",
                "2001:600::-2001:600:ffff:ffff:ffff:ffff:ffff:ffff NL"
            ]
        );
        assert_eq!(parsed.date, Some(1_695_168_000));
        assert_eq!(parsed.credit, "ripencc delegation statistics 2023-09-20");
    }

    #[test]
    fn a_file_that_is_cut_off_is_refused() {
        let lines: Vec<&str> = GOOD.lines().collect();
        for kept in 4..lines.len() {
            let message = refuse(&(lines[..kept].join("\n") + "\n"));
            assert!(message.contains("the file is cut off"), "{kept}: {message}");
        }
        let message =
            refuse("2|x|20230920|2|0|20230920|+00\nx|FR|ipv4|2.0.0.0|256|20100712|allocated\n");
        assert!(
            message.contains("delegated:1:1: 2 records are promised and 1 are there"),
            "{message}"
        );
        assert!(refuse("").contains("no networks"));
    }

    #[test]
    fn bad_records_are_all_listed() {
        let head = "2|x|20230920|9|0|20230920|+00\n";
        let message = refuse(&format!(
            "{head}x|FR|ipv4|2.0.0|256|d|allocated\nx|FR|ipv4|2.0.0.0|0|d|allocated\n\
             x|FR|ipv4|255.255.255.0|257|d|allocated\nx|FR|ipv6|2001:db8::1|32|d|assigned\n\
             x|FR|ipv6|2001:db8::|129|d|assigned\nx|CS|ipv4|2.0.0.0|256|d|allocated\n\
             x|FR|ipv5|2.0.0.0|256|d|allocated\nx|FR|ipv4|2.0.0.0|256|d|lost\nx|FR|ipv4\n"
        ));
        for part in [
            "delegated:2:11: expected an IPv4 address",
            "delegated:3:19: expected a number of addresses",
            "delegated:4:25: expected a number of addresses",
            "delegated:5:11: the address has bits beyond its prefix length; expected 2001:db8::/32",
            "delegated:6:22: expected a prefix length",
            "delegated:7:3: CS (Serbia and Montenegro) was withdrawn",
            "delegated:8:6: expected a type",
            "delegated:9:25: expected a status",
            "delegated:10:1: expected `registry|cc|type",
        ] {
            assert!(message.contains(part), "{part} in {message}");
        }
        assert!(refuse("3|x|1|0|0|0|0\n").contains("delegated:1:1: expected version 2"));
    }
}
