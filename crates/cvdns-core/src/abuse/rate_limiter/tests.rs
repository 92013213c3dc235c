//! Who gets how many answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn limit(responses_per_second: u32) -> RateLimit {
    RateLimit { mode: LimitMode::On, responses_per_second, slip: 1, exempt: Networks::default() }
}

fn limiter(workers: u32) -> RateLimiter {
    RateLimiter::new([3, 4], workers, Arc::default())
}

fn at(milliseconds: u64) -> Ticks {
    Ticks::after(Duration::from_millis(milliseconds))
}

/// Answers to `queries` from addresses in turn, in each of so many milliseconds.
fn granted(
    limiter: &mut RateLimiter,
    limit: &RateLimit,
    milliseconds: std::ops::Range<u64>,
    queries: usize,
    mut source: impl FnMut() -> IpAddr,
) -> u64 {
    let mut granted = 0;
    for millisecond in milliseconds {
        for _ in 0..queries {
            let verdict = limiter.judge(limit, at(millisecond), source());
            granted += u64::from(verdict == Verdict::Answer);
        }
    }
    granted
}

/// Rates hold within a hundredth: intervals are whole ticks.
fn is_close(granted: u64, expected: u64) -> bool {
    granted.abs_diff(expected) <= expected / 100 + 2
}

/// The address of a number.
type Source = fn(u64) -> IpAddr;

#[test]
fn each_prefix_has_its_multiple_of_the_rate() {
    let cases: [(&str, Source, u64); 8] = [
        ("/32", |_| Ipv4Addr::new(192, 0, 2, 7).into(), 1),
        ("/24", |n| Ipv4Addr::from_bits(0xc000_0200 | n as u32 & 0xff).into(), 32),
        ("/20", |n| Ipv4Addr::from_bits(0xc000_0000 | n as u32 & 0xfff).into(), 256),
        ("/18", |n| Ipv4Addr::from_bits(0xc000_0000 | n as u32 & 0x3fff).into(), 768),
        ("/64", |n| Ipv6Addr::from_bits(0x2001 << 112 | u128::from(n)).into(), 1),
        ("/56", |n| Ipv6Addr::from_bits(0x2001 << 112 | u128::from(n & 0xff) << 64).into(), 3),
        ("/48", |n| Ipv6Addr::from_bits(0x2001 << 112 | u128::from(n & 0xffff) << 64).into(), 4),
        ("/32", |n| Ipv6Addr::from_bits(0x2001 << 112 | u128::from(n % 9973) << 80).into(), 64),
    ];
    for (name, source, multiple) in cases {
        let limit = limit(10);
        let mut limiter = limiter(1);
        let mut number = 0u64;
        let mut next = || {
            // A walk through all addresses in an order that a pattern would not be.
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            source(number >> 20)
        };
        let answers = granted(&mut limiter, &limit, 0..3000, 20, &mut next);
        // A second's worth at once, and then three seconds' worth.
        assert!(is_close(answers, 40 * multiple), "{name}: {answers} of {}", 40 * multiple);
    }
}

/// "Flood from one network at 10 times the limit beside good clients".
#[test]
fn good_clients_of_other_networks_are_all_answered_beside_a_flood() {
    let limit = limit(1000);
    let mut limiter = limiter(2);
    let flooder = IpAddr::from([198, 51, 100, 9]);
    let mut flooded = 0;
    let mut good_limited = 0;
    for millisecond in 0..5000 {
        flooded += granted(&mut limiter, &limit, millisecond..millisecond + 1, 5, || flooder);
        for good in (0..20u8).filter(|_| millisecond % 20 == 0) {
            let source = IpAddr::from([203, 0, 113, good]);
            let verdict = limiter.judge(&limit, at(millisecond), source);
            good_limited += u64::from(verdict != Verdict::Answer);
        }
    }
    assert_eq!(good_limited, 0);
    // This worker's half of the rate.
    assert!(is_close(flooded, 500 * 6), "{flooded}");
}

#[test]
fn good_clients_are_all_answered_beside_a_flood_of_spoofed_sources() {
    let limit = limit(1000);
    let mut limiter = limiter(1);
    let mut number = 1u32;
    let mut good_limited = 0;
    for millisecond in 0..2000 {
        for _ in 0..200 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // 100,000 sources in all of the address space.
            let source = Ipv4Addr::from_bits((number >> 8) % 100_000 * 42_949);
            limiter.judge(&limit, at(millisecond), source.into());
        }
        for good in 0..5u8 {
            let source = IpAddr::from([203, 0, 113, good]);
            let verdict = limiter.judge(&limit, at(millisecond), source);
            good_limited += u64::from(millisecond % 20 == 0 && verdict != Verdict::Answer);
        }
    }
    assert_eq!(good_limited, 0);
}

#[test]
fn slip_chooses_how_many_limited_answers_are_truncated() {
    for (slip, truncated) in [(0, 0), (1, 300), (2, 150), (3, 100), (u32::MAX, 0)] {
        let limit = RateLimit { slip, ..limit(1) };
        let mut limiter = limiter(1);
        let source = IpAddr::from([192, 0, 2, 1]);
        assert_eq!(limiter.judge(&limit, at(0), source), Verdict::Answer);
        let verdicts: Vec<Verdict> =
            (0..300).map(|_| limiter.judge(&limit, at(0), source)).collect();
        let count = |of| verdicts.iter().filter(|verdict| **verdict == of).count();
        assert_eq!(
            [count(Verdict::Truncate), count(Verdict::Drop)],
            [truncated, 300 - truncated],
            "slip {slip}"
        );
    }
}

#[test]
fn exempt_clients_have_no_limit_and_take_nothing_from_their_neighbours() {
    let exempt =
        Networks::new(&["192.0.2.0/25".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
    let limit = RateLimit { exempt, ..limit(1) };
    let mut limiter = limiter(1);
    for source in ["192.0.2.1", "2001:db8::1"] {
        let answers = granted(&mut limiter, &limit, 0..1, 500, || source.parse().unwrap());
        assert_eq!(answers, 500, "{source}");
    }
    let answers = granted(&mut limiter, &limit, 0..1, 500, || [192, 0, 2, 200].into());
    assert_eq!(answers, 1);
}

#[test]
fn dry_run_and_off_limit_nothing_and_only_dry_run_counts() {
    let noted: Arc<Mutex<LimitedPrefixes>> = Arc::default();
    let mut limiter = RateLimiter::new([1, 1], 1, noted.clone());
    let source = IpAddr::from([192, 0, 2, 1]);
    let off = RateLimit { mode: LimitMode::Off, ..limit(1) };
    assert_eq!(granted(&mut limiter, &off, 0..1, 9, || source), 9);
    let dry = RateLimit { mode: LimitMode::DryRun, ..off };
    let verdicts = [(); 3].map(|()| limiter.judge(&dry, at(0), source));
    assert_eq!(verdicts, [Verdict::Answer, Verdict::WouldLimit, Verdict::WouldLimit]);
    let named = noted.lock().unwrap().by_count();
    assert_eq!(named, [(Prefix { address: source, length: 32 }, 2)]);
}

#[test]
fn a_reload_of_the_rate_keeps_what_was_taken() {
    let mut limiter = limiter(1);
    let source = IpAddr::from([192, 0, 2, 1]);
    assert_eq!(granted(&mut limiter, &limit(100), 0..1, 500, || source), 100);
    assert_eq!(granted(&mut limiter, &limit(200), 0..1, 500, || source), 0);
    assert_eq!(granted(&mut limiter, &limit(200), 500..501, 500, || source), 100);
}

proptest! {
    /// The least and the greatest rates, many workers: an answer is granted, and time goes on.
    #[test]
    fn whatever_the_rate_the_first_query_is_answered_and_a_flood_is_not(
        rate in 1u32..=1_000_000,
        workers in 1u32..=1024,
        address in any::<u128>(),
    ) {
        let mut limiter = limiter(workers);
        let source = IpAddr::V6(Ipv6Addr::from_bits(address));
        let share = u64::from(rate / workers);
        if share > 2000 {
            return Ok(());
        }
        prop_assert_eq!(limiter.judge(&limit(rate), at(0), source), Verdict::Answer);
        let flood = granted(&mut limiter, &limit(rate), 0..1, 10_000, || source);
        prop_assert!(is_close(flood + 1, share.max(1)), "{} for {}", flood, share);
    }
}
