//! Primaries that send what they should not: nothing changes, and the reason is told.

use super::primary::{
    AXFR, IXFR, Primary, Script, Zone, message, raw, serves, serves_soa_and, www,
};
use super::{ORIGIN, ask, copy, files, notify, until_served, zone_file, zone_status};
use crate::support::client::framed;
use crate::support::daemon::Daemon;
use crate::support::packet::{AA, TC};
use crate::support::reply::Record;
use crate::support::{name, ports, rr};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

/// A server that serves version 7 of the zone, from a primary that does as it is told.
struct Scene {
    primary: Primary,
    daemon: Daemon,
    admin: u16,
    text: String,
}

impl Scene {
    fn new() -> Self {
        let (port, admin) = (ports::free(), ports::free());
        let primary = Primary::start(port, serves(Zone::new(ORIGIN, 7)));
        let daemon = Daemon::start(&files(&zone_file(&[port]), admin));
        until_served(&daemon, 7);
        let text = copy(&daemon);
        Self { primary, daemon, admin, text }
    }

    /// Has the server check the zone where the primary does this, and expects these words and this
    /// reason.
    fn refused(&self, what: &str, script: Script, (reason, words): (&str, &str)) {
        let count = || zone_status(self.admin)["failures"][reason].as_u64().unwrap_or_default();
        let before = count();
        self.primary.does(script);
        assert_eq!(notify(&self.daemon, ORIGIN).0, rr::NOERROR);
        self.daemon.until(&format!("{what}: {reason}"), || count() > before);
        self.daemon.until(&format!("{what}: {words}"), || {
            let status = zone_status(self.admin);
            status["complaint"].as_str().is_some_and(|said| said.contains(words))
        });
        let reply = ask(&self.daemon, "www.z.example", rr::A);
        assert_eq!(reply.rdata(rr::A), [www(7)], "{what}: what was served before goes on");
        assert_eq!(copy(&self.daemon), self.text, "{what}: the copy stays");
    }

    /// A good version is taken after all that.
    fn recovers(self) {
        self.primary.does(serves(Zone::new(ORIGIN, 9)));
        notify(&self.daemon, ORIGIN);
        until_served(&self.daemon, 9);
        // It is answered a moment before the status says so.
        self.daemon.until("no complaint", || zone_status(self.admin)["complaint"].is_null());
    }
}

/// The primary has version 8, and answers both AXFR and IXFR with these records and flags.
fn answers(flags: u16, records: Vec<Record>) -> Script {
    serves_soa_and(Zone::new(ORIGIN, 8), move |asked, stream| {
        raw(stream, &framed(&message(asked, flags, &records)))
    })
}

/// The same with the octets of the message changed.
fn changes(change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Script {
    serves_soa_and(Zone::new(ORIGIN, 8), move |asked, stream| {
        let mut octets = message(asked, AA, &Zone::new(ORIGIN, 8).whole());
        change(&mut octets);
        raw(stream, &framed(&octets))
    })
}

#[test]
fn answers_that_are_no_transfer_are_refused() {
    let scene = Scene::new();
    let zone = Zone::new(ORIGIN, 8);
    let whole = zone.whole();
    let foreign = Record::new("www.other.example", 60, rr::A, rr::a("192.0.2.1"));
    let with = |record: Record| {
        let zone = Zone::new(ORIGIN, 8).with(record);
        answers(AA, zone.whole())
    };
    let mut other_soa = zone.soa();
    other_soa.ttl = 1;
    other_soa.rdata = Zone::new(ORIGIN, 6).soa().rdata;
    let mut chaos = Record::new("c.z.example", 60, rr::TXT, rr::txt(&[b"x"]));
    chaos.class = rr::CH;
    let wrong_id = |octets: &mut Vec<u8>| octets[0] ^= 0xff;
    let other_question = |octets: &mut Vec<u8>| octets[13] ^= 0x03;
    let no_answer = |octets: &mut Vec<u8>| octets[2] &= 0x7f;
    let half = |octets: &mut Vec<u8>| octets.truncate(octets.len() / 2);
    for (what, script, expected) in [
        ("REFUSED", answers(rr::REFUSED, vec![]), ("rcode", "the server answers REFUSED")),
        ("SERVFAIL", answers(rr::SERVFAIL, vec![]), ("rcode", "the server answers SERVFAIL")),
        ("with TC", answers(AA | TC, whole.clone()), ("form", "is truncated (TC)")),
        ("empty", answers(AA, vec![]), ("form", "has no record")),
        (
            "no SOA at first",
            answers(AA, whole[1..].to_vec()),
            ("form", "does not begin with the SOA record"),
        ),
        (
            "further",
            answers(AA, [whole.clone(), whole[1..2].to_vec()].concat()),
            ("form", "goes on behind its end"),
        ),
        (
            "another SOA",
            answers(AA, [whole[..2].to_vec(), vec![other_soa], whole[2..].to_vec()].concat()),
            ("form", "SOA record changes within the answer"),
        ),
        ("another zone", with(foreign), ("form", "www.other.example is not within the zone")),
        ("another class", with(chaos), ("form", "of another class than IN")),
        (
            "a type of messages",
            with(Record::new("o.z.example", 0, 255, vec![])),
            ("form", "exists in messages only"),
        ),
        (
            "a SOA below",
            with(Record::new("sub.z.example", 0, rr::SOA, zone.soa().rdata)),
            ("form", "which is not the zone's apex"),
        ),
        (
            "a name cut off",
            with(Record::new("m.z.example", 0, rr::MX, vec![0, 1, 5, b'a'])),
            ("malformed", "data of m.z.example"),
        ),
        ("another ID", changes(wrong_id), ("unasked", "its ID is another one")),
        ("another question", changes(other_question), ("unasked", "another question")),
        ("a query", changes(no_answer), ("unasked", "no response to a query")),
        ("half a message", changes(half), ("malformed", "cannot be read")),
    ] {
        scene.refused(what, script, expected);
    }
    scene.recovers();
}

#[test]
fn soa_answers_that_are_none_are_refused() {
    let scene = Scene::new();
    let only = |flags: u16, records: Vec<Record>| -> Script {
        Arc::new(move |asked, stream| raw(stream, &framed(&message(asked, flags, &records))))
    };
    let soa = Zone::new(ORIGIN, 8).soa();
    let mut short = soa.clone();
    short.rdata.truncate(19);
    let older = Zone::new(ORIGIN, 6).soa();
    let address = Record::new(ORIGIN, 60, rr::A, rr::a("192.0.2.1"));
    for (what, script, expected) in [
        ("REFUSED", only(rr::REFUSED, vec![]), ("rcode", "REFUSED")),
        ("without AA", only(0, vec![soa.clone()]), ("not-authoritative", "AA is not set")),
        ("an older serial", only(AA, vec![older]), ("serial-behind", "6 is older than 7")),
        ("an address", only(AA, vec![address]), ("form", "begin with the SOA record")),
        ("two", only(AA, vec![soa.clone(), soa]), ("form", "goes on behind its end")),
        ("a short one", only(AA, vec![short]), ("malformed", "cannot be read")),
    ] {
        scene.refused(what, script, expected);
    }
    scene.recovers();
}

#[test]
fn connections_that_break_change_nothing() {
    let scene = Scene::new();
    let soa = || Zone::new(ORIGIN, 8);
    let part = |keep: usize| {
        serves_soa_and(soa(), move |asked, stream| {
            let octets = framed(&message(asked, AA, &Zone::new(ORIGIN, 8).whole()));
            stream.write_all(&octets[..keep]).expect("sent");
            false
        })
    };
    let message_alone = |asked: &super::primary::Asked, stream: &mut TcpStream| {
        // The first of several messages, and no more.
        let records = &Zone::new(ORIGIN, 8).whole()[..2];
        stream.write_all(&framed(&message(asked, AA, records))).expect("sent");
        false
    };
    let no_answer = |_: &super::primary::Asked, _: &mut TcpStream| false;
    let garbage = |_: &super::primary::Asked, stream: &mut TcpStream| {
        raw(stream, b"\xff\xffGET / HTTP/1.1\r\n\r\n");
        false
    };
    for (what, script, expected) in [
        (
            "closed at once",
            serves_soa_and(soa(), no_answer),
            ("connection", "closes the connection after 0"),
        ),
        ("a length alone", part(1), ("connection", "closes the connection")),
        ("half a message", part(60), ("connection", "closes the connection")),
        (
            "one of two messages",
            serves_soa_and(soa(), message_alone),
            ("connection", "closes the connection after 1"),
        ),
        (
            "another protocol",
            serves_soa_and(soa(), garbage),
            ("connection", "closes the connection"),
        ),
    ] {
        scene.refused(what, script, expected);
    }
    // The messages of an answer may be many, with one record each.
    scene.primary.does(serves_soa_and(soa(), |asked, stream| {
        if asked.qtype == IXFR {
            return raw(stream, &framed(&message(asked, rr::NOTIMP, &[])));
        }
        let records = Zone::new(ORIGIN, 8).whole();
        records.chunks(1).all(|record| raw(stream, &framed(&message(asked, AA, record))))
    }));
    notify(&scene.daemon, ORIGIN);
    until_served(&scene.daemon, 8);
    scene.recovers();
}

#[test]
fn a_silent_primary_and_an_endless_one_are_given_up() {
    let scene = Scene::new();
    scene.refused(
        "silent",
        serves_soa_and(Zone::new(ORIGIN, 8), |_, _| true),
        ("connection", "it is silent for"),
    );
    let endless = |asked: &super::primary::Asked, stream: &mut TcpStream| {
        let zone = Zone::new(ORIGIN, 8);
        if !raw(stream, &framed(&message(asked, AA, &[zone.soa()]))) {
            return false;
        }
        for block in 0u32.. {
            let records: Vec<Record> = (0..1_200)
                .map(|number| {
                    let owner = format!("{block}-{number}.z.example");
                    Record::new(&owner, 60, rr::A, rr::a("192.0.2.1"))
                })
                .collect();
            if !raw(stream, &framed(&message(asked, AA, &records))) {
                return false;
            }
        }
        true
    };
    scene.refused(
        "endless",
        serves_soa_and(Zone::new(ORIGIN, 8), endless),
        ("too-large", "larger than any zone may be"),
    );
    scene.recovers();
}

#[test]
fn differences_that_do_not_fit_lead_to_the_whole_zone() {
    let (port, admin) = (ports::free(), ports::free());
    let first = Zone::new(ORIGIN, 7);
    let primary = Primary::start(port, serves(first.clone()));
    let daemon = Daemon::start(&files(&zone_file(&[port]), admin));
    until_served(&daemon, 7);
    let mut serial = 7;
    let mut next = |records: fn(&Zone, &Zone) -> Vec<Record>, transfers: &[u16]| {
        let before = Zone::new(ORIGIN, serial);
        serial += 1;
        let zone = Zone::new(ORIGIN, serial);
        primary.asked();
        primary.does(Arc::new({
            let zone = zone.clone();
            move |asked, stream| {
                let answer = match asked.qtype {
                    rr::SOA => vec![zone.soa()],
                    IXFR => records(&before, &zone),
                    _ => zone.whole(),
                };
                raw(stream, &framed(&message(asked, AA, &answer)))
            }
        }));
        notify(&daemon, ORIGIN);
        until_served(&daemon, serial);
        assert_eq!(primary.asked()[1..], *transfers, "to {serial}");
    };
    next(|before, zone| zone.differences(before), &[IXFR]);
    next(|_, zone| zone.whole(), &[IXFR]);
    // Deletes a record that is not there.
    next(
        |before, zone| {
            let ghost = Record::new("ghost.z.example", 60, rr::A, rr::a("192.0.2.1"));
            zone.differences(&before.clone().with(ghost))
        },
        &[IXFR, AXFR],
    );
    // Adds a record that is there.
    next(
        |before, zone| {
            let mut records = zone.differences(before);
            records.insert(records.len() - 1, before.records[0].clone());
            records
        },
        &[IXFR, AXFR],
    );
    // Begins with another serial, leads to an older one, has a gap, has nothing.
    next(
        |before, zone| zone.differences(&Zone { serial: before.serial - 1, ..before.clone() }),
        &[IXFR, AXFR],
    );
    next(
        |before, zone| {
            let mut records = zone.differences(before);
            let older = Zone { serial: before.serial - 1, ..zone.clone() }.soa();
            let at =
                records.iter().skip(2).position(|record| record.rtype == rr::SOA).expect("SOA");
            records[at + 2] = older;
            records
        },
        &[IXFR, AXFR],
    );
    next(|before, _| vec![before.soa()], &[IXFR, AXFR]);
    next(|_, _| vec![Record::new(ORIGIN, 1, rr::TXT, rr::txt(&[b"x"]))], &[IXFR, AXFR]);
    daemon.until("no complaint", || zone_status(admin)["complaint"].is_null());
}

/// What is wrong with a version is told as for a file, with the line of the version that is put
/// aside.
#[test]
fn a_version_that_cannot_be_served_is_put_aside() {
    let scene = Scene::new();
    let zone = |records: Vec<Record>| records.into_iter().fold(Zone::new(ORIGIN, 8), Zone::with);
    let target = name::wire("t.example");
    let both = zone(vec![
        Record::new("b.z.example", 60, rr::CNAME, target.clone()),
        Record::new("b.z.example", 60, rr::A, rr::a("192.0.2.1")),
    ]);
    scene.refused(
        "a CNAME and other data",
        serves(both),
        ("invalid", "has a CNAME and other data"),
    );
    let kept = scene.daemon.path().join(format!("state/{ORIGIN}.zone.refused"));
    let text = std::fs::read_to_string(&kept).expect("the refused version");
    let line =
        1 + text.lines().position(|line| line.starts_with("b.z.example. 60 IN A")).expect("it");
    let complaint = zone_status(scene.admin)["complaint"].as_str().expect("a complaint").to_owned();
    assert!(complaint.contains(&format!("{ORIGIN}.zone:{line}:")), "{complaint}\n{text}");
    assert!(complaint.contains("it is kept in ") && complaint.contains(".refused;"), "{complaint}");

    let mut without_servers = Zone::new(ORIGIN, 8);
    without_servers.records.remove(0);
    scene.refused("no NS", serves(without_servers), ("invalid", "has no NS record"));
    let delegated = zone(vec![Record::new("*.z.example", 60, rr::NS, target)]);
    scene.refused("a wildcard NS", serves(delegated), ("invalid", "a wildcard owns an NS"));
    let path = kept.clone();
    scene.recovers();
    assert!(!path.exists(), "a good version came");
}
