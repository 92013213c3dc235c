//! Explanations as the strings of a TXT record, at most 254 octets each: the answers of the
//! diagnostic names.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::fleet::{AddressInfo, MirrorInfo, mirrors};
use super::format::{age, capacity};
use super::{
    AddressSource, ClientAddress, Explanation, FeedInfo, LocationInfo, MemberInfo, PathInfo,
    PoolInfo, RecordInfo,
};
use crate::health::MirrorCondition;
use crate::snapshot::Snapshot;
use crate::snapshot::extended_error::ExtendedError;
use crate::wire::edns::ClientSubnet;

/// Most mirrors that `_explain` lists as left out; `_pool` lists all.
const MAX_LEFT_OUT: usize = 40;

/// Why a TTL is lower than the configured one.
pub(super) const HALVED: &str =
    "the TTL is half of it: a mirror changed its state in the last 10 minutes";

/// Most octets of a string. The format of strings allows 255 (RFC 1035 section 3.3).
const MAX_STRING: usize = 254;

/// Most octets for a host and its country.
const HOST: usize = 120;
/// Octets that are always left for addresses and capacity.
const ADDRESSES: usize = 40;
/// Octets of the feed's note that addresses do not take from it: `3 of 4 monitors: ` and what they
/// found.
const NOTE: usize = 64;

impl Explanation {
    /// The strings that `_explain` answers.
    pub fn txt_strings(&self) -> Vec<String> {
        let mut out = vec![format!("client={}", self.client)];
        if let Some(location) = &self.location {
            out.push(location.txt_string());
        }
        for alias in &self.aliases {
            out.push(format!("alias={} {} {}", alias.owner, alias.r#type, alias.target));
        }
        match &self.pools {
            Some(pools) => self.push_pools(pools, &mut out),
            None => out.push(format!("answer={}", self.outcome.words())),
        }
        if let Some(record) = &self.record {
            record.push_strings(&mut out);
        }
        if self.pools.is_some() || self.record.is_some() {
            out.push(self.feed.txt_string());
        }
        out.into_iter().map(cut).collect()
    }

    fn push_pools(&self, pools: &PathInfo, out: &mut Vec<String>) {
        let names: Vec<String> = pools.path.iter().map(|pool| pool.pool.clone()).collect();
        out.extend(in_strings("path=", &names));
        let mut left_out = Vec::new();
        for pool in pools.path.iter().filter(|pool| pool.drawn) {
            out.push(pool.txt_string(pools));
            left_out.extend(pool.members.iter().filter_map(|member| {
                let (words, why) = match (&member.why_not, &member.mirror.left_out) {
                    (Some(why), _) => ("left out", why),
                    // Its addresses are answered only because no mirror of the path is usable.
                    (None, Some(why)) => ("not usable", why),
                    (None, None) => return None,
                };
                Some(format!("{words}: {} {}", member.mirror.host, member.mirror.with_note(why)))
            }));
        }
        let more = left_out.len().saturating_sub(MAX_LEFT_OUT);
        out.extend(left_out.into_iter().take(MAX_LEFT_OUT));
        if more > 0 {
            out.push(format!("left out: {more} more, which _pool.{} names", self.name));
        }
        if let Some(note) = pools.fallback_note() {
            out.push(format!("note={note}"));
        }
        if pools.halved {
            out.push(format!("note={HALVED}"));
        }
        match &pools.window {
            Some(window) => {
                out.push(format!("window={} of {}", window.number, window.of));
                let addresses: Vec<String> =
                    window.addresses.iter().map(ToString::to_string).collect();
                let scope = self.scope.map(|scope| format!(" scope={scope}")).unwrap_or_default();
                out.extend(in_strings("answer=", &addresses));
                out.push(format!("ttl={}{scope}", window.ttl));
            }
            None => out.push(format!("answer={}", self.outcome.words())),
        }
    }
}

impl PathInfo {
    /// Why the path was followed beyond its first pool, or unusable mirrors were answered.
    pub(super) fn fallback_note(&self) -> Option<Cow<'_, str>> {
        match self.reach {
            "open" => Some(ExtendedError::OPEN.text()),
            "lagging" => Some(ExtendedError::LAGGING.text()),
            _ => self.note.as_deref().map(Cow::Borrowed),
        }
    }
}

impl RecordInfo {
    fn push_strings(&self, out: &mut Vec<String>) {
        if let Some(text) = &self.text {
            out.push(format!("record={text}"));
        }
        if let (Some(stamp), Some(seconds)) = (self.stamp, self.age) {
            let stale = if self.stale { ", too old" } else { "" };
            out.push(format!("stamp={stamp} age={}{stale}", age(seconds)));
        }
        out.extend(self.gates.iter().map(|gate| format!("announced: {}", gate.words)));
        out.extend(self.suspect.as_ref().map(|why| format!("suspect: {why}")));
    }
}

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.network())?;
        f.write_str(match self.from {
            AddressSource::Ecs => " (ecs)",
            AddressSource::Source => " (source)",
            AddressSource::Given => "",
        })
    }
}

impl ClientAddress {
    /// The client, for people.
    pub fn words(&self) -> String {
        if self.prefix == Some(0) { "any client".to_owned() } else { self.to_string() }
    }

    /// The address or network, without its source.
    pub fn network(&self) -> String {
        match self.prefix {
            Some(prefix) => format!("{}/{prefix}", self.address),
            None => self.address.to_string(),
        }
    }
}

impl LocationInfo {
    fn txt_string(&self) -> String {
        let Self { network, database, .. } = self;
        match (self.country, self.continent, &self.r#override) {
            (Some(country), _, Some(net)) => format!("country={country} (override of {net})"),
            (Some(country), ..) => format!("country={country} ({database}, {network})"),
            (None, Some(continent), _) => {
                format!("country=none (continent {continent}, {database}, {network})")
            }
            (None, None, _) => format!("country=unknown ({database}, {network})"),
        }
    }
}

impl FeedInfo {
    fn txt_string(&self) -> String {
        match (self.serial, self.age) {
            (Some(serial), Some(seconds)) => {
                let stale = if self.fresh == Some(false) { ", older than max-age" } else { "" };
                let held = match (self.held_back, &self.takes_away) {
                    (Some(held), Some(what)) => {
                        format!("; {held} is held back: it takes away {what}")
                    }
                    _ => String::new(),
                };
                let frozen = if self.frozen.is_some() { ", frozen" } else { "" };
                format!("feed serial={serial} age={}{stale}{frozen}{held}", age(seconds))
            }
            _ => "feed: none, all mirrors count as up".to_owned(),
        }
    }
}

impl MirrorInfo {
    /// One string: host, country, addresses, capacity, and the state or why the mirror is left out,
    /// with the feed's note where some address is not up or some client does not get it.
    fn txt_string(&self) -> String {
        let address = |of: &AddressInfo| {
            if of.state == self.state {
                of.address.to_string()
            } else {
                format!("{} {}", of.address, of.state)
            }
        };
        let addresses: Vec<String> = self.addresses.iter().map(address).collect();
        let weight = capacity(self.capacity);
        let host = shorten(format!("{} {}", self.host, self.country), HOST);
        let tail = match &self.left_out {
            Some(why) => format!("left out: {why}"),
            None => match self.restriction() {
                Some(restriction) => format!("{}, {restriction}", self.standing),
                None => self.standing.clone(),
            },
        };
        let is_remarkable = self.left_out.is_some()
            || !self.not_for.is_empty()
            || self.differing().next().is_some();
        let note = self.deciding_note().filter(|_| is_remarkable);
        let note = note.map(|note| format!(": {note}")).unwrap_or_default();
        // If the string becomes too long, the end of the note is cut first, then addresses, then
        // the state and with it what is left of the note.
        let head = format!("{host}: {}; {weight}", addresses.join(", "));
        let left = MAX_STRING.saturating_sub(head.len() + 2 + tail.len());
        let tail = tail + &shorten(note, left.max(NOTE));
        let tail = shorten(tail, MAX_STRING.saturating_sub(host.len() + ADDRESSES));
        let room = MAX_STRING.saturating_sub(tail.len() + 2);
        format!("{}; {tail}", shorten(head, room))
    }
}

/// The strings that `_pool` answers: one for each mirror of the pools that the answer was drawn
/// from. If the name has no pools, one for each mirror of `plan`, the plan of the name's zone.
pub fn pool_strings(
    snapshot: &Snapshot,
    explanation: &Explanation,
    plan: Option<u32>,
) -> Vec<String> {
    let strings = match &explanation.pools {
        Some(pools) => {
            let drawn = pools.path.iter().filter(|pool| pool.drawn);
            drawn.flat_map(|pool| pool.mirror_strings(pools)).collect()
        }
        None => fleet_strings(&plan.map(|plan| mirrors(snapshot, plan)).unwrap_or_default()),
    };
    strings.into_iter().map(cut).collect()
}

impl PoolInfo {
    /// One string: how many mirrors are usable, and where several pools are in an answer, which
    /// part this one has.
    fn txt_string(&self, pools: &PathInfo) -> String {
        let part = self.part(pools).map(|part| format!(", {part}")).unwrap_or_default();
        format!("pool={} {} of {} usable{part}", self.pool, self.usable, self.mirrors)
    }

    /// Which part the pool has in answers with addresses of several pools: `in front`, `1 of 12 in
    /// each answer`, `first in 40 % of answers`. `None` if it is the only one or has no part.
    pub(super) fn part(&self, pools: &PathInfo) -> Option<String> {
        let gives = |pool: &&PoolInfo| pool.addresses > 0;
        if self.addresses == 0 || pools.path.iter().filter(gives).count() < 2 {
            return None;
        }
        Some(match self.per_answer {
            _ if self.first > 0.0 && self.first < 1.0 => {
                format!("first in {:.1} % of answers", self.first * 100.0)
            }
            _ if self.first > 0.0 => "in front".to_owned(),
            count if count == self.addresses => "in each answer".to_owned(),
            count => format!("{count} of {} in each answer", self.addresses),
        })
    }

    fn mirror_strings(&self, pools: &PathInfo) -> Vec<String> {
        let head = self.txt_string(pools);
        let string = |member: &MemberInfo| {
            let left_out = member.why_not.clone();
            MirrorInfo { left_out, ..member.mirror.clone() }.txt_string()
        };
        std::iter::once(head).chain(self.members.iter().map(string)).collect()
    }
}

fn fleet_strings(fleet: &[MirrorInfo]) -> Vec<String> {
    let usable = fleet.iter().filter(|mirror| mirror.usable).count();
    let head = format!("fleet: {usable} of {} usable", fleet.len());
    std::iter::once(head).chain(fleet.iter().map(MirrorInfo::txt_string)).collect()
}

/// The strings that `_feed` answers: the feed in force, the mirrors by state, and a feed that is
/// held back.
pub fn feed_strings(snapshot: &Snapshot, feed: &FeedInfo) -> Vec<String> {
    let mut out = Vec::new();
    match (feed.serial, feed.generated, feed.age) {
        (Some(serial), Some(generated), Some(seconds)) => {
            out.push(format!("serial={serial}"));
            let fresh = if feed.fresh == Some(false) { "stale" } else { "fresh" };
            out.push(format!("generated={generated} age={} ({fresh})", age(seconds)));
        }
        _ => out.push("no feed: all mirrors count as up".to_owned()),
    }
    out.push(format!("mirrors: {}", mirrors_by_state(snapshot)));
    if let Some(reason) = &feed.frozen {
        out.push(format!("frozen: {reason}"));
    }
    if let (Some(serial), Some(what)) = (feed.held_back, &feed.takes_away) {
        out.push(format!("held back: serial={serial}, it takes away {what}"));
    }
    out.into_iter().map(cut).collect()
}

/// Numbers of mirrors over all fleets, each host once: `78 up, 1 lagging, 3 down`.
pub fn mirrors_by_state(snapshot: &Snapshot) -> String {
    let counts = snapshot.mirrors_by_condition();
    let shown = |(condition, count): (&MirrorCondition, &u64)| {
        let is_shown = *count > 0 || *condition == MirrorCondition::Up;
        is_shown.then(|| format!("{count} {}", condition.label()))
    };
    counts.iter().filter_map(shown).collect::<Vec<_>>().join(", ")
}

/// The strings that `_whoami` answers: what the server saw of the query.
pub fn whoami_strings(
    client: SocketAddr,
    transport: &str,
    ecs: Option<ClientSubnet>,
) -> Vec<String> {
    let ecs = match ecs {
        None => "ecs=none".to_owned(),
        // A source prefix length of 0 asks not to use the client's address (RFC 7871 section
        // 7.1.2).
        Some(ecs) => match (ecs.address(), ecs.family) {
            (Some(address), _) => format!("ecs={address}/{}", ecs.source),
            (None, 1) => "ecs=0.0.0.0/0 (the source counts)".to_owned(),
            (None, 2) => "ecs=::/0 (the source counts)".to_owned(),
            (None, family) => format!("ecs=family {family}/0 (the source counts)"),
        },
    };
    let address = client.ip().to_canonical();
    vec![
        format!("address={address}"),
        format!("port={}", client.port()),
        format!("transport={transport}"),
        ecs,
    ]
}

/// Words behind a prefix, in as many strings as they need.
fn in_strings(head: &str, words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in words {
        match out.last_mut().filter(|line| line.len() + 1 + word.len() <= MAX_STRING) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => out.push(format!("{head}{word}")),
        }
    }
    out
}

fn cut(line: String) -> String {
    shorten(line, MAX_STRING)
}

/// Cuts a string to at most `longest` octets; an ellipsis marks the cut.
fn shorten(mut line: String, longest: usize) -> String {
    if line.len() > longest {
        let mut end = longest.saturating_sub('…'.len_utf8());
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strings_are_cut_between_characters(line in ".{0,300}", longest in 3usize..260) {
            let short = shorten(line.clone(), longest);
            prop_assert!(short.len() <= longest.max(3) && (short == line) == (line.len() <= longest));
        }
    }

    #[test]
    fn a_client_has_a_country_or_a_continent_or_neither() {
        let line = |country, continent, over: Option<&str>| {
            let (network, database) = ("192.0.2.0/24".to_owned(), "country.mmdb".to_owned());
            LocationInfo {
                country,
                continent,
                network,
                database,
                r#override: over.map(str::to_owned),
            }
            .txt_string()
        };
        assert_eq!(line(Some("DE"), Some("EU"), None), "country=DE (country.mmdb, 192.0.2.0/24)");
        assert_eq!(
            line(Some("DE"), Some("EU"), Some("192.0.2.0/25")),
            "country=DE (override of 192.0.2.0/25)"
        );
        assert_eq!(
            line(None, Some("EU"), None),
            "country=none (continent EU, country.mmdb, 192.0.2.0/24)"
        );
        assert_eq!(line(None, None, None), "country=unknown (country.mmdb, 192.0.2.0/24)");
    }

    #[test]
    fn many_addresses_take_several_strings() {
        let addresses: Vec<String> = (0..40).map(|n| format!("192.0.2.{n}")).collect();
        let lines = in_strings("answer=", &addresses);
        assert!(
            lines.len() == 2
                && lines.iter().all(|line| line.starts_with("answer=") && line.len() < 255)
        );
        let back: Vec<String> = lines
            .iter()
            .flat_map(|line| line["answer=".len()..].split(' '))
            .map(str::to_owned)
            .collect();
        assert_eq!(back, addresses);
    }
}
