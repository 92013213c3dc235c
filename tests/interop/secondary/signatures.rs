//! Keys that are wrong, and signatures that somebody has changed on the way.

use super::servers::{Hidden, KEY, Kind, key};
use super::{ORIGIN, ask, files, until_served, until_told, zone, zone_status};
use crate::support::client::framed;
use crate::support::daemon::Daemon;
use crate::support::{ports, rr};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Changes the message with this number of an answer; `None` drops it and closes the connection.
type Change = Arc<dyn Fn(usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync>;

/// Passes messages on to a primary and changes its answers to transfers.
struct Meddler {
    port: u16,
    change: Arc<Mutex<Change>>,
}

impl Meddler {
    fn before(primary: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let same: Change = Arc::new(|_, message| Some(message));
        let change = Arc::new(Mutex::new(same));
        let shared = change.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let change = shared.lock().expect("what to change").clone();
                std::thread::spawn(move || pass(client, primary, &change));
            }
        });
        Self { port, change }
    }

    fn does(&self, change: impl Fn(usize, Vec<u8>) -> Option<Vec<u8>> + Send + Sync + 'static) {
        *self.change.lock().expect("what to change") = Arc::new(change);
    }
}

fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut octets = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut octets).ok()?;
    Some(octets)
}

fn pass(mut client: TcpStream, primary: u16, change: &Change) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", primary)).ok()?;
    let mut back = (server.try_clone().ok()?, client.try_clone().ok()?);
    // Whether a transfer was asked for: its first question decides.
    let transfers = Arc::new(Mutex::new(false));
    let is_transfer = transfers.clone();
    let change = change.clone();
    std::thread::spawn(move || {
        let mut number = 0;
        while let Some(octets) = message(&mut back.0) {
            let octets = if *is_transfer.lock().expect("it") {
                number += 1;
                change(number, octets)
            } else {
                Some(octets)
            };
            let sent = octets.map(|octets| back.1.write_all(&framed(&octets)));
            if !matches!(sent, Some(Ok(()))) {
                break;
            }
        }
        let _ = back.1.shutdown(std::net::Shutdown::Both);
    });
    while let Some(octets) = message(&mut client) {
        let end = 12 + octets[12..].iter().position(|octet| *octet == 0)? + 1;
        let qtype = u16::from_be_bytes([octets[end], octets[end + 1]]);
        *transfers.lock().expect("it") = qtype != rr::SOA;
        server.write_all(&framed(&octets)).ok()?;
    }
    let _ = server.shutdown(std::net::Shutdown::Both);
    Some(())
}

/// Where the TSIG record of a message begins: the key's name is written out once, at its start.
fn signature(message: &[u8]) -> usize {
    let owner = b"\x08transfer\0\0\xfa\0\xff";
    message.windows(owner.len()).rposition(|part| part == owner).expect("a TSIG record")
}

/// A message whose TSIG record has this many octets of its MAC.
fn cut(mut message: Vec<u8>, length: usize) -> Vec<u8> {
    let start = signature(&message);
    // Owner, type, class, TTL, RDLENGTH.
    let rdata = start + 10 + 10;
    let algorithm = message[rdata..].iter().position(|octet| *octet == 0).expect("a name") + 1;
    let size = rdata + algorithm + 8;
    let whole = usize::from(u16::from_be_bytes([message[size], message[size + 1]]));
    message.drain(size + 2 + length..size + 2 + whole);
    message[size + 1] = u8::try_from(length).expect("a length");
    let rdlength = message.len() - rdata;
    message[rdata - 2..rdata].copy_from_slice(&u16::try_from(rdlength).expect("it").to_be_bytes());
    message
}

fn without_signature(mut message: Vec<u8>) -> Vec<u8> {
    let start = signature(&message);
    message.truncate(start);
    let count = u16::from_be_bytes([message[10], message[11]]) - 1;
    message[10..12].copy_from_slice(&count.to_be_bytes());
    message
}

#[test]
fn answers_that_were_changed_on_the_way_are_refused() {
    let (port, admin) = (ports::free(), ports::free());
    let key = key(KEY, "hmac-sha256");
    let mut lines = String::new();
    for number in 0..4_000 {
        writeln!(lines, "n{number} TXT \"{}\"", "x".repeat(60)).expect("a line");
    }
    let hidden = Hidden::start(Kind::Bind, (ORIGIN, &zone(1, &lines)), &key, port);
    let meddler = Meddler::before(hidden.port);
    let daemon = Daemon::start_on(port, &files(meddler.port, &key, admin));
    until_served(&daemon, 1);
    let whole = lines.replace('x', "y");
    let mut serial = 1;
    let mut refused = |what: &str, words: &str, change: Change| {
        serial += 1;
        let count = || {
            let told = zone_status(admin)["failures"].clone();
            told.as_object()
                .expect("failures")
                .values()
                .filter_map(serde_json::Value::as_u64)
                .sum::<u64>()
        };
        let before = count();
        meddler.does(move |number, message| change(number, message));
        hidden.change(&zone(serial, if serial % 2 == 0 { &whole } else { &lines }));
        daemon.until(&format!("{what}: a failure"), || count() > before);
        daemon.until(&format!("{what}: {words}"), || {
            zone_status(admin)["complaint"].as_str().is_some_and(|said| said.contains(words))
        });
        assert_eq!(
            ask(&daemon, "serial.z.example", rr::TXT).rdata(rr::TXT),
            [rr::txt(&[b"1"])],
            "{what}: what was served before goes on"
        );
    };
    let flip = |at: usize| -> Change {
        Arc::new(move |number, mut message| {
            if number == at {
                // A letter of a TXT record.
                let at = message.iter().position(|octet| *octet == b'x' || *octet == b'y');
                message[at.expect("a letter")] ^= 1;
            }
            Some(message)
        })
    };
    refused("an octet of the first message", "signature is wrong", flip(1));
    refused("an octet of the third message", "signature is wrong", flip(3));
    refused("a MAC of 16 octets", "BADTRUNC", Arc::new(|_, message| Some(cut(message, 16))));
    refused(
        "a MAC of 4 octets",
        "signature is not right",
        Arc::new(|_, message| Some(cut(message, 4))),
    );
    refused("no MAC", "signature is not right", Arc::new(|_, message| Some(cut(message, 0))));
    refused(
        "no signatures",
        "the answer is not signed",
        Arc::new(|_, message| Some(without_signature(message))),
    );
    // The last message must be signed, and the second one is signed with the third.
    refused(
        "the last signature",
        "the connection",
        Arc::new(|number, message| (number < 2).then_some(message)),
    );
    meddler.does(|_, message| Some(message));
    serial += 1;
    hidden.change(&zone(serial, &lines));
    until_served(&daemon, serial);
    until_told(&daemon, admin, serial);
    assert_eq!(zone_status(admin)["complaint"], serde_json::Value::Null);
}

#[test]
fn wrong_keys_are_told_by_what_is_wrong() {
    for kind in super::servers::BOTH {
        let (port, admin) = (ports::free(), ports::free());
        let right = key(KEY, "hmac-sha256");
        let hidden = Hidden::start(kind, (ORIGIN, &zone(1, "")), &right, port);
        let daemon = Daemon::start_on(port, &files(hidden.port, &key(KEY, "hmac-sha256"), admin));
        let until_told = |words: &str| {
            daemon.until(words, || {
                zone_status(admin)["complaint"].as_str().is_some_and(|said| said.contains(words))
            });
            assert_eq!(ask(&daemon, ORIGIN, rr::SOA).rcode(), rr::SERVFAIL, "{kind:?} {words}");
        };
        let with_key = |text: &str, name: &str| {
            daemon.write_file("transfer.key", text);
            let zone =
                std::fs::read_to_string(daemon.path().join("z.toml")).expect("the zone file");
            let before = zone.split("key = \"").next().expect("a key");
            daemon.write_file("z.toml", &format!("{before}key = \"{name}\" }}\n"));
            let before = daemon.log().len();
            daemon.sighup();
            daemon.wait_for_log(before, &["reloaded "]);
        };
        until_told("another secret for this key (BADSIG)");
        with_key(&key("other", "hmac-sha256"), "other");
        until_told("does not know the key");
        // Without a key, nobody gets the zone.
        let zone = format!(
            "format = 1\norigin = \"{ORIGIN}\"\nrecords = {{ primary = \"127.0.0.1:{}\" }}\n",
            hidden.port
        );
        daemon.write_file("z.toml", &zone);
        let before = daemon.log().len();
        daemon.sighup();
        daemon.wait_for_log(before, &["reloaded "]);
        until_told(if kind == Kind::Bind { "answers REFUSED" } else { "answers NOTAUTH" });
        let zone = zone.replace(" }", ", key = \"transfer\" }");
        daemon.write_file("z.toml", &zone);
        with_key(&right, KEY);
        until_served(&daemon, 1);
    }
}

/// NOTIFY must be signed by the key, too.
#[test]
fn notify_without_the_right_signature_brings_no_check() {
    let (port, admin) = (ports::free(), ports::free());
    let right = key(KEY, "hmac-sha256");
    let hidden = Hidden::start(Kind::Bind, (ORIGIN, &zone(1, "")), &right, port);
    let daemon = Daemon::start_on(port, &files(hidden.port, &right, admin));
    until_served(&daemon, 1);
    let kdig = |arguments: &[&str]| {
        let mut command = crate::support::tools::tool("kdig");
        command.args(["@127.0.0.1", "-p", &port.to_string()]).args(arguments);
        let output = command.arg("NOTIFY=1").arg(ORIGIN).output().expect("kdig");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let secret = right.split('"').nth(3).expect("a secret");
    let said = kdig(&["-y", &format!("hmac-sha256:{KEY}:{secret}")]);
    assert!(said.contains("status: NOERROR") && said.contains("aa"), "{said}");
    let said = kdig(&[]);
    assert!(said.contains("status: REFUSED"), "{said}");
    let said = kdig(&[
        "-y",
        &format!("hmac-sha256:{KEY}:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmU="),
    ]);
    assert!(said.contains("BADSIG") && !said.contains("aa"), "{said}");
    let said = kdig(&["-y", &format!("hmac-sha256:other:{secret}")]);
    assert!(said.contains("BADKEY") && !said.contains("aa"), "{said}");
}
