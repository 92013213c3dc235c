//! Every kind of answer that a signed zone gives, positive and negative, and what each must say.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use cvdns_core::answer::Transport;
use cvdns_core::health::Feed;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::inputs::Inputs;

use super::checked::{Checker, Network, respond};
use super::judge::{Judge, Verdict};
use super::keys::{ED25519_CSK, P256_SPLIT, Scheme, TWO_ALGORITHMS};
use super::names::DnsName;
use crate::support::packet::{DO, Query};
use crate::support::reply::Reply;
use crate::support::rr;

const TIME: &str = "2026-11-22T17:05:00Z";

const ZONE: &str = r#"
format = 1
origin = "z.test"
records = "z"
mirrors = "mirrors"
[answer]
min = 1
[[name]]
owner = "pool"
pool = "world"
[[name]]
owner = "*.wp"
pool = "world"
[[name]]
owner = "a.m"
pool = "world"
[[name]]
owner = "both.wp"
pool = "pool:both"
[[name]]
owner = "only6"
pool = "world"
types = ["AAAA"]
[[name]]
owner = "current.cvd"
txt = "record"
[[name]]
owner = "*.ping"
ping = true
"#;

/// A mirror with IPv4 alone.
const MIRRORS: &str = r#"
[[mirror]]
host = "m4"
country = "DE"
ipv4 = ["192.0.2.10", "192.0.2.11"]
pools = ["both"]
"#;

const RECORDS: &str = r#"
$TTL 300
@ SOA ns.example.net. host.example.net. 1 3600 900 604800 120
@ NS ns.example.net.
@ MX 10 mx
@ MX 20 MX2.Example.NET.
@ A 192.0.2.1
@ TXT "b" "a"
@ TXT "a"
@ TXT "ab"
mx A 192.0.2.2
srv SRV 0 0 80 Host.Example.NET.
a.deep.ent TXT "x"
*.w A 192.0.2.3
*.w TXT "w"
c.y.w A 192.0.2.4
alias CNAME mx
far CNAME MX.Example.NET.
dangling CNAME nothing
toent CNAME ent
towild CNAME foo.w
topool CNAME pool
towp CNAME x.wp
*.aw CNAME mx
*.cw CNAME foo.w
*.nx CNAME nothing.here
*.m CNAME a.m
*.ts CNAME x.a.ts
a.ts NS ns.example.net.
*.tz CNAME x.a.tz
a.tz NS ns.example.net.
a.tz DS 1 13 2 00000000000000000000000000000000000000000000000000000000000000AA
d DNAME w
dn DNAME nowhere
dp DNAME wp
dm DNAME m
dd DNAME d
long DNAME LONG
sub NS ns.sub
ns.sub A 192.0.2.5
sec NS ns.example.net.
sec DS 1 13 2 00000000000000000000000000000000000000000000000000000000000000BB
tosub CNAME x.sub
tosec CNAME x.sec
loop1 CNAME loop2
loop2 CNAME loop1
tochild CNAME www.child
child NS ns.example.net.
child DS 2 13 2 00000000000000000000000000000000000000000000000000000000000000CC
plain NS ns.example.net.
"#;

const CHILD: &str = "$TTL 300\n@ SOA ns.example.net. host.example.net. 1 3600 900 604800 120\n\
                     @ NS ns.example.net.\nwww A 192.0.2.6\n*.wild MX 10 www\n";

const FEED: &str = r#"{"format":1,"serial":1,"generated":"2026-11-22T17:00:00Z",
"release":{"software":"1.4.6","main":63,"daily":100,"bytecode":339,"flevel":90},
"mirrors":{"m4":{"state":"up","daily":100}}}"#;

fn of_zone(zone: &str, records: &str, mirrors: &str) -> Inputs {
    let mut problems = Problems::default();
    let inputs = Inputs::of_zone(zone, records, mirrors, &mut problems);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    // The zone has a circle of aliases.
    assert!(problems.iter().all(|problem| problem.contains("leads back")), "{problems:?}");
    inputs.unwrap()
}

/// The zone with a signed zone and another one below it.
pub(super) fn network(scheme: Scheme) -> Network {
    let long = [&*"a".repeat(60); 4].join(".");
    let mut inputs = of_zone(ZONE, &RECORDS.replace("LONG", &long), MIRRORS);
    for child in ["child", "plain"] {
        let zone = format!("format = 1\norigin = \"{child}.z.test\"\nrecords = \"c\"\n");
        inputs.zones.extend(of_zone(&zone, CHILD, "").zones);
    }
    let feed = Feed::parse(FEED.as_bytes()).unwrap();
    let plain = DnsName::parse("plain.z.test");
    Network::new(&mut inputs, Some(&feed), TIME, scheme, |zone| *zone != plain).unwrap()
}

/// Name, below `z.test`, and type; what must be said; how many aliases lead there.
const CASES: &str = "
@ A: Answer 0
@ MX: Answer 0
@ TXT: Answer 0
@ SOA: Answer 0
@ NS: Answer 0
@ DNSKEY: Answer 0
@ CDS: Answer 0
@ CDNSKEY: Answer 0
@ NSEC: Answer 0
@ ANY: Answer 0
@ AAAA: NoData 0
@ DS: NoData 0
srv SRV: Answer 0
mx A: Answer 0
mx AAAA: NoData 0
mx DNSKEY: NoData 0
mx NSEC: Answer 0
mx ANY: Answer 0
ent A: NoData 0
ent ANY: NoData 0
ent NSEC: NoData 0
deep.ent A: NoData 0
nothing A: NxDomain 0
zzzz A: NxDomain 0
0 A: NxDomain 0
\\000 A: NxDomain 0
x.y.z.nothing A: NxDomain 0
x.mx A: NxDomain 0
nothing NSEC: NxDomain 0
x.ent A: NxDomain 0
x.deep.ent A: NxDomain 0
x.w A: Answer 0
X.W TXT: Answer 0
*.w A: Answer 0
*.w MX: NoData 0
x.x.w A: Answer 0
x.w MX: NoData 0
x.x.w MX: NoData 0
x.w ANY: Answer 0
x.w NSEC: Answer 0
x.wp NSEC: Answer 0
y.w A: NoData 0
x.y.w A: NxDomain 0
x.c.y.w A: NxDomain 0
w A: NoData 0
pool A: Answer 0
pool AAAA: NoData 0
pool TXT: NoData 0
pool ANY: Answer 0
pool NSEC: Answer 0
x.pool A: NxDomain 0
x.wp A: Answer 0
x.wp AAAA: NoData 0
x.wp TXT: NoData 0
zz.wp AAAA: NoData 0
a.b.wp AAAA: NoData 0
*.wp A: Answer 0
*.wp AAAA: NoData 0
both.wp AAAA: NoData 0
x.both.wp AAAA: NxDomain 0
only6 AAAA: NoData 0
only6 A: NoData 0
only6 ANY: NoData 0
a.m AAAA: NoData 0
current.cvd TXT: Answer 0
current.cvd A: NoData 0
current.cvd ANY: Answer 0
daily.1.2.1.0.a.ping A: Answer 0
x.ping TXT: NoData 0
ping A: NoData 0
alias A: Answer 1
alias AAAA: NoData 1
alias CNAME: Answer 0
alias ANY: Answer 0
alias NSEC: Answer 0
far A: Elsewhere 1
dangling A: NxDomain 1
toent A: NoData 1
towild A: Answer 1
towild MX: NoData 1
topool A: Answer 1
topool AAAA: NoData 1
topool TXT: NoData 1
towp A: Answer 1
towp AAAA: NoData 1
x.aw A: Answer 1
x.aw AAAA: NoData 1
x.aw CNAME: Answer 0
x.cw A: Answer 1
x.cw MX: NoData 1
x.nx A: NxDomain 1
z.m A: Answer 1
z.m AAAA: NoData 1
0.m AAAA: NoData 1
z.m TXT: NoData 1
b.ts A: Insecure 1
b.tz A: Secure 1
x.d A: Answer 1
x.d MX: NoData 1
y.d A: NoData 1
x.y.d A: NxDomain 1
x.d CNAME: Answer 0
x.d NSEC: Answer 1
d DNAME: Answer 0
d A: NoData 0
x.dn A: NxDomain 1
x.dp A: Answer 1
x.dp AAAA: NoData 1
z.dm A: Answer 2
z.dm AAAA: NoData 2
x.dd A: Answer 2
aaaaaaaaaaaaaaaaaaaa.long A: TooLong 0
sub A: Insecure 0
sub NS: Insecure 0
sub NSEC: Insecure 0
sub DS: NoData 0
x.sub A: Insecure 0
ns.sub A: Insecure 0
x.sub DS: Insecure 0
sec A: Secure 0
sec DS: Answer 0
x.sec A: Secure 0
tosub A: Insecure 1
tosec A: Secure 1
loop1 A: Elsewhere 2
tochild A: Elsewhere 1
child DS: Answer 0
child NS: Answer 0
child MX: NoData 0
www.child A: Answer 0
x.child A: NxDomain 0
x.wild.child MX: Answer 0
x.wild.child A: NoData 0
plain DS: NoData 0
";

/// The cases: name, type, verdict as text, links.
pub(super) fn cases() -> impl Iterator<Item = (String, u16, &'static str, usize)> {
    CASES.trim().lines().map(|line| {
        let (question, wanted) = line.split_once(": ").unwrap();
        let (name, rtype) = question.split_once(' ').unwrap();
        let (verdict, links) = wanted.split_once(' ').unwrap();
        let name = if name == "@" { "z.test".to_owned() } else { format!("{name}.z.test") };
        (name, rr::number(rtype), verdict, links.parse().unwrap())
    })
}

#[track_caller]
fn all_kinds_are_secure(scheme: Scheme) {
    let network = network(scheme);
    let mut checker = Checker::new(&network);
    let mut wrong = Vec::new();
    for (name, qtype, verdict, links) in cases() {
        match checker.ask(&name, qtype) {
            Ok(judged) if format!("{:?}", judged.verdict) == verdict && judged.links == links => {}
            other => wrong.push(format!("{name} TYPE{qtype}: {other:?}, not {verdict} {links}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    checker.finish();
}

#[test]
fn rfc4035_5_every_kind_of_answer_is_secure() {
    all_kinds_are_secure(P256_SPLIT);
}

#[test]
fn rfc4035_2_2_every_kind_of_answer_is_secure_by_two_algorithms() {
    all_kinds_are_secure(TWO_ALGORITHMS);
}

/// RFC 2181 section 9, RFC 4035 section 3.1: what does not fit is truncated, and whatever fits is
/// whole.
#[test]
fn answers_over_udp_are_whole_or_truncated() {
    let network = network(TWO_ALGORITHMS);
    let mut judge = Judge::new(network.trust.clone());
    let mut truncated = 0;
    for (name, qtype, verdict, _) in cases() {
        for size in [512, 700, 1232, 4096] {
            let query = Query::new(&name, qtype).edns(size).opt(|opt| opt.flags |= DO);
            let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let packet = respond(&network.signed, &query, 0, client, Transport::Udp);
            assert!(packet.len() <= usize::from(size.min(1232)), "{name} TYPE{qtype}");
            let judged = judge.judge(&packet).unwrap_or_else(|why| panic!("{name}: {why}"));
            if judged.verdict == Verdict::Truncated {
                truncated += 1;
            } else {
                assert_eq!(format!("{:?}", judged.verdict), verdict, "{name} TYPE{qtype}");
            }
        }
    }
    assert!(truncated > 50, "{truncated}");
}

/// Signatures alone are refused, with the reason (RFC 8914).
#[test]
fn signatures_alone_are_refused_with_the_reason() {
    let network = network(ED25519_CSK);
    let mut judge = Judge::new(network.trust.clone());
    for name in ["z.test", "mx.z.test", "x.w.z.test", "pool.z.test", "alias.z.test"] {
        let query = Query::new(name, super::rrsets::RRSIG).edns(1232).opt(|opt| opt.flags |= DO);
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let packet = respond(&network.signed, &query, 0, client, Transport::Udp);
        let judged = judge.judge(&packet).unwrap();
        assert_eq!(judged.verdict, Verdict::Code(rr::REFUSED), "{name}");
        let ede = Reply::parse(&packet).option(rr::EDE).map(<[u8]>::to_vec);
        assert!(ede.is_some_and(|ede| ede.len() > 2), "{name}");
    }
}

/// What lies in an unsigned zone below a signed one is answered as if DO were not set (RFC 4035
/// section 3.1).
#[test]
fn an_unsigned_zone_below_is_answered_without_signatures() {
    let network = network(ED25519_CSK);
    for (name, qtype) in [("www.plain.z.test", 1), ("x.plain.z.test", 1), ("plain.z.test", 15)] {
        let query = Query::new(name, qtype).edns(1232).opt(|opt| opt.flags |= DO);
        let ask = |snapshot| {
            let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
            respond(snapshot, &query, 0, client, Transport::Udp)
        };
        assert_eq!(ask(&network.signed), ask(&network.plain), "{name}");
    }
}

/// RFC 1035 section 4.1.4: pointers have 14 bits, and the proof of a wildcard's answer may stand
/// behind more octets than that.
#[test]
fn the_proof_behind_a_long_answer_has_its_owners_written_out() {
    let mut records = CHILD.to_owned();
    for number in 0..900 {
        writeln!(records, "*.many MX 10 t{number}.host.z.test.").unwrap();
    }
    let zone = "format = 1\norigin = \"z.test\"\nrecords = \"z\"\n";
    let mut inputs = of_zone(zone, &records, "");
    let network = Network::new(&mut inputs, None, TIME, ED25519_CSK, |_| true).unwrap();
    let mut checker = Checker::new(&network);
    let judged = checker.ask("a.many.z.test", rr::MX).unwrap();
    assert_eq!(judged.verdict, Verdict::Answer);
    checker.finish();
}
