//! How many octets of answer an octet of question gets from somebody who may forge addresses: over
//! UDP, without a cookie. The table of docs/security.md is written from here:
//!
//! `CVDNS_WRITE=1 cargo test --test model amplification`

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::asking::{A, AAAA, TXT, loaded, project, snapshot};
use crate::support::packet::{DO, Query, TC};
use crate::support::reply::Reply;
use crate::support::rr;

use cvdns::load::FeedSource;
use cvdns_core::abuse::CookieSecrets;
use cvdns_core::answer::{Answering, Moment, Transport};
use cvdns_core::config::Explain;
use cvdns_core::dnssec::{Algorithm, Dnskey, SigningKey, ZoneSigning};
use cvdns_core::health::{Feed, FeedRequirements};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::{Inputs, Settings};
use cvdns_core::snapshot::signatures::{SignatureStore, Signatures};
use cvdns_core::snapshot::{Snapshot, compile};
use cvdns_core::zone::records::ResourceRecord;
use cvdns_dnssec::KeyPair;
use cvdns_io::read_feed;
use jiff::Timestamp;

const TIME: &str = "2026-11-22T17:05:00Z";
const BEGIN: &str = "<!-- amplification: written by tests/model/amplification.rs -->";
const END: &str = "<!-- end of amplification -->";

/// The most open configuration.
fn opened(settings: &mut Settings) {
    settings.explain = Explain::Public;
    settings.udp_size = 4096;
}

/// The example zone, with its feed.
fn example() -> Snapshot {
    let mut loaded = loaded(&project().join("cvdns.toml"));
    let octets = read_feed(loaded.feeds.first().and_then(FeedSource::file).unwrap()).unwrap();
    let feed = Feed::parse(&octets).unwrap();
    opened(&mut loaded.inputs.settings);
    let required = feed.requirements();
    let static_data = compile(&loaded.inputs, &required, &mut Problems::default()).unwrap();
    snapshot(&Arc::new(static_data), Some(&feed), TIME)
}

/// The same, signed.
fn signed_example() -> Snapshot {
    let mut loaded = loaded(&project().join("cvdns.toml"));
    let octets = read_feed(loaded.feeds.first().and_then(FeedSource::file).unwrap()).unwrap();
    let feed = Feed::parse(&octets).unwrap();
    opened(&mut loaded.inputs.settings);
    let flags = Dnskey::KEY_SIGNING;
    let (pair, _) = KeyPair::generate(Algorithm::EcdsaP256Sha256, flags).unwrap();
    let zone = &mut loaded.inputs.zones[0].zones[0];
    let record = ResourceRecord {
        owner: zone.records.origin.clone(),
        rtype: rr::DNSKEY,
        ttl: 3600,
        rdata: pair.dnskey().rdata().into(),
        location: Location::file("keys"),
    };
    let key = SigningKey { dnskey: pair.dnskey().clone(), private: Arc::new(pair) };
    zone.signing = Some(Arc::new(ZoneSigning {
        key_records: vec![record],
        zone_keys: vec![key.clone()],
        key_set_keys: vec![key],
        foreign: Vec::new(),
        validity: Duration::from_secs(14 * 86_400),
    }));
    let required = feed.requirements();
    let static_data = compile(&loaded.inputs, &required, &mut Problems::default()).unwrap();
    let mut snapshot = snapshot(&Arc::new(static_data), Some(&feed), TIME);
    let now: Timestamp = TIME.parse().unwrap();
    snapshot.sign(&Signatures::default(), &SignatureStore::new(), now.as_second());
    snapshot
}

/// A zone with the longest chains of aliases.
fn chains() -> Snapshot {
    let long = format!("{0}.{0}", "a".repeat(60));
    let mut records = "@ 60 SOA ns h 1 1 1 1 1\n@ 60 NS ns\nns 60 A 192.0.2.53\n".to_owned();
    let _ = writeln!(records, "d0 60 DNAME d1.{long}\ntwo 60 CNAME one\none 60 CNAME ns");
    for link in 1..18 {
        let _ = writeln!(records, "d{link}.{long} 60 DNAME d{}.{long}", link + 1);
    }
    for link in 0..18 {
        let _ = writeln!(records, "c{link} 60 CNAME c{}", link + 1);
    }
    let zone = "format = 1\norigin = 'chain.test'\nrecords = 'zone'\n";
    let mut problems = Problems::default();
    let mut inputs = Inputs::of_zone(zone, &records, "", &mut problems).unwrap();
    opened(&mut inputs.settings);
    let static_data = compile(&inputs, &FeedRequirements::default(), &mut problems).unwrap();
    assert!(!problems.has_errors(), "{problems:?}");
    snapshot(&Arc::new(static_data), None, TIME)
}

/// A kind of answer.
struct Kind {
    what: &'static str,
    name: &'static str,
    qtype: u16,
    class: u16,
    /// Whether it may be more than three times as long as the question: an answer that is what the
    /// network is for, or as the operator has written it.
    is_known: bool,
}

const fn kind(what: &'static str, name: &'static str, qtype: u16) -> Kind {
    Kind { what, name, qtype, class: rr::IN, is_known: false }
}

const fn known(what: &'static str, name: &'static str, qtype: u16) -> Kind {
    Kind { is_known: true, ..kind(what, name, qtype) }
}

const fn chaos(what: &'static str, name: &'static str) -> Kind {
    Kind { class: rr::CH, ..kind(what, name, TXT) }
}

const KINDS: [Kind; 33] = [
    known("mirrors of a country, A", "db.us.clamav.net", A),
    known("mirrors of a country, AAAA", "db.us.clamav.net", AAAA),
    known("mirrors near the client, A", "db.local.clamav.net", A),
    known("mirrors near the client, AAAA", "db.local.clamav.net", AAAA),
    known("all mirrors of a country (`max = 0`)", "db.us.big.clamav.net", A),
    kind("the version record", "current.cvd.clamav.net", TXT),
    kind("the same by ANY", "current.cvd.clamav.net", rr::ANY),
    kind("a database's record", "main.cvd.clamav.net", TXT),
    kind("a download report", "daily.25580.105.1.0.C000020A.ping.clamav.net", A),
    kind("NODATA at a name with mirrors", "db.us.clamav.net", rr::MX),
    kind("NODATA", "de.clamav.net", A),
    kind("NXDOMAIN", "nothing.clamav.net", A),
    kind("a referral", "www.lists.clamav.net", A),
    kind("SOA", "clamav.net", rr::SOA),
    known("NS of the zone", "clamav.net", rr::NS),
    known("MX of the zone", "clamav.net", rr::MX),
    kind("TXT of the zone", "clamav.net", TXT),
    known("CAA of the zone", "clamav.net", rr::CAA),
    kind("a CNAME and its A", "www.clamav.net", A),
    kind("ANY", "clamav.net", rr::ANY),
    kind("ANY at a name with mirrors", "db.us.clamav.net", rr::ANY),
    kind("another zone (REFUSED)", "elsewhere.test", A),
    kind("a transfer (REFUSED)", "clamav.net", 252),
    kind("`_explain`", "_explain.db.local.clamav.net", TXT),
    kind("`_pool`", "_pool.db.us.clamav.net", TXT),
    kind("`_feed`", "_feed.clamav.net", TXT),
    kind("`_whoami`", "_whoami.clamav.net", TXT),
    chaos("CHAOS `version.bind`", "version.bind"),
    chaos("CHAOS `id.server`", "id.server"),
    chaos("CHAOS, anything else", "x.bind"),
    kind("two CNAMEs and an A", "two.chain.test", A),
    kind("16 CNAMEs", "c0.chain.test", A),
    kind("16 DNAMEs with long names", "x.d0.chain.test", A),
];

/// Answers of the signed zone to clients that set DO: with signatures, each is long for its
/// question. That is the price of DNSSEC, and why answers over UDP have a limit of their own.
const SIGNED: [(&str, &str, u16); 10] = [
    ("mirrors of a country, A", "db.us.clamav.net", A),
    ("mirrors of a country, AAAA", "db.us.clamav.net", AAAA),
    ("mirrors near the client, A", "db.local.clamav.net", A),
    ("the version record", "current.cvd.clamav.net", TXT),
    ("a download report", "daily.25580.105.1.0.C000020A.ping.clamav.net", A),
    ("NODATA at a name with mirrors", "db.us.clamav.net", rr::MX),
    ("NXDOMAIN", "nothing.clamav.net", A),
    ("a referral", "www.lists.clamav.net", A),
    ("DNSKEY", "clamav.net", rr::DNSKEY),
    ("ANY", "clamav.net", rr::ANY),
];

/// The most that a signed answer has over its question: NXDOMAIN has three signatures.
const SIGNED_TIMES: f64 = 14.0;

/// A client on the Internet.
struct Stranger {
    answering: Answering,
    buffer: Vec<u8>,
    cookies: Arc<CookieSecrets>,
}

impl Stranger {
    fn new() -> Self {
        Self {
            answering: Answering::new(1, || TIME.parse().unwrap()),
            buffer: vec![0; 65_535],
            cookies: Arc::new(CookieSecrets::random([5; 16])),
        }
    }

    /// The octets of a query and of its answer, and the answer.
    fn ask(&mut self, snapshot: &Snapshot, query: &Query) -> (usize, usize, Reply) {
        let query = query.build();
        self.buffer[..query.len()].copy_from_slice(&query);
        self.answering
            .begin(Moment { unix_time: 1_800_000_000, ..Moment::default() }, &self.cookies);
        let client: IpAddr = "203.0.113.77".parse().unwrap();
        let (buffer, from) = (&mut self.buffer, (client, 4711).into());
        let length = self
            .answering
            .respond(snapshot, buffer, query.len(), from, Transport::Udp)
            .expect("an answer");
        (query.len(), length, Reply::parse(&self.buffer[..length]))
    }
}

fn query(kind: &Kind) -> Query {
    Query::new(kind.name, kind.qtype).class(kind.class)
}

/// Query, answer and their ratio in tenths, without EDNS and with.
fn measured(kind: &Kind, snapshot: &Snapshot) -> [(usize, usize, f64, bool); 2] {
    let mut stranger = Stranger::new();
    [query(kind), query(kind).edns(4096)].map(|query| {
        let (asked, told, reply) = stranger.ask(snapshot, &query);
        (asked, told, told as f64 / asked as f64, reply.has(TC))
    })
}

#[test]
fn nothing_but_known_kinds_gives_more_than_three_times_the_question() {
    let (example, chains) = (example(), chains());
    let mut table =
        "| answer | question | answer | times | question with EDNS | answer | times |\n\
                     |---|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for kind in &KINDS {
        let snapshot = if kind.name.ends_with("chain.test") { &chains } else { &example };
        let _ = write!(table, "| {} |", kind.what);
        for (asked, told, times, is_truncated) in measured(kind, snapshot) {
            assert!(kind.is_known || times <= 3.0, "{}: {asked} -> {told}", kind.what);
            assert!(told <= 1232, "{}: {told}", kind.what);
            let note = if is_truncated { " (TC)" } else { "" };
            let _ = write!(table, " {asked} | {told}{note} | {times:.1} |");
        }
        table.push('\n');
    }
    table.push_str(
        "\n| answer of a signed zone, with DO | question | answer | times |\n|---|--:|--:|--:|\n",
    );
    let (signed, mut stranger) = (signed_example(), Stranger::new());
    for (what, name, qtype) in SIGNED {
        let query = Query::new(name, qtype).edns(4096).opt(|opt| opt.flags |= DO);
        let (asked, told, reply) = stranger.ask(&signed, &query);
        let times = told as f64 / asked as f64;
        assert!(times <= SIGNED_TIMES && told <= 1232, "{what}: {asked} -> {told}");
        let note = if reply.has(TC) { " (TC)" } else { "" };
        let _ = writeln!(table, "| {what} | {asked} | {told}{note} | {times:.1} |");
    }
    let path = project().join("docs/security.md");
    let page = std::fs::read_to_string(&path).expect("docs/security.md");
    let (before, rest) = page.split_once(BEGIN).expect("the table's begin");
    let (_, after) = rest.split_once(END).expect("the table's end");
    let expected = format!("{before}{BEGIN}\n{table}{END}{after}");
    if std::env::var_os("CVDNS_WRITE").is_some() {
        std::fs::write(&path, expected).unwrap();
    } else {
        assert_eq!(page, expected, "CVDNS_WRITE=1 writes the table anew");
    }
}

/// The kinds that are cut would be long otherwise: whoever has a cookie gets them.
#[test]
fn with_a_cookie_each_answer_is_whole() {
    let (example, chains) = (example(), chains());
    for (name, qtype, least) in [
        ("_explain.db.local.clamav.net", TXT, 300),
        ("_pool.db.us.clamav.net", TXT, 300),
        ("_feed.clamav.net", TXT, 100),
        ("x.d0.chain.test", A, 2000),
        ("c0.chain.test", A, 250),
    ] {
        let snapshot = if name.ends_with("chain.test") { &chains } else { &example };
        let mut stranger = Stranger::new();
        let with = |cookie: &[u8]| Query::new(name, qtype).edns(4096).option(rr::COOKIE, cookie);
        let (_, _, first) = stranger.ask(snapshot, &with(&[1; 8]));
        assert!(first.has(TC), "{name}");
        let cookie = first.option(rr::COOKIE).expect("a cookie").to_vec();
        let (_, told, second) = stranger.ask(snapshot, &with(&cookie));
        assert!(!second.has(TC) && told > least, "{name}: {told}");
    }
}
