//! A story as people read it on a terminal.

use super::format::{age, capacity};
use super::lines::HALVED;
use super::{MemberStory, PoolStory, PoolsStory, Story};
use crate::problem::printable;

/// Columns of the words that lines begin with: as many as `continent:AS` has.
const MARGIN: usize = 12;

/// A line of a story: what it is about, and the words.
pub fn line(head: &str, words: &str) -> String {
    format!("  {head:MARGIN$} {}\n", printable(words))
}

impl Story {
    /// What was asked, and why it is answered so; the records themselves are not in it.
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
        page.feed(self);
        page.line("answer", &self.answer_words());
        page.0
    }

    fn answer_words(&self) -> String {
        let ttl =
            self.pools.as_ref().and_then(|pools| pools.window.as_ref()).map(|window| window.ttl);
        let ttl = ttl.map(|ttl| format!(", TTL {ttl} s")).unwrap_or_default();
        let scope = self.scope.map(|scope| format!(", scope /{scope}")).unwrap_or_default();
        format!("{}{ttl}{scope}", self.outcome.words())
    }
}

struct Page(String);

impl Page {
    fn line(&mut self, head: &str, words: &str) {
        self.0.push_str(&line(head, words));
    }

    fn pools(&mut self, pools: &PoolsStory) {
        let names: Vec<&str> = pools.path.iter().map(|pool| pool.pool.as_str()).collect();
        self.line("path", &names.join(", "));
        for pool in &pools.path {
            self.pool(pool, pools);
        }
        if let Some(words) = pools.reach_words() {
            self.line("note", words.trim_start_matches("note="));
        }
        if pools.halved {
            self.line("note", HALVED.trim_start_matches("note="));
        }
        if let Some(window) = &pools.window {
            let addresses: Vec<String> = window.addresses.iter().map(ToString::to_string).collect();
            let which = format!("{} of {}: {}", window.number, window.of, addresses.join(" "));
            self.line("window", &which);
        }
    }

    fn pool(&mut self, pool: &PoolStory, pools: &PoolsStory) {
        let PoolStory { usable, mirrors, addresses, .. } = pool;
        let taken = if pool.drawn {
            format!(
                ", gives {addresses} address{}, needed: {}",
                if *addresses == 1 { "" } else { "es" },
                pools.min
            )
        } else {
            ", not needed".to_owned()
        };
        self.line(&pool.pool, &format!("{usable} of {mirrors} mirrors usable{taken}"));
        for member in &pool.members {
            self.line("", &member.words());
        }
    }

    fn feed(&mut self, story: &Story) {
        let feed = &story.feed;
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

impl MemberStory {
    fn words(&self) -> String {
        let host = &self.mirror.host;
        if let Some(why) = &self.why_not {
            return format!("  {host}: left out: {why}");
        }
        let addresses: Vec<String> = self.answered.iter().map(ToString::to_string).collect();
        let (standing, capacity) = (&self.mirror.standing, capacity(self.mirror.capacity));
        format!("  {host}: {} ({standing}, {capacity})", addresses.join(" "))
    }
}
