use super::*;
use crate::zone::include::{IncludedFile, NoFiles};

fn read(text: impl AsRef<[u8]>) -> (Vec<ResourceRecord>, Vec<String>) {
    let origin = Name::parse("example.org.", &Name::root()).unwrap();
    let mut problems = Problems::default();
    let records = parse("z", text, &origin, &mut NoFiles, &mut problems);
    (records, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn an_unclosed_parenthesis_is_an_error_where_it_opens() {
    let (records, problems) = read("$TTL 1h\nx TXT ( \"n\"\ny A 192.0.2.1\n");
    assert!(records.is_empty());
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("z:2:7: not a record: the parenthesis is not closed (close each"),
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
    assert_eq!(places, ["z:2:5", "z:3:3", "z:5:19", "z:6:2"], "{problems:?}");
}

/// RFC 3597 section 5; names must be uncompressed (section 4).
#[test]
fn the_generic_form_of_a_known_type_must_be_valid() {
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

/// Gives every file the same text.
struct SameText {
    text: &'static str,
    /// Number of files read so far.
    count: usize,
    /// Whether each level of includes has other file names.
    renames: bool,
}

impl SameText {
    fn new(text: &'static str, renames: bool) -> Self {
        Self { text, count: 0, renames }
    }
}

impl Include for SameText {
    fn include(&mut self, path: &[u8], from: &str) -> Result<IncludedFile, String> {
        self.count += 1;
        let path = std::str::from_utf8(path).unwrap();
        let file = if self.renames { format!("{from}/{path}") } else { path.to_owned() };
        Ok(IncludedFile { file, octets: self.text.into() })
    }
}

/// Without the limits, each level would have five times as many errors as the one above.
#[test]
fn a_file_that_includes_itself_is_an_error_where_it_does() {
    const TEXT: &str = "$INCLUDE z\n$INCLUDE ./z\n$INCLUDE a/../z\n$INCLUDE z\n$INCLUDE z\n";
    for (renames, errors) in [(false, 5), (true, 1)] {
        let mut files = SameText::new(TEXT, renames);
        let mut problems = Problems::default();
        parse("z", TEXT, &Name::root(), &mut files, &mut problems);
        assert_eq!(problems.counts(), (errors, 0));
        assert!(files.count < 40, "{}", files.count);
    }
}

#[test]
fn a_file_may_be_included_twice() {
    const TEXT: &str = "a 60 A 192.0.2.1\n";
    let mut problems = Problems::default();
    let text = "$INCLUDE x one.\n$INCLUDE x two.\n";
    let records = parse("z", text, &Name::root(), &mut SameText::new(TEXT, false), &mut problems);
    assert_eq!((records.len(), problems.is_empty()), (2, true));
}

#[test]
fn a_bad_default_ttl_is_one_error() {
    for bad in ["$TTL", "$TTL soon", "$TTL 1y"] {
        let (records, problems) = read(format!("{bad}\na A 192.0.2.1\nb A 192.0.2.2\n"));
        assert_eq!((records.len(), problems.len()), (2, 1), "{problems:?}");
    }
}

#[test]
fn a_ttl_has_31_bits() {
    let (_, problems) =
        read("a 2147483647 A 192.0.2.1\nb 2147483648 A 192.0.2.1\nc 4294967294 IN A 192.0.2.1\n");
    assert_eq!(problems.len(), 2, "{problems:?}");
    for (problem, what) in problems.iter().zip([
        "z:2:3: not a record: a TTL of 2147483648 is too long",
        "z:3:3: not a record: a TTL of 4294967294",
    ]) {
        assert!(problem.starts_with(what), "{problem}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let (records, problems) = read("\u{feff}a 60 A 192.0.2.1\n");
    assert_eq!((records.len(), problems.len()), (1, 1), "{problems:?}");
    assert!(problems[0].contains("byte order mark"), "{problems:?}");
}

#[test]
fn an_unclosed_quote_is_reported() {
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

/// RFC 2308 section 4 on RFC 1035.
#[test]
fn the_minimum_of_the_soa_is_a_last_resort() {
    let (records, problems) = read("@ SOA a b 1 2 3 4 60\na 77 A 192.0.2.1\nb A 192.0.2.1\n");
    assert_eq!(records.iter().map(|record| record.ttl).collect::<Vec<_>>(), [60, 77, 60]);
    assert!(problems.len() == 1 && problems[0].contains("write `$TTL 60`"), "{problems:?}");
    let (records, problems) = read("@ 9 SOA a b 1 2 3 4 60\na 77 A 192.0.2.1\nb A 192.0.2.1\n");
    assert_eq!(records.iter().map(|record| record.ttl).collect::<Vec<_>>(), [9, 77, 77]);
    assert!(problems.is_empty(), "{problems:?}");
}

#[test]
fn octets_outside_of_utf8_are_served_and_keep_locations_right() {
    let (records, problems) =
        read(b"; \xe4\xff\na 60 TXT \"\xfc\" ; \xc3\xa4\nb\xe4 60 TXT \xe4 nosuch \\256\n");
    assert_eq!(&*records[0].rdata, b"\x01\xfc");
    assert!(
        problems.len() == 1 && problems[0].starts_with("z:3:20: not a record: a backslash"),
        "{problems:?}"
    );
}

/// An invalid record still sets the owner of the records after it.
#[test]
fn an_invalid_record_sets_the_owner() {
    let (records, problems) = read("$TTL 60\na A 192.0.2.1\nb A 192.0.2.300\n A 192.0.2.3\n");
    assert_eq!((records.len(), problems.len()), (2, 1), "{problems:?}");
    assert_eq!(records[1].owner.to_string(), "b.example.org");
}

#[test]
fn generated_records_are_bounded() {
    let (records, problems) =
        read("$TTL 60\n$GENERATE 0-65535 a$ A 192.0.2.1\n$GENERATE 1-1 b A 192.0.2.1\n");
    assert_eq!((records.len(), problems.len()), (65_536, 1));
    assert!(
        problems[0].starts_with("z:3:11: $GENERATE makes more than 65536 records"),
        "{problems:?}"
    );
    let (records, problems) = read("$TTL 60\n$GENERATE 0-2147483647 a$ A 192.0.2.1\n");
    assert_eq!((records.len(), problems.len()), (0, 1));
}

/// RFC 1035 section 3.2.1.
#[test]
fn rdata_has_up_to_65535_octets() {
    let strings = vec![format!("\"{}\"", "x".repeat(255)); 255].join("\n ");
    for (more, fits) in [("x".repeat(254), true), ("x".repeat(255), false)] {
        let (records, problems) = read(format!("a 60 TXT ( {strings} {more} )\n"));
        assert_eq!(
            (records.len(), problems.len()),
            if fits { (1, 0) } else { (0, 1) },
            "{problems:?}"
        );
    }
}
