//! The rate limiter, against exact buckets without limits of memory.
//!
//! Rate, workers, slip and mode, then steps: how much time goes by, and who asks.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cvdns_core::abuse::{
    LimitMode, LimitedPrefixes, Networks, RateLimit, RateLimiter, Ticks, Verdict,
};

use super::octets::Octets;

/// Most steps of an input.
const STEPS: usize = 64;

/// How long an input may last: buckets are moments modulo 12 days, and one that nobody used for
/// just that long looks full for a second.
const LONGEST: Duration = Duration::from_secs(6 * 24 * 3600);

/// Prefix lengths, and how many times the rate of one client each has (docs/security.md).
const IPV4: [(u32, u128); 4] = [(32, 1), (24, 32), (20, 256), (18, 768)];
const IPV6: [(u32, u128); 4] = [(64, 1), (56, 3), (48, 4), (32, 64)];

/// Buckets of all prefixes: until when, in 2^-24 seconds, what each took lasts.
#[derive(Default)]
pub(crate) struct Buckets(HashMap<(bool, u32, u128), u128>);

impl Buckets {
    const SECOND: u128 = 1 << 24;

    /// Takes an answer from all prefixes of a client, or nothing from any.
    pub(crate) fn take(&mut self, now: u128, source: IpAddr, rate: u32, workers: u32) -> bool {
        let (is_ipv4, bits, width, lengths) = match source {
            IpAddr::V4(address) => (true, u128::from(address.to_bits()), 32, IPV4),
            IpAddr::V6(address) => (false, address.to_bits(), 128, IPV6),
        };
        let taken = lengths.map(|(length, multiple)| {
            let interval = Self::SECOND * u128::from(workers) / (u128::from(rate) * multiple);
            let (interval, key) = (interval.max(1), (is_ipv4, length, bits >> (width - length)));
            let until = self.0.get(&key).copied().unwrap_or_default().max(now) + interval;
            (key, until, until - now <= interval.max(Self::SECOND))
        });
        let fits = taken.iter().all(|(.., fits)| *fits);
        for (key, until, _) in taken.into_iter().filter(|_| fits) {
            self.0.insert(key, until);
        }
        fits
    }
}

/// A client: one of few, so that prefixes are shared, or any.
pub(crate) fn source(octets: &mut Octets<'_>) -> IpAddr {
    let [how, host] = octets.array();
    match how & 3 {
        0 => Ipv4Addr::new(192, 0, 2, host & 3).into(),
        1 => Ipv4Addr::new(192, 0, how >> 2, host).into(),
        2 => Ipv6Addr::new(0x2001, 0xdb8, 0, u16::from(how >> 2), u16::from(host), 0, 0, 1).into(),
        _ => Ipv6Addr::from(octets.array::<16>()).into(),
    }
}

/// A pause, from none to days, of which most are short.
pub(crate) fn pause(octets: &mut Octets<'_>) -> Duration {
    let [scale, factor] = octets.array();
    let nanoseconds = u64::from(factor) << (u32::from(scale % 48));
    Duration::from_nanos(nanoseconds)
}

/// Exactly those are limited who would be by exact buckets, as long as there is room for all.
pub fn run(input: &[u8]) {
    // Two prefixes may share a place by chance, but not under two keys.
    let disagrees = |key| judged(input, key).is_err();
    if let Err(first) = judged(input, [1, 2]) {
        assert!(!disagrees([3, 4]), "{first}");
    }
}

fn judged(input: &[u8], key: [u64; 2]) -> Result<(), String> {
    let mut octets = Octets(input);
    let [setup, slip] = octets.array();
    let rate = match setup & 3 {
        0 => 1 + u32::from(setup >> 4),
        1 => 1000,
        2 => 1_000_000,
        _ => octets.u32().clamp(1, 1_000_000),
    };
    let workers = 1 + u32::from(setup >> 2 & 3);
    let mode = if slip & 0x80 == 0 { LimitMode::On } else { LimitMode::DryRun };
    let limit = RateLimit {
        mode,
        responses_per_second: rate,
        slip: u32::from(slip & 7),
        exempt: Networks::new(&["192.0.63.0/24".parse().expect("a network")]),
    };
    let noted: Arc<Mutex<LimitedPrefixes>> = Arc::default();
    let mut limiter = RateLimiter::new(key, workers, noted.clone());
    let mut buckets = Buckets::default();
    let (mut now, mut limited) = (Duration::ZERO, 0);
    for step in 0..STEPS {
        if octets.is_empty() {
            break;
        }
        now += pause(&mut octets);
        if now > LONGEST {
            break;
        }
        let source = source(&mut octets);
        let verdict = limiter.judge(&limit, Ticks::after(now), source);
        let exempt = matches!(source, IpAddr::V4(v4) if v4.octets()[..3] == [192, 0, 63]);
        let expected = if exempt || buckets.take(ticks(now), source, rate, workers) {
            Verdict::Answer
        } else {
            limited += 1;
            expected_of(&limit, limited)
        };
        if verdict != expected {
            return Err(format!("step {step}: {verdict:?} for {source}, not {expected:?}"));
        }
    }
    let noted = noted.lock().expect("no panic");
    let counted: u64 = noted.by_count().iter().map(|(_, count)| count).sum();
    assert_eq!(counted + noted.others, u64::from(limited), "limited answers are counted");
    Ok(())
}

/// A moment in 2^-24 seconds.
pub(crate) fn ticks(moment: Duration) -> u128 {
    let fraction = u128::from(moment.subsec_nanos()) * Buckets::SECOND / 1_000_000_000;
    u128::from(moment.as_secs()) * Buckets::SECOND + fraction
}

/// What becomes of the limited answer with this number, from 1.
pub(crate) fn expected_of(limit: &RateLimit, number: u32) -> Verdict {
    match (limit.mode, limit.slip) {
        (LimitMode::DryRun, _) => Verdict::WouldLimit,
        (_, slip) if slip > 0 && number.is_multiple_of(slip) => Verdict::Truncate,
        _ => Verdict::Drop,
    }
}
