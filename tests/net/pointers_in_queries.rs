//! Queries that carry compression pointers where the answer is going to be written: in options, in
//! other records, behind names whose labels repeat. Whatever is in them, the answer is the plain
//! one (RFC 1035 section 4.1.4).

use crate::support::client::{ALL, Transport, receive};
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::{Opt, Query};
use crate::support::reply::Reply;
use crate::support::{name, rr};

const ZONE: &str = "\
$TTL 300
@        SOA   ns1 root 1 3600 900 1209600 300
@        NS    ns1
ns1      A     192.0.2.1
old      DNAME new
deep     DNAME a.a.a.a.new
www.new  A     192.0.2.2
img      CNAME cdn.cdn.example.net.
in       CNAME in.in.new
in.in.new A    192.0.2.3
loop     CNAME loop.loop
loop.loop CNAME loop.loop.loop
loop.loop.loop CNAME loop
cut      NS    ns.ns.cut
ns.ns.cut A    192.0.2.4
tocut    CNAME x.x.cut
none     CNAME no.no.such
a        MX    10 mail
b        MX    10 smtp.smtp
c        MX    10 c.c.c
mail     A     192.0.2.5
smtp.smtp A    192.0.2.6
*.wild   CNAME wild.wild.wild
";

/// Names whose answers are written record by record, or by templates with runs of labels.
const NAMES: [&str; 14] = [
    "x.x.old",
    "x.old",
    "old.old.old",
    "x.deep",
    "a.a.deep",
    "img",
    "in",
    "loop",
    "x.cut",
    "tocut",
    "none",
    "b",
    "c",
    "x.wild",
];

fn files(udp: &str) -> Files {
    Files::default()
        .with(
            "cvdns.toml",
            format!(
                "[server]\nudp = \"{udp}\"\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\n[[zone]]\nfile = \"zone.toml\"\n"
            ),
        )
        .with("zone.toml", "format = 1\norigin = \"campus.test\"\nrecords = \"zone\"\n")
        .with("zone", ZONE)
}

/// An option of no meaning (RFC 6891 section 9: 65001 is for local use) whose data are pointers,
/// each to the place where it stands itself or to one of its neighbours.
fn with_pointers(query: &Query, shift: usize, towards: usize) -> Query {
    let start = query.build().len() + 11 + 4;
    let mut data = vec![0; shift];
    while data.len() < 600 {
        let target = (start + data.len()).saturating_sub(2 * towards) as u16;
        data.extend((0xc000 | target).to_be_bytes());
    }
    query.clone().option(65_001, &data)
}

/// The same with a first label in front of each pointer, as the start of a name has it.
fn with_labels(query: &Query, label: &str, shift: usize) -> Query {
    let start = query.build().len() + 11 + 4;
    let mut data = vec![0; shift];
    while data.len() < 600 {
        let at = (start + data.len()) as u16;
        data.push(u8::try_from(label.len()).unwrap());
        data.extend(label.as_bytes());
        data.extend((0xc000 | at).to_be_bytes());
    }
    query.clone().option(65_001, &data)
}

fn asks_all(udp: &str) {
    let server = Daemon::start(&files(udp));
    let client = server.client();
    for owner in NAMES {
        for qtype in [rr::A, rr::MX] {
            let full = format!("{owner}.campus.test");
            let plain = Query::new(&full, qtype).opt(|opt| *opt = Opt::default());
            let expected = client.ask(Transport::Tcp4, &plain);
            let label = owner.split('.').next().unwrap();
            let hostile: Vec<Query> = (0..4)
                .flat_map(|shift| {
                    [
                        with_pointers(&plain, shift, 0),
                        with_pointers(&plain, shift, 1),
                        with_labels(&plain, label, shift),
                    ]
                })
                .collect();
            // All of them under way at once: a batch holds queries of one worker.
            for transport in ALL {
                for query in &hostile {
                    let reply = client.ask(transport, query);
                    let expected = Reply { id: query.id, ..expected.clone() };
                    reply.must_be(&expected, &format!("{transport:?} {full} {query:?}"));
                }
            }
        }
    }
    assert!(server.terminate().success());
}

#[test]
fn pointers_in_queries_hang_no_worker() {
    asks_all("auto");
}

#[test]
fn pointers_in_queries_hang_no_portable_worker() {
    asks_all("portable");
}

/// A query may have records that answers do not look at; their octets lie where the answer is
/// written.
#[test]
fn records_in_queries_are_no_names_of_ours() {
    let server = Daemon::start(&files("auto"));
    for owner in NAMES {
        let plain = Query::new(&format!("{owner}.campus.test"), rr::A);
        let expected = server.client().ask(Transport::Udp4, &plain);
        let mut message = plain.build();
        message[11] = 1;
        let start = message.len() + 11;
        message.extend(name::wire("."));
        message.extend([0xff, 0xf0, 0, 1, 0, 0, 0, 0, 1, 0]);
        for at in (0..256).step_by(2) {
            message.extend((0xc000 | (start + at) as u16).to_be_bytes());
        }
        let socket = server.client().udp(Transport::Udp4.ip());
        socket.send(&message).unwrap();
        let reply = Reply::parse(&receive(&socket).expect("an answer"));
        reply.must_be(&expected, owner);
    }
}
