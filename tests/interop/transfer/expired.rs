//! Zones of a primary of our own that expire are not transferred on (docs/secondary.md).

use std::fmt::Write as _;
use std::time::Duration;

use super::secondaries::{AXFR, CATALOG, IXFR, Program, SECRET, serial, signed, transferred};
use crate::secondary::servers::{Hidden, KEY, Kind, key};
use crate::support::client::{Client, Transport};
use crate::support::daemon::{Daemon, Files};
use crate::support::reply::Reply;
use crate::support::tools::{Peer, tool};
use crate::support::{ports, rr};

const ORIGIN: &str = "z.example";

/// A zone that expires after four seconds.
const ZONE: &str = "$TTL 300\n@ SOA ns.z.example. admin.z.example. 7 2 1 4 60\n@ NS ns\n\
                    ns A 192.0.2.53\nwww A 192.0.2.80\n";

/// A server that transfers the zone from this port and gives it to a secondary.
fn files(primary: u16, transfer_key: &str, secondary: u16) -> Files {
    let own = Program::Named;
    let mut keys = transfer_key.to_owned();
    let _ = writeln!(
        keys,
        "key \"{}\" {{ algorithm {}; secret \"{SECRET}\"; }};",
        own.key(),
        own.algorithm()
    );
    let config = format!(
        "zone = [{{ file = \"z.toml\" }}]\n\
         [server]\nlisten = [\"127.0.0.1:@PORT@\", \"[::1]:@PORT@\"]\n\
         [geoip]\ndatabase = \"none.mmdb\"\n[feed]\nstate = \"state\"\n\
         [transfer]\nkeys = [\"transfer.key\"]\ncatalog = \"{CATALOG}\"\n\
         [[transfer.secondary]]\naddress = \"127.0.0.1:{secondary}\"\nkey = \"{}\"\n",
        own.key()
    );
    let zone = format!(
        "format = 1\norigin = \"{ORIGIN}\"\n\
         records = {{ primary = \"127.0.0.1:{primary}\", key = \"{KEY}\" }}\n"
    );
    Files::default().with("cvdns.toml", config).with("z.toml", zone).with("transfer.key", keys)
}

/// BIND as a secondary of the same primary, which gives the zone to whoever asks.
fn bind(primary: u16, transfer_key: &str) -> Peer {
    let (dir, port) = (tempfile::tempdir().expect("a directory"), ports::free());
    let path = dir.path().display();
    let config = format!(
        "{transfer_key}\noptions {{ directory \"{path}\"; listen-on port {port} {{ 127.0.0.1; }};\n\
         listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion no;\n\
         dnssec-validation no; empty-zones-enable no; notify no; allow-transfer {{ any; }};\n\
         min-refresh-time 1; min-retry-time 1; }};\ncontrols {{ }};\n\
         zone \"{ORIGIN}\" {{ type secondary; file \"zone\";\n\
         primaries {{ 127.0.0.1 port {primary} key {KEY}; }}; }};\n"
    );
    std::fs::write(dir.path().join("named.conf"), config).expect("named.conf");
    let mut command = tool("named");
    command.args(["-g", "-n", "1", "-c"]).arg(dir.path().join("named.conf"));
    Peer::of(command, port, dir, [ORIGIN])
}

fn members(daemon: &Daemon) -> Vec<String> {
    let lines = transferred(daemon.port(), CATALOG, Some(Program::Named));
    lines
        .into_iter()
        .filter(|line| line.contains(" in ptr ") || line.contains(" in soa "))
        .collect()
}

/// The answer to a request for a transfer; the first message of it.
fn asked(port: u16, transport: Transport, message: &[u8]) -> Reply {
    let answer = Client { port }.exchange(transport, message).expect("an answer");
    Reply::walk(&answer).expect("well formed")
}

/// While a zone is expired, whoever transfers it gets SERVFAIL for it, from BIND as from this
/// server (RFC 1034 section 4.3.5: its data are not to be used), after a restart too. It stays in
/// the catalog, or secondaries would drop what they may still answer. When it is confirmed again,
/// the same version is transferred with the same serial.
#[test]
fn an_expired_zone_is_not_transferred_on() {
    let (port, key) = (ports::free(), key(KEY, "hmac-sha256"));
    let mut hidden = Hidden::start(Kind::Bind, (ORIGIN, ZONE), &key, port);
    let mut daemon = Daemon::start_on(port, &files(hidden.port, &key, ports::free()));
    let witness = bind(hidden.port, &key);
    daemon.until("the zone", || serial(port, ORIGIN) == Some(7));
    let own = Some(Program::Named);
    daemon.until("it is transferred", || transferred(port, ORIGIN, own).len() == 4);
    let (catalog, whole) = (members(&daemon), transferred(port, ORIGIN, own));
    assert!(catalog.len() == 2 && catalog.concat().contains(ORIGIN), "{catalog:?}");
    hidden.kill();
    let is_expired =
        || asked(port, Transport::Udp4, &signed(ORIGIN, rr::SOA)).rcode() == rr::SERVFAIL;
    for restarts in [false, true] {
        if restarts {
            daemon.kill();
            daemon.start_again();
        }
        daemon.until("expired", is_expired);
        for qtype in [AXFR, IXFR, rr::SOA] {
            for transport in [Transport::Udp4, Transport::Tcp4] {
                let reply = asked(port, transport, &signed(ORIGIN, qtype));
                assert_eq!(reply.rcode(), rr::SERVFAIL, "{transport:?} {qtype}: {reply:?}");
                assert!(reply.answer.is_empty());
                // Invalid Data (RFC 8914 section 4.25), in answers to queries with EDNS.
                let error = reply.option(rr::EDE).map(|of| of[..2].to_vec());
                let expected = (qtype != IXFR).then(|| vec![0, 24]);
                assert_eq!(error, expected, "{transport:?} {qtype}: {reply:?}");
            }
        }
        assert_eq!(members(&daemon), catalog, "restarts: {restarts}");
    }
    let query = crate::support::packet::Query::new(ORIGIN, AXFR).build();
    daemon.until("BIND does the same", || {
        std::thread::sleep(Duration::from_millis(50));
        asked(witness.port, Transport::Tcp4, &query).rcode() == rr::SERVFAIL
    });
    hidden.run();
    daemon.until("confirmed", || serial(port, ORIGIN) == Some(7));
    daemon.until("transferred again", || transferred(port, ORIGIN, own) == whole);
    assert_eq!(members(&daemon), catalog);
}
