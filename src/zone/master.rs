//! Reads master files (RFC 1035 section 5.1, RFC 2308 section 4 for `$TTL`, RFC 3597 for unknown types), as BIND does where
//! these leave room. Every bad entry is found in one run.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::head::Head;
use super::include::Include;
use super::lexer::{Entry, Lexer};
use super::rdata::{self, bad_name};
use super::records::Record;
use super::token::{Fault, Token};
use crate::problem::{BYTE_ORDER_MARK, HAS_MARK, Problems, Spot};
use crate::wire::name::Name;
use crate::wire::rtype;

/// RFC 2308 section 4: a zone without `$TTL` and TTLs has no default; BIND then refuses, and so do we.
const NO_TTL: &str = "write `$TTL 3600` at the top of the file, or a TTL into the record";

/// What is wrong with an entry that starts with a blank when there was none before it, and what to do.
const NO_OWNER: (&str, &str) =
    ("the first record of the file has no owner", "write its name, or `@`, at the line's start");

/// Reads a master file; every bad entry is noted and left out.
pub fn parse(
    file: &str,
    octets: impl AsRef<[u8]>,
    origin: &Name,
    include: &mut dyn Include,
    problems: &mut Problems,
) -> Vec<Record> {
    let mut reader = Reader {
        include,
        problems,
        records: Vec::new(),
        open: Vec::new(),
        includes_itself: false,
        default_ttl: None,
        last_ttl: None,
        generated: 0,
        rdata: Vec::new(),
    };
    reader.file(file, octets.as_ref(), Place { origin: origin.clone(), owner: None });
    reader.records
}

/// What reads a master file with all that it includes.
pub(super) struct Reader<'r> {
    pub(super) include: &'r mut dyn Include,
    pub(super) problems: &'r mut Problems,
    records: Vec<Record>,
    /// The files that are being read, each including the next.
    pub(super) open: Vec<PathBuf>,
    /// Whether files nested too deep: no more are included then, as their number would double with each level.
    pub(super) includes_itself: bool,
    /// What `$TTL` says. An included file's `$TTL` holds behind it too, as in BIND.
    pub(super) default_ttl: Option<u32>,
    /// The TTL of the last record, which counts where there is no `$TTL` (RFC 1035 section 5.1).
    last_ttl: Option<u32>,
    /// How many records `$GENERATE` has made.
    pub(super) generated: usize,
    /// RDATA under construction: kept, so that not every record allocates it anew.
    rdata: Vec<u8>,
}

/// A file's text as messages show it.
pub(super) struct Source {
    file: Arc<str>,
    text: Arc<str>,
}

/// What one entry leaves for the next, within one file: an included file has what was before it, and what it leaves ends
/// with it (RFC 1035 section 5.1).
#[derive(Clone)]
pub(super) struct Place {
    pub(super) origin: Name,
    pub(super) owner: Option<Name>,
}

impl Source {
    /// Octets that are no UTF-8 are shown as question marks, one for each, so that places stay the same.
    fn new(file: &str, octets: &[u8]) -> Self {
        let text = if let Ok(text) = std::str::from_utf8(octets) {
            Arc::from(text)
        } else {
            let mut text = String::with_capacity(octets.len());
            for chunk in octets.utf8_chunks() {
                text.push_str(chunk.valid());
                text.extend(chunk.invalid().iter().map(|_| '?'));
            }
            Arc::from(text)
        };
        Self { file: Arc::from(file), text }
    }

    /// The place of these octets.
    pub(super) fn spot(&self, span: std::ops::Range<usize>) -> Spot {
        Spot::at(&self.file, &self.text, span)
    }
}

impl Reader<'_> {
    pub(super) fn file(&mut self, file: &str, octets: &[u8], mut place: Place) {
        let mut mark = [0; 4];
        let plain = octets.strip_prefix(BYTE_ORDER_MARK.encode_utf8(&mut mark).as_bytes());
        if plain.is_some() {
            self.problems.warning(Spot::file(file), HAS_MARK.0, HAS_MARK.1);
        }
        let octets = plain.unwrap_or(octets);
        let source = Source::new(file, octets);
        self.open.push(plain_path(Path::new(file)));
        let mut lexer = Lexer::new(octets);
        let mut tokens = Vec::new();
        while let Some(entry) = lexer.entry(&mut tokens) {
            self.entry(&entry, &tokens, &source, octets, &mut place);
        }
        self.open.pop();
    }

    fn entry(
        &mut self,
        entry: &Entry,
        tokens: &[Token<'_>],
        source: &Source,
        octets: &[u8],
        place: &mut Place,
    ) {
        if let Some(fault) = &entry.fault {
            let what = format!("not a record: {}", fault.what);
            return self.problems.error(source.spot(fault.span.clone()), what, fault.help.clone());
        }
        // The line on which the entry begins: what stands on further lines is told by its own place.
        let text = octets.get(entry.span.clone()).unwrap_or_default();
        let line = text.iter().position(|octet| *octet == b'\n').unwrap_or(text.len());
        let spot = source.spot(entry.span.start..entry.span.start + line);
        match tokens.split_first() {
            Some((name, arguments)) if !entry.starts_blank && name.text.starts_with(b"$") => {
                self.directive(name, arguments, source, &spot, place);
            }
            _ => {
                if let Err(fault) = self.record(entry, tokens, &spot, place) {
                    let what = format!("not a record: {}", fault.what);
                    self.problems.error(source.spot(fault.span), what, fault.help);
                }
            }
        }
    }

    fn record(
        &mut self,
        entry: &Entry,
        tokens: &[Token<'_>],
        spot: &Spot,
        place: &mut Place,
    ) -> Result<(), Fault> {
        let (mut rest, mut end) = (tokens, entry.span.start);
        if let (false, Some((token, behind))) = (entry.starts_blank, tokens.split_first()) {
            let owner = Name::parse_octets(token.text, &place.origin).map_err(|e| bad_name(token, e));
            place.owner = Some(owner.map_err(|fault| fault.or_with(|| "write a domain name".to_owned()))?);
            (rest, end) = (behind, token.end());
        }
        let head = Head::read(rest, end)?;
        let Some(owner) = place.owner.clone() else {
            self.problems.error(spot.clone(), NO_OWNER.0, NO_OWNER.1);
            return Ok(());
        };
        let data = rest.get(head.count..).unwrap_or_default();
        self.data(&head, data, owner, spot, &place.origin)
    }

    /// Reads the data of a record and keeps it.
    ///
    /// # Errors
    /// When the data is not of the form of its type.
    pub(super) fn data(
        &mut self,
        head: &Head,
        tokens: &[Token<'_>],
        owner: Name,
        spot: &Spot,
        origin: &Name,
    ) -> Result<(), Fault> {
        self.rdata.clear();
        rdata::read(head.rtype, tokens, head.end, origin, &mut self.rdata)?;
        let Some(ttl) = head.ttl.or(self.default_ttl).or(self.last_ttl).or_else(|| self.of_soa(head, spot))
        else {
            self.problems.error(spot.clone(), "the record has no TTL", NO_TTL);
            return Ok(());
        };
        self.last_ttl = Some(ttl);
        let rdata = self.rdata.as_slice().into();
        self.records.push(Record { owner, rtype: head.rtype, ttl, rdata, spot: spot.clone() });
        Ok(())
    }

    /// The TTL of a SOA record for which nothing says one: its MINIMUM, which was that before RFC 2308 (section 4), and
    /// from here on of all records for which nothing else says one, as in BIND.
    fn of_soa(&mut self, head: &Head, spot: &Spot) -> Option<u32> {
        let minimum = self.rdata.last_chunk::<4>().filter(|_| head.rtype == rtype::SOA)?;
        let ttl = u32::from_be_bytes(*minimum).min(i32::MAX as u32);
        self.default_ttl = Some(ttl);
        self.problems.warning(
            spot.clone(),
            format!("the zone has no $TTL: the MINIMUM of its SOA record, {ttl} seconds, is taken"),
            format!("write `$TTL {ttl}` at the top of the file (RFC 2308 section 4)"),
        );
        Some(ttl)
    }
}

/// A path without `.` and, as far as it can be told without looking, without `..`.
pub(super) fn plain_path(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
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
#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::include::{Included, NoFiles};

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
        fn include(&mut self, path: &[u8], from: &str) -> Result<Included, String> {
            self.1 += 1;
            let path = std::str::from_utf8(path).unwrap();
            let file = if self.2 { format!("{from}/{path}") } else { path.to_owned() };
            Ok(Included { file, octets: self.0.into() })
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
