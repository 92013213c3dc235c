//! Whole builds: the database has what the sources have.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::geo::country::Country;
use crate::geo::database::CountryDatabase;

fn source(name: &str, text: &str) -> Source {
    Source::from_bytes(name, text.as_bytes().to_vec()).unwrap()
}

fn make(sources: &[Source]) -> Built {
    build(sources, &Options::default(), &mut |_, _| ()).unwrap()
}

fn refuse(sources: &[Source]) -> String {
    build(sources, &Options::default(), &mut |_, _| ()).unwrap_err().to_string()
}

fn open(built: &Built) -> CountryDatabase {
    CountryDatabase::from_bytes(built.bytes.clone(), "built").unwrap()
}

fn country_at(database: &CountryDatabase, address: IpAddr) -> Option<Country> {
    let (code, net) = database.lookup(address)?;
    assert!(net.contains(&address));
    Country::parse(code?).ok()
}

#[test]
fn an_empty_database_is_refused() {
    for text in ["::0,FR\n", "2002::/16,DE\n"] {
        let error = refuse(&[source("a.csv", text)]);
        assert!(error.contains("all networks lie where IPv6 repeats IPv4"), "{error}");
    }
}

#[test]
fn formats_are_recognised_by_content() {
    for (text, kind) in [
        (
            "# From the IPFire Location database\n#\n16777216,16777471,AU\n",
            Some(SourceKind::Ipfire),
        ),
        ("# Vendor:    IPFire Project\n2001::,2001::ff,??\n", Some(SourceKind::Ipfire)),
        ("# x\n16777216,16777471,AU\n", Some(SourceKind::Csv)),
        ("2001::,2001::ff,??\n", Some(SourceKind::Csv)),
        ("\"0\",\"281470681743359\",\"-\",\"-\"\n", Some(SourceKind::Csv)),
        // A comment after the first network does not count.
        ("16777216,16777471,AU\n# IPFire\n", Some(SourceKind::Csv)),
        ("1,apnic\n", None),
        ("2|apnic|20260625|1|19830613|20260624|+1000\n", Some(SourceKind::Delegated)),
        ("2.3|arin|1|1|1|1|1\n", Some(SourceKind::Delegated)),
        ("192.0.2.0/24,DE\n", Some(SourceKind::Csv)),
        ("1.0.0.0,1.0.0.255,AU\n", Some(SourceKind::Csv)),
        ("\nnetwork,country\n", Some(SourceKind::Csv)),
        ("network,geoname_id,registered_country_geoname_id\n", Some(SourceKind::GeoLiteBlocks)),
        ("geoname_id,locale_code,continent_code\n", Some(SourceKind::GeoLiteLocations)),
        ("<html>\n", None),
        ("", None),
        ("# only a comment\n", None),
    ] {
        assert_eq!(SourceKind::detect(text), kind, "{text}");
    }
}

#[test]
fn errors_for_other_files_say_what_was_expected() {
    assert!(refuse(&[source("a", "")]).contains("a: the file is empty"));
    assert!(
        refuse(&[source("a", "\n<html>\n")])
            .contains("a:2:1: not a list of networks that is known here")
    );
    assert!(refuse(&[source("a", "192.0.2.0/24,ZZ\n")]).contains("no network"));
    let blocks =
        source("b", "network,geoname_id,registered_country_geoname_id\n192.0.2.0/24,1,1\n");
    assert!(refuse(&[blocks]).contains("name GeoLite2-Country-Locations-en.csv"));
    let bytes = |bytes: &[u8]| Source::from_bytes("a", bytes.to_vec()).unwrap_err().to_string();
    assert!(bytes(b"\x1f\x8b\x08").contains("unpack it first"));
    assert!(bytes(b"ab\nc\xff").contains("a:2:2: this is not UTF-8 text"));
    assert_eq!(source("a", "\u{feff}x").text, "x");
    // Problems of all sources are reported together.
    let message = refuse(&[source("a", "192.0.2.0/24,CS\n"), source("b", "1,0,DE\n")]);
    assert!(
        message.contains("a:1:14: CS") && message.contains("b:1:3: the range ends"),
        "{message}"
    );
}

#[test]
fn later_sources_and_smaller_networks_win() {
    let first =
        source("a", "192.0.2.0/25,DE\n192.0.2.0/24,FR\n192.0.2.128/25,AT\n192.0.2.128/25,CH\n");
    let database = open(&make(std::slice::from_ref(&first)));
    let at = |database: &CountryDatabase, address: &str| {
        country_at(database, address.parse().unwrap()).map(Country::code)
    };
    assert_eq!(at(&database, "192.0.2.1"), Some("DE"));
    assert_eq!(at(&database, "192.0.2.129"), Some("CH"));
    let database = open(&make(&[first, source("b", "192.0.0.0/8,JP\n")]));
    assert_eq!(at(&database, "192.0.2.1"), Some("JP"));
}

#[test]
fn only_a_list_with_ipfires_comments_is_ipfires() {
    let list = "16777216,16777471,AU\n2001:200::,2001:200:134:ffff:ffff:ffff:ffff:ffff,CS\n";
    let networks = "1.0.0.0/24,AU\n2001:200::/32,CS\n";
    for text in [list, networks, &format!("# Generated: by hand\n{list}")] {
        let error = refuse(&[source("a", text)]);
        assert!(error.contains("CS (Serbia and Montenegro) was withdrawn"), "{error}");
    }
    let described =
        |text: &str| open(&make(&[source("dir/a.csv", text)])).metadata().description["en"].clone();
    assert_eq!(described(&list.replace("CS", "JP")), "Countries of networks, from: list a.csv");
    let ipfire = format!("# Vendor:    IPFire Project\n# License:   CC BY-SA 4.0\n{list}");
    assert_eq!(
        described(&ipfire),
        "Countries of networks, from: IPFire Location, CC BY-SA 4.0, https://location.ipfire.org/"
    );
    // Both forms give the same ranges.
    let lists = [
        list.replace("CS", "JP"),
        "1.0.0.0/24,AU\n2001:200::-2001:200:134:ffff:ffff:ffff:ffff:ffff,JP\n".to_owned(),
    ];
    let [one, other] = lists.map(|text| open(&make(&[source("a", &text)])));
    assert_eq!((one.ranges_v4(), one.ranges_v6()), (other.ranges_v4(), other.ranges_v6()));
}

#[test]
fn dates_come_from_options_then_sources_then_files() {
    let dated = source("a", "# IPFire\n# Generated: Thu, 25 Jun 2026 04:33:59 GMT\n1,2,DE\n");
    let plain = source("b", "192.0.2.0/24,DE\n");
    let date = |sources: &[Source], date| {
        let options = Options { date, fallback_date: 7, leave_out_unknown: false };
        build(sources, &options, &mut |_, _| ()).unwrap().date
    };
    assert_eq!(date(&[dated.clone(), plain.clone()], Some(5)), 5);
    assert_eq!(date(&[dated, plain.clone()], None), 1_782_362_039);
    assert_eq!(date(&[plain], None), 7);
}

#[test]
fn ranges_that_repeat_ipv4_are_left_out_and_counted() {
    let built = make(&[source("a", "10.0.0.0/8,DE\n2002::/16,JP\n::/0,FR\n")]);
    // ::/0 has four parts that are left out.
    assert_eq!(built.aliased, 1 + 4);
    let database = open(&built);
    let at = |address: &str| country_at(&database, address.parse().unwrap()).map(Country::code);
    assert_eq!((at("10.1.1.1"), at("11.1.1.1"), at("2001:db8::1")), (Some("DE"), None, Some("FR")));
    assert_eq!(database.lookup("2002:0a01::1".parse().unwrap()).unwrap().0, Some("DE"));
}

/// Ranges in a small space, so that they overlap: first and last address, country, and whether they
/// are IPv6.
fn ranges() -> impl Strategy<Value = Vec<(u16, u16, usize, bool)>> {
    let one = (0..600_u16, 0..80_u16, 0..Country::count(), any::<bool>());
    prop::collection::vec(
        one.prop_map(|(first, size, country, v6)| (first, first + size, country, v6)),
        1..40,
    )
}

const V4: u32 = 0x0a00_0000;
const V6: u128 = 0x2a00_0db8 << 96;

fn text_of(ranges: &[(u16, u16, usize, bool)]) -> String {
    let mut text = String::new();
    for (first, last, country, v6) in ranges {
        let country = Country::from_index(*country).unwrap();
        let span = if *v6 {
            AddressRange::V6(V6 + u128::from(*first), V6 + u128::from(*last))
        } else {
            AddressRange::V4(V4 + u32::from(*first), V4 + u32::from(*last))
        };
        writeln!(text, "{span},{country}").unwrap();
    }
    text
}

/// The expected country of an address: of the last source that has the address, the smallest range,
/// and of those the last.
fn expected(sources: &[Vec<(u16, u16, usize, bool)>], at: u16, v6: bool) -> Option<Country> {
    sources.iter().rev().find_map(|ranges| {
        let with =
            ranges.iter().rev().filter(|range| range.3 == v6 && (range.0..=range.1).contains(&at));
        with.min_by_key(|range| range.1 - range.0).and_then(|range| Country::from_index(range.2))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_build_answers_as_its_lists_do(lists in prop::collection::vec(ranges(), 1..4)) {
        let sources: Vec<Source> = lists.iter().map(|ranges| source("list", &text_of(ranges))).collect();
        let built = make(&sources);
        prop_assert_eq!(&built.bytes, &make(&sources).bytes);
        let database = open(&built);
        let (v4, v6) = (database.ranges_v4(), database.ranges_v6());
        for at in 0..700_u16 {
            let address = V4 + u32::from(at);
            let want = expected(&lists, at, false);
            prop_assert_eq!(country_at(&database, Ipv4Addr::from(address).into()), want);
            let range = v4.iter().find(|range| (range.0..=range.1).contains(&address));
            prop_assert_eq!(range.and_then(|range| range.2.country()), want);
            let address = V6 + u128::from(at);
            let want = expected(&lists, at, true);
            prop_assert_eq!(country_at(&database, Ipv6Addr::from(address).into()), want);
            let range = v6.iter().find(|range| (range.0..=range.1).contains(&address));
            prop_assert_eq!(range.and_then(|range| range.2.country()), want);
        }
        prop_assert!(v4.windows(2).all(|pair| pair[0].1 < pair[1].0));
        prop_assert!(v6.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_panic(text in "([0-9a-fA-Z:.,|/\"#*\n-]|ipv4|ipv6|allocated|summary|\\PC){0,120}") {
        let _ = ipfire::parse("f", &text, UnknownCodes::LeaveOut);
        let _ = delegated::parse("f", &text, UnknownCodes::Refuse);
        let _ = csv::parse("f", &text, UnknownCodes::LeaveOut);
        let _ = geolite2::parse_locations("f", &text);
        let _ = geolite2::parse_blocks("f", &text, &geolite2::Locations::new(), UnknownCodes::Refuse);
        if let Err(problems) = build(&[source("f", &text)], &Options::default(), &mut |_, _| ()) {
            prop_assert!(!problems.to_string().is_empty());
        }
    }

    #[test]
    fn nearly_good_lines_are_read_without_panic(
        line in "(2\\|r\\|1\\|1\\|0\\|20260101\\|0\n)?[a-z]\\|(DE|CS|\\*)\\|(ipv4|ipv6|asn|\\*)\\|(255\\.255\\.255\\.255|ffff::|::|0\\.0\\.0\\.0|\\*)\\|[0-9]{1,22}\\|d?\\|(allocated|summary)\n",
    ) {
        let _ = delegated::parse("f", &line, UnknownCodes::Refuse);
    }
}
