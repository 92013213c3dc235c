//! Zones beside and below each other, zones for each country, and fleets with one address family,
//! answered as a whole.

use crate::asking;

use std::fmt::Write as _;
use std::path::Path;

use asking::{A, AAAA, Answer, Asker, loaded, snapshot, static_data};
use cvdns_core::health::Feed;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

const TIME: &str = "2026-11-22T18:00:00Z";
const NS: u16 = 2;
const DS: u16 = 43;

const SERVER: &str = "$TTL 300\n@ SOA ns.example.net. host.example.net. 1 3600 900 604800 300\n@ NS ns.example.net.\n";

/// A directory with a configuration over these zones: (name, TOML, master file).
fn configure(directory: &Path, zones: &[(&str, &str, &str)]) {
    let mut config = String::new();
    for (name, toml, records) in zones {
        writeln!(config, "[[zone]]\nfile = \"{name}.toml\"").unwrap();
        let toml = format!("format = 1\nrecords = \"{name}.zone\"\n{toml}");
        std::fs::write(directory.join(format!("{name}.toml")), toml).unwrap();
        std::fs::write(directory.join(format!("{name}.zone")), format!("{SERVER}{records}"))
            .unwrap();
    }
    std::fs::write(directory.join("cvdns.toml"), config).unwrap();
}

/// Asks a set of zones.
fn ask(
    zones: &[(&str, &str, &str)],
    feed: Option<&str>,
    fleet: &str,
    questions: &[(&str, u16)],
) -> Vec<Answer> {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), zones);
    std::fs::write(directory.path().join("mirrors.toml"), fleet).unwrap();
    let loaded = loaded(&directory.path().join("cvdns.toml"));
    let feed = feed.map(|text| Feed::parse(text.as_bytes()).unwrap());
    let static_data = static_data(&loaded, feed.as_ref());
    let snapshot = snapshot(&static_data, feed.as_ref(), TIME);
    let mut asker = Asker::new(&snapshot);
    questions.iter().map(|(name, qtype)| asker.ask(name, *qtype)).collect()
}

fn owner_of_authority(answer: &Answer) -> (String, RecordType) {
    let [record] = answer.message.authorities.as_slice() else { panic!("{:#?}", answer.message) };
    (record.name.to_string(), record.record_type())
}

/// RFC 8020: an NXDOMAIN for a name above a zone would deny the zone. RFC 4592 section 2.2.2: nor
/// may a wildcard stand there.
#[test]
fn names_above_a_served_zone_exist() {
    let zones = [
        ("parent", "origin = \"example.org\"", "*.ent TXT \"wild\"\n* TXT \"wild\"\n"),
        ("child", "origin = \"a.deep.ent.example.org\"", "@ A 192.0.2.1\n"),
        ("other", "origin = \"b.far.example.org\"", ""),
    ];
    let questions = [
        ("ent.example.org.", A),
        ("deep.ent.example.org.", 16),
        ("far.example.org.", 16),
        ("x.far.example.org.", A),
        ("a.deep.ent.example.org.", A),
    ];
    let answers = ask(&zones, None, "", &questions);
    let codes: Vec<_> = answers
        .iter()
        .map(|a| (a.message.metadata.response_code, a.message.answers.len()))
        .collect();
    let nodata = (ResponseCode::NoError, 0);
    let expected =
        [nodata, nodata, nodata, (ResponseCode::NXDomain, 0), (ResponseCode::NoError, 1)];
    assert_eq!(codes, expected);
}

/// RFC 4035 section 3.1.4.1: DS is asked at the parent, which may itself know no more than whom to
/// ask.
#[test]
fn ds_at_an_apex_is_the_parents() {
    let ds = "1 8 2 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let parent = format!(
        "signed NS ns.example.net.\nsigned DS {ds}\nplain NS ns.example.net.\ngone NS ns.elsewhere.test.\n"
    );
    let zones = [
        ("parent", "origin = \"example.org\"", parent.as_str()),
        ("signed", "origin = \"signed.example.org\"", ""),
        ("plain", "origin = \"plain.example.org\"", ""),
        ("below", "origin = \"below.gone.example.org\"", ""),
    ];
    let questions = [
        ("signed.example.org.", DS),
        ("plain.example.org.", DS),
        ("below.gone.example.org.", DS),
        ("signed.example.org.", NS),
    ];
    let answers = ask(&zones, None, "", &questions);
    assert_eq!(answers[0].message.answers[0].record_type(), RecordType::DS);
    assert_eq!(owner_of_authority(&answers[1]), ("example.org.".to_owned(), RecordType::SOA));
    assert_eq!(owner_of_authority(&answers[2]), ("gone.example.org.".to_owned(), RecordType::NS));
    assert!(!answers[2].message.metadata.authoritative);
    assert_eq!(answers[3].message.answers[0].name.to_string(), "signed.example.org.");
}

/// FORMATS: `origin = "db.{cc}.clamav.net"` makes one zone per country code, here beside the zone
/// above.
#[test]
fn a_zone_for_each_country_beside_its_parent() {
    let fleet = "[[mirror]]\nhost = \"de\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.1\"]\n\
                 [[mirror]]\nhost = \"jp\"\ncountry = \"JP\"\nipv4 = [\"192.0.2.2\"]\n";
    let zones = [
        ("parent", "origin = \"clam.test\"", ""),
        (
            "country",
            "origin = \"db.{cc}.clam.test\"\nmirrors = \"mirrors.toml\"\n[answer]\nmin = 1\n\
             [[name]]\nowner = \"@\"\npool = \"{cc}\"\n[[name]]\nowner = \"big\"\npool = \"{cc}\"\nmax = 0\n",
            "",
        ),
    ];
    let questions = [
        ("db.de.clam.test.", A),
        ("DB.jp.clam.test.", A),
        ("big.db.uk.clam.test.", A),
        ("de.clam.test.", A),
        ("db.zz.clam.test.", A),
    ];
    let answers = ask(&zones, None, fleet, &questions);
    let addresses: Vec<Vec<String>> =
        answers.iter().map(|a| a.addresses().iter().map(ToString::to_string).collect()).collect();
    assert_eq!(addresses[..3], [vec!["192.0.2.1"], vec!["192.0.2.2"], vec!["192.0.2.1"]]);
    assert_eq!(answers[3].message.metadata.response_code, ResponseCode::NoError);
    assert_eq!(answers[4].message.metadata.response_code, ResponseCode::NXDomain);
}

/// FORMATS "Answers": all mirrors of a path unusable are answered as if they were up, TTL at most
/// 30; each family by itself.
#[test]
fn each_family_fails_open_by_itself() {
    let zone = "origin = \"clam.test\"\nmirrors = \"mirrors.toml\"\n[[name]]\nowner = \"w\"\npool = \"world\"\n";
    let zones = [("clam", zone, "")];
    let questions = [("w.clam.test.", A), ("w.clam.test.", AAAA)];
    let summary = |answers: &[Answer]| -> Vec<Vec<(String, u32)>> {
        let of = |answer: &Answer| {
            let mut all: Vec<_> = answer.addresses().iter().map(ToString::to_string).collect();
            all.sort();
            all.into_iter().map(|address| (address, answer.message.answers[0].ttl)).collect()
        };
        answers.iter().map(of).collect()
    };
    let feed = |mirrors: &str| {
        format!(
            r#"{{"format":1,"serial":1,"generated":"2026-11-22T17:59:00Z","mirrors":{{{mirrors}}}}}"#
        )
    };

    let only_ipv6 = "[[mirror]]\nhost = \"a\"\ncountry = \"DE\"\nipv6 = [\"2001:db8::1\"]\n";
    let down = feed(r#""a":{"state":"down"}"#);
    let answers = ask(&zones, Some(&down), only_ipv6, &questions);
    assert_eq!(summary(&answers), [vec![], vec![("2001:db8::1".to_owned(), 30)]]);

    let both = "[[mirror]]\nhost = \"a\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.1\"]\nipv6 = [\"2001:db8::1\"]\n";
    let ipv4_down = feed(r#""a":{"state":"up","addresses":{"192.0.2.1":"down"}}"#);
    let answers = ask(&zones, Some(&ipv4_down), both, &questions);
    assert_eq!(
        summary(&answers),
        [vec![("192.0.2.1".to_owned(), 30)], vec![("2001:db8::1".to_owned(), 60)]]
    );
}
