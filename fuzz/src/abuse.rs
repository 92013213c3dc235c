//! Whole conversations with a responder that limits rates and honours cookies.
//!
//! Octet 0: bits 0 and 1 the settings. Then steps: how much time goes by, who asks, by which
//! transport, and a query: octets as they are, or one with a cookie that this server made, or made
//! once, or did not make.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cvdns_core::abuse::{
    CookieSecrets, LimitMode, Networks, RateLimit, RateLimiter, Ticks, Verdict,
};
use cvdns_core::answer::{Answering, Moment, Transport};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::inputs::Settings;
use cvdns_core::wire::cookie::{QueryCookie, ServerPart};
use cvdns_core::wire::edns::Honoured;
use cvdns_core::wire::lower::LowerName;
use cvdns_core::wire::query::{Query, Reject};

use super::limiter::{Buckets, expected_of, pause, source, ticks};
use super::message::{Message, opt, query};
use super::octets::Octets;
use super::snapshots::{clock, small};

/// Most steps of an input.
const STEPS: usize = 24;

/// Few answers a second, so that short inputs reach the limit.
const RATE: u32 = 2;

/// Moments begin here, so that cookies can be older.
const START: u32 = 1_795_370_400;

static SNAPSHOTS: LazyLock<[Snapshot; 4]> = LazyLock::new(|| {
    [(LimitMode::On, 1), (LimitMode::On, 2), (LimitMode::On, 0), (LimitMode::DryRun, 1)].map(
        |(mode, slip)| {
            let exempt = Networks::new(&["192.0.63.0/24".parse().expect("a network")]);
            let rate_limit = RateLimit { mode, responses_per_second: RATE, slip, exempt };
            small(Settings { rate_limit, udp_size: 1400, ..Settings::default() })
        },
    )
});

static SECRETS: LazyLock<Arc<CookieSecrets>> =
    LazyLock::new(|| Arc::new(CookieSecrets::random([9; 16])));

/// What an input is about.
struct Conversation {
    snapshot: &'static Snapshot,
    /// Answers one query after the other.
    single: Answering,
    /// Answers queries over UDP in batches.
    batched: Answering,
    /// Has no limit; only asked what the others answer.
    unlimited: Answering,
    buckets: Buckets,
    limited: u32,
}

/// Whom exact buckets and the cookie's rules limit is limited, and nobody else: all others get the
/// answer of a responder without a limit.
pub fn run(input: &[u8]) {
    let mut octets = Octets(input);
    let snapshot = &SNAPSHOTS[usize::from(octets.u8() & 3)];
    let limiter = || RateLimiter::new([5, 6], 1, Arc::default());
    let unlimited = Answering::new(0, clock);
    let mut conversation = Conversation {
        snapshot,
        single: unlimited.clone().limited_by(limiter()),
        batched: unlimited.clone().limited_by(limiter()),
        unlimited,
        buckets: Buckets::default(),
        limited: 0,
    };
    let mut now = Duration::ZERO;
    for _ in 0..STEPS {
        if octets.is_empty() {
            break;
        }
        now += pause(&mut octets).min(Duration::from_secs(7200));
        let source = source(&mut octets);
        let (transport, packet) = packet(&mut octets, source, now);
        conversation.step(now, source, transport, &packet);
    }
}

/// The transport and a query.
fn packet(octets: &mut Octets<'_>, source: IpAddr, now: Duration) -> (Transport, Vec<u8>) {
    let how = octets.u8();
    let transport = if how & 1 == 1 { Transport::Tcp } else { Transport::Udp };
    let name: &[u8] =
        if how & 2 == 2 { b"\x01v\x07example\x03net\0" } else { b"\x02db\x07example\x03net\0" };
    let plain = |rest: &[u8]| query(name, 1, 1, [0, 0, u16::from(!rest.is_empty())], rest);
    let with = |cookie: &[u8]| {
        let length = u16::try_from(cookie.len()).expect("short").to_be_bytes();
        plain(&opt(1232, [0; 4], &[&[0, 10], &length[..], cookie].concat()))
    };
    let made = |age: u32| {
        let cookie = QueryCookie { client: [how; 8], server: ServerPart::Absent };
        cookie.check(&SECRETS, source, unix_time(now).wrapping_sub(age)).answer
    };
    let packet = match how >> 2 & 7 {
        0 => plain(&[]),
        1 => with(&[how; 8]),
        2 => with(&made(0)),
        3 => with(&made(octets.u16().into())),
        4 => with(&[&made(0)[..23], &[octets.u8()]].concat()),
        5 => plain(octets.slice(40)),
        _ => {
            let length = octets.u8();
            octets.slice(length.into()).to_vec()
        }
    };
    (transport, packet)
}

fn unix_time(now: Duration) -> u32 {
    START.wrapping_add(now.as_secs() as u32)
}

impl Conversation {
    fn step(&mut self, now: Duration, source: IpAddr, transport: Transport, packet: &[u8]) {
        let moment = Moment { ticks: Ticks::after(now), unix_time: unix_time(now) };
        for answering in [&mut self.single, &mut self.batched, &mut self.unlimited] {
            answering.begin(moment, &SECRETS);
        }
        let (snapshot, client) = (self.snapshot, (source, 4711).into());
        let mut buffer = room(packet);
        let length = self.single.respond(snapshot, &mut buffer, packet.len(), client, transport);
        let answer = length.map(|length| &buffer[..length]);
        let mut again = room(packet);
        let length = if transport == Transport::Udp {
            self.batched.read_batch(snapshot, [Some((packet, source))].into_iter());
            self.batched.respond_in_batch(0, snapshot, &mut again, client, transport)
        } else {
            self.batched.respond(snapshot, &mut again, packet.len(), client, transport)
        };
        assert_eq!(length.map(|length| &again[..length]), answer, "in a batch");

        let verdict = self.verdict(now, source, transport, packet);
        match (verdict, answer) {
            (Verdict::Drop, answer) => assert!(answer.is_none(), "limited, but answered"),
            (Verdict::Truncate, Some(answer)) => check_limited(packet, answer),
            (Verdict::Truncate, None) => panic!("slip lets this answer through"),
            (Verdict::Answer | Verdict::WouldLimit, answer) => {
                let mut free = room(packet);
                let length =
                    self.unlimited.respond(snapshot, &mut free, packet.len(), client, transport);
                assert_eq!(answer, length.map(|length| &free[..length]), "not limited");
            }
        }
    }

    /// What must become of a query.
    fn verdict(
        &mut self,
        now: Duration,
        source: IpAddr,
        transport: Transport,
        packet: &[u8],
    ) -> Verdict {
        let limit = &self.snapshot.static_data.settings.rate_limit;
        let mut query = Query::default();
        let honoured = Honoured { ecs: true, cookies: true };
        let read = query.read(packet, &mut LowerName::new(), honoured);
        let is_verified = read.is_ok()
            && query
                .edns
                .and_then(|edns| edns.cookie)
                .is_some_and(|cookie| cookie.check(&SECRETS, source, unix_time(now)).is_valid);
        let exempt = matches!(source, IpAddr::V4(v4) if v4.octets()[..3] == [192, 0, 63]);
        if transport == Transport::Tcp || is_verified || exempt || read == Err(Reject::Drop) {
            return Verdict::Answer;
        }
        if self.buckets.take(ticks(now), source, RATE, 1) {
            return Verdict::Answer;
        }
        self.limited += 1;
        match expected_of(limit, self.limited) {
            // What is malformed cannot be asked again over TCP.
            Verdict::Truncate if read.is_err() => Verdict::Drop,
            verdict => verdict,
        }
    }
}

fn room(packet: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    buffer[..packet.len()].copy_from_slice(packet);
    buffer
}

/// A limited answer has no records but OPT, and says TC, or BADCOOKIE to who sent a cookie.
fn check_limited(packet: &[u8], octets: &[u8]) {
    let answer = Message::read(octets).expect("a message");
    assert!(packet[12..].starts_with(answer.question) && answer.counts[0] == 1);
    assert_eq!(answer.counts[1..3], [0, 0], "no records");
    assert!(!answer.is_authoritative());
    let has_cookie = answer.options().iter().any(|(code, _)| *code == 10);
    assert_eq!(answer.is_truncated(), !has_cookie);
    assert_eq!(answer.rcode(), if has_cookie { 23 } else { 0 });
    // Never more than the question, an OPT record and a cookie: nothing to amplify.
    assert!(octets.len() <= packet.len().max(12) + 11 + 28);
}
