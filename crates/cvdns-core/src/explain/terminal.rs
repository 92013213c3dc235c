//! An explanation as text for a terminal.

use super::{Explanation, PathInfo, PoolInfo};
use crate::problem::printable;

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
        page.line("zone", self.zone_words());
        if !self.keys.is_empty() {
            let keys: Vec<String> =
                self.keys.iter().map(|key| format!("{} ({})", key.tag, key.algorithm)).collect();
            page.line("signed by", &keys.join(", "));
        }
        for alias in &self.aliases {
            page.line("alias", &alias.words());
        }
        if let Some(location) = &self.location {
            page.line("country", &location.words());
        }
        if let Some(pools) = &self.pools {
            page.pools(pools);
        }
        if let Some(record) = &self.record {
            for gate in &record.gates {
                page.line("announced", &gate.words);
            }
            if let Some(stamp) = record.stamp_words() {
                page.line("stamp", &stamp);
            }
        }
        for (number, words) in self.feed.words().iter().enumerate() {
            page.line(if number == 0 { "feed" } else { "" }, words);
        }
        page.line("answer", &self.answer_words());
        page.0
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
        for note in pools.notes() {
            self.line("note", &note);
        }
        if let Some(window) = &pools.window {
            let addresses: Vec<String> = window.addresses.iter().map(ToString::to_string).collect();
            let which = format!("{} of {}: {}", window.number, window.of, addresses.join(" "));
            self.line("window", &which);
        }
    }

    fn pool(&mut self, pool: &PoolInfo, pools: &PathInfo) {
        self.line(&pool.pool, &pool.words(pools));
        for member in &pool.members {
            self.line("", &format!("  {}: {}", member.mirror.host, member.words()));
        }
    }
}
