//! The limit of answers over UDP (`[rate-limit]`).

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::limited_prefixes::{LimitedPrefixes, Prefix};
use super::networks::Networks;
use super::sketch::{KINDS, Place, Rate, Sketch};
use super::ticks::Ticks;

/// Whether answers are limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitMode {
    /// Answers are limited.
    #[default]
    On,
    /// It is counted which would be; all are sent.
    DryRun,
    /// Nothing is limited or counted.
    Off,
}

/// How answers over UDP are limited (`[rate-limit]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Whether they are.
    pub mode: LimitMode,
    /// Answers a second for one IPv4 address or IPv6 /64, by all workers of a listen address; at
    /// least 1.
    pub responses_per_second: u32,
    /// Each limited answer of this number is sent truncated, the others are dropped; 0 drops all.
    pub slip: u32,
    /// Clients in these networks have no limit.
    pub exempt: Networks,
}

/// The limiter of one worker.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    sketch: Sketch,
    /// Workers among which the rate is divided.
    workers: u32,
    /// The configured rate that `rates` were computed for; 0 before the first.
    responses_per_second: u32,
    /// Rates of the widths in [`IPV4`] and [`IPV6`].
    rates: [[Rate; WIDTHS]; 2],
    /// The longest burst of them.
    longest_burst: u64,
    /// Limited answers, modulo 2^32.
    limited: u32,
    noted: Arc<Mutex<LimitedPrefixes>>,
}

/// What becomes of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// It is answered.
    #[default]
    Answer,
    /// It is answered; without `dry-run` it would be limited.
    WouldLimit,
    /// It is answered without records and with TC: a real client asks again over TCP.
    Truncate,
    /// It is not answered.
    Drop,
}

/// Where the bucket of a client is. Those of the wider prefixes are at hand anyway, as many clients
/// share them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    source: IpAddr,
    place: Place,
}

/// Prefixes of a client.
const WIDTHS: usize = 4;

/// Prefix lengths and how many times the rate of the narrowest each of them has. A network's users
/// share a few resolvers, so that wider prefixes have less than the sum.
const IPV4: [(u8, u32); WIDTHS] = [(32, 1), (24, 32), (20, 256), (18, 768)];
const IPV6: [(u8, u32); WIDTHS] = [(64, 1), (56, 3), (48, 4), (32, 64)];

impl RateLimiter {
    /// A limiter that has this share of the rate: one of so many workers. Nobody outside may know
    /// the key. Limited prefixes are noted in `noted`, unless somebody reads there.
    pub fn new(key: [u64; 2], workers: u32, noted: Arc<Mutex<LimitedPrefixes>>) -> Self {
        Self {
            sketch: Sketch::new(key),
            workers: workers.max(1),
            responses_per_second: 0,
            rates: [[Rate::default(); WIDTHS]; 2],
            longest_burst: 0,
            limited: 0,
            noted,
        }
    }

    /// Counts a query that came over UDP, and decides what becomes of it.
    #[inline]
    pub fn judge(&mut self, limit: &RateLimit, now: Ticks, source: IpAddr) -> Verdict {
        let bucket = self.find(limit, source);
        bucket.map_or(Verdict::Answer, |bucket| self.judge_by(limit, now, &bucket))
    }

    /// The first step of [`Self::judge`]: where a client's bucket is; `None` if the client has no
    /// limit.
    #[inline]
    pub fn find(&self, limit: &RateLimit, source: IpAddr) -> Option<Bucket> {
        if limit.mode == LimitMode::Off || limit.exempt.contains(source) {
            return None;
        }
        let [(_, bits), ..] = prefixes(source);
        Some(Bucket { source, place: self.sketch.place(kind(source), bits) })
    }

    /// The second step, which may be left out: has the processor fetch the bucket, while others are
    /// found.
    #[inline]
    pub fn fetch(&self, bucket: &Bucket) {
        self.sketch.fetch(bucket.place);
    }

    /// The last step: counts the query, and decides what becomes of it.
    #[inline]
    pub fn judge_by(&mut self, limit: &RateLimit, now: Ticks, bucket: &Bucket) -> Verdict {
        if self.responses_per_second != limit.responses_per_second {
            self.set_rate(limit.responses_per_second);
        }
        let source = bucket.source;
        let ([ipv4, ipv6], longest) = (&self.rates, self.longest_burst);
        let ([a, b, c, d], [of_a, of_b, of_c, of_d]) =
            (if source.is_ipv4() { ipv4 } else { ipv6 }, prefixes(source));
        let keys = [(of_a.1, a), (of_b.1, b), (of_c.1, c), (of_d.1, d)];
        match self.sketch.take(now, bucket.place, kind(source), keys, longest) {
            Ok(()) => Verdict::Answer,
            Err(number) => self.limited(limit, source, number),
        }
    }

    #[cold]
    fn limited(&mut self, limit: &RateLimit, source: IpAddr, number: usize) -> Verdict {
        // The log is read about once a second: waiting for it would hold up all clients.
        if let (Some((length, bits)), Ok(mut noted)) =
            (prefixes(source).get(number), self.noted.try_lock())
        {
            noted.add(Prefix::new(source.is_ipv4(), *bits, *length));
        }
        if limit.mode == LimitMode::DryRun {
            return Verdict::WouldLimit;
        }
        self.limited = self.limited.wrapping_add(1);
        match self.limited.checked_rem(limit.slip) {
            Some(0) => Verdict::Truncate,
            _ => Verdict::Drop,
        }
    }

    /// Computes the rates. What buckets hold stays: it is kept as time.
    #[cold]
    fn set_rate(&mut self, responses_per_second: u32) {
        self.responses_per_second = responses_per_second;
        for (rates, lengths) in self.rates.iter_mut().zip([IPV4, IPV6]) {
            for (rate, (_, multiple)) in rates.iter_mut().zip(lengths) {
                let per_second = u64::from(responses_per_second) * u64::from(multiple);
                let shared = Ticks::SECOND * u64::from(self.workers);
                let interval = shared.checked_div(per_second).unwrap_or_default().max(1);
                *rate = Rate { interval, burst: interval.max(Ticks::SECOND) };
            }
        }
        let bursts = self.rates.iter().flatten().map(|rate| rate.burst);
        self.longest_burst = bursts.max().unwrap_or_default();
    }
}

/// The prefixes of an address, narrowest first: their lengths, and their bits among the address's
/// first 32 or 64.
#[inline]
fn prefixes(source: IpAddr) -> [(u8, u64); WIDTHS] {
    let (bits, width, lengths) = match source {
        IpAddr::V4(address) => (address.to_bits().into(), 32, IPV4),
        IpAddr::V6(address) => ((address.to_bits() >> 64) as u64, 64, IPV6),
    };
    lengths.map(|(length, _)| {
        let spare = u32::from(width - length);
        (length, bits >> spare << spare)
    })
}

/// The kind of a family's narrowest prefixes; those of wider ones follow.
fn kind(source: IpAddr) -> usize {
    if source.is_ipv4() { 0 } else { WIDTHS }
}

const _: () = assert!(KINDS == 2 * WIDTHS);

#[cfg(test)]
mod tests;
