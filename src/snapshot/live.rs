//! What feed and clock change: the windows of every path under every rule, and the texts of the release.

use std::time::Duration;

use jiff::Timestamp;

use super::frame::{Frame, Plan, Rule, Text};
use super::inputs::Settings;
use super::template::{Line, Sections, Template, TemplateId, Templates};
use super::windows::Windows;
use super::yields::{Candidate, Walk};
use crate::health::{Feed, Health};
use crate::release::{self, Release};
use crate::wire::writer::Owner;
use crate::wire::{HEADER, class, rtype};

/// Octets of an A record that points at the question's name: pointer, type, class, TTL, length, address.
pub const A_SIZE: usize = 16;
/// Octets of an AAAA record that points at the question's name.
pub const AAAA_SIZE: usize = 28;

/// Room that the longest header, question and OPT record leave of a message's 65,535 octets.
const ROOM: usize = 65_535 - 1024;

/// Longest TTL in seconds of an answer given although no mirror is known to work.
const FAIL_OPEN_TTL: u32 = 30;

/// Answers that follow feed and clock.
#[derive(Debug, Default)]
pub struct Live {
    /// One for each rule and path of its plan.
    answers: Vec<PoolAnswer>,
    /// Where each rule's answers start.
    first_of_rule: Vec<u32>,
    /// Ready-made records.
    octets: Vec<u8>,
    /// Starts of windows, in octets from the start of their layout.
    starts: Vec<u32>,
    texts: Vec<Option<TemplateId>>,
    /// Which of the texts are too old to be answered.
    expired: Vec<bool>,
    templates: Templates,
}

/// What a path yields under a rule, as ready answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolAnswer {
    /// A.
    pub ipv4: WindowSet,
    /// AAAA.
    pub ipv6: WindowSet,
}

/// Windows of one address family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowSet {
    /// Where its records start in the block.
    records: usize,
    /// Where its starts begin.
    first_start: u32,
    /// How many windows there are; 0: no address.
    pub count: u32,
    /// Octets of a window.
    octets: u32,
    /// Records of a window.
    pub size: u16,
    /// No address of the path is usable, and these are answered all the same.
    pub fail_open: bool,
}

/// What is true now.
#[derive(Debug, Clone, Copy)]
pub struct Now<'n> {
    /// The feed in force.
    pub feed: Option<&'n Feed>,
    /// The time.
    pub time: Timestamp,
    /// How long after it was generated a feed counts as fresh.
    pub max_age: Duration,
}

impl Now<'_> {
    /// The stamp of records, in Unix seconds; none without a release.
    pub fn stamp(&self) -> Option<i64> {
        Some(release::stamp(self.time, self.fresh_until()?))
    }

    fn fresh_until(&self) -> Option<Timestamp> {
        Some(self.feed?.generated.checked_add(self.max_age).unwrap_or(Timestamp::MAX))
    }
}

impl Frame {
    /// From when on a text is too old to be answered.
    fn expiry(&self, text: &Text, now: &Now<'_>) -> Option<Timestamp> {
        let fresh_until = now.fresh_until().filter(|_| self.settings.expire)?;
        Some(release::expiry(fresh_until, text.ttl))
    }

    /// The next moment after now at which a text becomes too old.
    pub fn next_expiry(&self, now: &Now<'_>) -> Option<Timestamp> {
        let moments = self.texts.iter().filter_map(|text| self.expiry(text, now));
        moments.filter(|moment| *moment > now.time).min()
    }
}

impl Plan {
    /// How its fleet stands now.
    pub fn health(&self, now: &Now<'_>) -> Health {
        Health::at(&self.fleet, now.feed, now.time, Duration::from_secs(self.ttl.into()))
    }

    /// The next moment at which a downtime changes that.
    pub fn next_change(&self, time: Timestamp) -> Option<Timestamp> {
        Health::next_change(&self.fleet, time, Duration::from_secs(self.ttl.into()))
    }

    /// The walk along its paths under a rule.
    pub fn walk<'p>(&'p self, rule: &Rule, health: &'p Health) -> Walk<'p> {
        let (min, families) = (usize::from(rule.min), rule.families);
        Walk { fleet: &self.fleet, health, paths: &self.paths, min, families }
    }
}

impl Live {
    /// Compiles what holds now.
    pub fn compile(frame: &Frame, now: &Now<'_>) -> Self {
        let mut live = Self::default();
        let healths: Vec<Health> = frame.plans.iter().map(|plan| plan.health(now)).collect();
        // The order of windows changes with every feed, so that no mirror stands behind the same other for ever.
        let seed = now.feed.map_or(0, |feed| feed.serial);
        for rule in &frame.rules {
            live.first_of_rule.push(live.answers.len() as u32);
            let plan = rule.plan as usize;
            let (Some(plan), Some(health)) = (frame.plans.get(plan), healths.get(plan)) else { continue };
            let walk = plan.walk(rule, health);
            for path in &plan.paths.paths {
                let found = walk.along(path);
                let ipv4 = live.windows(&found.ipv4, rule, found.ipv4_open, seed, |a| a.octets());
                let ipv6 = live.windows(&found.ipv6, rule, found.ipv6_open, seed, |a| a.octets());
                live.answers.push(PoolAnswer { ipv4, ipv6 });
            }
        }
        live.write_texts(frame, now);
        live
    }

    /// The answer of a path under a rule.
    pub fn pool(&self, rule: u32, path: u16) -> Option<&PoolAnswer> {
        let first = *self.first_of_rule.get(rule as usize)?;
        self.answers.get(first as usize + usize::from(path))
    }

    /// How many answers are given although no mirror is known to work.
    pub fn fail_open(&self) -> usize {
        self.answers.iter().filter(|answer| answer.ipv4.fail_open || answer.ipv6.fail_open).count()
    }

    /// The records of one window; `turn` is a fraction of 2^64 that chooses it.
    pub fn window(&self, set: &WindowSet, turn: u64) -> &[u8] {
        let chosen = ((u128::from(turn) * u128::from(set.count)) >> 64) as u32;
        let start = self.starts.get((set.first_start + chosen) as usize).copied().unwrap_or_default();
        let from = set.records + start as usize;
        self.octets.get(from..from + set.octets as usize).unwrap_or_default()
    }

    /// The text of this number; none when there is no release to make it of.
    pub fn text(&self, text: u32) -> Option<Template<'_>> {
        self.templates.get((*self.texts.get(text as usize)?)?)
    }

    /// Whether the text of this number is too old to be answered.
    pub fn expired(&self, text: u32) -> bool {
        self.expired.get(text as usize).copied().unwrap_or_default()
    }

    /// Whether any text is.
    pub fn has_expired(&self) -> bool {
        self.expired.contains(&true)
    }

    fn windows<A: Copy, const N: usize>(
        &mut self,
        candidates: &[Candidate<A>],
        rule: &Rule,
        fail_open: bool,
        seed: u64,
        octets: impl Fn(A) -> [u8; N],
    ) -> WindowSet {
        let ttl = if fail_open { rule.ttl.min(FAIL_OPEN_TTL) } else { rule.ttl };
        let record_size = 12 + N;
        let most = ROOM / record_size;
        let max = if rule.max == 0 { most } else { usize::from(rule.max).min(most) };
        let capacities: Vec<u64> = candidates.iter().map(|candidate| candidate.capacity).collect();
        let windows = Windows::new(&capacities, max, seed);
        let rtype = if N == 4 { rtype::A } else { rtype::AAAA };
        let set = WindowSet {
            records: self.octets.len(),
            first_start: self.starts.len() as u32,
            count: windows.starts.len() as u32,
            octets: (windows.size * record_size) as u32,
            size: windows.size as u16,
            fail_open,
        };
        for index in &windows.layout {
            let Some(candidate) = candidates.get(*index as usize) else { continue };
            self.octets.extend_from_slice(&[0xc0, HEADER as u8]);
            self.octets.extend_from_slice(&rtype.to_be_bytes());
            self.octets.extend_from_slice(&class::IN.to_be_bytes());
            self.octets.extend_from_slice(&ttl.to_be_bytes());
            self.octets.extend_from_slice(&(N as u16).to_be_bytes());
            self.octets.extend_from_slice(&octets(candidate.address));
        }
        self.starts.extend(windows.starts.iter().map(|start| start * record_size as u32));
        set
    }

    fn write_texts(&mut self, frame: &Frame, now: &Now<'_>) {
        for text in &frame.texts {
            let release = now.feed.and_then(|feed| feed.release.as_ref());
            let expired =
                release.is_some() && frame.expiry(text, now).is_some_and(|moment| now.time >= moment);
            self.expired.push(expired);
            let string = release
                .filter(|_| !expired)
                .zip(now.stamp())
                .and_then(|(release, stamp)| string(text.database.as_deref(), release, stamp));
            let id = string.and_then(|string| {
                let rdata = txt(string.as_bytes());
                let line = Line {
                    owner: Owner::Question,
                    rtype: rtype::TXT,
                    class: class::IN,
                    ttl: text.ttl,
                    rdata: &rdata,
                };
                self.templates.add(&[0], &Sections { answer: vec![line], ..Sections::default() })
            });
            self.texts.push(id);
        }
    }
}

/// The TXT strings of a release.
fn string(database: Option<&str>, release: &Release, stamp: i64) -> Option<String> {
    match database {
        None => Some(release.record(stamp)),
        Some(name) => {
            let (_, version) = release.databases().find(|(other, _)| *other == name)?;
            Some(release::database_record(version, stamp))
        }
    }
}

/// RDATA of a TXT record with one string of at most 255 octets (RFC 1035 section 3.3.14).
pub fn txt(string: &[u8]) -> Vec<u8> {
    let length = string.len().min(255);
    let mut rdata = vec![length as u8];
    rdata.extend(string.iter().take(length));
    rdata
}

/// A server's answers about itself in class CHAOS (RFC 4892), for the names that operators ask.
pub fn chaos<'s>(lower: &[u8], settings: &'s Settings) -> Option<&'s str> {
    match lower {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => Some(&settings.version),
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => Some(&settings.identity),
        _ => None,
    }
}
