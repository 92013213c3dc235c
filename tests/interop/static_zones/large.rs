//! Record sets that only just fit a message: 65,535 octets by TCP (RFC 1035, 4.2.2).

use super::{Outcome, files};
use crate::support::client::{Client, Transport};
use crate::support::daemon::Daemon;
use crate::support::packet::{Query, TC};
use crate::support::reply::Reply;
use crate::support::rr;
use crate::support::tools::Peer;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

const ORIGIN: &str = "large.test";
const MESSAGE: usize = 65_535;
/// OPT without options (RFC 6891, 6.1.2).
const OPT: usize = 11;

/// The octets that a record with this first label has beside its RDATA, in an answer of its own.
fn around(label: &str) -> usize {
    let (header, name, question, record) = (12, 1 + label.len() + 1 + ORIGIN.len() + 1, 4, 12);
    header + name + question + record
}

/// A TXT record with this many octets of RDATA.
fn txt(label: &str, octets: usize) -> String {
    let mut line = format!("{label} TXT");
    let mut rest = octets;
    while rest > 0 {
        let string = rest.min(256);
        let _ = write!(line, " \"{}\"", "x".repeat(string - 1));
        rest -= string;
    }
    line + "\n"
}

fn zone(records: &str) -> String {
    format!("$ORIGIN {ORIGIN}.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n{records}")
}

/// What fits without OPT: all of a message, room for OPT and one octet too few for it, one large
/// record, and many.
fn fitting() -> String {
    let mut records = txt("whole", MESSAGE - around("whole"));
    records += &txt("edns", MESSAGE - OPT - around("edns"));
    records += &txt("close", MESSAGE - OPT + 1 - around("close"));
    records += &txt("one", 65_000);
    // BIND takes 100 records of a type at most.
    for number in 0..100 {
        records += &txt("many", 640).replacen("xxx", &format!("{number:03}"), 1);
    }
    records
}

fn ask(port: u16, transport: Transport, query: &Query) -> Reply {
    let bytes = Client { port }.exchange(transport, &query.build());
    let bytes = bytes.unwrap_or_else(|| panic!("no answer to {query:?}"));
    Reply::walk(&bytes).unwrap_or_else(|error| panic!("{error} in an answer to {query:?}"))
}

#[test]
fn sets_that_fit_a_message_are_answered_by_tcp() {
    let text = zone(&fitting());
    let zones = [(ORIGIN, text.as_str())];
    let (named, knotd) = (Peer::named(&zones), Peer::knotd(&zones));
    let ours = Daemon::start(&files("auto", &zones));
    for label in ["whole", "edns", "close", "one", "many"] {
        for edns in [false, true] {
            let query = Query::new(&format!("{label}.{ORIGIN}"), rr::TXT);
            let query = if edns { query.edns(1232) } else { query };
            let udp = ask(ours.port(), Transport::Udp4, &query);
            assert!(udp.has(TC) && udp.answer.is_empty(), "{label}");
            let tcp = ask(ours.port(), Transport::Tcp4, &query);
            assert!(tcp.length <= MESSAGE);
            if edns && ["whole", "close"].contains(&label) {
                // No message holds both, and OPT has to be there (RFC 6891, 6.1.1): empty with TC,
                // as NSD has it.
                assert!(tcp.has(TC) && tcp.answer.is_empty() && tcp.opt.is_some(), "{label}");
                continue;
            }
            for peer in [named.port, knotd.port] {
                let theirs = Outcome::of(&ask(peer, Transport::Tcp4, &query));
                assert!(
                    Outcome::of(&tcp) == theirs && !tcp.answer.is_empty(),
                    "{label}, EDNS {edns}"
                );
            }
            if (label, edns) == ("whole", false) || (label, edns) == ("edns", true) {
                assert_eq!(tcp.length, MESSAGE);
            }
        }
    }
}

#[test]
fn sets_that_fit_no_message_are_refused() {
    let over = MESSAGE + 1 - around("over");
    // Names in NS records may shrink to a pointer each: how long the answer is shows when it is
    // written.
    let servers = (0..4000).fold(String::new(), |mut all, number| {
        let _ = writeln!(all, "over NS s{number}.x{number}.example.");
        all
    });
    for (records, said) in
        [(txt("over", over), "do not fit into one message"), (servers, "is over 65,535 octets")]
    {
        let dir = tempfile::tempdir().expect("a temporary directory");
        files("auto", &[(ORIGIN, &zone(&records))]).write(dir.path(), 1);
        let check = Command::new(env!("CARGO_BIN_EXE_cvdns"))
            .args(["check", "--config"])
            .arg(dir.path().join("cvdns.toml"))
            .stdin(Stdio::null())
            .output()
            .expect("a check");
        let told = String::from_utf8_lossy(&[check.stdout, check.stderr].concat()).into_owned();
        assert!(
            !check.status.success() && told.contains(said) && told.contains("over.large.test"),
            "{told}"
        );
        assert!(told.contains("large.test.zone:6"), "{told}");
    }
}
