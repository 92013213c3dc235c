//! The part of a snapshot that feed and clock change: the windows of every path under every rule,
//! and the TXT answers of the release.

mod announcing;
mod assessment;
mod extended_errors;
mod stuck;
mod texts;
mod window_cache;
mod window_set;

use std::collections::HashMap;

use super::fallback::{FallbackLevel, FollowedPath};
use super::now::Now;
use super::pools::PathId;
use super::static_data::{Rule, StaticData};
use super::template::Template;
use crate::health::Health;
use crate::release::Announced;
use crate::zone::file::Families;

use extended_errors::ExtendedErrors;
use stuck::StuckMirrors;
use texts::Texts;
use window_cache::WindowCache;

pub(super) use assessment::MirrorAssessment;
pub use texts::txt;
pub use window_set::{A_SIZE, AAAA_SIZE, PoolAnswer, WindowSet};

/// INFO-CODE "Other Error" (RFC 8914 section 4.1).
const OTHER_ERROR: u16 = 0;

/// The answers that depend on feed and clock.
#[derive(Debug, Default)]
pub struct DynamicData {
    /// The answers of each rule, for every path of the rule's plan.
    answers: Vec<PoolAnswer>,
    /// For each rule, the slot of its first answer.
    first_of_rule: Vec<u32>,
    /// The extended errors of answers from later pools.
    extended_errors: ExtendedErrors,
    /// The windows of all answers, for the next snapshot to take over.
    windows: WindowCache,
    texts: Texts,
    /// The states of the mirrors of each plan.
    healths: Vec<Health>,
    /// What is announced, or without a release, what was announced last.
    remembered: Option<Box<Announced>>,
    /// Whether there is a release to announce.
    announces: bool,
    /// How many mirrors of all fleets work but are too far behind the announced release.
    lagging: usize,
    /// How many paths, over all sets of limits, have only such mirrors.
    lagging_paths: usize,
    /// How many mirrors of all fleets work but changed their state too often.
    settling: usize,
    /// The mirrors of all fleets that are stuck.
    stuck: StuckMirrors,
}

/// Rules under which every path has the same yield.
struct RuleGroup {
    plan: u32,
    min: u16,
    families: Families,
    /// Numbers of the rules.
    rules: Vec<usize>,
}

impl DynamicData {
    /// Compiles the answers of a moment, as the first snapshot.
    pub fn compile(static_data: &StaticData, now: &Now<'_>) -> Self {
        Self::after(&Self::default(), static_data, now)
    }

    /// Compiles the answers of a moment after a restart, of which `announced` is all that was kept:
    /// an announcement is not taken back.
    pub fn remembering(
        announced: Option<&Announced>,
        static_data: &StaticData,
        now: &Now<'_>,
    ) -> Self {
        let remembered = announced.cloned().map(Box::new);
        Self::after(&Self { remembered, ..Self::default() }, static_data, now)
    }

    /// Compiles the answers of a moment and takes over unchanged windows from the snapshot before.
    /// The result equals that of [`DynamicData::remembering`] with what that snapshot announced.
    pub fn after(before: &Self, static_data: &StaticData, now: &Now<'_>) -> Self {
        let MirrorAssessment { healths, announced, lagging, settling, stuck } =
            MirrorAssessment::new(static_data, now, before.remembered());
        let texts = Texts::new(static_data, now, announced.as_ref());
        let mut dynamic_data = Self { texts, lagging, settling, stuck, ..Self::default() };
        dynamic_data.announces = announced.is_some();
        dynamic_data.remembered = announced.map(Box::new).or_else(|| before.remembered.clone());
        for rule in &static_data.rules {
            dynamic_data.first_of_rule.push(dynamic_data.answers.len() as u32);
            let paths =
                static_data.plans.get(rule.plan as usize).map_or(0, |plan| plan.paths.paths.len());
            dynamic_data.answers.resize(dynamic_data.answers.len() + paths, PoolAnswer::default());
        }
        dynamic_data.extended_errors = ExtendedErrors::new(dynamic_data.answers.len());
        let day = now.day();
        for group in groups(&static_data.rules) {
            let plan = group.plan as usize;
            let (Some(plan), Some(health)) = (static_data.plans.get(plan), healths.get(plan))
            else {
                continue;
            };
            let walk = plan.walk(group.min, group.families, health);
            for (number, path) in plan.paths.paths.iter().enumerate() {
                let path_yield = walk.along(path);
                dynamic_data.lagging_paths += usize::from(path_yield.lagging);
                let followed =
                    FollowedPath { plan, path: number as PathId, path_yield: &path_yield };
                for &rule in &group.rules {
                    let (Some(limits), Some(first)) =
                        (static_data.rules.get(rule), dynamic_data.first_of_rule.get(rule))
                    else {
                        continue;
                    };
                    let answer =
                        dynamic_data.windows.answer(&before.windows, &path_yield, limits, day);
                    dynamic_data.put(*first as usize + number, answer, &followed, health);
                }
            }
        }
        dynamic_data.extended_errors.shrink();
        dynamic_data.healths = healths;
        dynamic_data
    }

    /// Stores an answer, with how far its path had to be followed.
    fn put(
        &mut self,
        slot: usize,
        mut answer: PoolAnswer,
        followed: &FollowedPath<'_>,
        health: &Health,
    ) {
        for (set, ipv6) in [(&mut answer.ipv4, false), (&mut answer.ipv6, true)] {
            if set.count == 0 {
                continue;
            }
            set.fallback = followed.level(ipv6);
            if set.fallback == FallbackLevel::Further
                && let Some(extra_text) = followed.extra_text(health, ipv6)
            {
                self.extended_errors.set(slot, ipv6, OTHER_ERROR, &extra_text);
            }
        }
        if let Some(stored) = self.answers.get_mut(slot) {
            *stored = answer;
        }
    }

    /// The states of the mirrors of a plan.
    pub fn health(&self, plan: u32) -> Option<&Health> {
        self.healths.get(plan as usize)
    }

    /// The answers of a path under a rule.
    pub fn pool(&self, rule: u32, path: u16) -> Option<&PoolAnswer> {
        self.answer(self.slot(rule, path)?)
    }

    /// The answers in a slot ([`DynamicData::slot`]).
    pub fn answer(&self, slot: u32) -> Option<&PoolAnswer> {
        self.answers.get(slot as usize)
    }

    /// The slot of a path under a rule: the number of its answers among all; `None` when there is
    /// no such rule.
    pub fn slot(&self, rule: u32, path: u16) -> Option<u32> {
        Some(*self.first_of_rule.get(rule as usize)? + u32::from(path))
    }

    /// The number of slots.
    pub fn slots(&self) -> usize {
        self.answers.len()
    }

    /// INFO-CODE and EXTRA-TEXT of the extended error of an answer from a later pool (RFC 8914
    /// section 2); `None` for other answers.
    pub fn extended_error(&self, rule: u32, path: PathId, ipv6: bool) -> Option<&[u8]> {
        let first = *self.first_of_rule.get(rule as usize)?;
        self.extended_errors.get(first as usize + usize::from(path), ipv6)
    }

    /// How many answers are given although no mirror is known to work (fail-open).
    pub fn fail_open(&self) -> usize {
        let open = |set: &WindowSet| set.fallback == FallbackLevel::Open;
        self.answers.iter().filter(|answer| open(&answer.ipv4) || open(&answer.ipv6)).count()
    }

    /// What is announced; `None` without a release.
    pub fn announced(&self) -> Option<&Announced> {
        self.remembered().filter(|_| self.announces)
    }

    /// What is announced, or without a release, what was announced last: an announcement is not
    /// taken back.
    pub fn remembered(&self) -> Option<&Announced> {
        self.remembered.as_deref()
    }

    /// How many working mirrors are not answered because they are too far behind the announced
    /// release.
    pub fn lagging(&self) -> usize {
        self.lagging
    }

    /// How many working mirrors are not answered because they changed their state too often.
    pub fn settling(&self) -> usize {
        self.settling
    }

    /// Hosts of the mirrors that work and are stuck. They are not answered, unless the release is
    /// suspect.
    pub fn stuck(&self) -> &[String] {
        &self.stuck.hosts
    }

    /// Whether the release is suspect: the stuck mirrors have more than half of the usable
    /// capacity, and none is left out for it.
    pub fn suspect(&self) -> bool {
        self.stuck.suspect
    }

    /// How many paths, over all sets of limits, are answered with mirrors that are too far behind
    /// the announced release, because no others work.
    pub fn lagging_paths(&self) -> usize {
        self.lagging_paths
    }

    /// Size of all windows in octets; windows shared by several answers count once.
    pub fn octets(&self) -> usize {
        self.windows.octets()
    }

    /// The TXT answer of a release text, and whether it is too old; `None` when it is
    /// not answered.
    #[inline]
    pub fn text(&self, text: u32) -> Option<(Template<'_>, bool)> {
        self.texts.get(text)
    }

    /// Whether a release text is not answered because it is too old.
    pub fn expired(&self, text: u32) -> bool {
        self.texts.expired(text)
    }

    /// Whether a release text is too old, whether or not `on-stale` has it answered.
    pub fn stale(&self, text: u32) -> bool {
        self.texts.stale(text)
    }

    /// Whether any release text is not answered because it is too old.
    pub fn has_expired(&self) -> bool {
        self.texts.has_expired()
    }
}

/// Groups the rules, so that each path is walked once for each group.
fn groups(rules: &[Rule]) -> Vec<RuleGroup> {
    let mut out: Vec<RuleGroup> = Vec::new();
    let mut numbers = HashMap::new();
    for (number, &Rule { plan, min, families, .. }) in rules.iter().enumerate() {
        let group = *numbers.entry((plan, min, families)).or_insert(out.len());
        match out.get_mut(group) {
            Some(group) => group.rules.push(number),
            None => out.push(RuleGroup { plan, min, families, rules: vec![number] }),
        }
    }
    out
}
