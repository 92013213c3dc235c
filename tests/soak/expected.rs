//! Which answers are right, by the fixture's own logic for each feed that may be in force.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::changes;
use crate::support::fixture::{self, Groups, MAX, groups, mirrors, path};
use crate::support::packet::{AA, QR, Query, TC};
use crate::support::reply::Reply;
use crate::support::rr;

/// A question, and the right answers to it.
pub(crate) struct Expectation {
    pub(crate) query: Query,
    /// The query in octets, with another id.
    pub(crate) octets: Vec<u8>,
    answers: Right,
}

enum Right {
    /// Addresses of mirrors, by phase of the feed: groups of mirrors as bits, and how many of each
    /// group an answer has.
    Mirrors(Vec<Vec<(u64, u32)>>),
    /// The record with the version of the feed.
    Record,
    /// RCODE and number of answers.
    Fixed(u8, u16),
}

pub(crate) struct Expectations {
    pub(crate) all: Vec<Expectation>,
    /// The mirror of each address, as a bit.
    bits: HashMap<Vec<u8>, u64>,
}

/// Clients of `db.local`, by subnet.
const SUBNETS: [&str; 6] = [
    "198.51.100.0/26",
    "198.51.100.128/26",
    "198.51.100.192/27",
    "203.0.113.0/25",
    "2001:db8:8000::/40",
    "2001:db8:f800::/40",
];

const COUNTRIES: [&str; 8] = ["DE", "FR", "JP", "US", "LI", "IS", "BR", "GB"];

impl Expectations {
    pub(crate) fn new() -> Self {
        let mut bits = HashMap::new();
        for (number, mirror) in mirrors().into_iter().enumerate() {
            bits.insert(rr::a(&mirror.v4), 1 << number);
            if let Some(v6) = mirror.v6 {
                bits.insert(rr::aaaa(&v6), 1 << number);
            }
        }
        let mut out = Self { all: Vec::new(), bits };
        for country in COUNTRIES {
            let name = format!("db.{}.clam.example", country.to_lowercase());
            out.add_mirrors(Query::new(&name, rr::A), country);
            out.add_mirrors(Query::new(&name, rr::AAAA).edns(1232), country);
        }
        for subnet in SUBNETS {
            let address: IpAddr = subnet.split_once('/').unwrap().0.parse().unwrap();
            let (country, _) = fixture::locate(address);
            out.add_mirrors(Query::new("db.local.clam.example", rr::A).subnet(subnet), country);
        }
        for _ in 0..8 {
            out.add(Query::new("current.cvd.clam.example", rr::TXT), Right::Record);
        }
        out.add(Query::new("www.clam.example", rr::A).edns(1232), Right::Fixed(0, 2));
        out.add(Query::new("nothing.clam.example", rr::A), Right::Fixed(3, 0));
        out.add(Query::new("alias.clam.example", rr::A), Right::Fixed(0, 3));
        out
    }

    fn add(&mut self, query: Query, answers: Right) {
        self.all.push(Expectation { octets: query.build(), query, answers });
    }

    fn add_mirrors(&mut self, query: Query, country: &str) {
        let phases = (0..changes::PHASES).map(|phase| {
            let (v4, v6) = groups(&path(country), &changes::states(phase), false);
            self.masks(if query.qtype == rr::A { &v4 } else { &v6 })
        });
        let phases = phases.collect();
        self.add(query, Right::Mirrors(phases));
    }

    fn masks(&self, groups: &Groups) -> Vec<(u64, u32)> {
        let sizes = groups.sizes(MAX).into_iter().map(|size| size as u32);
        let mask = |set: &fixture::Set| set.iter().map(|rdata| self.bits[rdata]).sum();
        groups.0.iter().map(|(set, _)| mask(set)).zip(sizes).collect()
    }

    /// Whether these octets are a right answer to question `number` from one of these feeds. All
    /// but the id is checked; every 64th answer is read by two strict decoders as well.
    pub(crate) fn is_right(
        &self,
        number: usize,
        octets: &[u8],
        feeds: RangeInclusive<u64>,
        count: u64,
    ) -> bool {
        let expectation = &self.all[number];
        let Some(head) = octets.first_chunk::<12>() else { return false };
        let flags = u16::from_be_bytes([head[2], head[3]]);
        let answers = u16::from_be_bytes([head[6], head[7]]);
        if count.is_multiple_of(64) {
            let reply = Reply::parse(octets);
            if reply.questions != [expectation.query.question()] {
                return false;
            }
        }
        if flags & (QR | AA | TC) != QR | AA {
            return false;
        }
        let section = &octets[12 + expectation.query.question().len()..];
        let rcode = head[3] & 0xf;
        match &expectation.answers {
            Right::Fixed(code, records) => rcode == *code && answers == *records,
            Right::Record => feeds.into_iter().any(|serial| {
                let version = format!(":{}:", changes::daily(serial));
                let found = section.windows(version.len()).any(|part| part == version.as_bytes());
                rcode == 0 && answers == 1 && found
            }),
            Right::Mirrors(phases) => {
                let Some(found) = self.mirrors(section, answers) else { return false };
                rcode == 0
                    && feeds.into_iter().any(|serial| {
                        let groups = &phases[(serial % changes::PHASES) as usize];
                        is_drawn(&found, groups)
                    })
            }
        }
    }

    /// The mirrors of the answer section, as bits in their order. All records belong to the name
    /// that was asked for.
    fn mirrors(&self, mut section: &[u8], records: u16) -> Option<Vec<u64>> {
        let mut found = Vec::with_capacity(usize::from(records));
        for _ in 0..records {
            let (head, rest) = section.split_first_chunk::<12>()?;
            let length = usize::from(u16::from_be_bytes([head[10], head[11]]));
            let (rdata, rest) = rest.split_at_checked(length)?;
            if head[..2] != [0xc0, 12] {
                return None;
            }
            found.push(*self.bits.get(rdata)?);
            section = rest;
        }
        Some(found)
    }
}

/// Whether these mirrors are different ones, as many of each group as it must have, group by group.
fn is_drawn(found: &[u64], groups: &[(u64, u32)]) -> bool {
    let mut rest = found;
    for (mask, size) in groups {
        let Some((own, others)) = rest.split_at_checked(*size as usize) else { return false };
        let bits = own.iter().fold(0, |bits, bit| bits | bit);
        if bits & !mask != 0 || bits.count_ones() != *size {
            return false;
        }
        rest = others;
    }
    rest.is_empty()
}
