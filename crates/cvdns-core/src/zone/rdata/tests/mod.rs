mod named;

use proptest::prelude::*;

use super::formats::FORMATS;
use crate::problem::Problems;
use crate::wire::name::Name;
use crate::zone::include::NoFiles;
use crate::zone::master::parse;
use crate::zone::records::ResourceRecord;
use named::RECORDS;

/// The valid records of a master file of `example.org`, and its problems.
fn read(text: impl AsRef<[u8]>) -> (Vec<ResourceRecord>, Vec<String>) {
    let origin = Name::parse("example.org.", &Name::root()).unwrap();
    let mut problems = Problems::default();
    let records = parse("z", text, &origin, &mut NoFiles, &mut problems);
    (records, problems.iter().map(ToString::to_string).collect())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |text, octet| text + &format!("{octet:02x}"))
}

#[track_caller]
fn one(text: &str) -> ResourceRecord {
    let (mut records, problems) = read(text);
    assert_eq!((records.len(), problems.as_slice()), (1, &[][..]), "{text}");
    records.remove(0)
}

#[test]
fn rdata_is_as_named_encodes_it() {
    for (text, number, wanted) in RECORDS {
        let record = one(&format!("x 60 IN {text}\n"));
        assert_eq!((record.rtype, hex(&record.rdata).as_str()), (*number, *wanted), "{text}");
        assert_eq!((record.owner.to_string().as_str(), record.ttl), ("x.example.org", 60));
    }
}

#[test]
fn every_format_is_tested() {
    for format in FORMATS.iter().filter(|format| !format.presentation.is_empty()) {
        assert!(
            RECORDS.iter().any(|(_, number, _)| *number == format.rr_type.number),
            "{}",
            format.rr_type.mnemonic
        );
    }
    assert!(FORMATS.is_sorted_by_key(|format| format.rr_type.number));
}

/// RFC 3597 section 5: `\#` is allowed for every type, by mnemonic and by number. `TYPEnnn` may
/// also have the type's own presentation format.
#[test]
fn the_generic_form_is_read_for_every_type() {
    for (_, number, wanted) in RECORDS {
        let format = FORMATS.iter().find(|format| format.rr_type.number == *number).unwrap();
        for name in [
            format.rr_type.mnemonic.to_owned(),
            format!("TYPE{number}"),
            format.rr_type.mnemonic.to_lowercase(),
        ] {
            let text = format!("x 60 {name} \\# {} {wanted}\n", wanted.len() / 2);
            let record = one(&text);
            assert_eq!((record.rtype, hex(&record.rdata).as_str()), (*number, *wanted), "{name}");
        }
    }
    assert_eq!(&*one("x 60 DS \\# 5 0001080900\n").rdata, [0, 1, 8, 9, 0]);
    assert_eq!(&*one("x 60 TYPE105 10 10.1.2.0\n").rdata, [0, 10, 10, 1, 2, 0]);
    assert_eq!(one("x 60 TYPE65280 \\# 1 ff\n").rtype, 65_280);
}

/// Invalid data: empty where the type has fields, and with an octet too many.
#[test]
fn the_generic_form_must_be_valid_for_the_type() {
    let empty = ["NULL", "APL", "UINFO", "UID", "GID", "UNSPEC"];
    for format in FORMATS.iter().filter(|format| !empty.contains(&format.rr_type.mnemonic)) {
        let (records, problems) = read(format!("x 60 {} \\# 0\n", format.rr_type.mnemonic));
        assert_eq!((records.len(), problems.len()), (0, 1), "{}", format.rr_type.mnemonic);
        assert!(
            problems[0].contains(&format!("the octets are not {} data", format.rr_type.mnemonic)),
            "{problems:?}"
        );
    }
    for name in empty {
        assert!(one(&format!("x 60 {name} \\# 0\n")).rdata.is_empty());
    }
    for text in [
        "A \\# 5 0102030405",
        "MX \\# 4 000a0000",
        "SSHFP \\# 3 010100",
        "NSEC \\# 1 00",
        "SVCB \\# 2 0001",
    ] {
        assert!(read(format!("x 60 {text}\n")).1[0].contains("the octets are not"), "{text}");
    }
}

/// RFC 1035 section 5.1.
#[test]
fn entries_may_have_any_form_of_rfc_1035_section_5_1() {
    let (records, problems) = read(
        "$TTL 1h\na IN 2h RT 1 r ; r\n 3m RT ( 2 ; (\n r.b. ) \n RT 3 @\n$ORIGIN sub\nb 1d IN RT (\n4\nr\n)\n\
         @ rt 5 r\\.r\nLOC X25 \"1234\"\n",
    );
    assert_eq!(problems, Vec::<String>::new());
    let lines: Vec<String> =
        records.iter().map(|r| format!("{} {} {}", r.owner, r.ttl, hex(&r.rdata))).collect();
    let origin = "076578616d706c65036f726700";
    assert_eq!(
        lines,
        [
            format!("a.example.org 7200 00010172{origin}"),
            "a.example.org 180 00020172016200".to_owned(),
            format!("a.example.org 3600 0003{origin}"),
            format!("b.sub.example.org 86400 0004017203737562{origin}"),
            format!("sub.example.org 3600 000503722e7203737562{origin}"),
            "LOC.sub.example.org 3600 0431323334".to_owned(),
        ]
    );
}

/// Every error has its location and what was expected there.
#[test]
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn errors_have_location_and_expectation() {
    let cases = [
        ("AFSDB 65536 a.", "z:1:12: not a record: `65536` is not a number from 0 to 65535"),
        (
            "AFSDB 1",
            "z:1:13: not a record: a domain name is missing (write AFSDB SUBTYPE HOST (RFC 1183",
        ),
        ("AFSDB -1 a.", "z:1:12: not a record: `-1` is not a number"),
        ("AFSDB +1 a.", "z:1:12: not a record: `+1` is not a number"),
        (
            "AFSDB \"1\" a.",
            "z:1:12: not a record: a number from 0 to 65535 is written without quotes",
        ),
        ("AFSDB 1 a..b", "z:1:14: not a record: `a..b`: a label is empty"),
        ("AFSDB 1 a. b.", "z:1:17: not a record: unexpected `b.` after the end"),
        ("AFSDB ( 1 a.", "z:1:12: not a record: the parenthesis is not closed"),
        ("AFSDB 1 a. )", "z:1:17: not a record: the parenthesis was never opened"),
        ("X25 123", "z:1:10: not a record: `123` is not at least four digits"),
        ("SPF \"a", "z:1:10: not a record: the quote is not closed"),
        ("SPF a\\256", "z:1:10: not a record: a backslash"),
        ("SPF a\\", "z:1:11: not a record: a backslash is at the end"),
        ("URI 1 2 abc", "z:1:14: not a record: `abc` must be in quotes"),
        ("EUI48 00-00-5e-00-53", "z:1:12: not a record: `00-00-5e-00-53` is not six octets"),
        ("EUI48 00-00-5e-00-53-+1", "z:1:12: not a record: `00-00-5e-00-53-+1` is not six"),
        ("L64 1 2001:db8::1", "z:1:12: not a record: `2001:db8::1` is not four groups"),
        ("L32 1 10.1.2", "z:1:12: not a record: `10.1.2` is not an IPv4 address"),
        ("APL 1:192.0.2.0/33", "z:1:10: not a record: `1:192.0.2.0/33` is not a network"),
        ("APL 3:00/1", "z:1:10: not a record: `3:00/1` is not a network"),
        ("LOC 90 0 0.001 N 0 E 0m", "z:1:21: not a record: more than 90 degrees"),
        ("LOC 1 60 N 0 E 0m", "z:1:12: not a record: `60` is not minutes, 0 to 59, N or S"),
        ("LOC 1 2 3.4567 N 0 E 0", "z:1:14: not a record: `3.4567` is not seconds"),
        ("LOC 1 N 1 E 42849672.96", "z:1:18: not a record: `42849672.96` is not an altitude"),
        ("LOC 1 N 1 E 0 90000000.01", "z:1:20: not a record: `90000000.01` is not a size"),
        ("LOC 1 N 1 E", "z:1:17: not a record: an altitude in metres is missing"),
        ("LOC 1 2 3 4 N", "z:1:16: not a record: `4` is not N or S"),
        ("SMIMEA 3 0 0 012", "z:1:19: not a record: not hexadecimal digits in pairs"),
        ("DHCID A", "z:1:12: not a record: not base64"),
        ("WKS 10.0.0.1 6 nosuch", "z:1:21: not a record: `nosuch` is not a port"),
        ("KEY NOSUCH 3 8 AQID", "z:1:10: not a record: `NOSUCH` is not flags"),
        ("NXT b. URI", "z:1:13: not a record: `URI` is not a type from 1 to 127"),
        ("CSYNC 1 2 NOSUCH", "z:1:16: not a record: `NOSUCH` is not a type: write"),
        (
            "SIG A 8 2 300 20261301000000 1 2 b. AQID",
            "z:1:20: not a record: `20261301000000` is not a time",
        ),
        (
            "DS 1 8 SHA256 00",
            "z:1:20: not a record: the digest has 1 octets, where its type 2 has 32",
        ),
        (
            "SSHFP 1 1 aabb",
            "z:1:16: not a record: the fingerprint has 2 octets, where its type 1 has 20",
        ),
        (
            "ZONEMD 1 1 2 aa bb",
            "z:1:19: not a record: the digest has 2 octets, where its type 2 has 64",
        ),
        (
            "ZONEMD 1 1 9 aabb",
            "z:1:19: not a record: the digest has 2 octets, where its type 9 has at least 12",
        ),
        ("DNSKEY 256 3 NOSUCH AQID", "z:1:19: not a record: `NOSUCH` is not an algorithm"),
        (
            "UID 12",
            "z:1:9: not a record: UID data has only the generic form (write UID \\# LENGTH HEX",
        ),
        ("UID \\# 2 01", "z:1:13: not a record: the length is 2, but there are 1 octets"),
        ("UID \\# 65536", "z:1:13: not a record: `65536` is not a length"),
        ("UID \\# 1 0g", "z:1:15: not a record: not hexadecimal digits"),
    ];
    for (text, wanted) in cases {
        let (records, problems) = read(format!("x 60 {text}\nb 60 A 192.0.2.1\n"));
        let open = text.contains('(');
        assert_eq!(
            (records.len(), problems.len()),
            (usize::from(!open), 1),
            "{text}: {problems:?}"
        );
        assert!(problems[0].starts_with(wanted), "{text}:\n{}\n{wanted}", problems[0]);
    }
    assert!(read("x AFSDB 1 a.\n").1[0].contains("the record has no TTL"));
    assert!(read(" 60 AFSDB 1 a.\n").1[0].contains("no owner"));
    assert!(
        read("a..b 60 AFSDB 1 a.\n").1[0]
            .starts_with("z:1:1: not a record: `a..b`: a label is empty")
    );
    let long = format!("x 60 EID {}\n", "00".repeat(65_536));
    assert!(read(&long).1[0].contains("too long"));
    let long = format!("x 60 SPF {}\n", "a".repeat(256));
    assert!(read(&long).1[0].contains("256 octets, over the limit of 255"));
}

/// Tokens with a meaning somewhere in a master file, and some without any.
fn word() -> impl Strategy<Value = String> {
    let common = "A AAAA CAA CNAME DNAME HINFO HTTPS IN IPSECKEY MINFO MX NAPTR NS NSEC NSEC3 NSEC3PARAM OPENPGPKEY PTR RP SOA SRV \
                  SSHFP SVCB TLSA TXT ZONEMD $INCLUDE $ORIGIN $TTL alpn=h2,h3 mandatory=alpn ipv4hint=192.0.2.1 key1=x ech=AQID";
    let common = common.split_whitespace().map(str::to_owned);
    let names = FORMATS
        .iter()
        .map(|format| format.rr_type.mnemonic.to_owned())
        .chain(common)
        .collect::<Vec<_>>();
    let texts = RECORDS
        .iter()
        .flat_map(|(text, ..)| text.split(' ').map(str::to_owned))
        .collect::<Vec<_>>();
    prop_oneof![
        proptest::sample::select(names),
        proptest::sample::select(texts),
        "[A-Z]{1,6}|TYPE[0-9]{1,6}|[0-9]{1,12}|-?[0-9.]{1,9}m?|[0-9a-f:.]{1,20}|[A-Za-z0-9+/=]{1,9}",
        "\\\\#|[$()\";@.\\\\]{1,3}|\n|\n |\\PC{0,4}|\\\\[0-9]{0,3}",
    ]
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        read(&text);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn no_words_make_the_reader_panic(words in proptest::collection::vec(word(), 0..20)) {
        read(format!("$TTL 60\n{}", words.join(" ")));
        read(format!("x 60 IN {}", words.join(" ")));
    }

    /// Whatever is in place of a type's data is read or refused, and the next record is found.
    #[test]
    fn no_data_makes_a_type_panic(
        index in 0..FORMATS.len(),
        words in proptest::collection::vec(word(), 0..8),
        cut in any::<proptest::sample::Index>(),
    ) {
        let data = words.join(" ");
        let cut = (0..=data.len()).rev().filter(|at| data.is_char_boundary(*at)).nth(cut.index(data.len() + 1));
        let data = &data[..cut.unwrap_or(data.len())];
        let (records, problems) = read(format!("x 60 IN {} {data}\n", FORMATS[index].rr_type.mnemonic));
        prop_assert!(data.contains('\n') || records.len() + problems.len() == 1, "{data}: {problems:?}");
        for record in &records {
            let format = FORMATS.iter().find(|format| format.rr_type.number == record.rtype);
            prop_assert!(format.is_none_or(|format| format.is_valid(&record.rdata)), "{data}: {record:?}");
        }
    }

    /// A record with one octet changed.
    #[test]
    fn no_typing_error_makes_a_type_panic(index in 0..RECORDS.len(), at in any::<usize>(), octet in 32..127u8) {
        let mut text = RECORDS[index].0.as_bytes().to_vec();
        let at = at % text.len();
        text[at] = octet;
        read(format!("x 60 IN {}\n", String::from_utf8_lossy(&text)));
    }
}
