//! BIND, Knot and NSD answer from an export as the server does from its configuration.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::checkers::country_zones;
use super::exporting::{export, project};
use super::servers::{knotd, named, nsd};
use crate::support::client::{Client, Transport};
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::{AA, Query, TC};
use crate::support::reply::{Record, Reply, sets};
use crate::support::tools::{Peer, output};
use crate::support::{half_hour, rr};

pub(crate) const TYPES: [u16; 7] = [rr::A, rr::AAAA, rr::TXT, rr::NS, rr::SOA, rr::MX, rr::CNAME];

/// How often the server is asked for all addresses of a pool: windows turn, and each address is in
/// many.
const PATIENCE: usize = 2000;

/// What must be the same, but for the SOA's serial.
#[derive(PartialEq, Eq, Debug, Clone)]
pub(crate) struct Outcome {
    rcode: u16,
    authoritative: bool,
    /// Each record once.
    answer: BTreeSet<Record>,
    /// The SOA of a negative answer, or a referral's NS.
    authority: BTreeSet<Record>,
    /// A referral's addresses of name servers.
    glue: BTreeSet<Record>,
}

impl Outcome {
    pub(crate) fn asked(port: u16, query: &Query) -> Self {
        let client = Client { port };
        let ask = |transport| {
            let bytes = client.exchange(transport, &query.build());
            let bytes = bytes.unwrap_or_else(|| panic!("no answer to {query:?}"));
            Reply::walk(&bytes).unwrap_or_else(|error| panic!("{error} in {bytes:02x?}"))
        };
        let reply = ask(Transport::Udp4);
        let reply = if reply.has(TC) { ask(Transport::Tcp4) } else { reply };
        let is_soa = |record: &Record| record.rtype == rr::SOA;
        let is_no_data = reply.rcode() == 0 && !reply.answer.iter().any(is_soa);
        let record = |record: &Record| {
            let mut record = record.folded();
            if record.rtype == rr::SOA {
                let at = record.rdata.len() - 20;
                record.rdata[at..at + 4].fill(0);
                // NODATA at names with mirrors is shorter than a zone file can have it.
                if is_no_data {
                    record.ttl = 0;
                }
            }
            record
        };
        // A referral is what has NS in the authority section and no answer; positive answers have
        // it as they like.
        let is_referral =
            reply.answer.is_empty() && !reply.authority.iter().any(|r| r.rtype == rr::SOA);
        let authority = reply.authority.iter().filter(|r| r.rtype == rr::SOA || is_referral);
        let glue = reply.additional.iter().filter(|_| is_referral && !reply.authority.is_empty());
        Self {
            rcode: reply.rcode(),
            authoritative: reply.has(AA),
            answer: sets(&reply.answer).concat().iter().map(record).collect(),
            authority: authority.map(record).collect(),
            glue: glue.map(record).collect(),
        }
    }
}

/// What the server answers, asked until its answers together are as much as `whole` has, or it is
/// clear that they never are. Where some addresses are in every answer and others fill it up, an
/// export has one of the answers.
pub(crate) fn gathered(port: u16, query: &Query, whole: &Outcome) -> Outcome {
    let mut all = Outcome::asked(port, query);
    let mut every = all.answer.clone();
    for _ in 0..PATIENCE {
        if all.answer == whole.answer {
            break;
        }
        let one = Outcome::asked(port, query);
        every.retain(|record| one.answer.contains(record));
        if one == *whole && !every.is_empty() {
            return one;
        }
        if every.is_empty() && !all.answer.is_subset(&whole.answer) {
            break;
        }
        all.answer.extend(one.answer);
    }
    all
}

/// All names that are asked: `db.XY` for everything that could be a country, and what else a zone
/// may have.
fn names(more: &[&str]) -> Vec<String> {
    let letters = || (b'a'..=b'z').map(char::from);
    let codes = letters().flat_map(|a| letters().map(move |b| format!("{a}{b}")));
    codes
        .flat_map(|code| ["", ".big", ".ipv6"].map(|end| format!("db.{code}{end}.clamav.net")))
        .chain(more.iter().map(|name| (*name).to_owned()))
        .collect()
}

/// Asks all of them everything, and compares with the server.
fn compare(ours: &Daemon, peers: &[(&str, Peer)], more: &[&str]) {
    let (mut wrong, mut asked) = (Vec::new(), 0);
    for name in names(more) {
        // Most of all those names are not there: two types say so.
        let is_country = name.starts_with("db.");
        for qtype in
            TYPES.iter().copied().filter(|qtype| !is_country || [rr::A, rr::AAAA].contains(qtype))
        {
            let query = Query::new(&name, qtype).edns(4096);
            let first = Outcome::asked(peers[0].1.port, &query);
            let our = gathered(ours.port(), &query, &first);
            asked += 1;
            for (peer, server) in peers {
                let their = Outcome::asked(server.port, &query);
                if their != our {
                    wrong.push(format!("{name} {qtype}: {peer}\n  {their:?}\n  cvdns {our:?}"));
                }
            }
        }
    }
    assert!(asked > 4000, "{asked}");
    assert!(
        wrong.is_empty(),
        "{} of {asked} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n")
    );
}

/// Exports and compares, before and after a feed changes; once more if a stamp came between.
fn follow(config: &str, feeds: &[String; 2], more: &[&str]) {
    let files = Files::default().with("cvdns.toml", config).with("feed.json", feeds[0].clone());
    let ours = Daemon::start(&files);
    let out = tempfile::tempdir().expect("a directory");
    let config = ours.path().join("cvdns.toml");
    for (round, feed) in feeds.iter().enumerate() {
        if round > 0 {
            let before = ours.log().len();
            ours.write_feed(feed);
            ours.wait_for_log(before, &["is in force"]);
        }
        loop {
            let started = half_hour();
            export(&config, out.path(), &[]);
            let peers = [
                ("BIND", named(out.path(), "")),
                ("Knot", knotd(out.path())),
                ("NSD", nsd(out.path())),
            ];
            let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                compare(&ours, &peers, more);
            }));
            match compared {
                Ok(()) => break,
                Err(failure) if half_hour() == started => std::panic::resume_unwind(failure),
                Err(_) => {}
            }
        }
    }
}

fn config(zone: &Path, more: &str) -> String {
    let database = project().join("geoip/country.mmdb");
    format!(
        "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n[[zone]]\nfile = '{}'\n\
         [geoip]\ndatabase = '{}'\n[feed]\nsource = \"feed.json\"\nmax-age = \"876000h\"\n{more}",
        zone.display(),
        database.display()
    )
}

const OF_EXAMPLE: &[&str] = &[
    "clamav.net",
    "ns1.clamav.net",
    "ns2.clamav.net",
    "mx1.clamav.net",
    "www.clamav.net",
    "_dmarc.clamav.net",
    "lists.clamav.net",
    "a.lists.clamav.net",
    "ns.lists.clamav.net",
    "db.local.clamav.net",
    "database.clamav.net",
    "db.europe.clamav.net",
    "db.america.clamav.net",
    "db.asia.clamav.net",
    "db.other.clamav.net",
    "db.local.win.clamav.net",
    "current.cvd.clamav.net",
    "current.cvd.win.clamav.net",
    "main.cvd.clamav.net",
    "daily.cvd.clamav.net",
    "bytecode.cvd.clamav.net",
    "test.cvd.clamav.net",
    "none.cvd.clamav.net",
    "cvd.clamav.net",
    "win.clamav.net",
    "de.clamav.net",
    "big.clamav.net",
    "db.clamav.net",
    "ping.clamav.net",
    "x.ping.clamav.net",
    "daily.25580.105.1.0.6810DA54.ping.clamav.net",
    "nowhere.clamav.net",
    "a.b.nowhere.clamav.net",
    "CLAMAV.Net",
];

#[test]
fn the_example_is_answered_alike_everywhere() {
    let feed = std::fs::read_to_string(project().join("feed.json")).expect("the feed");
    // Another serial, a new database, a country that is down as a whole, one that comes back.
    let next = feed
        .replace("1763800000", "1763800600")
        .replace("\"test\": 6", "\"test\": 7, \"more\": 1")
        .replace(
            "\"clamav.jp.example.net\": { \"state\": \"up\"",
            "\"clamav.jp.example.net\": { \"state\": \"down\"",
        )
        .replace("\"state\": \"removed\"", "\"state\": \"up\"");
    assert!(next.matches("\"down\"").count() > feed.matches("\"down\"").count());
    let more: Vec<&str> = OF_EXAMPLE.iter().copied().chain(["more.cvd.clamav.net"]).collect();
    follow(&config(&project().join("zones/clamav.net.toml"), ""), &[feed, next], &more);
}

#[test]
fn the_network_of_2006_is_answered_alike_everywhere() {
    let hosts: Vec<String> =
        std::fs::read_to_string(project().join("tests/fixtures/mirrors-2006/mirrors.toml"))
            .expect("the fleet")
            .lines()
            .filter_map(|line| line.split_once("host")?.1.split('"').nth(1).map(str::to_owned))
            .collect();
    assert!(hosts.len() > 100, "{}", hosts.len());
    let feed = |serial: u64, state: &dyn Fn(usize) -> &'static str| {
        let mirrors: Vec<String> = hosts
            .iter()
            .enumerate()
            .map(|(number, host)| format!("\"{host}\": {{ \"state\": \"{}\" }}", state(number)))
            .collect();
        format!(
            "{{\"format\":1,\"serial\":{serial},\"generated\":\"2026-11-22T17:00:00Z\",\"mirrors\":{{{}}}}}",
            mirrors.join(",")
        )
    };
    // A third of the mirrors, then everything: answered as if all were up, for 30 seconds.
    let third = feed(1, &|number| if number % 3 == 0 { "down" } else { "up" });
    let all = feed(2, &|_| "down");
    let zone = project().join("tests/fixtures/mirrors-2006/zone.toml");
    follow(
        &config(&zone, "max-loss = 1.0\n[record]\nquorum = 0\n"),
        &[third, all],
        &["clamav.net", "db.local.clamav.net", "nowhere.clamav.net"],
    );
}

/// Every type that master files may hold comes back octet by octet from BIND.
#[test]
fn every_type_is_exported_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let zones = [
        ("corner.test", include_str!("../static_zones/corner.test.zone")),
        ("kid.corner.test", include_str!("../static_zones/kid.corner.test.zone")),
        ("apex.test", include_str!("../static_zones/apex.test.zone")),
        ("types.test", include_str!("../static_zones/types.test.zone")),
        ("rare.test", include_str!("../static_zones/rare.test.zone")),
        ("rarer.test", include_str!("../static_zones/rarer.test.zone")),
    ];
    let mut config =
        String::from("[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\n");
    let mut files = Files::default();
    for (origin, text) in zones {
        let _ = writeln!(config, "[[zone]]\nfile = \"{origin}.toml\"");
        let zone = format!("format = 1\norigin = \"{origin}\"\nrecords = \"{origin}.zone\"\n");
        files = files.with(&format!("{origin}.toml"), zone).with(&format!("{origin}.zone"), text);
    }
    let ours = Daemon::start(&files.with("cvdns.toml", config));
    let out = dir.path().join("out");
    export(&ours.path().join("cvdns.toml"), &out, &[]);
    let named = named(&out, "");
    let mut asked = 0;
    for (origin, _) in zones {
        // The names and types as BIND has them: its own dump of the zone.
        let file = out.join(format!("current/zones/{origin}.zone"));
        let dump = output(
            crate::support::tools::tool("named-compilezone")
                .args([
                    "-i", "none", "-k", "ignore", "-m", "ignore", "-M", "ignore", "-S", "ignore",
                    "-n", "ignore",
                ])
                .args(["-o", "-", origin])
                .arg(file),
        );
        let mut owners: BTreeSet<(&str, &str)> = BTreeSet::new();
        for line in dump.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let [owner, _, "IN", rtype, ..] = words[..] {
                owners.insert((owner, rtype));
            }
        }
        for (owner, rtype) in owners {
            let query = Query::new(owner, rr::number(rtype)).edns(4096);
            // Which glue servers add to a referral is compared elsewhere
            // (tests/interop/static_zones).
            let of = |port| Outcome { glue: BTreeSet::new(), ..Outcome::asked(port, &query) };
            assert_eq!(of(named.port), of(ours.port()), "{owner} {rtype}");
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
}

/// Zones that are served below another one are delegated in its export: the names between exist,
/// and DS is asked above.
#[test]
fn zones_below_zones_are_answered_alike() {
    let ours = Daemon::start(&country_zones());
    let out = ours.path().join("out");
    export(&ours.path().join("cvdns.toml"), &out, &[]);
    let named = named(&out, "");
    for name in [
        "clam.test",
        "de.clam.test",
        "db.de.clam.test",
        "six.db.de.clam.test",
        "ns.db.uk.clam.test",
        "none.db.fr.clam.test",
        "zz.clam.test",
        "db.zz.clam.test",
        "db.clam.test",
        "gone.clam.test",
        "a.gone.clam.test",
    ] {
        for qtype in [rr::A, rr::AAAA, rr::NS, rr::SOA, rr::DS, rr::TXT] {
            let query = Query::new(name, qtype).edns(4096);
            let (their, our) =
                (Outcome::asked(named.port, &query), Outcome::asked(ours.port(), &query));
            assert_eq!(their, our, "{name} {qtype}");
        }
    }
}
