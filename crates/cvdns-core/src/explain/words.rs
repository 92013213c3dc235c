//! The parts of an explanation in words, as terminals and pages show them.

use super::format::{age, capacity};
use super::txt_strings::HALVED;
use super::{
    AliasInfo, Explanation, FeedInfo, LocationInfo, MemberInfo, PathInfo, PoolInfo, RecordInfo,
};
use crate::problem::plural;

impl Explanation {
    /// The kind of answer, its TTL and its scope.
    pub fn answer_words(&self) -> String {
        let ttl =
            self.pools.as_ref().and_then(|pools| pools.window.as_ref()).map(|window| window.ttl);
        let ttl = ttl.map(|ttl| format!(", TTL {ttl} s")).unwrap_or_default();
        let scope = self.scope.map(|scope| format!(", scope /{scope}")).unwrap_or_default();
        format!("{}{ttl}{scope}", self.outcome.words())
    }

    /// The zone that answers.
    pub fn zone_words(&self) -> &str {
        self.zone.as_deref().unwrap_or("none of this server's")
    }
}

impl AliasInfo {
    /// The record.
    pub fn words(&self) -> String {
        format!("{} {} {}", self.owner, self.r#type, self.target)
    }
}

impl LocationInfo {
    /// The country of a client, and who says so.
    pub fn words(&self) -> String {
        let country = match (self.country, self.continent) {
            (Some(country), _) => country.to_owned(),
            (None, Some(continent)) => format!("none, but continent {continent}"),
            (None, None) => "unknown".to_owned(),
        };
        let by = match &self.r#override {
            Some(net) => format!("an override of {net} ([[geoip.override]])"),
            None => format!("{}, which has all of {} there", self.database, self.network),
        };
        format!("{country}, by {by}")
    }
}

impl PathInfo {
    /// What is unusual about the answer.
    pub fn notes(&self) -> Vec<String> {
        let fallback = self.fallback_note().map(|note| note.to_string());
        fallback.into_iter().chain(self.halved.then(|| HALVED.to_owned())).collect()
    }
}

impl PoolInfo {
    /// How many of its mirrors are usable, and what it gives to the answers along this path.
    pub fn words(&self, path: &PathInfo) -> String {
        let Self { usable, mirrors, addresses, .. } = self;
        let taken = if self.drawn {
            let addresses = plural(*addresses, "address", "addresses");
            let part = self.part(path).map(|part| format!(" ({part})")).unwrap_or_default();
            format!(", gives {addresses}{part}, needed: {}", path.min)
        } else {
            ", not needed".to_owned()
        };
        format!("{usable} of {mirrors} mirrors usable{taken}")
    }
}

impl MemberInfo {
    /// The mirror's addresses that may be answered, or why there are none.
    pub fn words(&self) -> String {
        if let Some(why) = &self.why_not {
            return format!("left out: {}", self.mirror.with_note(why));
        }
        let addresses: Vec<String> = self.answered.iter().map(ToString::to_string).collect();
        let (standing, capacity) = (&self.mirror.standing, capacity(self.mirror.capacity));
        let restriction = self.mirror.restriction().map(|words| format!(", {words}"));
        let restriction = restriction.unwrap_or_default();
        format!("{} ({standing}, {capacity}{restriction})", addresses.join(" "))
    }
}

impl RecordInfo {
    /// The record's stamp and its age; `None` without a release.
    pub fn stamp_words(&self) -> Option<String> {
        let (stamp, seconds) = (self.stamp?, self.age?);
        let stale = if self.stale {
            ": nothing renews it any more, and caches could keep it for longer than clients trust it"
        } else {
            ""
        };
        Some(format!("{stamp}, {}{stale}", seen_from(seconds, "begun")))
    }
}

/// An age in seconds: `2d 5h old`, or of what was not there yet `generated 2d 5h later`.
fn seen_from(seconds: i64, what: &str) -> String {
    if seconds < 0 {
        return format!("{what} {} later", age(seconds.saturating_neg()));
    }
    format!("{} old", age(seconds))
}

impl FeedInfo {
    /// The feed in force, and what else is to be said of it and of one that is held back.
    pub fn words(&self) -> Vec<String> {
        let (Some(serial), Some(seconds)) = (self.serial, self.age) else {
            return vec!["none: all mirrors count as up".to_owned()];
        };
        let stale = if self.fresh == Some(false) { ": older than max-age" } else { "" };
        let mut words = vec![format!("{serial}, {}{stale}", seen_from(seconds, "generated"))];
        words.extend(
            self.frozen.as_ref().map(|reason| format!("frozen by the coordinator: {reason}")),
        );
        let held = self.held_back.zip(self.takes_away.as_ref());
        words.extend(held.map(|(held, what)| format!("{held} is held back: it takes away {what}")));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_yet_has_no_age() {
        assert_eq!(seen_from(172, "begun"), "2m 52s old");
        assert_eq!(seen_from(-1_875_600, "generated"), "generated 21d 17h later");
    }

    #[test]
    fn a_stamp_that_nothing_renews_is_not_called_old() {
        let mut record = RecordInfo {
            text: None,
            ttl: None,
            stamp: Some(1_796_043_600),
            age: Some(172),
            stale: false,
            gates: Vec::new(),
            suspect: None,
        };
        assert_eq!(record.stamp_words().unwrap(), "1796043600, 2m 52s old");
        record.stale = true;
        let words = "1796043600, 2m 52s old: nothing renews it any more, and caches could keep it";
        assert!(record.stamp_words().unwrap().starts_with(words));
    }
}
