//! What was released when, and since when each mirror has the versions that it has: the memory by
//! which stuck mirrors are found.
//!
//! All times are those at which feeds were generated. So servers that followed the same feeds have
//! the same history, and no time passes while the coordinator is silent.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CORE_DATABASES;

/// Most releases that are remembered: two months with eight a day.
const MAX_RELEASES: usize = 512;

/// What was released, and what mirrors have, over time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionHistory {
    /// When the feed was generated that was followed last.
    #[serde(default)]
    until: Option<Timestamp>,
    /// The releases, from the oldest that is remembered to the newest.
    releases: Vec<ReleaseSince>,
    /// The versions of main, daily and bytecode of each mirror, by host.
    mirrors: BTreeMap<String, [Option<VersionSince>; 3]>,
}

/// The versions of a release, and when they were first offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseSince {
    since: Timestamp,
    /// Versions of main, daily and bytecode.
    versions: [u32; 3],
}

/// The version of a database that a mirror has, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionSince {
    since: Timestamp,
    version: u32,
}

/// When a mirror counts as stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StuckRule {
    /// How many versions a mirror may be behind.
    pub lag: u32,
    /// For how long it must have been further behind, without any other version.
    pub after: Duration,
}

/// The database in which a mirror is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stuck {
    /// Name of the database.
    pub database: &'static str,
    /// The version that the mirror has.
    pub version: u32,
    /// Since when it has this version while the release is too far ahead of it.
    pub since: Timestamp,
}

impl VersionHistory {
    /// Notes what a feed says: the versions of the release, if there is one, and those of each
    /// mirror by its host. `moment` is when the feed was generated. Returns whether anything
    /// changed beside that moment.
    ///
    /// A mirror whose version is not known for a while has not moved: it counts as having the
    /// version that was known last. Mirrors that are not listed are forgotten.
    pub fn follow<'h>(
        &mut self,
        moment: Timestamp,
        released: Option<[u32; 3]>,
        mirrors: impl Iterator<Item = (&'h str, [Option<u32>; 3])> + Clone,
    ) -> bool {
        self.until = Some(moment);
        let mut changed = self.set_back(moment);
        if let Some(versions) = released
            && self.releases.last().is_none_or(|last| last.versions != versions)
        {
            // A release of the same moment lasted for no time.
            self.releases.pop_if(|last| last.since == moment);
            if self.releases.last().is_none_or(|last| last.versions != versions) {
                self.releases.push(ReleaseSince { since: moment, versions });
            }
            let excess = self.releases.len().saturating_sub(MAX_RELEASES);
            self.releases.drain(..excess);
            changed = true;
        }
        let mut listed = 0;
        for (host, versions) in mirrors.clone() {
            listed += 1;
            changed |= self.note(host, versions, moment);
        }
        if self.mirrors.len() > listed || changed {
            let hosts: HashSet<&str> = mirrors.map(|(host, _)| host).collect();
            let before = self.mirrors.len();
            self.mirrors.retain(|host, _| hosts.contains(host.as_str()));
            changed |= self.mirrors.len() != before;
        }
        changed
    }

    /// When the feed was generated that was followed last; `None` if none was.
    pub fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Notes the versions of a mirror. Returns whether they changed.
    fn note(&mut self, host: &str, versions: [Option<u32>; 3], moment: Timestamp) -> bool {
        let Some(known) = self.mirrors.get_mut(host) else {
            let is_known = versions.iter().any(Option::is_some);
            if is_known {
                let first = |version: Option<u32>| {
                    version.map(|version| VersionSince { since: moment, version })
                };
                self.mirrors.insert(host.to_owned(), versions.map(first));
            }
            return is_known;
        };
        let mut changed = false;
        for (known, version) in known.iter_mut().zip(versions) {
            let Some(version) = version else { continue };
            if known.is_none_or(|known| known.version != version) {
                *known = Some(VersionSince { since: moment, version });
                changed = true;
            }
        }
        changed
    }

    /// Takes times after `moment` for `moment`: a coordinator's clock was ahead. Returns whether
    /// there were any.
    fn set_back(&mut self, moment: Timestamp) -> bool {
        let mut changed = false;
        while self.releases.len() > 1
            && self.releases.get(self.releases.len() - 2).is_some_and(|one| one.since >= moment)
        {
            // Of several releases from then on only the newest lasts.
            let before_last = self.releases.len() - 2;
            self.releases.remove(before_last);
            changed = true;
        }
        let releases = self.releases.iter_mut().map(|release| &mut release.since);
        let mirrors = self.mirrors.values_mut().flatten().flatten().map(|known| &mut known.since);
        for since in releases.chain(mirrors).filter(|since| **since > moment) {
            *since = moment;
            changed = true;
        }
        changed
    }

    /// Since when the release has been more than `lag` versions ahead of `version` without a
    /// break; `None` if it is not. `database` is the position in [`CORE_DATABASES`].
    pub fn passed(&self, database: usize, version: u32, lag: u32) -> Option<Timestamp> {
        let is_ahead = |release: &&ReleaseSince| {
            let released = release.versions.get(database);
            released.is_some_and(|released| released.saturating_sub(version) > lag)
        };
        let passed = self.releases.iter().rev().take_while(is_ahead).last();
        passed.map(|release| release.since)
    }

    /// In which database a mirror with these versions is stuck at `moment`, the time of the feed
    /// that says so: in which it has had the same version for `rule.after`, and the release was
    /// more than `rule.lag` versions ahead of it all the time. Of several databases it is the one
    /// in which this began first. `None` if it is not stuck.
    pub fn stuck(
        &self,
        host: &str,
        versions: [Option<u32>; 3],
        rule: StuckRule,
        moment: Timestamp,
    ) -> Option<Stuck> {
        let newest = self.releases.last()?;
        let is_behind = |(version, released): (&Option<u32>, u32)| {
            version.is_some_and(|version| released.saturating_sub(version) > rule.lag)
        };
        // Nearly all mirrors end here, and need not be looked up.
        if !versions.iter().zip(newest.versions).any(is_behind) {
            return None;
        }
        let known = self.mirrors.get(host)?;
        let in_database = |number: usize| {
            let version = versions.get(number).copied().flatten()?;
            let held = known.get(number).copied().flatten();
            let held = held.filter(|held| held.version == version)?;
            let since = self.passed(number, version, rule.lag)?.max(held.since);
            let is_stuck = since.checked_add(rule.after).is_ok_and(|until| until <= moment);
            let database = CORE_DATABASES.get(number)?;
            is_stuck.then_some(Stuck { database, version, since })
        };
        (0..CORE_DATABASES.len()).filter_map(in_database).min_by_key(|stuck| stuck.since)
    }

    /// Whether this is what following feeds leads to. The files in which histories are kept may
    /// contain anything.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn validate(&self) -> Result<(), String> {
        if self.releases.len() > MAX_RELEASES {
            return Err(format!(
                "{} releases; at most {MAX_RELEASES} are kept",
                self.releases.len()
            ));
        }
        let pairs = self.releases.iter().zip(self.releases.iter().skip(1));
        if let Some((_, later)) = pairs.clone().find(|(one, later)| one.since >= later.since) {
            return Err(format!(
                "the release since {} does not follow the one before",
                later.since
            ));
        }
        let released = self.releases.iter().flat_map(|release| release.versions);
        let held = self.mirrors.values().flatten().flatten().map(|known| known.version);
        if released.chain(held).any(|version| version == 0) {
            return Err("a version is 0; versions start at 1".to_owned());
        }
        Ok(())
    }
}

/// Whether the release is suspect: mirrors with this capacity are stuck, which is more than half
/// of the `usable` capacity.
pub fn is_suspect(stuck: u128, usable: u128) -> bool {
    stuck.saturating_mul(2) > usable
}

/// `stuck at daily 28129 since 2026-11-20T02:11:00Z`
impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, version, since } = self;
        write!(f, "stuck at {database} {version} since {since}")
    }
}

#[cfg(test)]
mod tests;
