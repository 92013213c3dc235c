//! Stories as the strings of a TXT record, each under 255 octets: what the diagnostic names answer.

use std::net::SocketAddr;

use super::fleet::{MirrorStory, mirrors};
use super::format::{age, capacity};
use super::{
    AddressSource, Asker, FeedStory, LocationStory, MemberStory, PoolStory, PoolsStory,
    RecordStory, Story,
};
use crate::health::MirrorCondition;
use crate::snapshot::Snapshot;
use crate::wire::edns::ClientSubnet;

/// Most mirrors that are named as left out: `_pool` names all.
const LEFT_OUT: usize = 40;

/// Why a TTL is lower than it is set.
pub(super) const HALVED: &str =
    "note=the TTL is half of it: a mirror changed its state in the last 10 minutes";

/// Most octets of a string.
const LONGEST: usize = 254;

/// Most octets of a host and its country, and how many there always are for addresses and capacity.
const HOST: usize = 120;
const ADDRESSES: usize = 40;

impl Story {
    /// A string for each line of thought.
    pub fn lines(&self) -> Vec<String> {
        let mut out = vec![format!("client={}", self.client)];
        if let Some(location) = &self.location {
            out.push(location.line());
        }
        for alias in &self.aliases {
            out.push(format!("alias={} {} {}", alias.owner, alias.r#type, alias.target));
        }
        match &self.pools {
            Some(pools) => self.tell_pools(pools, &mut out),
            None => out.push(format!("answer={}", self.outcome.words())),
        }
        if let Some(record) = &self.record {
            record.tell(&mut out);
        }
        if self.pools.is_some() || self.record.is_some() {
            out.push(self.feed.line());
        }
        out.into_iter().map(cut).collect()
    }

    fn tell_pools(&self, pools: &PoolsStory, out: &mut Vec<String>) {
        let names: Vec<String> = pools.path.iter().map(|pool| pool.pool.clone()).collect();
        out.extend(in_lines("path=", &names));
        let mut left_out = Vec::new();
        for pool in pools.path.iter().filter(|pool| pool.drawn) {
            out.push(format!("pool={} {} of {} usable", pool.pool, pool.usable, pool.mirrors));
            left_out.extend(pool.members.iter().filter_map(|member| {
                let host = &member.mirror.host;
                match (&member.why_not, &member.mirror.left_out) {
                    (Some(why), _) => Some(format!("left out: {host} {why}")),
                    // Nothing of the path is usable: it is answered all the same.
                    (None, Some(why)) => Some(format!("not usable: {host} {why}")),
                    (None, None) => None,
                }
            }));
        }
        let more = left_out.len().saturating_sub(LEFT_OUT);
        out.extend(left_out.into_iter().take(LEFT_OUT));
        if more > 0 {
            out.push(format!("left out: {more} more, which _pool.{} names", self.name));
        }
        if let Some(words) = pools.reach_words() {
            out.push(words);
        }
        if pools.halved {
            out.push(HALVED.to_owned());
        }
        match &pools.window {
            Some(window) => {
                out.push(format!("window={} of {}", window.number, window.of));
                let addresses: Vec<String> =
                    window.addresses.iter().map(ToString::to_string).collect();
                let scope = self.scope.map(|scope| format!(" scope={scope}")).unwrap_or_default();
                out.extend(in_lines("answer=", &addresses));
                out.push(format!("ttl={}{scope}", window.ttl));
            }
            None => out.push(format!("answer={}", self.outcome.words())),
        }
    }
}

impl PoolsStory {
    /// What is out of the ordinary about the path.
    pub fn reach_words(&self) -> Option<String> {
        let words = match self.reach {
            "open" => "no mirror of the path is usable: answered as if all were",
            "lagging" => "no mirror of the path holds the record: answered with those least behind",
            _ => return self.note.as_ref().map(|note| format!("note={note}")),
        };
        Some(format!("note={words}"))
    }
}

impl RecordStory {
    fn tell(&self, out: &mut Vec<String>) {
        if let Some(text) = &self.text {
            out.push(format!("record={text}"));
        }
        if let (Some(stamp), Some(seconds)) = (self.stamp, self.age) {
            let stale = if self.stale { ", too old to be trusted" } else { "" };
            out.push(format!("stamp={stamp} age={}{stale}", age(seconds)));
        }
        out.extend(self.gates.iter().map(|gate| format!("announced: {}", gate.words)));
    }
}

impl std::fmt::Display for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.network())?;
        f.write_str(match self.from {
            AddressSource::Ecs => " (ecs)",
            AddressSource::Source => " (source)",
            AddressSource::Given => "",
        })
    }
}

impl Asker {
    /// As people say it.
    pub fn words(&self) -> String {
        if self.prefix == Some(0) { "anybody".to_owned() } else { self.to_string() }
    }

    /// The address or network alone.
    pub fn network(&self) -> String {
        match self.prefix {
            Some(prefix) => format!("{}/{prefix}", self.address),
            None => self.address.to_string(),
        }
    }
}

impl LocationStory {
    fn line(&self) -> String {
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

impl FeedStory {
    fn line(&self) -> String {
        match (self.serial, self.age) {
            (Some(serial), Some(seconds)) => {
                let stale = if self.fresh == Some(false) { ", older than max-age" } else { "" };
                let held = match (self.held_back, &self.takes_away) {
                    (Some(held), Some(what)) => {
                        format!("; {held} is held back: it takes away {what}")
                    }
                    _ => String::new(),
                };
                format!("feed serial={serial} age={}{stale}{held}", age(seconds))
            }
            _ => "feed: none, all mirrors count as up".to_owned(),
        }
    }
}

impl MirrorStory {
    /// One string: host, country, addresses, standing, weight, why it is left out.
    fn line(&self) -> String {
        let address = |of: &super::fleet::AddressStory| {
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
            None => self.standing.clone(),
        };
        // What is said of it matters more than its last addresses, and less than which it is.
        let tail = shorten(tail, LONGEST.saturating_sub(host.len() + ADDRESSES));
        let room = LONGEST.saturating_sub(tail.len() + 2);
        format!("{}; {tail}", shorten(format!("{host}: {}; {weight}", addresses.join(", ")), room))
    }
}

/// The mirrors of the pools that a story was drawn from, a string each; where the name has no pools, the fleet of its zone.
pub fn pool_lines(snapshot: &Snapshot, story: &Story, plan: Option<u32>) -> Vec<String> {
    let lines = match &story.pools {
        Some(pools) => {
            pools.path.iter().filter(|pool| pool.drawn).flat_map(PoolStory::mirror_lines).collect()
        }
        None => fleet_lines(&plan.map(|plan| mirrors(snapshot, plan)).unwrap_or_default()),
    };
    lines.into_iter().map(cut).collect()
}

impl PoolStory {
    fn mirror_lines(&self) -> Vec<String> {
        let head = format!("pool={} {} of {} usable", self.pool, self.usable, self.mirrors);
        let line = |member: &MemberStory| {
            let left_out = member.why_not.clone();
            MirrorStory { left_out, ..member.mirror.clone() }.line()
        };
        std::iter::once(head).chain(self.members.iter().map(line)).collect()
    }
}

fn fleet_lines(fleet: &[MirrorStory]) -> Vec<String> {
    let usable = fleet.iter().filter(|mirror| mirror.usable).count();
    let head = format!("fleet: {usable} of {} usable", fleet.len());
    std::iter::once(head).chain(fleet.iter().map(MirrorStory::line)).collect()
}

/// The feed in force, the mirrors by state, a feed that is held back.
pub fn feed_lines(snapshot: &Snapshot, feed: &FeedStory) -> Vec<String> {
    let mut out = Vec::new();
    match (feed.serial, feed.generated, feed.age) {
        (Some(serial), Some(generated), Some(seconds)) => {
            out.push(format!("serial={serial}"));
            let fresh = if feed.fresh == Some(false) { "stale" } else { "fresh" };
            out.push(format!("generated={generated} age={} ({fresh})", age(seconds)));
        }
        _ => out.push("no feed: all mirrors count as up".to_owned()),
    }
    out.push(format!("mirrors: {}", by_state(snapshot)));
    if let (Some(serial), Some(what)) = (feed.held_back, &feed.takes_away) {
        out.push(format!("held back: serial={serial}, it takes away {what}"));
    }
    out.into_iter().map(cut).collect()
}

/// `78 up, 1 lagging, 3 down` over all fleets, each host once.
pub fn by_state(snapshot: &Snapshot) -> String {
    let counts = snapshot.mirrors_by_condition();
    let told = |(condition, count): (&MirrorCondition, &u64)| {
        let said = *count > 0 || *condition == MirrorCondition::Up;
        said.then(|| format!("{count} {}", condition.label()))
    };
    counts.iter().filter_map(told).collect::<Vec<_>>().join(", ")
}

/// What the server saw of a query.
pub fn whoami_lines(client: SocketAddr, transport: &str, ecs: Option<ClientSubnet>) -> Vec<String> {
    let ecs = match ecs {
        None => "ecs=none".to_owned(),
        // RFC 7871 section 7.1.2: the client's own address is not to be used.
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

/// Words behind a head, in as many strings as they take.
fn in_lines(head: &str, words: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in words {
        match out.last_mut().filter(|line| line.len() + 1 + word.len() <= LONGEST) {
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
    shorten(line, LONGEST)
}

/// No longer than that in octets; what is left out is shown by an ellipsis.
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
    fn a_client_is_in_a_country_or_on_a_continent_or_nowhere() {
        let line = |country, continent, over: Option<&str>| {
            let (network, database) = ("192.0.2.0/24".to_owned(), "country.mmdb".to_owned());
            LocationStory {
                country,
                continent,
                network,
                database,
                r#override: over.map(str::to_owned),
            }
            .line()
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
        let lines = in_lines("answer=", &addresses);
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
