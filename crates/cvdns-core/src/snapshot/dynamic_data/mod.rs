//! What feed and clock change: the windows of every path under every rule, and the texts of the release.

mod announcing;
mod blocks;
mod notes;
mod texts;
mod window_set;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;

use super::fallback::{FallbackLevel, Followed};
use super::inputs::Settings;
use super::pools::PathId;
use super::static_data::{Plan, Rule, StaticData};
use super::template::Template;
use super::yields::Walk;
use crate::health::{Feed, Health, HealthInputs};
use crate::release::{self, Announced, DatedRelease};
use crate::zone::file::Families;

use blocks::Blocks;
use notes::Notes;
use texts::Texts;

pub use texts::txt;
pub use window_set::{A_SIZE, AAAA_SIZE, WindowSet};

/// The extended error that has no code of its own (RFC 8914 section 4.1).
const OTHER_ERROR: u16 = 0;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Answers that follow feed and clock.
#[derive(Debug, Default)]
pub struct DynamicData {
    /// One for each rule and path of its plan.
    answers: Vec<PoolAnswer>,
    /// Where each rule's answers start.
    first_of_rule: Vec<u32>,
    /// The words for answers from further along.
    notes: Notes,
    /// What the next snapshot may take over.
    blocks: Blocks,
    texts: Texts,
    /// How each plan's fleet stands.
    healths: Vec<Health>,
    /// What is announced, or was when there last was a release.
    remembered: Option<Box<Announced>>,
    /// Whether there is a release.
    announces: bool,
    /// How many mirrors, over all fleets, work and are too far behind the record.
    lagging: usize,
    /// How many paths, over all limits, have only such.
    lagging_paths: usize,
    /// How many mirrors work and changed their state too often.
    settling: usize,
}

/// What a path yields under a rule, as ready answers: one cache line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[repr(align(64))]
pub struct PoolAnswer {
    /// A.
    pub ipv4: WindowSet,
    /// AAAA.
    pub ipv6: WindowSet,
}

impl PoolAnswer {
    /// The windows of one address family.
    pub fn windows(&self, ipv6: bool) -> &WindowSet {
        if ipv6 { &self.ipv6 } else { &self.ipv4 }
    }
}

/// What is true now.
#[derive(Debug, Clone, Copy)]
pub struct Now<'n> {
    /// What is said of mirrors.
    pub inputs: HealthInputs<'n>,
    /// The release that is offered.
    pub release: Option<DatedRelease<'n>>,
    /// The time.
    pub time: Timestamp,
    /// How long after it was generated a feed counts as fresh.
    pub max_age: Duration,
}

/// How mirrors stand at a moment, and what is announced to clients of them.
pub(super) struct Standings {
    /// One for each plan.
    pub(super) healths: Vec<Health>,
    pub(super) announced: Option<Announced>,
    /// How many mirrors work and are too far behind.
    lagging: usize,
    /// How many work and changed their state too often.
    settling: usize,
}

/// Rules under which paths yield the same.
struct Alike {
    plan: u32,
    min: u16,
    families: Families,
    /// Their numbers.
    rules: Vec<usize>,
}

impl<'n> Now<'n> {
    /// A moment at which the feed alone says how mirrors are, and its release is what is offered.
    pub fn new(feed: Option<&'n Feed>, time: Timestamp, max_age: Duration) -> Self {
        Self {
            inputs: HealthInputs { feed, ..HealthInputs::default() },
            release: feed.and_then(Feed::dated_release),
            time,
            max_age,
        }
    }

    /// The stamp of records, in Unix seconds; none without a release.
    pub fn stamp(&self) -> Option<i64> {
        Some(release::stamp(self.time, self.fresh_until()?))
    }

    fn fresh_until(&self) -> Option<Timestamp> {
        Some(self.release?.generated.checked_add(self.max_age).unwrap_or(Timestamp::MAX))
    }

    /// The UTC day by which windows are ordered. A mirror so stands behind the same other for a day at most, and a feed moves
    /// no address that it does not concern. It is the feed's day, not the clock's: servers with the same feed have the
    /// same windows, at midnight too.
    fn day(&self) -> u64 {
        let moment = self.inputs.feed.map_or(self.time, |feed| feed.generated);
        moment.as_second().div_euclid(DAY).cast_unsigned()
    }
}

impl Standings {
    /// How mirrors stand now, where `before` was announced.
    pub(super) fn of(static_data: &StaticData, now: &Now<'_>, before: Option<&Announced>) -> Self {
        let mut healths: Vec<Health> =
            static_data.plans.iter().map(|plan| plan.health(now)).collect();
        let announced = announcing::announce(static_data, &healths, now, before);
        let (mut lagging, mut settling) = (HashSet::new(), HashSet::new());
        for (plan, health) in static_data.plans.iter().zip(&mut healths) {
            let behind = announced
                .iter()
                .flat_map(|announced| health.compare(announced, static_data.settings.lag));
            // Several zones may have one fleet.
            lagging.extend(
                behind.filter_map(|index| plan.fleet.mirrors.get(index)).map(|mirror| &mirror.host),
            );
            let settles = health.settling().filter_map(|index| plan.fleet.mirrors.get(index));
            settling.extend(settles.map(|mirror| &mirror.host));
        }
        let (lagging, settling) = (lagging.len(), settling.len());
        Self { healths, announced, lagging, settling }
    }
}

impl Plan {
    /// How its fleet stands now.
    pub fn health(&self, now: &Now<'_>) -> Health {
        Health::at(&self.fleet, now.inputs, now.time, Duration::from_secs(self.ttl.into()))
    }

    /// The next moment at which a downtime changes that.
    fn next_downtime(&self, time: Timestamp) -> Option<Timestamp> {
        Health::next_downtime(&self.fleet, time, Duration::from_secs(self.ttl.into()))
    }

    /// The walk along its paths under rules with these limits.
    pub fn walk<'p>(&'p self, min: u16, families: Families, health: &'p Health) -> Walk<'p> {
        Walk { fleet: &self.fleet, health, paths: &self.paths, min: min.into(), families }
    }
}

impl StaticData {
    /// The next moment after now at which the clock alone changes answers, but for the stamp of records.
    pub fn next_change(&self, now: &Now<'_>) -> Option<Timestamp> {
        let downtimes = self.plans.iter().filter_map(|plan| plan.next_downtime(now.time));
        downtimes.chain(now.inputs.next_change(now.time)).chain(self.next_expiry(now)).min()
    }
}

impl DynamicData {
    /// Compiles what holds now.
    pub fn compile(static_data: &StaticData, now: &Now<'_>) -> Self {
        Self::after(&Self::default(), static_data, now)
    }

    /// Compiles what holds now where `announced` is all that is known of before: it is not taken back.
    pub fn remembering(
        announced: Option<&Announced>,
        static_data: &StaticData,
        now: &Now<'_>,
    ) -> Self {
        let remembered = announced.cloned().map(Box::new);
        Self::after(&Self { remembered, ..Self::default() }, static_data, now)
    }

    /// Compiles what holds now, and takes over from what held before what is still the same. The result is what
    /// [`DynamicData::remembering`] makes of what was announced before.
    pub fn after(before: &Self, static_data: &StaticData, now: &Now<'_>) -> Self {
        let Standings { healths, announced, lagging, settling } =
            Standings::of(static_data, now, before.remembered());
        let texts = Texts::new(static_data, now, announced.as_ref());
        let mut dynamic_data = Self { texts, lagging, settling, ..Self::default() };
        dynamic_data.announces = announced.is_some();
        dynamic_data.remembered = announced.map(Box::new).or_else(|| before.remembered.clone());
        for rule in &static_data.rules {
            dynamic_data.first_of_rule.push(dynamic_data.answers.len() as u32);
            let paths =
                static_data.plans.get(rule.plan as usize).map_or(0, |plan| plan.paths.paths.len());
            dynamic_data.answers.resize(dynamic_data.answers.len() + paths, PoolAnswer::default());
        }
        dynamic_data.notes = Notes::none(dynamic_data.answers.len());
        let day = now.day();
        for alike in alike(&static_data.rules) {
            let plan = alike.plan as usize;
            let (Some(plan), Some(health)) = (static_data.plans.get(plan), healths.get(plan))
            else {
                continue;
            };
            let walk = plan.walk(alike.min, alike.families, health);
            for (number, path) in plan.paths.paths.iter().enumerate() {
                let found = walk.along(path);
                dynamic_data.lagging_paths += usize::from(found.lagging);
                let followed = Followed { plan, path: number as PathId, found: &found };
                for &rule in &alike.rules {
                    let (Some(limits), Some(first)) =
                        (static_data.rules.get(rule), dynamic_data.first_of_rule.get(rule))
                    else {
                        continue;
                    };
                    let answer = dynamic_data.blocks.answer(&before.blocks, &found, limits, day);
                    dynamic_data.put(*first as usize + number, answer, &followed, health);
                }
            }
        }
        dynamic_data.notes.shrink();
        dynamic_data.healths = healths;
        dynamic_data
    }

    /// Puts an answer in its place, and notes how far its path had to be followed.
    fn put(
        &mut self,
        place: usize,
        mut answer: PoolAnswer,
        followed: &Followed<'_>,
        health: &Health,
    ) {
        for (set, ipv6) in [(&mut answer.ipv4, false), (&mut answer.ipv6, true)] {
            if set.count == 0 {
                continue;
            }
            set.reach = followed.reach(ipv6);
            if set.reach == FallbackLevel::Further
                && let Some(words) = followed.words(health, ipv6)
            {
                self.notes.set(place, ipv6, OTHER_ERROR, &words);
            }
        }
        if let Some(slot) = self.answers.get_mut(place) {
            *slot = answer;
        }
    }

    /// How the fleet of a plan stands.
    pub fn health(&self, plan: u32) -> Option<&Health> {
        self.healths.get(plan as usize)
    }

    /// The answer of a path under a rule.
    pub fn pool(&self, rule: u32, path: u16) -> Option<&PoolAnswer> {
        self.at(self.place(rule, path)?)
    }

    /// The answer of this place.
    pub fn at(&self, place: u32) -> Option<&PoolAnswer> {
        self.answers.get(place as usize)
    }

    /// The place of a path under a rule among all answers.
    pub fn place(&self, rule: u32, path: u16) -> Option<u32> {
        Some(*self.first_of_rule.get(rule as usize)? + u32::from(path))
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.answers.len()
    }

    /// The extended error of an answer from further along: INFO-CODE and EXTRA-TEXT (RFC 8914 section 2).
    pub fn note(&self, rule: u32, path: PathId, ipv6: bool) -> Option<&[u8]> {
        let first = *self.first_of_rule.get(rule as usize)?;
        self.notes.get(first as usize + usize::from(path), ipv6)
    }

    /// How many answers are given although no mirror is known to work.
    pub fn fail_open(&self) -> usize {
        let open = |set: &WindowSet| set.reach == FallbackLevel::Open;
        self.answers.iter().filter(|answer| open(&answer.ipv4) || open(&answer.ipv6)).count()
    }

    /// What is announced; none without a release.
    pub fn announced(&self) -> Option<&Announced> {
        self.remembered().filter(|_| self.announces)
    }

    /// What is announced, or was when there last was a release: it is not taken back.
    pub fn remembered(&self) -> Option<&Announced> {
        self.remembered.as_deref()
    }

    /// How many mirrors work and are not answered, as they are too far behind the record.
    pub fn lagging(&self) -> usize {
        self.lagging
    }

    /// How many mirrors work, and are not answered as they changed their state too often.
    pub fn settling(&self) -> usize {
        self.settling
    }

    /// How many paths, over all limits, are answered with mirrors too far behind the record as there are no others.
    pub fn lagging_paths(&self) -> usize {
        self.lagging_paths
    }

    /// Octets of all windows; those that answers share count once.
    pub fn octets(&self) -> usize {
        self.blocks.octets()
    }

    /// The text of this number, and whether it is too old to be trusted; none when there is no release to make it of.
    #[inline]
    pub fn text(&self, text: u32) -> Option<(Template<'_>, bool)> {
        self.texts.get(text)
    }

    /// Whether the text of this number is too old to be answered.
    pub fn expired(&self, text: u32) -> bool {
        self.texts.expired(text)
    }

    /// Whether the text of this number is so old that it would not be answered, were it not for `on-stale = "serve"`.
    pub fn stale(&self, text: u32) -> bool {
        self.texts.stale(text)
    }

    /// Whether any text is.
    pub fn has_expired(&self) -> bool {
        self.texts.has_expired()
    }
}

fn alike(rules: &[Rule]) -> Vec<Alike> {
    let mut out: Vec<Alike> = Vec::new();
    let mut places = HashMap::new();
    for (number, &Rule { plan, min, families, .. }) in rules.iter().enumerate() {
        let place = *places.entry((plan, min, families)).or_insert(out.len());
        match out.get_mut(place) {
            Some(alike) => alike.rules.push(number),
            None => out.push(Alike { plan, min, families, rules: vec![number] }),
        }
    }
    out
}

/// A server's answers about itself in class CHAOS (RFC 4892), for the names that operators ask.
pub fn chaos<'s>(lower: &[u8], settings: &'s Settings) -> Option<&'s str> {
    match lower {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => Some(&settings.version),
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => Some(&settings.identity),
        _ => None,
    }
}
