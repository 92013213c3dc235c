//! The version record and the databases' own.

use super::{always, nodata, server};
use crate::support::client::{ALL, Transport};
use crate::support::fixture;
use crate::support::packet::{QR, Query, RD};
use crate::support::reply::{Record, Reply};
use crate::support::rr;

const NAME: &str = "current.cvd.clam.example";

/// Asked as freshclam asks: over UDP, with RD, without EDNS.
fn text(client: super::Client, name: &str) -> String {
    let query = Query::new(name, rr::TXT).flags(RD);
    let reply = client.ask(Transport::Udp4, &query);
    let rdata = reply.rdata(rr::TXT);
    assert_eq!(rdata.len(), 1, "{reply:?}");
    let expected =
        Reply::to(&query).with_answer(vec![Record::new(name, 1800, rr::TXT, rdata[0].clone())]);
    reply.must_be(&expected, name);
    assert!(reply.length <= 512, "freshclam's buffer");
    assert_eq!(usize::from(rdata[0][0]), rdata[0].len() - 1, "one string");
    String::from_utf8(rdata[0][1..].to_vec()).expect("text")
}

#[track_caller]
fn check_stamp(stamp: &str) {
    let stamp: i64 = stamp.parse().expect("seconds");
    let now = jiff::Timestamp::now().as_second();
    assert_eq!(stamp % 1800, 0, "a half hour");
    assert!(stamp <= now, "not in the future");
    // The feed was written just now; a half hour may have ended since the query.
    assert!(now - stamp < 2 * 1800, "renewed: {stamp} at {now}");
}

#[test]
fn clients_the_record_has_eight_fields_from_the_release() {
    let server = server();
    let text = text(server.client(), NAME);
    let fields: Vec<&str> = text.split(':').collect();
    let [software, main, daily, stamp, flag, flevel, safebrowsing, bytecode] = fields[..] else {
        panic!("not 8 fields: {text}");
    };
    check_stamp(stamp);
    let rest = [software, main, daily, flag, flevel, safebrowsing, bytecode];
    assert_eq!(rest, ["1.4.6", "63", "28129", "1", "90", "49192", "339"]);
}

#[test]
fn clients_the_record_is_the_same_everywhere() {
    let server = server();
    let texts: Vec<_> = ALL
        .iter()
        .map(|transport| {
            server.client().ask(*transport, &Query::new(NAME, rr::TXT).edns(1232)).rdata(rr::TXT)
        })
        .collect();
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");
}

#[test]
fn clients_databases_have_records_of_version_and_time() {
    let server = server();
    for (database, version) in
        [("main", "63"), ("daily", "28129"), ("bytecode", "339"), ("test", "6")]
    {
        let text = text(server.client(), &format!("{database}.cvd.clam.example"));
        let (got, stamp) = text.split_once(':').expect("two fields");
        assert_eq!(got, version, "{database}");
        check_stamp(stamp);
    }
    let query = Query::new("unknown.cvd.clam.example", rr::TXT);
    always(server.client(), &query, &super::nxdomain(&query));
}

/// RFC 2308, 2.2: a look-up by address must not look like a missing name.
#[test]
fn rfc2308_2_2_other_types_at_the_record_are_nodata() {
    let server = server();
    for qtype in [rr::A, rr::AAAA, rr::CNAME, rr::MX] {
        for query in [Query::new(NAME, qtype), Query::new(NAME, qtype).edns(1232)] {
            always(server.client(), &query, &nodata(&query));
        }
    }
}

/// The flag silences warnings when the release says so.
#[test]
fn clients_flag_0_silences() {
    let feed =
        fixture::feed(1_000, &fixture::States::new()).replace("\"warn\": true", "\"warn\": false");
    let server = super::Daemon::start(&super::files().with("feed.json", feed));
    assert_eq!(text(server.client(), NAME).split(':').nth(4), Some("0"));
}

/// All that a client of 1987 may send over UDP fits 512 octets or is truncated.
#[test]
fn rfc1035_4_2_1_no_answer_without_edns_is_over_512() {
    let server = server();
    for name in ["db.us.big", "large", "mid", "db.us", "current.cvd", "www"] {
        for qtype in [rr::A, rr::TXT, rr::AAAA] {
            for transport in crate::support::client::UDP {
                let query = Query::new(&format!("{name}.clam.example"), qtype);
                let reply = server.client().ask(transport, &query);
                assert!(reply.length <= 512 && reply.has(QR), "{reply:?}");
            }
        }
    }
}

/// Several zones, also a child beside its parent: the longest origin answers, and negative answers
/// are its own (RFC 1034, 4.3.2 step 2).
#[test]
fn rfc1034_4_3_2_the_record_in_a_child_zone() {
    let files = super::files();
    let config =
        files.text("cvdns.toml").replace("[geoip]\n", "[[zone]]\nfile = \"child.toml\"\n[geoip]\n");
    let zone = "format = 1\norigin = \"child.clam.example\"\nrecords = \"child.zone\"\n\
                [[name]]\nowner = \"current\"\ntxt = \"record\"\n";
    let records = "$ORIGIN child.clam.example.\n$TTL 900\n@ 90 IN SOA ns1.clam.example. hostmaster 1 2 3 4 700\n\
                   @ IN NS ns1.clam.example.\n";
    let files =
        files.with("cvdns.toml", config).with("child.toml", zone).with("child.zone", records);
    let server = super::Daemon::start(&files);
    let child = text(server.client(), "current.child.clam.example");
    assert_eq!(child, text(server.client(), NAME), "one release, one record");

    let rdata = rr::soa("ns1.clam.example", "hostmaster.child.clam.example", [1, 2, 3, 4, 700]);
    let soa = Record::new("child.clam.example", 90, rr::SOA, rdata);
    let query = Query::new("nothing.child.clam.example", rr::A);
    let expected = Reply::to(&query).with_rcode(rr::NXDOMAIN).with_authority(vec![soa]);
    always(server.client(), &query, &expected);
}
