//! Fleets of fictitious mirrors: the same in every run, with addresses reserved for documentation
//! and benchmarks.

use std::net::{Ipv4Addr, Ipv6Addr};

use cvdns_core::geo::country::Country;
use serde_json::{Value, json};

use crate::queries::Numbers;

/// Countries with mirrors in the fleet of the race, in the order in which fleets take them.
const COUNTRY_ORDER: &str = "us de fr gb nl pl it es se no fi dk cz at ch be ro hu bg ua ru jp kr tw cn \
     hk sg th id my in au nz br ar cl co mx \
     ca za eg tr il ir pt ie gr sk si hr lt lv ee is lu";

/// The version of daily.cvd that feeds begin with.
pub const DAILY: u64 = 28_129;

/// One mirror with one IPv4 address.
pub struct Mirror {
    pub host: String,
    /// Code in lower case.
    pub country: &'static str,
    pub v4: Ipv4Addr,
    pub v6: Option<Ipv6Addr>,
}

/// Mirrors, ordered by country.
pub struct Fleet {
    pub mirrors: Vec<Mirror>,
    /// Codes in lower case.
    pub countries: Vec<&'static str>,
}

impl Fleet {
    /// The fleet of the race: 181 mirrors in 55 countries.
    pub fn race() -> Self {
        Self::new(181, 55)
    }

    /// A fleet of so many mirrors in so many countries, of which the first have more mirrors than
    /// the others. About half of the mirrors have IPv6.
    pub fn new(mirrors: usize, countries: usize) -> Self {
        let mut numbers = Numbers(7);
        let countries: Vec<_> = all_countries().take(countries).collect();
        let mut share = vec![1; countries.len()];
        for _ in countries.len()..mirrors {
            // The lesser of two: low ranks are more frequent.
            let rank = numbers.below(share.len()).min(numbers.below(share.len()));
            share[rank] += 1;
        }
        let owners = countries
            .iter()
            .zip(share)
            .flat_map(|(country, count)| std::iter::repeat_n(*country, count));
        let mirror = |(number, country)| Mirror {
            host: format!("m{number}.{country}.example.net"),
            country,
            v4: address(number, mirrors),
            v6: numbers
                .chance(50)
                .then(|| Ipv6Addr::from((0x2001_0db8 << 96) | (number as u128 + 1))),
        };
        let mirrors = owners.enumerate().map(mirror).collect();
        Self { mirrors, countries }
    }

    /// Each country with its mirrors.
    pub fn by_country(&self) -> impl Iterator<Item = (&'static str, &[Mirror])> {
        self.mirrors
            .chunk_by(|a, b| a.country == b.country)
            .map(|mirrors| (mirrors[0].country, mirrors))
    }

    /// A feed for the fleet. A twentieth of the mirrors is down, a different one for each `turn`,
    /// which is the feed's serial.
    pub fn feed(&self, turn: u64) -> String {
        self.feed_with(turn, DAILY)
    }

    /// The same with this version of daily.cvd on all mirrors.
    pub fn feed_with(&self, turn: u64, daily: u64) -> String {
        let mut numbers = Numbers(turn);
        let health = |mirror: &Mirror| {
            let state = if numbers.chance(5) { "down" } else { "up" };
            let health = json!({ "state": state, "main": 63, "daily": daily, "bytecode": 339 });
            (mirror.host.clone(), health)
        };
        let mirrors: serde_json::Map<String, Value> = self.mirrors.iter().map(health).collect();
        let release = json!({
            "software": "1.4.6", "main": 63, "daily": daily, "bytecode": 339,
            "flevel": 90, "warn": true, "safebrowsing": 49192,
        });
        let generated = jiff::Timestamp::now().to_string();
        json!({ "format": 1, "serial": turn, "generated": generated, "release": release, "mirrors": mirrors })
            .to_string()
    }
}

/// Countries in which a mirror can be. EU and AP are not countries.
fn all_countries() -> impl Iterator<Item = &'static str> {
    let known = |code: &str| COUNTRY_ORDER.split_whitespace().any(|first| first == code);
    let rest = Country::all()
        .map(Country::label)
        .filter(move |code| !known(code) && *code != "eu" && *code != "ap");
    COUNTRY_ORDER.split_whitespace().chain(rest)
}

/// Documentation prefixes (RFC 5737) as long as they suffice, otherwise those for benchmarks (RFC
/// 2544).
fn address(number: usize, of: usize) -> Ipv4Addr {
    const DOCUMENTATION: [Ipv4Addr; 3] = [
        Ipv4Addr::new(192, 0, 2, 1),
        Ipv4Addr::new(198, 51, 100, 1),
        Ipv4Addr::new(203, 0, 113, 1),
    ];
    let (base, step) = match DOCUMENTATION.get(number / 250) {
        Some(base) if of <= 750 => (*base, number % 250),
        _ => (Ipv4Addr::new(198, 18, 0, 1), number),
    };
    Ipv4Addr::from(u32::from(base) + step as u32)
}
