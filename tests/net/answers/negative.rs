//! NODATA and NXDOMAIN.

use super::{always, cname, nodata, nxdomain, server};
use crate::support::packet::Query;
use crate::support::reply::{Record, Reply};
use crate::support::{fixture, rr};

#[test]
fn rfc2308_2_1_names_that_do_not_exist_are_nxdomain() {
    let server = server();
    for name in [
        "nothing",
        "a.b.c",
        "x.www",
        "x.db.de",
        "ipv6.db.de",
        "x.de",
        "x.db.local",
        "x.current.cvd",
        "_x",
    ] {
        for qtype in [rr::A, rr::AAAA, rr::TXT, rr::SOA] {
            let query = Query::new(&format!("{name}.clam.example"), qtype).edns(1232);
            always(server.client(), &query, &nxdomain(&query));
        }
    }
}

#[test]
fn rfc2308_2_2_types_that_do_not_exist_are_nodata() {
    let server = server();
    let names = [
        "clam.example",
        "www.clam.example",
        "any.wild.clam.example",
        "db.de.clam.example",
        "db.fr.clam.example",
    ];
    for name in names {
        for qtype in [rr::MX, rr::PTR, 65_280] {
            let query = Query::new(name, qtype);
            always(server.client(), &query, &nodata(&query));
        }
    }
}

/// RFC 2308, 3 and 5: the lesser of the SOA's TTL and MINIMUM; one zone has it this way round, one
/// that.
#[test]
fn rfc2308_5_soa_has_the_lesser_ttl() {
    let server = server();
    let query = Query::new("clam.example", rr::SOA);
    let soa = Record { ttl: 3600, ..super::negative_soa().remove(0) };
    always(server.client(), &query, &Reply::to(&query).with_answer(vec![soa]));

    let rdata =
        rr::soa("ns1.clam.example", "hostmaster.short.example", [7, 7200, 900, 1_209_600, 900]);
    let soa = Record::new("short.example", fixture::SHORT_NEGATIVE_TTL, rr::SOA, rdata);
    let query = Query::new("nothing.short.example", rr::A);
    let expected = Reply::to(&query).with_rcode(rr::NXDOMAIN).with_authority(vec![soa.clone()]);
    always(server.client(), &query, &expected);
    let query = Query::new("www.short.example", rr::AAAA);
    always(server.client(), &query, &Reply::to(&query).with_authority(vec![soa]));
}

/// FORMATS, "Answers": NODATA at a name with mirrors is kept no longer than the mirrors are, for
/// types that the name does not have as for a family that no mirror has; through an alias too.
#[test]
fn formats_nodata_at_names_with_mirrors_has_at_most_their_ttl() {
    let server = server();
    let names = ["db.de", "db.LOCAL", "database", "db.europe", "db.us.big", "db.de.ipv6"];
    for name in names.map(|name| format!("{name}.clam.example")) {
        for qtype in [rr::TXT, rr::MX, rr::CNAME, rr::DS] {
            let query = Query::new(&name, qtype).edns(1232);
            let expected = nodata(&query);
            assert!(expected.authority[0].ttl < fixture::NEGATIVE_TTL);
            always(server.client(), &query, &expected);
        }
    }
    for (name, qtype) in [("db.fr", rr::AAAA), ("db.fr.big", rr::AAAA), ("db.de.ipv6", rr::A)] {
        let query = Query::new(&format!("{name}.clam.example"), qtype);
        always(server.client(), &query, &nodata(&query));
    }
    // FR has no IPv6 at all.
    let query = Query::new("mirror.clam.example", rr::AAAA);
    let alias = cname("mirror.clam.example", 120, "db.fr.clam.example");
    let soa = Record { ttl: fixture::TTL, ..super::negative_soa().remove(0) };
    let expected = Reply::to(&query).with_answer(vec![alias]).with_authority(vec![soa]);
    always(server.client(), &query, &expected);
}

#[test]
fn formats_a_label_that_is_no_country_code_is_nxdomain() {
    let server = server();
    for name in ["db.zz", "zz", "db.d", "db.deu", "db.d\\000", "db.zz.ipv6", "zz.ipv6", "db.zz.big"]
    {
        for qtype in [rr::A, rr::AAAA] {
            let query = Query::new(&format!("{name}.clam.example"), qtype);
            always(server.client(), &query, &nxdomain(&query));
        }
    }
}

/// RFC 8020, 2 and RFC 4592, 2.2.2: dynamic names make empty non-terminals as static ones do. The
/// parent of `db.de` is `de`.
#[test]
fn rfc8020_2_names_with_names_below_are_nodata() {
    let server = server();
    for name in
        ["de", "uk", "local", "europe", "cvd", "ipv6", "de.ipv6", "big", "jp.big", "wild", "ping"]
    {
        for qtype in [rr::A, rr::TXT] {
            let query = Query::new(&format!("{name}.clam.example"), qtype);
            always(server.client(), &query, &nodata(&query));
        }
    }
}

/// RFC 8020, 2: `db` is a leaf's label here; nothing is below `db.clam.example`, so nothing is
/// there.
#[test]
fn rfc8020_2_db_alone_does_not_exist() {
    let server = server();
    for qtype in [rr::A, rr::TXT] {
        let query = Query::new("db.clam.example", qtype);
        always(server.client(), &query, &nxdomain(&query));
    }
}

#[test]
fn rfc2308_2_2_1_negative_behind_a_cname() {
    let server = server();
    let query = Query::new("alias.clam.example", rr::MX);
    let alias = cname("alias.clam.example", 120, "www.clam.example");
    always(server.client(), &query, &nodata(&query).with_answer(vec![alias]));
}
