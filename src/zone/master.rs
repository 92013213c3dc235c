//! Reads master files (RFC 1035 section 5, RFC 2308 section 4 for `$TTL`, RFC 3597 for unknown types).
//!
//! `domain` parses each entry, but for those of types that it does not know by name, which `rare` reads. Cutting
//! the file into entries first lets one run find every bad one.

use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use domain::base::iana::{Class, Rtype};
use domain::base::name::ParsedName;
use domain::base::rdata::{ComposeRecordData, ParseRecordData};
use domain::base::{Name as DomainName, ToName};
use domain::dep::octseq::Parser;
use domain::rdata::ZoneRecordData;
use domain::zonefile::inplace::{Entry, ScannedRecord, Zonefile};

use super::include::Include;
use super::records::Record;
use super::units::{parse_ttl, spell_out};
use super::{rare, splitter};
use crate::problem::{BYTE_ORDER_MARK, HAS_MARK, Problems, Spot};
use crate::wire::name::Name;

/// How deep `$INCLUDE` may nest: deeper is a file that includes itself under ever other names.
const MAX_DEPTH: usize = 8;

/// Stands in for a `$TTL` that cannot be read, so that the records behind it are not blamed for it.
const STAND_IN_TTL: u32 = 3600;

/// RFC 2308 section 4: a zone without `$TTL` and TTLs has no default; BIND then refuses, and so do we.
const NO_TTL: &str = "write `$TTL 3600` at the top of the file, or a TTL into the record";

/// What is wrong with an entry that starts with a blank when there was none before it, and what to do.
const NO_OWNER: (&str, &str) =
    ("the first record of the file has no owner", "write its name, or `@`, at the line's start");

/// What is wrong with a quote that its line does not close, and what to do.
const OPEN_QUOTE: (&str, &str) = (
    "not a record: the quote is not closed",
    "close it on its own line; a quote within a string is written \\\"",
);

/// Reads a master file; every bad entry is noted and left out.
pub fn parse(
    file: &str,
    text: &str,
    origin: &Name,
    include: &mut dyn Include,
    problems: &mut Problems,
) -> Vec<Record> {
    let mut reader =
        Reader { include, problems, records: Vec::new(), open: Vec::new(), includes_itself: false };
    let mut state = State { origin: origin.clone(), owner: None, default_ttl: None, last_ttl: None };
    reader.file(file, text, &mut state);
    reader.records
}

struct Reader<'r> {
    include: &'r mut dyn Include,
    problems: &'r mut Problems,
    records: Vec<Record>,
    /// The files that are being read, each including the next.
    open: Vec<PathBuf>,
    /// Whether files nested too deep: no more are included then, as their number would double with each level.
    includes_itself: bool,
}

/// What one entry leaves for the next.
#[derive(Clone)]
struct State {
    origin: Name,
    owner: Option<Name>,
    default_ttl: Option<u32>,
    last_ttl: Option<u32>,
}

impl Reader<'_> {
    fn file(&mut self, file: &str, text: &str, state: &mut State) {
        let plain = text.strip_prefix(BYTE_ORDER_MARK);
        let (file, text) = (&Arc::from(file), &Arc::from(plain.unwrap_or(text)));
        if plain.is_some() {
            self.problems.warning(Spot::file(file), HAS_MARK.0, HAS_MARK.1);
        }
        self.open.push(plain_path(file));
        self.entries(file, text, state);
        self.open.pop();
    }

    fn entries(&mut self, file: &Arc<str>, text: &Arc<str>, state: &mut State) {
        for range in splitter::entries(text) {
            let entry = text.get(range.clone()).unwrap_or_default();
            let shown = range.start..range.start + entry.lines().next().unwrap_or_default().len();
            let spot = Spot::at(file, text, shown);
            if entry.starts_with('$') {
                self.directive(entry, &spot, state);
            } else {
                self.entry(entry, file, text, range.start, &spot, state);
            }
        }
    }

    fn directive(&mut self, entry: &str, spot: &Spot, state: &mut State) {
        let uncommented = entry.split(';').next().unwrap_or_default();
        let mut words = uncommented.split_whitespace();
        let (name, argument, second) = (words.next().unwrap_or_default(), words.next(), words.next());
        match (name.to_ascii_uppercase().as_str(), argument) {
            ("$ORIGIN", Some(argument)) => match Name::parse(argument, &state.origin) {
                Ok(origin) => state.origin = origin,
                Err(e) => {
                    self.problems.error(spot.clone(), format!("`{argument}`: {e}"), "write a domain name");
                }
            },
            ("$TTL", Some(argument)) => {
                let ttl = parse_ttl(argument);
                if ttl.is_none() {
                    let what = format!("`{argument}` is no TTL");
                    self.problems.error(spot.clone(), what, "write seconds up to 2147483647, or 1h, 2d, 1w");
                }
                state.default_ttl = ttl.or(state.default_ttl).or(Some(STAND_IN_TTL));
            }
            ("$INCLUDE", Some(path)) => self.included(path, second, spot, state),
            (name @ ("$ORIGIN" | "$TTL" | "$INCLUDE"), None) => {
                if name == "$TTL" {
                    state.default_ttl.get_or_insert(STAND_IN_TTL);
                }
                self.problems.error(spot.clone(), format!("{name} without an argument"), "");
            }
            _ => self.problems.error(
                spot.clone(),
                format!("unknown directive {name}"),
                "known are $ORIGIN, $TTL and $INCLUDE; write generated records out",
            ),
        }
    }

    /// The included file's `$ORIGIN`, owner and TTL end with it (RFC 1035 section 5.1).
    fn included(&mut self, path: &str, origin: Option<&str>, spot: &Spot, state: &State) {
        if self.includes_itself {
            return;
        }
        if self.open.len() > MAX_DEPTH {
            self.includes_itself = true;
            let what = format!("{MAX_DEPTH} files include each other");
            return self.problems.error(spot.clone(), what, "a file may not include itself");
        }
        let mut inner = state.clone();
        if let Some(text) = origin {
            match Name::parse(text, &state.origin) {
                Ok(name) => inner.origin = name,
                Err(e) => {
                    return self.problems.error(
                        spot.clone(),
                        format!("`{text}`: {e}"),
                        "write a domain name",
                    );
                }
            }
        }
        let path = path.trim_matches('"');
        match self.include.include(path, spot.file_name()) {
            Ok(included) if self.open.contains(&plain_path(&included.file)) => {
                let what = format!("{} includes itself", included.file);
                self.problems.error(spot.clone(), what, "remove the line, or name another file");
            }
            Ok(included) => self.file(&included.file, &included.text, &mut inner),
            Err(e) => self.problems.error(spot.clone(), e, "check the path: it is relative to this file"),
        }
    }

    fn entry(
        &mut self,
        entry: &str,
        file: &Arc<str>,
        text: &Arc<str>,
        start: usize,
        spot: &Spot,
        state: &mut State,
    ) {
        match rare::read(entry, &state.origin) {
            Some(Ok(read)) => return self.rare(read, spot, state),
            Some(Err(fault)) => {
                let spot = Spot::at(file, text, start + fault.span.start..start + fault.span.end);
                return self.problems.error(spot, format!("not a record: {}", fault.what), fault.help);
            }
            None => {}
        }
        let Some(source) = with_owner(&spell_out(entry), state) else {
            return self.problems.error(spot.clone(), NO_OWNER.0, NO_OWNER.1);
        };
        let has_ttl = state.default_ttl.or(state.last_ttl);
        match scan(&source, &state.origin, has_ttl) {
            Ok(scanned) => {
                let Some(record) = self.convert(&scanned, spot) else { return };
                if record.ttl == UNSTATED_TTL {
                    return self.problems.error(spot.clone(), "the record has no TTL", NO_TTL);
                }
                self.keep(record, state);
            }
            Err(error) => {
                if let Some(spot) = open_quote(file, text, entry, start) {
                    return self.problems.error(spot, OPEN_QUOTE.0, OPEN_QUOTE.1);
                }
                let shift = source.len().saturating_sub(entry.len());
                let spot = error.spot(file, text, start, shift).unwrap_or_else(|| spot.clone());
                self.problems.error(spot, format!("not a record: {}", error.what), error.help());
            }
        }
    }

    fn rare(&mut self, read: rare::Read, spot: &Spot, state: &mut State) {
        let rare::Read { owner, ttl, rtype, rdata } = read;
        let Some(owner) = owner.or_else(|| state.owner.clone()) else {
            return self.problems.error(spot.clone(), NO_OWNER.0, NO_OWNER.1);
        };
        let Some(ttl) = ttl.or(state.default_ttl).or(state.last_ttl) else {
            return self.problems.error(spot.clone(), "the record has no TTL", NO_TTL);
        };
        if self.is_rdata(Rtype::from_int(rtype), &rdata, spot) {
            self.keep(Record { owner, rtype, ttl, rdata: rdata.into(), spot: spot.clone() }, state);
        }
    }

    /// Whether octets, maybe written as `\# LENGTH HEX`, have the form of their type; if not, it is noted.
    fn is_rdata(&mut self, rtype: Rtype, rdata: &[u8], spot: &Spot) -> bool {
        let good = is_rdata_of(rtype, rdata);
        if !good {
            let what = format!("the octets are no {rtype} data");
            self.problems.error(spot.clone(), what, "write it in its type's own form (RFC 3597 section 5)");
        }
        good
    }

    fn keep(&mut self, record: Record, state: &mut State) {
        if i32::try_from(record.ttl).is_err() {
            let what = format!("a TTL of {}", record.ttl);
            self.problems.error(
                record.spot.clone(),
                what,
                "write up to 2147483647 seconds (RFC 2181 section 8)",
            );
        }
        state.owner = Some(record.owner.clone());
        state.last_ttl = Some(record.ttl);
        self.records.push(record);
    }

    fn convert(&mut self, scanned: &ScannedRecord, spot: &Spot) -> Option<Record> {
        let ttl = scanned.ttl().as_secs();
        let mut rdata = Vec::new();
        let composed = scanned.data().compose_rdata(&mut rdata).is_ok();
        if matches!(scanned.data(), ZoneRecordData::Unknown(_))
            && !self.is_rdata(scanned.rtype(), &rdata, spot)
        {
            return None;
        }
        let owner = Name::from_wire(scanned.owner().to_vec().as_slice());
        match owner {
            _ if scanned.class() != Class::IN => {
                self.problems.error(
                    spot.clone(),
                    format!("class {}", scanned.class()),
                    "only IN is served: leave the class out",
                );
                None
            }
            Ok(owner) if composed && rdata.len() <= 65_535 => Some(Record {
                owner,
                rtype: scanned.rtype().to_int(),
                ttl,
                rdata: rdata.into(),
                spot: spot.clone(),
            }),
            _ => {
                self.problems.error(
                    spot.clone(),
                    "the record is too long",
                    "RDATA holds 65,535 octets at most",
                );
                None
            }
        }
    }
}

/// Stands for "no TTL was written"; not a valid TTL (RFC 2181 section 8), so no record can mean it.
const UNSTATED_TTL: u32 = u32::MAX;

/// The entry with its owner written out; none when there is no earlier owner to repeat.
fn with_owner(entry: &str, state: &State) -> Option<String> {
    if entry.starts_with([' ', '\t']) {
        let owner = state.owner.as_ref()?;
        let dot = if owner.wire().len() > 1 { "." } else { "" };
        return Some(format!("{owner}{dot}{entry}"));
    }
    Some(entry.to_owned())
}

/// The first quote of an entry that its line does not close.
fn open_quote(file: &Arc<str>, text: &Arc<str>, entry: &str, start: usize) -> Option<Spot> {
    let quote = splitter::open_quote(entry)?;
    let line = entry.get(quote..)?.lines().next()?;
    Some(Spot::at(file, text, start + quote..start + quote + line.trim_end().len()))
}

/// A path without `.` and, as far as it can be told without looking, without `..`.
fn plain_path(path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in Path::new(path).components() {
        let within = matches!(out.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if within => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

struct ScanError {
    what: String,
    line: usize,
    column: usize,
}

/// Parses one entry.
fn scan(entry: &str, origin: &Name, ttl: Option<u32>) -> Result<ScannedRecord, ScanError> {
    let plain = |what: String| ScanError { what, line: 0, column: 0 };
    // `domain` 0.12 panics at a TXT record in a parenthesis that stays open: it writes one octet beyond what it read.
    if !splitter::closes(entry) {
        return Err(plain("unbalanced parens".to_owned()));
    }
    let mut zonefile = Zonefile::new();
    let origin = DomainName::from_str(&absolute(origin)).map_err(|e| plain(e.to_string()))?;
    zonefile.set_origin(origin);
    zonefile.set_default_class(Class::IN);
    zonefile.extend_from_slice(format!("$TTL {}\n{entry}\n", ttl.unwrap_or(UNSTATED_TTL)).as_bytes());
    match zonefile.next_entry() {
        Ok(Some(Entry::Record(record))) => Ok(record),
        Ok(_) => Err(plain("nothing but blanks".to_owned())),
        Err(error) => Err(ScanError::parse(&error.to_string())),
    }
}

/// Whether octets have the form of their type, with names uncompressed: what answers relies on it. All are right for
/// unknown types.
fn is_rdata_of(rtype: Rtype, rdata: &[u8]) -> bool {
    let mut parser = Parser::from_ref(rdata);
    let parsed = ZoneRecordData::<_, ParsedName<_>>::parse_rdata(rtype, &mut parser);
    let Ok(Some(parsed)) = parsed else { return false };
    let mut again = Vec::new();
    parser.remaining() == 0 && parsed.compose_rdata(&mut again).is_ok() && again == rdata
}

fn absolute(name: &Name) -> String {
    if name.wire().len() > 1 { format!("{name}.") } else { ".".to_owned() }
}

impl ScanError {
    /// Reads `LINE:COLUMN: what`, the only form in which `domain` gives the place away.
    fn parse(text: &str) -> Self {
        let mut parts = text.splitn(3, ':');
        let mut number = || parts.next().and_then(|p| p.trim().parse::<usize>().ok());
        let place = number().zip(number());
        let what = parts.next().map(|p| p.trim().to_owned());
        match (place, what) {
            // The first line is the `$TTL` written before the entry.
            (Some((line, column)), Some(what)) => Self { what, line: line.saturating_sub(1), column },
            _ => Self { what: text.to_owned(), line: 0, column: 0 },
        }
    }

    /// The word that the parser had read when it gave up; `start` is where the entry begins in the file, `shift` how much
    /// longer its first line was made.
    fn spot(&self, file: &Arc<str>, text: &Arc<str>, start: usize, shift: usize) -> Option<Spot> {
        let mut lines = text.get(start..)?.split_inclusive('\n');
        let line_start: usize =
            start + lines.by_ref().take(self.line.checked_sub(1)?).map(str::len).sum::<usize>();
        let added = if self.line == 1 { shift } else { 0 };
        let at = line_start + self.column.checked_sub(1)?.saturating_sub(added);
        let read = text.get(start..at.clamp(start, text.len()))?.trim_end();
        let word = read.rfind(|c: char| c.is_whitespace() || c == '(').map_or(0, |blank| blank + 1);
        Some(Spot::at(file, text, start + word..start + read.len()))
    }

    fn help(&self) -> &'static str {
        match self.what.as_str() {
            "expected rtype" => {
                "write OWNER [TTL] [IN] TYPE DATA; a type unknown by name goes as TYPEnnn \\# LENGTH HEX (RFC 3597)"
            }
            "unexpected end of entry" => "something is missing at the end of the record",
            "trailing tokens" => "something follows after the end of the record's data",
            "unbalanced parens" => "close each ( with a )",
            _ => "see RFC 1035 section 5.1 for the form of a record",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::include::NoFiles;

    fn read(text: &str) -> (Vec<Record>, Vec<String>) {
        let origin = Name::parse("example.org.", &Name::root()).unwrap();
        let mut problems = Problems::default();
        let records = parse("z", text, &origin, &mut NoFiles, &mut problems);
        (records, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_open_parenthesis_is_an_error_where_it_opens() {
        let (records, problems) = read("$TTL 1h\nx TXT ( \"n\"\ny A 192.0.2.1\n");
        assert!(records.is_empty());
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].starts_with("z:2:1: not a record: unbalanced parens (close each"),
            "{}",
            problems[0]
        );
    }

    #[test]
    fn the_forms_of_rfc_1035_section_5_1_are_read() {
        let (records, problems) = read(
            "$TTL 1h\n@ IN SOA ns1 hostmaster (\n 1 3600 900 604800 300 ) ; x\n NS ns1\nns1 300 IN A 192.0.2.1\n\
             \tAAAA 2001:db8::1\nx TYPE65280 \\# 3 010203\n$ORIGIN sub\na\\.b TXT \"one; two\" three\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let owners: Vec<String> = records.iter().map(|r| r.owner.to_string()).collect();
        assert_eq!(
            owners,
            [
                "example.org",
                "example.org",
                "ns1.example.org",
                "ns1.example.org",
                "x.example.org",
                r"a\.b.sub.example.org"
            ]
        );
        assert_eq!(records[2].ttl, 300);
        assert_eq!(records[3].ttl, 3600);
        assert_eq!(&*records[4].rdata, &[1, 2, 3]);
        assert_eq!(&*records[5].rdata, b"\x08one; two\x05three");
    }

    #[test]
    fn every_bad_entry_is_found_with_its_line() {
        let (records, problems) =
            read("$TTL 60\na A 192.0.2.300\nb NOSUCH x\nc A 192.0.2.1\n$GENERATE 1-2 x A 1\n\td A\n");
        assert_eq!(records.len(), 1);
        let places: Vec<&str> = problems.iter().map(|p| p.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["z:2:5", "z:3:3", "z:5:1", "z:6:2"], "{problems:?}");
    }

    /// RFC 3597 section 5; names in it uncompressed (section 4).
    #[test]
    fn the_generic_form_of_a_known_type_must_be_of_its_form() {
        let (records, problems) = read(
            "$TTL 60\na A \\# 4 c0000201\nb TYPE2 \\# 3 016100\nc TYPE6 \\# 22 ( 0000 00000001\n 00000002\n\
             00000003 00000004 00000005 )\nd TYPE65280 \\# 0\ne MX \\# 3 000a00\n",
        );
        assert_eq!(records.len(), 5, "{problems:?}");
        let (records, problems) = read(
            "$TTL 60\na A \\# 3 c00002\nb NS \\# 2 c00c\nc CNAME \\# 4 016100c0\nd MX \\# 4 0000c000\n\
             e TXT \\# 2 0261\nf AAAA \\# 0\n",
        );
        assert_eq!((records.len(), problems.len()), (0, 6), "{problems:?}");
    }

    /// Finds every file, with the same text; counts how often.
    struct Same(&'static str, usize, bool);

    impl Include for Same {
        fn include(&mut self, path: &str, from: &str) -> Result<crate::zone::include::Included, String> {
            self.1 += 1;
            let file = if self.2 { format!("{from}/{path}") } else { path.to_owned() };
            Ok(crate::zone::include::Included { file, text: self.0.to_owned() })
        }
    }

    /// Eight levels of five lines would be 390,625 errors.
    #[test]
    fn a_file_that_includes_itself_is_an_error_where_it_does() {
        const TEXT: &str = "$INCLUDE z\n$INCLUDE ./z\n$INCLUDE a/../z\n$INCLUDE z\n$INCLUDE z\n";
        for (renames, errors) in [(false, 5), (true, 1)] {
            let mut files = Same(TEXT, 0, renames);
            let mut problems = Problems::default();
            parse("z", TEXT, &Name::root(), &mut files, &mut problems);
            assert_eq!(problems.counts(), (errors, 0));
            assert!(files.1 < 10, "{}", files.1);
        }
    }

    #[test]
    fn a_file_may_be_included_twice() {
        const TEXT: &str = "a 60 A 192.0.2.1\n";
        let mut problems = Problems::default();
        let text = "$INCLUDE x one.\n$INCLUDE x two.\n";
        let records = parse("z", text, &Name::root(), &mut Same(TEXT, 0, false), &mut problems);
        assert_eq!((records.len(), problems.is_empty()), (2, true));
    }

    #[test]
    fn a_bad_default_ttl_is_one_error() {
        for bad in ["$TTL", "$TTL soon", "$TTL 1y"] {
            let (records, problems) = read(&format!("{bad}\na A 192.0.2.1\nb A 192.0.2.2\n"));
            assert_eq!((records.len(), problems.len()), (2, 1), "{problems:?}");
        }
    }

    #[test]
    fn a_ttl_has_31_bits() {
        let (_, problems) =
            read("a 2147483647 A 192.0.2.1\nb 2147483648 A 192.0.2.1\nc 4294967294 IN A 192.0.2.1\n");
        assert_eq!(problems.len(), 2, "{problems:?}");
        for (problem, what) in
            problems.iter().zip(["z:2:1: a TTL of 2147483648", "z:3:1: a TTL of 4294967294"])
        {
            assert!(problem.starts_with(what), "{problem}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let (records, problems) = read("\u{feff}a 60 A 192.0.2.1\n");
        assert_eq!((records.len(), problems.len()), (1, 1), "{problems:?}");
        assert!(problems[0].contains("byte order mark"), "{problems:?}");
    }

    #[test]
    fn an_open_quote_is_named() {
        let (records, problems) = read(
            "$TTL 60\na TXT \"one\" \"two\nb TXT \"x\" ; it's \"y\nc HINFO \"a \"b\"\nd WALLET \"x\ne TXT ( \"x\n \"y\" )\n",
        );
        assert_eq!(records.len(), 1, "{problems:?}");
        let places: Vec<&str> = problems.iter().map(|p| p.split(": ").next().unwrap()).collect();
        assert_eq!(places, ["z:2:13", "z:4:14", "z:5:10", "z:6:9"], "{problems:?}");
        assert!(problems.iter().all(|p| p.contains("the quote is not closed")), "{problems:?}");
    }

    #[test]
    fn a_record_without_any_ttl_is_refused() {
        let (records, problems) = read("a A 192.0.2.1\n");
        assert!(records.is_empty());
        assert!(problems[0].contains("no TTL"), "{problems:?}");
    }
}
