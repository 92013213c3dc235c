//! An explanation as text for a terminal.

use super::format::{age, capacity};
use super::txt_strings::HALVED;
use super::{Explanation, FeedInfo, MemberInfo, PathInfo, PoolInfo};
use crate::problem::{plural, printable};

/// Columns of the heading at the start of a line: the length of `continent:AS`.
const MARGIN: usize = 12;

/// A line of an explanation: heading and text.
pub fn line(heading: &str, text: &str) -> String {
    format!("  {heading:MARGIN$} {}\n", printable(text))
}

impl Explanation {
    /// The question, and why it is answered as it is. The answer's records are not included.
    pub fn text(&self) -> String {
        let mut page =
            Page(format!("{} {}, asked by {}\n", self.name, self.r#type, self.client.words()));
        page.line("zone", self.zone.as_deref().unwrap_or("none of this server's"));
        for alias in &self.aliases {
            page.line("alias", &format!("{} {} {}", alias.owner, alias.r#type, alias.target));
        }
        if let Some(location) = &self.location {
            let country = match (location.country, location.continent) {
                (Some(country), _) => country.to_owned(),
                (None, Some(continent)) => format!("none, but continent {continent}"),
                (None, None) => "unknown".to_owned(),
            };
            let by = match &location.r#override {
                Some(net) => format!("an override of {net} ([[geoip.override]])"),
                None => {
                    format!("{}, which has all of {} there", location.database, location.network)
                }
            };
            page.line("country", &format!("{country}, by {by}"));
        }
        if let Some(pools) = &self.pools {
            page.pools(pools);
        }
        if let Some(record) = &self.record {
            for gate in &record.gates {
                page.line("announced", &gate.words);
            }
            if let (Some(stamp), Some(seconds)) = (record.stamp, record.age) {
                let stale = if record.stale { ": too old to be trusted" } else { "" };
                page.line("stamp", &format!("{stamp}, {} old{stale}", age(seconds)));
            }
        }
        page.feed(&self.feed);
        page.line("answer", &self.answer_summary());
        page.0
    }

    fn answer_summary(&self) -> String {
        let ttl =
            self.pools.as_ref().and_then(|pools| pools.window.as_ref()).map(|window| window.ttl);
        let ttl = ttl.map(|ttl| format!(", TTL {ttl} s")).unwrap_or_default();
        let scope = self.scope.map(|scope| format!(", scope /{scope}")).unwrap_or_default();
        format!("{}{ttl}{scope}", self.outcome.words())
    }
}

/// The text so far.
struct Page(String);

impl Page {
    fn line(&mut self, heading: &str, text: &str) {
        self.0.push_str(&line(heading, text));
    }

    fn pools(&mut self, pools: &PathInfo) {
        let names: Vec<&str> = pools.path.iter().map(|pool| pool.pool.as_str()).collect();
        self.line("path", &names.join(", "));
        for pool in &pools.path {
            self.pool(pool, pools);
        }
        if let Some(note) = pools.fallback_note() {
            self.line("note", &note);
        }
        if pools.halved {
            self.line("note", HALVED);
        }
        if let Some(window) = &pools.window {
            let addresses: Vec<String> = window.addresses.iter().map(ToString::to_string).collect();
            let which = format!("{} of {}: {}", window.number, window.of, addresses.join(" "));
            self.line("window", &which);
        }
    }

    fn pool(&mut self, pool: &PoolInfo, pools: &PathInfo) {
        let PoolInfo { usable, mirrors, addresses, .. } = pool;
        let taken = if pool.drawn {
            let addresses = plural(*addresses, "address", "addresses");
            let part = pool.part(pools).map(|part| format!(" ({part})")).unwrap_or_default();
            format!(", gives {addresses}{part}, needed: {}", pools.min)
        } else {
            ", not needed".to_owned()
        };
        self.line(&pool.pool, &format!("{usable} of {mirrors} mirrors usable{taken}"));
        for member in &pool.members {
            self.line("", &member.summary());
        }
    }

    fn feed(&mut self, feed: &FeedInfo) {
        let (Some(serial), Some(seconds)) = (feed.serial, feed.age) else {
            return self.line("feed", "none: all mirrors count as up");
        };
        let stale = if feed.fresh == Some(false) { ": older than max-age" } else { "" };
        self.line("feed", &format!("{serial}, {} old{stale}", age(seconds)));
        if let (Some(held), Some(what)) = (feed.held_back, &feed.takes_away) {
            self.line("", &format!("{held} is held back: it takes away {what}"));
        }
    }
}

impl MemberInfo {
    fn summary(&self) -> String {
        let host = &self.mirror.host;
        if let Some(why) = &self.why_not {
            return format!("  {host}: left out: {why}");
        }
        let addresses: Vec<String> = self.answered.iter().map(ToString::to_string).collect();
        let (standing, capacity) = (&self.mirror.standing, capacity(self.mirror.capacity));
        format!("  {host}: {} ({standing}, {capacity})", addresses.join(" "))
    }
}
