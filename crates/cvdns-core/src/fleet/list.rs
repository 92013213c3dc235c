//! Reads a list of mirrors: lines of `host,address,country[,capacity]`, as spreadsheets and scripts
//! write them (CSV, RFC 4180).

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder, Terminator};

use super::address::check_address;
use super::file::check_host;
use super::{Fleet, Mirror, host_key, keys};
use crate::geo::country::Country;
use crate::problem::table::Placed;
use crate::problem::{BYTE_ORDER_MARK, HAS_MARK, Location, Problems};
use crate::schema::read;

/// The form of a line, for error messages.
const LINE: &str =
    "expected host,address,country[,capacity], such as clamav.example.de,192.0.2.10,DE,1Gbit/s";

/// The names of the columns in a header line; the last column is optional.
const COLUMNS: [&[&str]; 4] = [
    &["host", "hostname", "mirror", "name"],
    &["address", "ip", "ipv4", "ipv6"],
    &["country", "cc"],
    &["capacity", "bandwidth", "rate"],
];

impl Fleet {
    /// Reads a list of mirrors and reports everything wrong in it. All lines of a host are its
    /// addresses.
    ///
    /// Comments (`#`), empty lines and a first line with the names of the columns are skipped.
    pub fn of_list(file: &str, text: &str, problems: &mut Problems) -> Self {
        let plain = text.strip_prefix(BYTE_ORDER_MARK);
        if plain.is_some() {
            problems.warning(Location::file(file), HAS_MARK.0, HAS_MARK.1);
        }
        let mut list = List::new(file, plain.unwrap_or(text));
        list.read(problems);
        let mirrors: Vec<Mirror> = list.mirrors.into_iter().map(|partial| partial.mirror).collect();
        if mirrors.is_empty() && !problems.has_errors() {
            problems.error(Location::file(file), "the file names no mirror", LINE);
        }
        Self { mirrors }
    }
}

/// A list while it is read.
struct List {
    file: Arc<str>,
    text: Arc<str>,
    mirrors: Vec<PartialMirror>,
    /// Indices in `mirrors` by host.
    hosts: HashMap<String, usize>,
    /// The hosts of all addresses so far.
    addresses: HashMap<IpAddr, Placed<String>>,
}

/// A mirror that later lines may add addresses to.
struct PartialMirror {
    mirror: Mirror,
    country: Location,
    capacity: Option<Placed<u64>>,
}

/// The fields of one line.
struct ListLine {
    host: Placed<String>,
    address: IpAddr,
    country: Placed<Country>,
    capacity: Option<Placed<u64>>,
}

/// A field without its quotes, and its octets in the file.
type Field = (String, Range<usize>);

impl List {
    fn new(file: &str, text: &str) -> Self {
        let (mirrors, hosts, addresses) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { file: file.into(), text: text.into(), mirrors, hosts, addresses }
    }

    fn read(&mut self, problems: &mut Problems) {
        let text = self.text.clone();
        let mut at = 0;
        let mut is_first = true;
        for line in text.split_inclusive('\n') {
            let start = at;
            at += line.len();
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            if let Some(fields) = self.fields(line, start, problems)
                && !(is_first && is_header(&fields))
                && let Some(line) = self.line(&fields, start..start + line.len(), problems)
            {
                self.add(line, problems);
            }
            is_first = false;
        }
    }

    fn location(&self, span: Range<usize>) -> Location {
        Location::at(&self.file, &self.text, span)
    }

    /// The fields of a line that starts at octet `start`; `None` if its quotes are wrong. A field
    /// never continues in the next line, so an open quote spoils one line and not the rest of the
    /// file.
    fn fields(&self, line: &str, start: usize, problems: &mut Problems) -> Option<Vec<Field>> {
        let mut reader = FieldReader::new(line);
        let mut fields = Vec::new();
        let mut from = 0;
        let mut is_good = true;
        loop {
            let (value, length, is_last) = reader.next(line.get(from..).unwrap_or_default());
            let written = line.get(from..from + length).unwrap_or_default();
            let value = if written.contains('"') {
                // A correctly quoted field is what quoting its value gives.
                if written != format!("\"{}\"", value.replace('"', "\"\"")) {
                    let span = start + from..start + from + length;
                    self.quotes(written, span, problems);
                    is_good = false;
                }
                value
            } else {
                written.trim().to_owned()
            };
            let blanks = written.len() - written.trim_start().len();
            let begin = start + from + blanks;
            fields.push((value, begin..begin + written.trim().len()));
            if is_last {
                return is_good.then_some(fields);
            }
            // 1 for the comma.
            from += length + 1;
        }
    }

    fn quotes(&self, written: &str, span: Range<usize>, problems: &mut Problems) {
        let open = written.matches('"').count() % 2 == 1;
        let what =
            if open { "a quote is not closed" } else { "the quotes are not around a whole field" };
        let help =
            "write quotes right between the commas, and one within them twice (RFC 4180), or none";
        problems.error(self.location(span), what, help);
    }

    /// Reads a line and reports everything wrong in it.
    fn line(
        &mut self,
        fields: &[Field],
        whole: Range<usize>,
        problems: &mut Problems,
    ) -> Option<ListLine> {
        let ((host, address, country), capacity) = match fields {
            [host, address, country] => ((host, address, country), None),
            [host, address, country, capacity] => ((host, address, country), Some(capacity)),
            _ => {
                let what = match fields.len() {
                    1 => "the line has 1 field".to_owned(),
                    count => format!("the line has {count} fields"),
                };
                problems.error(self.location(whole), what, LINE);
                return None;
            }
        };
        let errors_before = problems.counts().0;
        let host = Placed { value: host_key(&host.0), location: self.location(host.1.clone()) };
        check_host(&host.value, &host.location, problems);
        let address = self.address(address, &host.value, problems);
        let country = self.parsed(country, keys::COUNTRY.expected, problems, |text| {
            Country::parse(text).map_err(|error| error.to_string())
        });
        let capacity = capacity
            .filter(|(text, _)| !text.is_empty())
            .and_then(|field| self.parsed(field, keys::CAPACITY.expected, problems, read::rate_of));
        if problems.counts().0 > errors_before {
            return None;
        }
        Some(ListLine { host, address: address?, country: country?, capacity })
    }

    fn parsed<T>(
        &self,
        (text, span): &Field,
        expected: &str,
        problems: &mut Problems,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let location = self.location(span.clone());
        match read(text) {
            Ok(value) => Some(Placed { value, location }),
            Err(what) => {
                problems.error(location, what, format!("expected {expected}"));
                None
            }
        }
    }

    /// Reads the address of a line, which no other line may have.
    fn address(&mut self, field: &Field, host: &str, problems: &mut Problems) -> Option<IpAddr> {
        let expected = "an address such as 192.0.2.10 or 2001:db8::10";
        let Placed { value: address, location } =
            self.parsed(field, expected, problems, |text| {
                text.parse::<IpAddr>().map_err(|_| format!("{text:?} is not an address"))
            })?;
        check_address(address, &location, problems);
        if let Some(first) = self.addresses.get(&address) {
            let (what, help) = if first.value == host {
                (format!("{host} has the address {address} twice"), "remove one of the lines")
            } else {
                let what = format!("{host} has the address {address} of {}", first.value);
                (what, "an address has one state of health")
            };
            problems.error(location, what, format!("the first is at {}: {help}", first.location));
            return None;
        }
        self.addresses.insert(address, Placed { value: host.to_owned(), location });
        Some(address)
    }

    fn add(&mut self, line: ListLine, problems: &mut Problems) {
        let ListLine { host, address, country, capacity } = line;
        let known = self.hosts.get(&host.value).and_then(|index| self.mirrors.get_mut(*index));
        let partial = if let Some(partial) = known {
            check_agreement(partial, &country, capacity, problems);
            partial
        } else {
            self.hosts.insert(host.value.clone(), self.mirrors.len());
            self.mirrors.push(PartialMirror::of(host, country, capacity));
            let Some(partial) = self.mirrors.last_mut() else { return };
            partial
        };
        match address {
            IpAddr::V4(v4) => partial.mirror.ipv4.push(v4),
            IpAddr::V6(v6) => partial.mirror.ipv6.push(v6),
        }
    }
}

impl PartialMirror {
    fn of(host: Placed<String>, country: Placed<Country>, capacity: Option<Placed<u64>>) -> Self {
        let mirror = Mirror {
            host: host.value,
            country: country.value,
            ipv4: Vec::new(),
            ipv6: Vec::new(),
            capacity: capacity.as_ref().map_or(keys::CAPACITY.preset(), |capacity| capacity.value),
            serves: Vec::new(),
            not_for: Vec::new(),
            pools: Vec::new(),
            downtimes: Vec::new(),
            enabled: true,
            location: host.location,
        };
        Self { mirror, country: country.location, capacity }
    }
}

/// Reports another line of a host that differs in country or capacity. A line may leave out the
/// capacity.
fn check_agreement(
    partial: &mut PartialMirror,
    country: &Placed<Country>,
    capacity: Option<Placed<u64>>,
    problems: &mut Problems,
) {
    let host = &partial.mirror.host;
    if partial.mirror.country != country.value {
        problems.error(
            country.location.clone(),
            format!("{host} is in {} and in {}", partial.mirror.country, country.value),
            format!("{} has the other: a mirror is in one country", partial.country),
        );
    }
    match (&partial.capacity, capacity) {
        (Some(first), Some(other)) if first.value != other.value => problems.error(
            other.location,
            format!("{host} has two capacities"),
            format!(
                "{} has the other: the capacity is that of the mirror, not of an address",
                first.location
            ),
        ),
        (None, Some(capacity)) => {
            partial.mirror.capacity = capacity.value;
            partial.capacity = Some(capacity);
        }
        _ => {}
    }
}

/// Whether a line has the names of the columns.
fn is_header(fields: &[Field]) -> bool {
    let is_named = |((name, _), names): (&Field, &&[&str])| {
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    matches!(fields.len(), 3 | 4) && fields.iter().zip(&COLUMNS).all(is_named)
}

/// Reads the fields of one line.
struct FieldReader {
    reader: Reader,
    /// Buffer for a value, which is never longer than the line.
    value: Vec<u8>,
}

impl FieldReader {
    fn new(line: &str) -> Self {
        // A carriage return within a line is a part of its field.
        let reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        Self { reader, value: vec![0; line.len()] }
    }

    /// The first field of `rest`: its value, its length as written in octets, and whether it is the
    /// last field of the line.
    fn next(&mut self, rest: &str) -> (String, usize, bool) {
        let (result, read, written) = self.reader.read_field(rest.as_bytes(), &mut self.value);
        let (length, is_last) = match result {
            // `read` includes the comma.
            ReadFieldResult::Field { record_end: false } => (read.saturating_sub(1), false),
            _ => (read, true),
        };
        let value = self.value.get(..written).unwrap_or_default();
        (String::from_utf8_lossy(value).into_owned(), length, is_last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mirrors, a line for each, and the problems as logs show them.
    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let mut problems = Problems::default();
        let fleet = Fleet::of_list("m.csv", text, &mut problems);
        let row = |mirror: &Mirror| {
            let addresses: Vec<String> =
                mirror.addresses().map(|address| address.to_string()).collect();
            format!(
                "{} {} {} {}",
                mirror.host,
                mirror.country,
                mirror.capacity,
                addresses.join(" ")
            )
        };
        let said =
            problems.iter().map(|problem| format!("{:?} {problem}", problem.severity)).collect();
        (fleet.mirrors.iter().map(row).collect(), said)
    }

    fn good(text: &str) -> Vec<String> {
        let (mirrors, said) = read(text);
        assert_eq!(said, Vec::<String>::new());
        mirrors
    }

    #[test]
    fn lines_of_a_host_are_its_addresses() {
        let text = "# ours\r\nHost, IPv4 ,country,capacity\r\n\r\n\
                    a.example,192.0.2.1,de,\"1.5Gbit/s\"\r\n\
                    \"b.example\",192.0.2.2,uk\r\n  # more\n\
                    A.Example.,2001:db8::1,DE,1500Mbit/s\nb.example,192.0.2.3,GB,10kbit/s\n\
                    a.example,192.0.2.4,DE,";
        assert_eq!(
            good(text),
            [
                "a.example DE 1500000 192.0.2.1 192.0.2.4 2001:db8::1",
                "b.example GB 10 192.0.2.2 192.0.2.3"
            ]
        );
        // A header is a first line with the names of all its columns.
        assert_eq!(good("a.example,192.0.2.1,DE").len(), 1);
        assert_eq!(good("hostname,ip,cc\na.example,192.0.2.1,DE\n").len(), 1);
    }

    #[test]
    fn every_bad_line_is_reported_with_its_location() {
        let text = "country,host,address\n\
                    a.example,192.0.2.1\n\
                    a.example;192.0.2.1;DE\n\
                    a.example,192.0.2.1,DE,1Gbit/s,x\n\
                    ,192.0.2.300,CS,fast\n\
                    b.example , 192.0.2.2/24,Germany\n\
                    \"c.example\" ,192.0.2.3,DE\n\
                    c.example,\"192.0.2.3,DE\n\
                    \u{e4} x.example,::ffff:192.0.2.4,DE\n\
                    d.example,192.0.2.5,DE,1Gbit/s\n\
                    e.example,192.0.2.5,DE\n\
                    d.example,192.0.2.5,DE\n\
                    d.example,192.0.2.6,FR,2Gbit/s\n\
                    f.example,192.0.2.7,DE,1000\n\
                    g.exa\rmple,192.0.2.8,DE\n\
                    host,address,country\n";
        let (_, said) = read(text);
        let places = [
            "1:9: \"host\" is not an address (expected an address such as",
            "1:14: \"address\" is not a country code",
            "2:1: the line has 2 fields (expected host,address,country[,capacity]",
            "3:1: the line has 1 field (expected host,",
            "4:1: the line has 5 fields (",
            "5:1: the host name is empty or has blanks",
            "5:2: \"192.0.2.300\" is not an address",
            "5:14: CS (Serbia and Montenegro) was withdrawn in 2006; write RS or ME (expected an ISO 3166 code",
            "5:17: \"fast\" is not a rate (expected a rate such as \"1Gbit/s\")",
            "6:13: \"192.0.2.2/24\" is not an address",
            "6:26: \"Germany\" is not a country code; write DE",
            "7:1: the quotes are not around a whole field",
            "8:11: a quote is not closed",
            "9:1: the host name is empty or has blanks",
            "9:13: ::ffff:192.0.2.4 is not an address of a host: it stands for an IPv4 address; write that",
            "11:11: e.example has the address 192.0.2.5 of d.example (the first is at m.csv:10:11: an address has",
            "12:11: d.example has the address 192.0.2.5 twice (the first is at m.csv:10:11: remove one of the lines)",
            "13:21: d.example is in DE and in FR (m.csv:10:21 has the other",
            "13:24: d.example has two capacities (m.csv:10:24 has the other",
            "14:24: \"1000\" is not a rate",
            "15:1: the host name is empty or has blanks",
            "16:6: \"address\" is not an address",
            "16:14: \"country\" is not a country code",
        ];
        assert_eq!(said.len(), places.len(), "{said:#?}");
        for (said, place) in said.iter().zip(places) {
            assert!(said.starts_with(&format!("Error m.csv:{place}")), "{place}\n{said}");
        }
    }

    #[test]
    fn private_addresses_are_warnings() {
        let (mirrors, said) = read("\u{feff}a.example,10.0.0.1,DE\n");
        assert_eq!((mirrors.len(), said.len()), (1, 2));
        assert!(
            said[0].starts_with("Warning m.csv: the file starts with a byte order mark"),
            "{said:?}"
        );
        assert!(
            said[1].starts_with("Warning m.csv:1:11: 10.0.0.1 is a private address"),
            "{said:?}"
        );
        assert!(read("# nobody\n").1[0].starts_with("Error m.csv: the file names no mirror"));
        assert!(read("host,address,country\n").1[0].contains("names no mirror"));
    }

    /// RFC 4180 section 2: quotes around a field do not belong to it.
    #[test]
    fn quotes_are_taken_off() {
        let text = "\"a\"\"b,c\",\"192.0.2.1\",\"DE\",\"\"\n";
        assert_eq!(good(text), ["a\"b,c DE 100000 192.0.2.1"]);
    }
}
