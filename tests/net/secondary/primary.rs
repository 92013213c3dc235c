//! A primary that does as it is told.

use crate::support::client::framed;
use crate::support::reply::Record;
use crate::support::{name, packet, rr};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

pub(super) const AXFR: u16 = 252;
pub(super) const IXFR: u16 = 251;

/// Answers with what it likes: gets the request and the connection, and says whether that goes on.
pub(super) type Script = Arc<dyn Fn(&Asked, &mut TcpStream) -> bool + Send + Sync>;

/// A request.
pub(super) struct Asked {
    pub(super) octets: Vec<u8>,
    /// The zone, in text.
    pub(super) zone: String,
    pub(super) qtype: u16,
}

/// A primary on loopback.
pub(super) struct Primary {
    pub(super) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<u16>>>,
    is_over: Arc<AtomicBool>,
}

/// A version of a zone.
#[derive(Clone)]
pub(super) struct Zone {
    pub(super) origin: String,
    pub(super) serial: u32,
    /// REFRESH, RETRY, EXPIRE, MINIMUM.
    pub(super) timers: [u32; 4],
    pub(super) records: Vec<Record>,
}

impl Zone {
    /// A zone with name servers, an address of `www`, and timers by which nothing happens within a
    /// test.
    pub(super) fn new(origin: &str, serial: u32) -> Self {
        let under = |label: &str| format!("{label}.{origin}");
        let records = vec![
            Record::new(origin, 300, rr::NS, name::wire(&under("ns"))),
            Record::new(&under("ns"), 300, rr::A, rr::a("192.0.2.53")),
            Record::new(&under("www"), 300, rr::A, www(serial)),
        ];
        Self { origin: origin.to_owned(), serial, timers: [3600, 600, 86_400, 60], records }
    }

    pub(super) fn timers(mut self, timers: [u32; 4]) -> Self {
        self.timers = timers;
        self
    }

    pub(super) fn with(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }

    pub(super) fn soa(&self) -> Record {
        let [refresh, retry, expire, minimum] = self.timers;
        let numbers = [self.serial, refresh, retry, expire, minimum];
        let (mname, rname) = (format!("ns.{}", self.origin), format!("admin.{}", self.origin));
        Record::new(&self.origin, 300, rr::SOA, rr::soa(&mname, &rname, numbers))
    }

    /// The answer to AXFR, in a message.
    pub(super) fn whole(&self) -> Vec<Record> {
        [vec![self.soa()], self.records.clone(), vec![self.soa()]].concat()
    }

    /// The answer to IXFR from the version `before`.
    pub(super) fn differences(&self, before: &Self) -> Vec<Record> {
        let only = |of: &Self, other: &Self| -> Vec<Record> {
            of.records.iter().filter(|record| !other.records.contains(record)).cloned().collect()
        };
        [
            vec![self.soa(), before.soa()],
            only(before, self),
            vec![self.soa()],
            only(self, before),
            vec![self.soa()],
        ]
        .concat()
    }
}

/// The address of `www` in a version.
pub(super) fn www(serial: u32) -> Vec<u8> {
    vec![198, 51, 100, serial.to_be_bytes()[3]]
}

/// The answer to a request with these flags beside QR.
pub(super) fn message(asked: &Asked, flags: u16, records: &[Record]) -> Vec<u8> {
    let id = u16::from_be_bytes([asked.octets[0], asked.octets[1]]);
    let count = u16::try_from(records.len()).expect("a number of records");
    let mut out = packet::header(id, packet::QR | flags, [1, count, 0, 0]);
    out.extend(name::wire(&asked.zone));
    out.extend(asked.qtype.to_be_bytes());
    out.extend(rr::IN.to_be_bytes());
    for record in records {
        record.build(&mut out);
    }
    out
}

/// Serves this version: the SOA record, and the whole zone. Differences are not implemented.
pub(super) fn serves(zone: Zone) -> Script {
    serves_with_differences(zone, None)
}

/// The same with differences from the version `before`.
pub(super) fn serves_with_differences(zone: Zone, before: Option<Zone>) -> Script {
    Arc::new(move |asked, stream| {
        let answer = match (asked.qtype, &before) {
            (rr::SOA, _) => message(asked, packet::AA, &[zone.soa()]),
            (AXFR, _) => message(asked, packet::AA, &zone.whole()),
            (IXFR, Some(before)) => message(asked, packet::AA, &zone.differences(before)),
            _ => message(asked, rr::NOTIMP, &[]),
        };
        stream.write_all(&framed(&answer)).is_ok()
    })
}

/// Serves the SOA record of this version, and does something else for the zone.
pub(super) fn serves_soa_and(
    zone: Zone,
    other: impl Fn(&Asked, &mut TcpStream) -> bool + Send + Sync + 'static,
) -> Script {
    Arc::new(move |asked, stream| {
        if asked.qtype == rr::SOA {
            return stream.write_all(&framed(&message(asked, packet::AA, &[zone.soa()]))).is_ok();
        }
        other(asked, stream)
    })
}

impl Primary {
    pub(super) fn start(port: u16, script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the primary's port");
        let address = listener.local_addr().expect("an address");
        let primary = Self {
            address,
            script: Arc::new(Mutex::new(script)),
            asked: Arc::default(),
            is_over: Arc::default(),
        };
        let (script, asked) = (primary.script.clone(), primary.asked.clone());
        let is_over = primary.is_over.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let (script, asked) = (script.clone(), asked.clone());
                std::thread::spawn(move || answer(stream, &script, &asked));
            }
        });
        primary
    }

    /// From now on it does this.
    pub(super) fn does(&self, script: Script) {
        *self.script.lock().expect("the script") = script;
    }

    /// The types that were asked for since the last look.
    pub(super) fn asked(&self) -> Vec<u16> {
        std::mem::take(&mut *self.asked.lock().expect("what was asked"))
    }
}

impl Drop for Primary {
    /// Closes the port.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream, script: &Mutex<Script>, asked: &Mutex<Vec<u16>>) {
    while let Some(octets) = request(&mut stream) {
        let zone = name::text(&octets[12..]);
        let end = 12 + name::wire(&zone).len();
        let qtype = u16::from_be_bytes([octets[end], octets[end + 1]]);
        asked.lock().expect("what was asked").push(qtype);
        let script = script.lock().expect("the script").clone();
        if !script(&Asked { octets, zone, qtype }, &mut stream) {
            return;
        }
    }
}

/// The next request, or `None` when the server has closed the connection, in whatever way.
fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

/// Sends octets as they are.
pub(super) fn raw(stream: &mut TcpStream, octets: &[u8]) -> bool {
    stream.write_all(octets).is_ok()
}
