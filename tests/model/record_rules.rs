//! The version record against every rule of CLIENTS, "The record", over random releases. Witness is
//! a tokenizer written after what freshclam's does, and hickory-proto, which reads the packets.

use crate::asking;

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use asking::{A, AAAA, Answer, Asker, TXT, loaded, query};
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::{Now, Snapshot, compile};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const ANY: u16 = 255;
const NOW: &str = "2026-11-24T10:47:11Z";
/// The start of its half hour.
const STAMP: &str = "1795516200";

/// The longest name that freshclam takes (CLIENTS: "Owner names stay under 128 bytes").
static LONGEST: LazyLock<String> = LazyLock::new(|| format!("{0}.{0}", "r".repeat(58)));

/// Files of a server whose zone has a record at an ordinary name and at the longest.
static FILES: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let zone = format!(
        "format = 1\norigin = \"cvd.test\"\nrecords = \"r\"\n[[name]]\nowner = \"current\"\ntxt = \"record\"\n\
         [[name]]\nowner = \"{}\"\ntxt = \"record\"\n[[name]]\nowner = \"{{db}}\"\ntxt = \"database\"\n",
        *LONGEST
    );
    let records = "@ 300 IN SOA ns1.example. host.example. 1 2 3 4 60\n@ 300 IN NS ns1.example.\n";
    for (name, text) in
        [("z", zone.as_str()), ("r", records), ("cvdns.toml", "[[zone]]\nfile = \"z\"\n")]
    {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
});

fn feed(release: &Value) -> Result<Feed, String> {
    let feed = json!({ "format": 1, "serial": 1, "generated": "2026-11-24T10:40:00Z", "release": release });
    Feed::parse(feed.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn snapshot(feed: &Feed) -> Snapshot {
    let loaded = loaded(&FILES.path().join("cvdns.toml"));
    let mut problems = Problems::default();
    let static_data = compile(&loaded.inputs, &feed.requirements(), &mut problems);
    assert!(
        problems.is_empty(),
        "{:?}",
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    Snapshot::new(Arc::new(static_data.unwrap()), &now(feed))
}

fn now(feed: &Feed) -> Now<'_> {
    Now::new(Some(feed), NOW.parse().unwrap(), Duration::from_secs(3600))
}

fn good() -> Value {
    json!({ "software": "1.4.6", "main": 63, "daily": 28129, "bytecode": 339, "flevel": 90, "warn": true,
            "safebrowsing": 49192, "extra": { "test": 6 } })
}

/// The field of this number as freshclam finds it: it steps over colons that stand side by side as
/// over one, so that an empty field shifts all that follow; a field that is not there is none.
fn token(record: &str, number: usize) -> Option<&str> {
    let mut rest = record;
    for _ in 0..number {
        rest = rest.split_once(':')?.1.trim_start_matches(':');
    }
    let field = rest.split(':').next()?;
    (!field.is_empty()).then_some(field)
}

/// The one string of the one record of an answer.
fn only_string(answer: &Answer) -> String {
    let [record] = answer.message.answers.as_slice() else { panic!("{:?}", answer.message) };
    let RData::TXT(txt) = &record.data else { panic!("{record:?}") };
    let [string] = txt.txt_data.iter().collect::<Vec<_>>()[..] else { panic!("{txt:?}") };
    assert!(string.len() <= 255);
    String::from_utf8(string.to_vec()).unwrap()
}

/// Checks the record of a release that was accepted.
fn check(release: &Value) {
    let feed = feed(release).unwrap();
    let snapshot = snapshot(&feed);
    let mut asker = Asker::new(&snapshot);
    let number = |key: &str| release[key].as_u64().unwrap().to_string();
    let flag = if release["warn"] == json!(true) { "1" } else { "0" };
    let software = release["software"].as_str().unwrap().to_owned();
    let expected = [
        software,
        number("main"),
        number("daily"),
        STAMP.to_owned(),
        flag.to_owned(),
        number("flevel"),
        number("safebrowsing"),
        number("bytecode"),
    ];
    for name in ["current.cvd.test", &format!("{}.cvd.test", *LONGEST)] {
        let answer = asker.ask(name, TXT);
        assert!(answer.length <= 512, "{} octets to {name}", answer.length);
        let record = only_string(&answer);
        assert_eq!(record.split(':').collect::<Vec<_>>(), expected);
        for (number, field) in expected.iter().enumerate() {
            assert_eq!(token(&record, number), Some(field.as_str()), "{record}");
        }
        assert_eq!(token(&record, 8), None);
    }
    for (name, version) in release["extra"].as_object().unwrap() {
        let record = only_string(&asker.ask(&format!("{name}.cvd.test"), TXT));
        assert_eq!(
            (token(&record, 0), token(&record, 1)),
            (Some(version.to_string().as_str()), Some(STAMP))
        );
    }
}

fn software() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}",
        2 => "[0-9]{120,135}",
        2 => "[0-9.]{0,12}",
        1 => "[0-9.a-z: -]{0,12}",
        1 => Just("1.4.6٣".to_owned()),
    ]
}

fn version() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 1u64..100_000, 2 => Just(u64::from(u32::MAX)), 1 => Just(0), 1 => Just(u64::from(u32::MAX) + 1)]
}

/// Numbers that may be 0.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0u64..100_000, 1 => Just(u64::from(u32::MAX)), 1 => Just(u64::from(u32::MAX) + 1)]
}

fn release() -> impl Strategy<Value = Value> {
    let extra = prop::collection::btree_map("[a-z0-9]{1,32}", version(), 0..3);
    (software(), [version(), version(), version()], number(), any::<bool>(), number(), extra).prop_map(
        |(software, [main, daily, bytecode], flevel, warn, safebrowsing, extra)| {
            json!({ "software": software, "main": main, "daily": daily, "bytecode": bytecode, "flevel": flevel,
                    "warn": warn, "safebrowsing": safebrowsing, "extra": extra })
        },
    )
}

/// Whether clients take it, by the rules alone.
fn is_good(release: &Value) -> bool {
    let is_32 = |value: &Value| value.as_u64().unwrap() <= u32::MAX.into();
    let software = release["software"].as_str().unwrap();
    let parts = software
        .split('.')
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()));
    let versions = ["main", "daily", "bytecode"].map(|key| &release[key]);
    let extra = release["extra"].as_object().unwrap();
    parts
        && software.len() <= 128
        && versions
            .into_iter()
            .chain(extra.values())
            .all(|version| is_32(version) && *version != json!(0))
        && is_32(&release["flevel"])
        && is_32(&release["safebrowsing"])
        && !extra.keys().any(|name| ["main", "daily", "bytecode"].contains(&name.as_str()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Never an empty field, never over 255 octets, and never over 512 in all; what clients would
    /// choke on is refused.
    #[test]
    fn clients_every_release_is_refused_or_makes_a_good_record(release in release()) {
        prop_assert_eq!(feed(&release).is_ok(), is_good(&release), "{}: {:?}", release, feed(&release));
        if is_good(&release) {
            check(&release);
        }
    }
}

/// The witness itself: what an empty field does to freshclam.
#[test]
fn the_tokenizer_shifts_fields_as_freshclam_does() {
    assert_eq!(token("1.4.6:63::339", 2), Some("339"));
    assert_eq!(token("1.4.6:63:5", 3), None);
    assert_eq!(token("1.4.6:63:", 2), None);
}

/// "A release with letters in `software`, a version 0, an empty field or over 255 bytes in all is
/// refused when the feed is read", with words that say why.
#[test]
fn formats_bad_releases_say_why() {
    let with = |key: &str, value: Value| {
        let mut release = good();
        release[key] = value;
        feed(&release).unwrap_err()
    };
    for (key, value, words) in [
        ("software", json!("1.4.6-rc"), "software \"1.4.6-rc\" is not digits and dots"),
        ("software", json!(""), "software \"\" is not digits and dots"),
        ("software", json!("1..4"), "software \"1..4\" is not"),
        ("software", json!("1".repeat(200)), "is not digits and dots"),
        ("main", json!(0), "a database version is 0"),
        ("daily", json!("28129"), "invalid type: string"),
        ("bytecode", json!(-1), "invalid value: integer `-1`"),
        ("flevel", json!(null), "invalid type: null"),
        ("extra", json!({ "test": 0 }), "extra database \"test\" has version 0"),
        ("extra", json!({ "a.b": 1 }), "extra database \"a.b\": a name is"),
        ("extra", json!({ "daily": 1 }), "not main, daily or bytecode"),
        ("colour", json!("red"), "unknown field `colour`"),
    ] {
        let said = with(key, value);
        assert!(said.contains(words) && said.contains("line 1"), "{key}: {said}");
    }
    for key in ["software", "main", "daily", "bytecode", "flevel"] {
        let mut release = good();
        release.as_object_mut().unwrap().remove(key);
        assert!(feed(&release).unwrap_err().contains(&format!("missing field `{key}`")));
    }
}

/// Each rule of CLIENTS that is about the packet.
#[test]
fn clients_the_packet_is_what_old_clients_take() {
    let feed = feed(&good()).unwrap();
    let snapshot = snapshot(&feed);
    let mut asker = Asker::new(&snapshot);
    let answer = asker.ask("CURRENT.cvd.TEST", TXT);
    let message = &answer.message;
    // "AA=1, RA=0 is accepted (seen). The question must be echoed."
    assert!(message.metadata.authoritative && !message.metadata.recursion_available);
    assert!(message.metadata.recursion_desired && !message.metadata.truncation);
    assert_eq!(message.queries[0].name().to_ascii(), "CURRENT.cvd.TEST.");
    assert_eq!(only_string(&answer), format!("1.4.6:63:28129:{STAMP}:1:90:49192:339"));
    assert_eq!(message.answers[0].ttl, 1800);
    // "freshclam's buffer is fixed": nothing that is not needed.
    assert!(
        message.authorities.is_empty() && message.additionals.is_empty() && message.edns.is_none()
    );
    // "ANY at this name …: the TXT must be it."
    assert_eq!(only_string(&asker.ask("current.cvd.test", ANY)), only_string(&answer));
    // "A and AAAA there are NODATA with the SOA", and "No CNAME at the name".
    for qtype in [A, AAAA, u16::from(RecordType::CNAME)] {
        let empty = asker.send(&query("current.cvd.test", qtype, None)).message;
        assert_eq!((empty.metadata.response_code, empty.answers.len()), (ResponseCode::NoError, 0));
        assert!(matches!(empty.authorities[0].data, RData::SOA(_)));
    }
}

/// "Real values fall on whole half hours", "older than 3 h is rejected", "a time in the future
/// never warns": through a night in which the feed stops.
#[test]
fn clients_the_stamp_is_never_too_old_while_it_is_answered() {
    let feed = feed(&good()).unwrap();
    let static_data = snapshot(&feed).static_data;
    let mut shown = String::new();
    for minute in 0..600 {
        let time: Timestamp = "2026-11-24T10:40:00Z".parse().unwrap();
        let time = time.checked_add(jiff::SignedDuration::from_mins(minute)).unwrap();
        let snapshot = Snapshot::new(Arc::clone(&static_data), &Now { time, ..now(&feed) });
        let answer = Asker::new(&snapshot).ask("current.cvd.test", TXT);
        if answer.message.metadata.response_code == ResponseCode::ServFail {
            write!(shown, "-").unwrap();
            continue;
        }
        let stamp: i64 = token(&only_string(&answer), 3).unwrap().parse().unwrap();
        assert_eq!(stamp % 1800, 0);
        let age = time.as_second() - stamp;
        // A cache may hold it for its TTL.
        assert!((0..=3 * 3600 - 1800).contains(&age), "{age} s old at {time}");
        write!(shown, "{}", if age < 1800 { "n" } else { "o" }).unwrap();
    }
    // Fresh until 11:40; the last stamp, 11:30, is as good as new until 12:00 and is answered until
    // 14:00.
    assert_eq!(shown, format!("{}{}{}", "n".repeat(80), "o".repeat(120), "-".repeat(400)));
}
