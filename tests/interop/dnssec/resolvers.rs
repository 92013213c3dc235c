//! Validating resolvers that follow a signed zone whose answers change: Unbound and BIND, both with
//! aggressive use of NSEC records (RFC 8198).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Keys, ORIGIN, Signed, files};
use crate::support::numbers::Numbers;
use crate::support::packet::{AD, Query, RD};
use crate::support::reply::Reply;
use crate::support::tools::{Peer, tool, tool_of};
use crate::support::{PATIENCE, client::receive, fixture, ports, rr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unbound,
    /// It sends and takes client subnets (RFC 7871).
    UnboundWithSubnets,
    Bind,
    KnotResolver,
}

/// A resolver that validates the zone, and asks the server for it.
fn resolver(kind: Kind, signed: &Signed) -> Peer {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let command = match kind {
        Kind::Unbound => unbound(signed, (dir.path(), port), "validator iterator", ""),
        Kind::UnboundWithSubnets => {
            let settings = format!(
                "  send-client-subnet: 127.0.0.1\n  client-subnet-zone: \"{ORIGIN}\"\n  \
                 client-subnet-always-forward: yes\n  max-client-subnet-ipv4: 32\n"
            );
            let modules = "subnetcache validator iterator";
            unbound(signed, (dir.path(), port), modules, &settings)
        }
        Kind::Bind => bind(signed, (dir.path(), port)),
        Kind::KnotResolver => kresd(signed, (dir.path(), port)),
    };
    resolving(command, port, dir)
}

/// The resolver that this command starts, with its files in `dir`; waits until it answers for the
/// zone.
pub(crate) fn resolving(command: Command, port: u16, dir: tempfile::TempDir) -> Peer {
    let peer = Peer::of(command, port, dir, []);
    // Whoever does not ask for recursion gets nothing from a resolver, or only what it knows.
    let deadline = Instant::now() + PATIENCE;
    while !is_served(port) {
        assert!(Instant::now() < deadline, "{ORIGIN} is not resolved:\n{}", peer.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    peer
}

/// Unbound with these modules and further settings.
fn unbound(signed: &Signed, place: (&Path, u16), modules: &str, settings: &str) -> Command {
    let anchor = signed.anchors.first().expect("an anchor");
    let stubs = [(ORIGIN, format!("127.0.0.1@{}", signed.port()))];
    unbound_with(anchor, &stubs, place, &format!("  module-config: \"{modules}\"\n{settings}"))
}

/// Unbound that trusts this key, and asks for each of these zones the server beside it.
pub(super) fn unbound_with(
    anchor: &str,
    stubs: &[(&str, String)],
    (dir, port): (&Path, u16),
    settings: &str,
) -> Command {
    let path = dir.display();
    let stub = |(zone, server): &(&str, String)| {
        format!("stub-zone:\n  name: \"{zone}\"\n  stub-addr: {server}\n")
    };
    let stubs: String = stubs.iter().map(stub).collect();
    let config = format!(
        "server:\n  interface: 127.0.0.1\n  port: {port}\n  do-not-query-localhost: no\n  \
         username: \"\"\n  chroot: \"\"\n  directory: \"{path}\"\n  pidfile: \"\"\n  \
         use-syslog: no\n  logfile: \"\"\n  num-threads: 1\n{settings}  \
         trust-anchor: \"{anchor}\"\n  \
         aggressive-nsec: yes\n  harden-below-nxdomain: yes\n  harden-dnssec-stripped: yes\n  \
         harden-referral-path: no\n  qname-minimisation-strict: yes\n  val-log-level: 2\n\
         {stubs}remote-control:\n  control-enable: no\n"
    );
    fs::write(dir.join("unbound.conf"), config).expect("written");
    let mut command = tool_of("unbound", "install unbound");
    command.args(["-d", "-c"]).arg(dir.join("unbound.conf"));
    command
}

fn bind(signed: &Signed, (dir, port): (&Path, u16)) -> Command {
    let config = format!(
        "options {{ directory \"{}\"; listen-on port {port} {{ 127.0.0.1; }};\n\
         listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion yes;\n\
         dnssec-validation yes; synth-from-dnssec yes; empty-zones-enable no;\n\
         allow-query {{ any; }}; qname-minimization off; }};\ncontrols {{ }};\n{}\
         zone \"{ORIGIN}\" {{ type forward; forward only;\n\
         forwarders {{ 127.0.0.1 port {}; }}; }};\n",
        dir.display(),
        signed.bind_anchor(),
        signed.port()
    );
    fs::write(dir.join("named.conf"), config).expect("written");
    let mut command = tool("named");
    command.args(["-g", "-n", "1", "-c"]).arg(dir.join("named.conf"));
    command
}

fn kresd(signed: &Signed, (dir, port): (&Path, u16)) -> Command {
    // What it does by itself would ask servers on the Internet.
    let without = ["ta_update", "ta_signal_query", "priming", "detect_time_skew"];
    let without = without.map(|module| format!("modules.unload('{module}')\n")).concat();
    let config = format!(
        "net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\n{without}\
         trust_anchors.remove('.')\ntrust_anchors.add('{}')\n\
         policy.add(policy.suffix(policy.FORWARD({{'127.0.0.1@{}'}}), {{todname('{ORIGIN}')}}))\n\
         cache.size = 10*MB\n",
        signed.anchors.first().expect("an anchor"),
        signed.port()
    );
    fs::write(dir.join("kresd.conf"), config).expect("written");
    let mut command = tool_of("kresd", "install knot-resolver");
    command.args(["-n", "-c"]).arg(dir.join("kresd.conf")).arg(dir);
    command
}

/// Whether the resolver answers for the zone.
fn is_served(port: u16) -> bool {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let query = Query::new(ORIGIN, rr::SOA).flags(RD);
    let sent = socket.send_to(&query.build(), ("127.0.0.1", port)).is_ok();
    let answer = receive(&socket).filter(|_| sent);
    answer.is_some_and(|answer| Reply::parse(&answer).rcode() == rr::NOERROR)
}

fn ask(port: u16, name: &str, qtype: u16) -> Reply {
    exchange(port, &Query::new(name, qtype).flags(RD | AD).edns(4096))
}

pub(super) fn exchange(port: u16, query: &Query) -> Reply {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(("127.0.0.1", port)).expect("connected");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.send(&query.build()).expect("sent");
    Reply::parse(&receive(&socket).expect("an answer"))
}

/// The data of the answers of a type, sorted.
fn data(reply: &Reply, qtype: u16) -> BTreeSet<Vec<u8>> {
    let records = reply.answer.iter().filter(|record| record.rtype == qtype);
    records.map(|record| record.rdata.clone()).collect()
}

/// Questions of all kinds, and whether the answers are secure.
const QUESTIONS: [(&str, u16); 12] = [
    ("clam.example", rr::SOA),
    ("www.clam.example", rr::A),
    ("db.de.clam.example", rr::A),
    ("db.de.clam.example", rr::AAAA),
    ("db.de.clam.example", rr::MX),
    ("db.local.clam.example", rr::A),
    ("current.cvd.clam.example", rr::TXT),
    ("nothing.clam.example", rr::A),
    ("other.nothing.clam.example", rr::A),
    ("x.wild.clam.example", rr::TXT),
    ("mirror.clam.example", rr::A),
    ("www.old.clam.example", rr::A),
];

/// All answers are secure, before and after mirrors fail, all of them fail, and come back: their
/// TTLs and sets change then.
fn follows(kind: Kind) {
    let signed = Signed::start(Keys::Split("ECDSAP256SHA256"), short(files()));
    let resolver = resolver(kind, &signed);
    let hosts: Vec<String> = fixture::mirrors().into_iter().map(|mirror| mirror.host).collect();
    let all = |state: &'static str| -> fixture::States {
        hosts.iter().map(|host| (host.clone(), state)).collect()
    };
    let first: fixture::States =
        hosts.first().map(|host| (host.clone(), "down")).into_iter().collect();
    for (serial, states) in [(1_001, first), (1_002, all("down")), (1_003, all("up"))] {
        for (name, qtype) in QUESTIONS {
            let reply = ask(resolver.port, name, qtype);
            let rcode = if name.contains("nothing") { rr::NXDOMAIN } else { rr::NOERROR };
            assert_eq!(reply.rcode(), rcode, "{name} {qtype}\n{}", resolver.log());
            assert!(reply.has(AD), "{name} {qtype} is not secure\n{}", resolver.log());
        }
        let before = signed.daemon.log().len();
        signed.daemon.write_feed(&fixture::feed(serial, &states));
        signed.daemon.wait_for_log(before, &[&serial.to_string()]);
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// The zone with TTLs of a second, so that resolvers ask again.
fn short(files: crate::support::daemon::Files) -> crate::support::daemon::Files {
    let zone =
        files.text("clam.toml").replace("ttl = 60", "ttl = 1").replace("ttl = 45", "ttl = 1");
    files.with("clam.toml", zone)
}

#[test]
fn unbound_finds_all_answers_secure_while_they_change() {
    follows(Kind::Unbound);
}

#[test]
fn bind_finds_all_answers_secure_while_they_change() {
    follows(Kind::Bind);
}

/// How many questions each resolver is asked; `CVDNS_TRAP=10000` asks as many as the figures in
/// docs/dnssec.md are from.
fn questions() -> usize {
    let wanted = std::env::var("CVDNS_TRAP").ok().and_then(|text| text.parse().ok());
    wanted.unwrap_or(1_000)
}

/// No answer from one name's cache for another's question: addresses of a country's name are those
/// of that country, whatever was asked before, and what exists is not denied.
fn tells_names_apart(kind: Kind) {
    let signed = Signed::start(Keys::Single("ED25519"), files());
    let resolver = resolver(kind, &signed);
    let mut numbers = Numbers(7);
    let countries = ["de", "fr", "us", "jp", "se", "at", "li", "br", "in", "za", "au", "nz"];
    for _ in 0..questions() {
        let country = numbers.one_of(&countries);
        let name = match numbers.below(6) {
            0 => format!("db.{country}.big.clam.example"),
            1 => format!("db.{country}.ipv6.clam.example"),
            2 => format!("x{}.{country}.clam.example", numbers.below(50)),
            3 => format!("x{}.wild.clam.example", numbers.below(50)),
            _ => format!("db.{country}.clam.example"),
        };
        let qtype = *numbers.one_of(&[rr::A, rr::AAAA, rr::TXT, rr::MX]);
        let (own, told) = (ask(signed.port(), &name, qtype), ask(resolver.port, &name, qtype));
        assert_eq!(told.rcode(), own.rcode(), "{name} {qtype}\n{}", resolver.log());
        assert!(told.has(AD), "{name} {qtype} is not secure\n{}", resolver.log());
        let (own, told) = (data(&own, qtype), data(&told, qtype));
        assert_eq!(own.is_empty(), told.is_empty(), "{name} {qtype}");
        // The set that is cached may be another window; each address is one of the name's.
        let all = ask(signed.port(), &format!("db.{country}.big.clam.example"), qtype);
        // Those of other countries are filled up from further away, each time by others.
        let is_whole = ["de", "us"].contains(country);
        if is_whole && name.starts_with("db.") && !name.contains("ipv6") && !told.is_empty() {
            let all = data(&all, qtype);
            assert!(told.is_subset(&all), "{name} {qtype}: {told:?} of {all:?}");
        }
    }
}

#[test]
fn unbound_tells_names_apart() {
    tells_names_apart(Kind::Unbound);
}

#[test]
fn bind_tells_names_apart() {
    tells_names_apart(Kind::Bind);
}

#[test]
fn knot_resolver_finds_all_answers_secure_while_they_change() {
    follows(Kind::KnotResolver);
}

#[test]
fn knot_resolver_tells_names_apart() {
    tells_names_apart(Kind::KnotResolver);
}

/// A resolver that sends client subnets answers each client as the server does: neither addresses
/// nor denials of one country reach another one, though it uses NSEC records aggressively. Some
/// countries have no IPv6: for them, `db.local` has no AAAA.
#[test]
fn unbound_with_client_subnets_tells_clients_apart() {
    let signed = Signed::start(Keys::Single("ED25519"), files());
    let resolver = resolver(Kind::UnboundWithSubnets, &signed);
    let networks: Vec<&str> =
        fixture::GEO.iter().map(|(network, _)| *network).filter(|net| !net.contains(':')).collect();
    let mut numbers = Numbers(11);
    let mut denied = 0;
    for _ in 0..questions() {
        let network = *numbers.one_of(&networks);
        let qtype = *numbers.one_of(&[rr::A, rr::AAAA, rr::AAAA, rr::MX]);
        let name = *numbers.one_of(&["db.local.clam.example", "database.clam.example"]);
        let query = || Query::new(name, qtype).flags(RD | AD).edns(4096).subnet(network);
        let (own, told) = (exchange(signed.port(), &query()), exchange(resolver.port, &query()));
        assert!(told.has(AD), "{name} {qtype} {network}\n{}", resolver.log());
        let (own, told) = (data(&own, qtype), data(&told, qtype));
        assert_eq!(own.is_empty(), told.is_empty(), "{name} {qtype} {network}");
        denied += usize::from(qtype == rr::AAAA && own.is_empty());
    }
    assert!(denied > 0, "some countries have no IPv6");
}
