//! The handler answers what the responder of cvdns answers over TCP: for every name of several
//! zones, the same header, records and options. `differences.rs` has what differs.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;

use cvdns_core::answer::Transport;
use cvdns_core::snapshot::{Snapshot, ZoneSerials};
use support::both::{Both, Handled};
use support::query::{DO, NSID, Query, opt, opts, tsig};
use support::snapshots;

/// Types of zones, of questions alone, and none at all.
const TYPES: [u16; 36] = [
    1, 2, 5, 6, 12, 13, 15, 16, 17, 18, 28, 29, 33, 35, 36, 37, 39, 42, 43, 44, 46, 47, 48, 52, 61,
    64, 65, 99, 104, 108, 255, 256, 257, 65_400, 65_401, 0,
];

/// A client of which the database knows nothing, one of DE by an override, and others of countries.
const CLIENTS: [&str; 5] =
    ["192.0.2.200:53", "203.0.113.9:53", "[2001:218::7]:1053", "133.11.0.1:5300", "127.0.0.1:9"];

const LONGEST_LABEL: &[u8; 64] =
    b"?abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk";

/// How many questions were asked, and how many of them had records in which section.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    with: [usize; 3],
    with_error: usize,
    with_scope: usize,
    truncated: usize,
}

struct Comparison {
    both: Both,
    tally: Tally,
}

impl Comparison {
    fn new(snapshot: Snapshot) -> Self {
        Self { both: Both::new(snapshot), tally: Tally::default() }
    }

    /// Asks both, and holds their answers against each other.
    fn ask(&mut self, query: &Query, client: &str, what: &str) {
        self.ask_over(Transport::Tcp, query, client, what);
    }

    /// Does the same over a transport.
    fn ask_over(&mut self, transport: Transport, query: &Query, client: &str, what: &str) {
        let octets = query.octets();
        let client: SocketAddr = client.parse().unwrap();
        let answers = self.both.ask_over(transport, &octets, client);
        let context = || format!("{what}: {query:?} of {client}");
        match (&answers.responder, &answers.handler) {
            (None, Handled::Dropped) => {}
            (Some(responder), Handled::Answered(handler)) => {
                assert_eq!(**handler, *responder, "{}", context());
                for (count, section) in self.tally.with.iter_mut().zip(&responder.sections) {
                    *count += usize::from(!section.is_empty());
                }
                self.tally.with_error += usize::from(responder.option(15).is_some());
                let scope = responder.option(8).is_some_and(|subnet| subnet[3] > 0);
                self.tally.with_scope += usize::from(scope);
                self.tally.truncated += usize::from(responder.header[2] & 0x02 != 0);
            }
            _ => panic!("{}: {answers:?}", context()),
        }
        self.tally.asked += 1;
    }

    /// Every name, as it is, in mixed case, and with labels in front of it.
    fn names(&self) -> Vec<Vec<u8>> {
        let names = self.both.snapshot().static_data.names.iter();
        let mut names: Vec<Vec<u8>> = names.map(|(_, name)| name.to_vec()).collect();
        names.sort();
        let below = |label: &'static [u8]| names.iter().map(move |name| [label, name].concat());
        let all = names.iter().cloned().chain(below(b"\x01x")).chain(below(b"\x01A\x01b"));
        // Octets that are no letters, and the longest label.
        let all = all.chain(below(b"\x06\0.\\\xff *")).chain(below(LONGEST_LABEL));
        let mut all: Vec<Vec<u8>> = all.filter(|name| name.len() <= 255).collect();
        all.extend([b"\0".to_vec(), b"\x07example\0".to_vec(), b"\x03net\0".to_vec()]);
        for name in all.iter_mut().step_by(2) {
            mix_case(name);
        }
        all
    }

    /// Asks for every name with every type, without EDNS and with it; clients and OPT records take
    /// turns.
    fn sweep(&mut self, may: impl Fn(&str) -> bool) {
        self.sweep_names(&self.names(), may);
    }

    /// The same for these names.
    fn sweep_names(&mut self, names: &[Vec<u8>], may: impl Fn(&str) -> bool) {
        let opts: Vec<_> = opts().into_iter().filter(|(what, _)| may(what)).collect();
        let (mut clients, mut opts) = (CLIENTS.iter().cycle(), opts.iter().cycle());
        let mut next = || clients.next().unwrap();
        for name in names {
            for qtype in TYPES {
                let plain = Query::new(name, qtype);
                self.ask(&plain, next(), "without EDNS");
                let repeated = if matches!(qtype, 1 | 28) { CLIENTS.len() } else { 1 };
                for (what, opt) in opts.by_ref().take(repeated) {
                    self.ask(&plain.clone().with(opt.clone()), next(), what);
                }
            }
        }
    }
}

/// Changes every other letter of the labels to upper case.
fn mix_case(name: &mut [u8]) {
    let mut at = 0;
    while name[at] > 0 {
        let end = at + 1 + usize::from(name[at]);
        name[at + 1..end].iter_mut().step_by(2).for_each(u8::make_ascii_uppercase);
        at = end;
    }
}

#[test]
fn every_name_of_the_shipped_zone_is_answered_alike() {
    let mut comparison = Comparison::new(snapshots::shipped());
    comparison.sweep(|_| true);
    println!("shipped: {:?}", comparison.tally);
}

/// Names of which each client has answers of its own, asked so often that the turns come to all
/// windows.
#[test]
fn each_client_gets_the_same_windows_and_scopes() {
    let mut comparison = Comparison::new(snapshots::shipped());
    let names: [&[u8]; 4] = [
        b"\x08database\x06clamav\x03net\0",
        b"\x02dB\x05lOcAl\x06clamav\x03net\0",
        b"\x02db\x05local\x03win\x06clamav\x03net\0",
        b"\x02db\x02us\x03big\x06clamav\x03net\0",
    ];
    for (what, opt) in opts() {
        for name in names {
            for client in CLIENTS {
                for turn in 0..30 {
                    let query = Query::new(name, [1, 28, 15][turn % 3]).with(opt.clone());
                    comparison.ask(&query, client, what);
                }
            }
        }
    }
    println!("clients: {:?}", comparison.tally);
    assert!(comparison.tally.with_scope > 1000);
}

/// The names of records, and some of the others: these have the answers that they always have.
fn without_record(snapshot: Snapshot) {
    let mut comparison = Comparison::new(snapshot);
    let is_of_record =
        |name: &Vec<u8>| name.windows(4).any(|of| of.eq_ignore_ascii_case(b"\x03cvd"));
    let (mut names, others): (Vec<_>, Vec<_>) =
        comparison.names().into_iter().partition(is_of_record);
    assert!(names.len() > 10, "{names:?}");
    names.extend(others.into_iter().step_by(7));
    comparison.sweep_names(&names, |_| true);
    println!("without a record: {:?}", comparison.tally);
}

#[test]
fn a_record_too_old_is_answered_alike() {
    without_record(snapshots::stale());
}

#[test]
fn a_release_unknown_is_answered_alike() {
    without_record(snapshots::unfed());
}

#[test]
fn the_zone_of_the_interop_tests_is_answered_alike() {
    let mut comparison = Comparison::new(snapshots::interop());
    comparison.sweep(|_| true);
    println!("interop: {:?}", comparison.tally);
}

#[test]
fn rare_records_aliases_and_delegations_are_answered_alike() {
    let mut snapshot = snapshots::rare();
    // That of secondaries is answered everywhere, also behind an alias to the origin.
    snapshot.serials = ZoneSerials::new(vec![Some(4_000_000_000)]);
    let mut comparison = Comparison::new(snapshot);
    comparison.sweep(|_| true);
    println!("rare: {:?}", comparison.tally);
}

#[test]
fn a_signed_zone_is_answered_alike_without_do() {
    let mut comparison = Comparison::new(snapshots::signed());
    comparison.sweep(|what| !what.contains("DO"));
    println!("signed: {:?}", comparison.tally);
}

#[test]
fn other_classes_types_and_opcodes_are_answered_alike() {
    let mut comparison = Comparison::new(snapshots::shipped());
    let names: [&[u8]; 6] = [
        b"\x07VERSION\x04bind\0",
        b"\x07version\x06server\0",
        b"\x02id\x06server\0",
        b"\x08hostname\x04bind\0",
        b"\x04none\x04bind\0",
        b"\x06clamav\x03net\0",
    ];
    let types = [1, 16, 0, 41, 249, 250, 251, 252, 253, 254, 255, 65_535];
    for (name, client) in names.iter().zip(CLIENTS.iter().cycle()) {
        for (what, opt) in opts() {
            for qtype in types {
                for qclass in [1, 3, 4, 254, 255, 0, 65_535] {
                    let query = Query { qclass, ..Query::new(name, qtype) };
                    comparison.ask(&query.with(opt.clone()), client, what);
                }
            }
            for opcode in 0..16 {
                let flags = [opcode << 3 | 1, 0];
                let query = Query { flags, ..Query::new(name, 6) };
                comparison.ask(&query.with(opt.clone()), client, what);
            }
        }
    }
    println!("classes, types, opcodes: {:?}", comparison.tally);
}

/// Over UDP, what does not fit into the client's size is left out as a whole.
#[test]
fn answers_over_udp_are_left_out_alike() {
    let mut comparison = Comparison::new(snapshots::interop());
    let sizes = [0, 512, 600, 1232, 4096, 65_535];
    for name in comparison.names() {
        for qtype in [1, 2, 6, 16, 28, 255] {
            let plain = Query::new(&name, qtype);
            comparison.ask_over(Transport::Udp, &plain, CLIENTS[0], "UDP without EDNS");
            for size in sizes {
                let mut opt = opt(0, 0, &[NSID]);
                opt[3..5].copy_from_slice(&u16::to_be_bytes(size));
                let query = plain.clone().with(Some(opt));
                comparison.ask_over(Transport::Udp, &query, CLIENTS[0], "UDP");
            }
        }
    }
    println!("UDP: {:?}", comparison.tally);
    assert!(comparison.tally.truncated > 10);
}

#[test]
fn malformed_and_unusual_messages_are_answered_alike() {
    let mut comparison = Comparison::new(snapshots::shipped());
    let plain = Query::new(b"\x06clamav\x03net\0", 1);
    let edns = plain.clone().with(Some(opt(0, DO, &[NSID])));
    let record = b"\0\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\0\x01".to_vec();
    let mut queries = Vec::new();
    for query in [plain, edns] {
        for flags in [[0, 0], [0x07, 0xff], [0x81, 0], [1, 0x10], [1, 0x20]] {
            queries.push(Query { flags, ..query.clone() });
        }
        for questions in [0, 2, 3] {
            queries.push(Query { questions, ..query.clone() });
        }
        queries.push(Query { trailing: vec![0], ..query.clone() });
        queries.push(Query { answers: vec![record.clone()], ..query.clone() });
        queries.push(query.clone().with(Some(record.clone())));
        // An option with fewer octets than it says.
        let cut_off = b"\0\0\x29\x04\xd0\0\0\0\0\0\x06\0\x03\0\x04\x01\x02";
        if query.additional.is_empty() {
            queries.push(query.clone().with(Some(cut_off.to_vec())));
        }
        queries.push(query.clone().with(Some(tsig())));
        queries.push(Query { trailing: vec![0], ..query.clone().with(Some(tsig())) });
    }
    for (query, client) in queries.iter().zip(CLIENTS.iter().cycle()) {
        comparison.ask(query, client, "malformed");
    }
    println!("malformed: {:?}", comparison.tally);
}
