//! A static zone is answered as BIND and Knot answer it.
//!
//! The three servers serve the same zone files at once. Compared are the response code, AA, TC, the
//! answer, the SOA of negative answers, and a referral's NS and glue. Left out is what servers are
//! free to add: the NS of positive answers, other additional records, and ANY (RFC 8482).

use crate::support;

mod cases;
mod entries;
mod large;

use cases::{CASES, Case, Right};
use std::fmt::Write as _;
use support::client::{Client, Transport};
use support::daemon::{Daemon, Files};
use support::packet::{AA, Query, TC};
use support::reply::{Record, Reply, sets};
use support::rr;
use support::tools::Peer;

type Zones<'z> = [(&'z str, &'z str)];

const ZONES: &Zones<'static> = &[
    ("corner.test", include_str!("corner.test.zone")),
    ("kid.corner.test", include_str!("kid.corner.test.zone")),
    ("apex.test", include_str!("apex.test.zone")),
    ("types.test", include_str!("types.test.zone")),
];

const RARE_ZONES: &Zones<'static> = &[("rare.test", include_str!("rare.test.zone"))];

const RARER_ZONES: &Zones<'static> = &[("rarer.test", include_str!("rarer.test.zone"))];

#[test]
fn answers_as_bind_and_knot_do() {
    compare("auto", ZONES, all());
}

#[test]
fn portable_udp_answers_as_bind_and_knot_do() {
    compare("portable", ZONES, all());
}

/// A zone that was signed elsewhere: what proves that names do not exist is asked for by some (RFC
/// 4034, 5155).
const SIGNED_ZONES: &Zones<'static> = &[("denial.test", include_str!("denial.test.zone"))];

#[test]
fn records_of_denial_are_answered_as_bind_and_knot_do() {
    const HASH: &str = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.denial.test";
    const OTHER: &str = "2t7b4g4vsa5smi47k61mv5bv1a22bojr.denial.test";
    let cases = [
        ("alias.denial.test", "A", "RFC 1034, 3.6.2"),
        ("alias.denial.test", "NSEC", "RFC 4035, 2.5: NSEC stands beside a CNAME"),
        ("alias.denial.test", "RRSIG", "RFC 4035, 2.5: so do signatures"),
        ("plain.denial.test", "NSEC", "RFC 4035, 2.5: there is none beside this one"),
        ("plain.denial.test", "RRSIG", "RFC 4035, 2.5: nor a signature"),
        (HASH, "A", "RFC 5155, 7.2.8"),
        (HASH, "NSEC3", "RFC 5155, 7.2.8"),
        (HASH, "RRSIG", "RFC 5155, 7.2.8"),
        (OTHER, "A", "RFC 5155, 7.2.8: other records are there too"),
    ];
    let cases = cases.map(|(name, qtype, rule)| Asked {
        name: name.to_owned(),
        qtype,
        rule,
        right: Right::Both,
    });
    compare("auto", SIGNED_ZONES, cases.into());
}

/// "Any RR type" of the contract: all that BIND and Knot take by their names, as operators write
/// them.
#[test]
fn rare_types_are_answered_as_bind_and_knot_do() {
    for udp in ["auto", "portable"] {
        compare(udp, RARE_ZONES, records(RARE_ZONES[0].1));
    }
}

/// Those that BIND alone takes by their names. Their data are never compressed (RFC 3597, 4), so
/// that there is no second opinion to be had of how they are answered.
#[test]
fn rarer_types_are_answered_as_bind_does() {
    let named = Peer::named(RARER_ZONES);
    let ours = Daemon::start(&files("auto", RARER_ZONES));
    for Asked { name, qtype, .. } in records(RARER_ZONES[0].1) {
        let query = Query::new(&name, rr::number(qtype)).edns(1232);
        let (bind, our) = (Outcome::asked(named.port, &query), Outcome::asked(ours.port(), &query));
        assert_eq!(bind.answer.len(), 1, "{name}: {bind:?}");
        assert_eq!(our, bind, "{name} {qtype}");
    }
}

/// Asks for each record of a zone file whose lines are `OWNER IN TYPE DATA`, but for its
/// delegations.
fn records(zone: &'static str) -> Vec<Asked> {
    let origin = zone.lines().find_map(|line| line.strip_prefix("$ORIGIN ")).expect("an origin");
    let asked = |line: &'static str| {
        let [owner, "IN", qtype] = line.split_whitespace().take(3).collect::<Vec<_>>()[..] else {
            return None;
        };
        if qtype == "NS" {
            return None;
        }
        let name = if owner == "@" { origin.to_owned() } else { format!("{owner}.{origin}") };
        Some(Asked { name, qtype, rule: "FORMATS.md: any RR type", right: Right::Both })
    };
    zone.lines().filter_map(asked).collect()
}

/// What must be the same on all servers.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    rcode: u16,
    authoritative: bool,
    truncated: bool,
    /// Record sets in the order of the chain.
    answer: Vec<Vec<Record>>,
    /// The SOA of a negative answer, or a referral's NS.
    authority: Vec<Vec<Record>>,
    /// A referral's addresses of name servers.
    glue: Vec<Record>,
}

impl Outcome {
    /// Without hickory-proto's opinion: it refuses records without rdata, which RFC 3597 allows.
    fn asked(port: u16, query: &Query) -> Self {
        let bytes = Client { port }.exchange(Transport::Udp4, &query.build());
        let bytes = bytes.unwrap_or_else(|| panic!("no answer to {query:?}"));
        Self::of(&Reply::walk(&bytes).unwrap_or_else(|error| panic!("{error} in {bytes:02x?}")))
    }

    fn of(reply: &Reply) -> Self {
        let soa = sets(&reply.authority).into_iter().filter(|set| set[0].rtype == rr::SOA);
        // A referral is what has NS in the authority section and neither AA nor, unless a CNAME led
        // there, an answer.
        let leads = reply.answer.last().is_none_or(|last| last.rtype == rr::CNAME);
        let ns = sets(&reply.authority).into_iter().filter(|set| set[0].rtype == rr::NS && leads);
        let authority: Vec<Vec<Record>> = soa.chain(ns).collect();
        let mut glue: Vec<Record> = Vec::new();
        if authority.iter().any(|set| set[0].rtype == rr::NS) {
            glue = reply.additional.iter().map(Record::folded).collect();
            glue.sort();
        }
        Self {
            rcode: reply.rcode(),
            authoritative: reply.has(AA),
            truncated: reply.has(TC),
            answer: sets(&reply.answer),
            authority,
            glue,
        }
    }
}

struct Asked {
    name: String,
    qtype: &'static str,
    rule: &'static str,
    right: Right,
}

fn table(cases: &'static [Case]) -> impl Iterator<Item = Asked> {
    let asked = |case: &Case| Asked {
        name: case.name.to_owned(),
        qtype: case.qtype,
        rule: case.rule,
        right: case.right,
    };
    cases.iter().map(asked)
}

fn all() -> Vec<Asked> {
    let long = cases::long().into_iter();
    table(CASES)
        .chain(long.map(|(name, qtype, rule, right)| Asked { name, qtype, rule, right }))
        .collect()
}

fn compare(udp: &str, zones: &Zones<'_>, cases: Vec<Asked>) {
    let named = Peer::named(zones);
    let knotd = Peer::knotd(zones);
    let ours = Daemon::start(&files(udp, zones));
    let mut report = String::new();
    let mut wrong = 0;
    let count = cases.len();
    for asked in cases {
        let query = Query::new(&asked.name, rr::number(asked.qtype)).edns(1232);
        let outcome = |port| Outcome::asked(port, &query);
        let peer = |port| {
            let mut outcome = outcome(port);
            outcome.answer.iter_mut().for_each(Vec::dedup);
            outcome
        };
        let (bind, knot, our) = (peer(named.port), peer(knotd.port), outcome(ours.port()));
        let agree = bind == knot;
        let expected = match asked.right {
            Right::Both if !agree => Err("BIND and Knot disagree; say who is right and why"),
            Right::Bind(_) | Right::Knot(_) if agree => Err("BIND and Knot agree here after all"),
            Right::Both | Right::Bind(_) => Ok(&bind),
            Right::Knot(_) => Ok(&knot),
        };
        if expected != Ok(&our) {
            wrong += 1;
            let Asked { name, qtype, rule, right } = asked;
            let what = expected.err().unwrap_or("cvdns differs");
            let _ = writeln!(report, "\n{name} {qtype} ({rule}) {right:?}: {what}");
            let _ = writeln!(report, "  BIND  {bind:?}\n  Knot  {knot:?}\n  cvdns {our:?}");
        }
    }
    assert!(wrong == 0, "{wrong} of {count} cases differ:\n{report}");
}

fn files(udp: &str, zones: &Zones<'_>) -> Files {
    let mut config = format!(
        "[server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\nworkers = 1\nudp = \"{udp}\"\n"
    );
    let mut files = Files::default();
    for &(origin, text) in zones {
        let _ = writeln!(config, "[[zone]]\nfile = \"{origin}.toml\"");
        let zone = format!("format = 1\norigin = \"{origin}\"\nrecords = \"{origin}.zone\"\n");
        files = files.with(&format!("{origin}.toml"), zone).with(&format!("{origin}.zone"), text);
    }
    files.with("cvdns.toml", config)
}
