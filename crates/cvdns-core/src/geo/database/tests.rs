//! Databases in every supported format, and damaged ones.

use std::time::UNIX_EPOCH;

use ipnet::IpNet;
use mmdb_writer::{IpVersion, Value, Writer};
use proptest::prelude::*;

use super::*;

const SHIPPED: &[u8] = include_bytes!("../../../../../geoip/country.mmdb");

fn iso(code: &str) -> Value {
    Value::map([("iso_code", Value::from(code))])
}

fn file(version: IpVersion, records: &[(&str, Value)]) -> Vec<u8> {
    let mut writer = Writer::builder("Test")
        .ip_version(version)
        .description(&[("en", "a test")])
        .build_epoch(UNIX_EPOCH)
        .build();
    for (net, value) in records {
        writer.insert_value(net.parse::<IpNet>().unwrap(), value.clone()).unwrap();
    }
    writer.to_bytes().unwrap()
}

fn open(bytes: Vec<u8>) -> CountryDatabase {
    CountryDatabase::from_bytes(bytes, "test.mmdb").unwrap()
}

fn refuse(bytes: &[u8]) -> String {
    CountryDatabase::from_bytes(bytes.to_vec(), "test.mmdb").unwrap_err().to_string()
}

/// The code for an address: `-` if its record has none, empty if there is no record.
fn code(database: &CountryDatabase, address: &str) -> String {
    let address = address.parse().unwrap();
    let Some((code, net)) = database.lookup(address) else { return String::new() };
    assert!(net.contains(&embedded_v4(address)), "{net} for {address}");
    code.unwrap_or("-").to_owned()
}

#[test]
fn every_format_of_record_is_read() {
    let geoip2 = Value::map([("country", iso("DE")), ("registered_country", iso("FR"))]);
    let registered = Value::map([("registered_country", iso("FR"))]);
    let lite =
        Value::map([("country", Value::from("Germany")), ("country_code", Value::from("AT"))]);
    let old =
        Value::map([("country", Value::from("CH")), ("country_name", Value::from("Switzerland"))]);
    let none = Value::map([("continent", Value::map([("code", Value::from("EU"))]))]);
    let database = open(file(
        IpVersion::V6,
        &[
            ("192.0.2.0/26", geoip2),
            ("192.0.2.64/26", registered),
            ("192.0.2.128/26", lite),
            ("2001:db8::/32", old),
            ("198.51.100.0/24", none),
        ],
    ));
    assert_eq!(code(&database, "192.0.2.1"), "DE");
    assert_eq!(code(&database, "192.0.2.65"), "FR");
    assert_eq!(code(&database, "192.0.2.129"), "AT");
    assert_eq!(code(&database, "2001:db8::7"), "CH");
    assert_eq!(code(&database, "198.51.100.1"), "-");
    assert_eq!(code(&database, "203.0.113.1"), "");
    assert_eq!(code(&database, "::ffff:192.0.2.1"), "DE");
    assert_eq!(code(&database, "2002:c000:0201::1"), "DE");
    let (_, net) = database.lookup("192.0.2.1".parse().unwrap()).unwrap();
    assert_eq!(net.to_string(), "192.0.2.0/26");
    let codes: Vec<_> = database.ranges_v4().iter().map(|range| range.2.to_string()).collect();
    assert_eq!(codes, ["DE", "FR", "AT", "continent:EU"]);
    assert_eq!(database.ranges_v6().len(), 1);
    let info = database.metadata();
    assert_eq!((info.database_type.as_str(), info.networks, info.ip_version), ("Test", 5, 6));
}

/// The continent of a `GeoIP2` record.
fn on(code: &str) -> (&'static str, Value) {
    ("continent", Value::map([("code", Value::from(code))]))
}

#[test]
fn a_continent_counts_where_no_country_is_known_and_a_registration_where_nothing_is() {
    let registered = ("registered_country", iso("US"));
    let named =
        Value::map([("continent", Value::from("Asia")), ("continent_code", Value::from("AS"))]);
    let records = [
        (Value::map([on("EU"), registered.clone()]), "continent:EU"),
        (Value::map([on("EU"), ("country", iso("JP")), registered.clone()]), "JP"),
        (Value::map([on("EU"), ("country", iso("CS"))]), "continent:EU"),
        (Value::map([registered.clone()]), "US"),
        (Value::map([on(""), registered.clone()]), "US"),
        (Value::map([("country", iso("")), registered]), "US"),
        (Value::map([("country", iso("CS"))]), "unknown"),
        (named, "continent:AS"),
        (Value::map([("continent", Value::from("sa"))]), "continent:SA"),
        (Value::map([on("XX"), ("country_code", Value::from(""))]), "unknown"),
        // An invalid continent does not matter if the country is known.
        (Value::map([("continent_code", Value::from(7_u32)), ("country", iso("DE"))]), "DE"),
    ];
    let nets: Vec<String> = (0..records.len()).map(|n| format!("192.0.{n}.0/24")).collect();
    let rows: Vec<_> = nets
        .iter()
        .zip(&records)
        .map(|(net, (record, _))| (net.as_str(), record.clone()))
        .collect();
    let database = open(file(IpVersion::V6, &rows));
    for (net, (_, area)) in nets.iter().zip(&records) {
        let net: IpNet = net.parse().unwrap();
        assert_eq!(database.area(net.addr()).to_string(), *area, "{net}");
        let IpAddr::V4(first) = net.addr() else { panic!("{net}") };
        let first = u32::from(first);
        let range =
            database.ranges_v4().into_iter().find(|range| (range.0..=range.1).contains(&first));
        assert_eq!(range.unwrap().2.to_string(), *area, "{net}");
    }
    assert_eq!(database.area("203.0.113.1".parse().unwrap()), Area::Unknown);
    // A database of continents alone is accepted.
    let database = open(file(IpVersion::V4, &[("192.0.2.0/24", Value::map([on("EU")]))]));
    assert_eq!(database.ranges_v4(), [(0xc000_0200, 0xc000_02ff, Area::Continent(Continent::EU))]);
}

#[test]
fn errors_describe_records_without_a_code() {
    let of = |value: Value| refuse(&file(IpVersion::V6, &[("192.0.2.0/24", value)]));
    let number = |number: u32| Value::from(number);
    for (value, said) in [
        (
            Value::from("au"),
            "the record of 192.0.2.0 is the string \"au\"; expected a map with country.iso_code",
        ),
        (number(36), "the record of 192.0.2.0 is the number 36; expected a map"),
        (
            Value::map([("country", Value::map([("iso_code", number(36))]))]),
            "country.iso_code of 192.0.2.0 is the number 36",
        ),
        (
            Value::map([("country", number(36))]),
            "country.iso_code of 192.0.2.0 is the number 36; expected a code of two",
        ),
        (
            Value::map([("country", Value::map([("iso_code", iso("DE"))]))]),
            "country.iso_code of 192.0.2.0 is a map",
        ),
        (
            Value::map([("continent", Value::map([("code", number(1))]))]),
            "continent.code of 192.0.2.0 is the number 1",
        ),
        (
            Value::map([("registered_country", Value::from(true))]),
            "registered_country.iso_code of 192.0.2.0 is the truth value true",
        ),
    ] {
        let message = of(value);
        assert!(message.contains(said) && message.contains("cvdns geoip build"), "{message}");
        assert!(!message.contains("damaged"), "{message}");
    }
}

/// A small database with these entries in its metadata beside the mandatory ones.
fn with_metadata(optional: &[&[u8]]) -> Vec<u8> {
    let whole = small();
    let marker = whole.windows(MARKER.len()).rposition(|window| window == MARKER).unwrap();
    let database = open(whole.clone());
    let nodes = database.metadata().node_count.to_be_bytes();
    let size = u8::try_from(database.metadata().record_size).unwrap();
    let mut out = whole[..marker + MARKER.len()].to_vec();
    out.push(0xe0 + 7 + optional.len() as u8);
    // Types and lengths: MaxMind DB format 2.0, "Output Data Section".
    for (key, value) in [
        ("binary_format_major_version", &[0xa1, 2][..]),
        ("binary_format_minor_version", &[0xa0]),
        ("build_epoch", &[0x01, 0x02, 1]),
        ("database_type", b"\x44Test"),
        ("ip_version", &[0xa1, 6]),
        ("node_count", &[&[0xc4][..], &nodes].concat()),
        ("record_size", &[0xa1, size]),
    ] {
        out.push(0x40 + key.len() as u8);
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(value);
    }
    for entry in optional {
        out.extend_from_slice(entry);
    }
    out
}

#[test]
fn languages_and_description_may_be_left_out() {
    let languages: &[u8] = b"\x49languages\x01\x04\x42en";
    let description: &[u8] = b"\x4bdescription\xe1\x42en\x41d";
    let text = |text: &str| vec![text.to_owned()];
    for (entries, spoken, described) in [
        (vec![], vec![], vec![]),
        (vec![languages], text("en"), vec![]),
        (vec![description], vec![], text("d")),
        (vec![languages, description], text("en"), text("d")),
    ] {
        let database = open(with_metadata(&entries));
        let info = database.metadata();
        assert_eq!((info.languages, info.description.into_values().collect()), (spoken, described));
        assert_eq!(code(&database, "192.0.2.1"), "DE");
        assert_eq!(database.ranges_v6().len(), 1);
    }
    // Mandatory entries must be there.
    let cut = with_metadata(&[]);
    assert!(refuse(&cut[..cut.len() - 3]).contains("the MMDB metadata is damaged"));
}

#[test]
fn an_ipv4_tree_has_no_ipv6_addresses() {
    let record = Value::map([("country", iso("DE"))]);
    let nets = [
        ("192.0.2.0/25", record.clone()),
        ("192.0.2.128/25", record.clone()),
        ("192.0.3.0/24", record),
    ];
    let database = open(file(IpVersion::V4, &nets));
    assert_eq!(
        database.ranges_v4(),
        [(0xc000_0200, 0xc000_03ff, Country::parse("DE").ok().into())]
    );
    assert_eq!(database.ranges_v6(), []);
    assert_eq!(code(&database, "2001:db8::1"), "");
    assert_eq!(code(&database, "::ffff:192.0.2.1"), "DE");
}

#[test]
fn unknown_codes_are_counted() {
    let record = |code: &str| Value::map([("country", iso(code))]);
    let nets = [
        ("192.0.2.0/24", record("CS")),
        ("10.0.0.0/8", record("CS")),
        ("11.0.0.0/8", record("UK")),
    ];
    let database = open(file(IpVersion::V6, &nets));
    let [warning] = database.warnings() else { panic!("{:?}", database.warnings()) };
    assert_eq!(
        (warning.code.as_str(), warning.networks, warning.first.to_string().as_str()),
        ("CS", 2, "10.0.0.0")
    );
    assert!(warning.reason.to_string().contains("write RS or ME"));
    assert_eq!(database.ranges_v4()[0], (0x0a00_0000, 0x0aff_ffff, Area::Unknown));
    assert_eq!(database.ranges_v4()[1].2.to_string(), "GB");
}

#[test]
fn other_file_formats_are_recognised() {
    for (bytes, said) in [
        (&b""[..], "the file is empty"),
        (b"\x1f\x8b\x08", "this is a gzip file"),
        (b"PK\x03\x04", "this is a zip file"),
        (b"16777216,16777471,AU\n", "this is a text file"),
        (b"\0\0\0\0", "no MMDB metadata at the end of the file"),
        (b"\xab\xcd\xefMaxMind.com", "the MMDB metadata is damaged"),
    ] {
        let message = refuse(bytes);
        assert!(message.starts_with("test.mmdb: ") && message.contains(said), "{message}");
    }
    let asn = Value::map([("autonomous_system_number", Value::from(64_512_u32))]);
    let message = refuse(&file(IpVersion::V6, &[("192.0.2.0/24", asn)]));
    assert!(message.contains("type \"Test\" has a country"), "{message}");
    assert!(
        refuse(&file(IpVersion::V6, &[])).contains("no networks")
            || refuse(&file(IpVersion::V6, &[])).contains("damaged")
    );
    let number = Value::map([("country_code", Value::from(7_u32))]);
    assert!(
        refuse(&file(IpVersion::V6, &[("192.0.2.0/24", number)]))
            .contains("country_code of 192.0.2.0 is the number 7; expected a code of two letters")
    );
}

#[test]
fn the_shipped_database_is_sound() {
    let database = open(SHIPPED.to_vec());
    assert_eq!(database.warnings(), []);
    let (v4, v6) = (database.ranges_v4(), database.ranges_v6());
    assert!(v4.len() > 300_000 && v6.len() > 200_000);
    assert!(v4.windows(2).all(|pair| pair[0].1 < pair[1].0 && pair[0].0 <= pair[0].1));
    assert!(v6.windows(2).all(|pair| pair[0].1 < pair[1].0 && pair[0].0 <= pair[0].1));
    assert!(v4.windows(2).all(|pair| pair[0].1 + 1 != pair[1].0 || pair[0].2 != pair[1].2));
    for (first, last, area) in v4.iter().step_by(997) {
        for address in [*first, *last] {
            let (code, _) = database.lookup(IpAddr::V4(address.into())).unwrap();
            assert_eq!(code, area.country().map(Country::code));
        }
    }
    for (first, last, area) in v6.iter().step_by(997) {
        for address in [*first, *last] {
            let (code, _) = database.lookup(IpAddr::V6(address.into())).unwrap();
            assert_eq!(code, area.country().map(Country::code));
        }
    }
}

#[test]
fn the_shipped_database_cut_off_anywhere_is_refused() {
    let end = SHIPPED.len();
    let near = (1..600).map(|cut| end - cut);
    let far = (0..end).step_by(end / 97);
    for length in near.chain(far) {
        assert!(
            CountryDatabase::from_bytes(SHIPPED[..length].to_vec(), "cut").is_err(),
            "{length}"
        );
    }
    // With a piece missing, the tree does not end where it should.
    for gap in [1, 6, 4096, 1 << 20] {
        let missing = [&SHIPPED[..1 << 20], &SHIPPED[(1 << 20) + gap..]].concat();
        assert!(CountryDatabase::from_bytes(missing, "gap").is_err(), "{gap}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_in_the_shipped_database_never_panic(
        flips in prop::collection::vec((0..SHIPPED.len(), any::<u8>()), 1..4),
        tail in prop::collection::vec((0..1000_usize, any::<u8>()), 0..2),
    ) {
        let mut bytes = SHIPPED.to_vec();
        for (at, value) in flips {
            bytes[at] ^= value;
        }
        for (at, value) in tail {
            bytes[SHIPPED.len() - 1 - at] ^= value;
        }
        exercise(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_in_a_small_database_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = small();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        exercise(bytes);
    }

    #[test]
    fn any_bytes_before_and_in_the_metadata_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        metadata in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        bytes.extend_from_slice(MARKER);
        bytes.extend(metadata);
        exercise(bytes);
    }
}

fn small() -> Vec<u8> {
    let record = |code: &str| Value::map([("country", iso(code))]);
    file(
        IpVersion::V6,
        &[
            ("192.0.2.0/24", record("DE")),
            ("10.0.0.0/8", record("FR")),
            ("2001:db8::/32", record("JP")),
        ],
    )
}

/// Uses everything in a database that may be damaged; nothing may panic.
fn exercise(bytes: Vec<u8>) {
    if let Ok(database) = CountryDatabase::from_bytes(bytes, "damaged") {
        let _ = (
            database.ranges_v4(),
            database.ranges_v6(),
            database.metadata(),
            database.warnings().len(),
        );
        for address in ["192.0.2.1", "10.0.0.1", "255.255.255.255", "2001:db8::1", "::", "ffff::"] {
            let _ = database.lookup(address.parse().unwrap());
        }
    }
}
