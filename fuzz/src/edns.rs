//! The OPT record of a query, read and answered.
//!
//! Octet 0: bit 0 client subnets are honoured, bit 1 cookies, bit 2 TCP, bits 3 to 5 the name.
//! Then the class and the TTL of the OPT record, then its options as they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cvdns_core::abuse::CookieSecrets;
use cvdns_core::answer::{Answering, Moment, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::inputs::Settings;
use cvdns_core::wire::edns::{Edns, Honoured, Keepalive, OptError};
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::query::{Query, Reject};

use super::message::{Message, opt, options, query};
use super::octets::Octets;
use super::snapshots::{clock, small};

const NSID: u16 = 3;
const ECS: u16 = 8;
const COOKIE: u16 = 10;
const KEEPALIVE: u16 = 11;
const PADDING: u16 = 12;

/// The snapshots of all four choices of what is honoured.
static SNAPSHOTS: LazyLock<[Snapshot; 4]> = LazyLock::new(|| {
    [0, 1, 2, 3].map(|bits| {
        let Honoured { ecs, cookies } = honoured(bits);
        let nsid = Some(Box::from(&b"ns1"[..]));
        small(Settings { ecs, cookies, nsid, udp_size: 1400, ..Settings::default() })
    })
});

static SECRETS: LazyLock<Arc<CookieSecrets>> =
    LazyLock::new(|| Arc::new(CookieSecrets::random([7; 16])));

const NAMES: [&[u8]; 8] = [
    b"\x02db\x07example\x03net\0",
    b"\x05local\x07example\x03net\0",
    b"\x01v\x07example\x03net\0",
    b"\x05alias\x07example\x03net\0",
    b"\x07example\x03net\0",
    b"\x01x\x07example\x03net\0",
    b"\x03net\0",
    b"\x08_explain\x05local\x07example\x03net\0",
];

fn honoured(bits: u8) -> Honoured {
    Honoured { ecs: bits & 1 == 1, cookies: bits & 2 == 2 }
}

/// What an OPT record says, found option by option.
#[derive(Debug, PartialEq)]
struct Expected {
    nsid: bool,
    keepalive: Keepalive,
    padding: bool,
    /// Family, source prefix length and address octets.
    ecs: Option<(u16, u8, Vec<u8>)>,
    /// The client's part and the length of the server's, if that is one of this server's.
    cookie: Option<(Vec<u8>, usize)>,
}

/// Options are judged one by one, in their order; only what the first error says counts.
fn expected(version: u8, rdata: &[u8], honoured: Honoured) -> Result<Expected, OptError> {
    let (list, whole) = options(rdata);
    let of =
        |wanted: u16| list.iter().filter(move |(code, _)| *code == wanted).map(|(_, data)| *data);
    let nsid = of(NSID).next().is_some();
    if version != 0 {
        let keepalive = Keepalive::Absent;
        return Ok(Expected { nsid, keepalive, padding: false, ecs: None, cookie: None });
    }
    let positions =
        |wanted: u16| list.iter().enumerate().filter(move |(_, (code, _))| *code == wanted);
    let subnets = positions(ECS).filter(|_| honoured.ecs).enumerate();
    let bad_subnet = subnets
        .filter(|(number, (_, (_, data)))| *number > 0 || subnet(data).is_none())
        .map(|(_, (at, _))| (at, OptError::ClientSubnet));
    let first_cookie = positions(COOKIE).filter(|_| honoured.cookies).take(1);
    let bad_cookie = first_cookie
        .filter(|(_, (_, data))| !matches!(data.len(), 8 | 16..=40))
        .map(|(at, _)| (at, OptError::Cookie));
    let cut = (!whole).then_some((list.len(), OptError::Options));
    if let Some((_, error)) = bad_subnet.chain(bad_cookie).chain(cut).min_by_key(|(at, _)| *at) {
        return Err(error);
    }
    let keepalive = match of(KEEPALIVE).map(<[u8]>::len).max() {
        None => Keepalive::Absent,
        Some(0) => Keepalive::Asked,
        Some(_) => Keepalive::Malformed,
    };
    let padding = of(PADDING).next().is_some();
    let ecs = of(ECS).next().filter(|_| honoured.ecs).and_then(subnet);
    let cookie = of(COOKIE).next().filter(|_| honoured.cookies);
    // The server's own cookies have a part of 16 octets; all other lengths are foreign alike.
    let part = |length| if matches!(length, 0 | 16) { length } else { usize::MAX };
    let cookie = cookie.map(|data| (data[..8].to_vec(), part(data.len() - 8)));
    Ok(Expected { nsid, keepalive, padding, ecs, cookie })
}

/// RFC 7871 section 6, by arithmetic on whole addresses.
fn subnet(data: &[u8]) -> Option<(u16, u8, Vec<u8>)> {
    let [family1, family0, source, 0, address @ ..] = data else { return None };
    let family = u16::from_be_bytes([*family1, *family0]);
    let width = *[0, 32, 128].get(usize::from(family))?;
    let octets = usize::from(*source).div_ceil(8);
    if u32::from(*source) > width || address.len() != octets {
        return None;
    }
    let mut whole = [0; 16];
    whole[..octets].copy_from_slice(address);
    let beyond = u128::MAX.checked_shr(u32::from(*source)).unwrap_or_default();
    (u128::from_be_bytes(whole) & beyond == 0).then(|| (family, *source, address.to_vec()))
}

/// What is read is what the plain reading finds, and the answer's options are those of the query.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let how = octets.u8();
    let (class, ttl, rdata) = (octets.u16(), octets.array::<4>(), octets.0);
    if rdata.len() > 2000 {
        return;
    }
    let honoured = honoured(how);
    let expected = expected(ttl[1], rdata, honoured);

    let mut edns = Edns::new(class, ttl);
    let read = edns.read_options(rdata, honoured);
    assert_eq!(read.err(), expected.as_ref().err().copied());
    if let Ok(expected) = &expected {
        assert_eq!(&summary(&edns), expected);
        check_address(&edns);
    }

    let name = NAMES[usize::from(how >> 3 & 7)];
    let packet = query(name, 1, 1, [0, 0, 1], &opt(class, ttl, rdata));
    let mut query = Query::default();
    match (query.read(&packet, &mut LowerName::new(), honoured), &expected) {
        (Ok(()), Ok(_)) => assert_eq!(query.edns, Some(edns)),
        (Err(Reject::Code { rcode: 1, edns: true, subnet, .. }), Err(error)) => {
            assert_eq!(subnet, *error == OptError::ClientSubnet);
        }
        (other, _) => panic!("{other:?} for {expected:?}"),
    }
    let transport = match (how & 4, how >> 6) {
        (0, _) => Transport::Udp,
        (_, 0) => Transport::Tcp,
        (_, 1) => Transport::Tls,
        (_, 2) => Transport::Quic,
        _ => Transport::Https,
    };
    let mut answering = Answering::new(u64::from(how), clock);
    answering.begin(Moment::default(), &SECRETS);
    if transport != Transport::Udp {
        answering.set_idle_timeout(Duration::from_secs(9));
    }
    let mut buffer = vec![0; 4096];
    buffer[..packet.len()].copy_from_slice(&packet);
    let client = ([192, 0, 2, 99], 4711).into();
    let snapshot = &SNAPSHOTS[usize::from(how & 3)];
    let length = answering.respond(snapshot, &mut buffer, packet.len(), client, transport);
    check_answer(&buffer[..length.expect("an answer")], &edns, expected.as_ref(), transport);
}

fn summary(edns: &Edns) -> Expected {
    let ecs = edns
        .ecs
        .map(|ecs| (ecs.family, ecs.source, ecs.address_octets()[..ecs.address_length()].to_vec()));
    let cookie = edns.cookie.map(|cookie| {
        use cvdns_core::wire::cookie::ServerPart;
        let length = match cookie.server {
            ServerPart::Absent => 0,
            ServerPart::Known(server) => server.len(),
            ServerPart::Foreign => usize::MAX,
        };
        (cookie.client.to_vec(), length)
    });
    let Edns { nsid, keepalive, padding, .. } = *edns;
    Expected { nsid, keepalive, padding, ecs, cookie }
}

fn check_address(edns: &Edns) {
    let Some(ecs) = edns.ecs else { return };
    let octets = ecs.address_octets();
    let address = match (ecs.family, ecs.source) {
        (_, 0) => None,
        (1, _) => Some(IpAddr::V4(Ipv4Addr::from(*octets.first_chunk::<4>().unwrap()))),
        _ => Some(IpAddr::V6(Ipv6Addr::from(octets))),
    };
    assert_eq!(ecs.address(), address);
}

fn check_answer(
    octets: &[u8],
    edns: &Edns,
    expected: Result<&Expected, &OptError>,
    transport: Transport,
) {
    let answer = Message::read(octets).expect("a message");
    let opt = answer.opt().expect("an OPT record");
    assert_eq!((opt.class, opt.ttl >> 16 & 0xff), (1400, 0), "size and version of the answer");
    let most = match transport {
        Transport::Tcp | Transport::Tls | Transport::Quic | Transport::Https => 65_535,
        // Without a valid cookie, never more than 1232.
        Transport::Udp if edns.cookie.is_none() => usize::from(edns.udp_size.min(1232)),
        Transport::Udp => usize::from(edns.udp_size.min(1400)),
    };
    assert!(octets.len() <= most, "{} octets, at most {most}", octets.len());
    let Ok(expected) = expected else { return assert_eq!(answer.rcode(), 1, "FORMERR") };
    assert_eq!(opt.ttl & 0x8000 != 0, edns.dnssec_ok, "DO is copied (RFC 3225)");
    let options = answer.options();
    let of = |wanted: u16| {
        let mut found = options.iter().filter(|(code, _)| *code == wanted).map(|(_, data)| *data);
        let first = found.next();
        assert!(found.next().is_none(), "option {wanted} twice");
        first
    };
    assert_eq!(of(NSID), expected.nsid.then_some(&b"ns1"[..]));
    let ecs = of(ECS).map(|data| {
        let [family1, family0, source, scope, address @ ..] = data else { panic!("{data:?}") };
        let family = u16::from_be_bytes([*family1, *family0]);
        // RFC 7871 sections 7.1.2 and 7.2.1.
        assert!(*scope <= if family == 2 { 128 } else { 32 } && (*source > 0 || *scope == 0));
        (family, *source, address.to_vec())
    });
    assert_eq!(ecs, expected.ecs);
    let cookie = of(COOKIE);
    assert_eq!(
        cookie.map(|data| &data[..8]),
        expected.cookie.as_ref().map(|(client, _)| &client[..])
    );
    assert!(cookie.is_none_or(|cookie| cookie.len() == 24));
    let has_idle = matches!(transport, Transport::Tcp | Transport::Tls);
    let asked = has_idle && expected.keepalive == Keepalive::Asked;
    assert_eq!(of(KEEPALIVE), asked.then_some(&[0, 90][..]));
    // RFC 7830 section 6, RFC 8467 section 4.1.
    let is_encrypted = !matches!(transport, Transport::Udp | Transport::Tcp);
    let padding = of(PADDING);
    assert_eq!(padding.is_some(), is_encrypted && expected.padding);
    assert!(
        padding
            .is_none_or(|zeros| octets.len().is_multiple_of(468) && zeros.iter().all(|o| *o == 0))
    );
    match (edns.version, expected.keepalive) {
        (1.., _) => assert_eq!(answer.rcode(), 16, "BADVERS"),
        (0, Keepalive::Malformed) if has_idle => {
            assert_eq!(answer.rcode(), 1, "FORMERR");
        }
        _ => assert!(matches!(answer.rcode(), 0 | 3 | 5), "{}", answer.rcode()),
    }
}
