//! Overrides: the operator sets the state of mirrors, whatever the feed says.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use wildmatch::WildMatch;

use super::{State, override_keys as keys};
use crate::fleet::Fleet;
use crate::problem::table::{Document, Table};
use crate::problem::{Location, Problems};

/// Most octets of overrides, which is room for some ten thousand.
pub const MAX_OVERRIDES: usize = 1 << 20;

/// The overrides of a file, in its order. If several match a host, the first one that has not
/// ended applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    serial: Option<u64>,
    entries: Vec<Override>,
}

/// The state of some hosts.
#[derive(Debug, Clone)]
pub struct Override {
    /// Host or glob, normalised by [`host_key`](crate::fleet::host_key): `*` stands for any
    /// characters, dots included, and `?` for one.
    pub host: String,
    /// `None` if `host` has no wildcards.
    glob: Option<WildMatch>,
    /// The addresses of these hosts that it is about; all, if this is empty.
    pub addresses: Vec<IpAddr>,
    /// The state of these addresses.
    pub state: State,
    /// The reason, for people.
    pub reason: Arc<str>,
    /// The end of the override; `None`: it does not end by itself.
    pub until: Option<Timestamp>,
    /// Location of `host` in the file.
    pub location: Location,
}

impl Overrides {
    /// Reads a file of overrides and reports everything wrong in it.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Self {
        let read = Document::read(file, text, &keys::ROOT, problems, |mut root| {
            let serial = root.get(&keys::SERIAL).map(|serial| serial.value);
            let tables = root.tables(&keys::OVERRIDE);
            root.finish();
            Self { serial, entries: tables.into_iter().filter_map(Override::read).collect() }
        });
        read.unwrap_or_default()
    }

    /// The serial of the file, if it has one.
    pub fn serial(&self) -> Option<u64> {
        self.serial
    }

    /// The overrides in the order of the file, those that have ended too.
    pub fn iter(&self) -> impl Iterator<Item = &Override> {
        self.entries.iter()
    }

    /// Warns of overrides that match no mirror, and of addresses that no such mirror has.
    pub fn check(&self, fleets: &[&Fleet], problems: &mut Problems) {
        for entry in &self.entries {
            let mirrors = fleets.iter().flat_map(|fleet| &fleet.mirrors);
            let matched: Vec<_> = mirrors.filter(|mirror| entry.matches(&mirror.host)).collect();
            let (location, host) = (|| entry.location.clone(), &entry.host);
            if matched.is_empty() {
                let what = format!("the override of {host} matches no mirror");
                problems.warning(location(), what, "correct `host`, or remove the override");
                continue;
            }
            for address in &entry.addresses {
                if !matched.iter().any(|mirror| mirror.addresses().any(|has| has == *address)) {
                    let what = format!("the override of {host}: no such mirror has {address}");
                    problems.warning(location(), what, "correct `addresses`");
                }
            }
        }
    }

    /// These overrides with others before them, which apply first.
    #[must_use]
    pub fn preceded_by(&self, first: Vec<Override>) -> Self {
        let entries = first.into_iter().chain(self.entries.iter().cloned()).collect();
        Self { serial: self.serial, entries }
    }

    /// The override that applies to this host as a whole, which is a
    /// [`host_key`](crate::fleet::host_key).
    pub fn of(&self, host: &str, now: Timestamp) -> Option<&Override> {
        self.in_force(now).find(|entry| entry.addresses.is_empty() && entry.matches(host))
    }

    /// The override that applies to this address of this host.
    pub fn of_address(&self, host: &str, address: IpAddr, now: Timestamp) -> Option<&Override> {
        self.in_force(now).find(|entry| entry.covers(address) && entry.matches(host))
    }

    /// Whether any override is about some addresses of a host alone.
    pub fn have_addresses(&self) -> bool {
        self.entries.iter().any(|entry| !entry.addresses.is_empty())
    }

    /// The overrides that have not ended.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Override> {
        self.entries.iter().filter(move |entry| entry.is_in_force(now))
    }

    /// The next moment after `now` at which an override ends.
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.entries.iter().filter_map(|entry| entry.until).filter(|until| *until > now).min()
    }
}

impl Override {
    /// An override that does not end by itself. `host` is a host or a glob, normalised by
    /// [`host_key`](crate::fleet::host_key).
    pub fn new(host: String, state: State, reason: &str, location: Location) -> Self {
        let has_wildcards = host.contains(['*', '?']);
        Self {
            glob: has_wildcards.then(|| WildMatch::new(&host)),
            host,
            addresses: Vec::new(),
            state,
            reason: reason.into(),
            until: None,
            location,
        }
    }

    fn read(mut table: Table<'_>) -> Option<Self> {
        let host = table.require(&keys::HOST);
        let addresses = addresses(&mut table);
        let state = table.require(&keys::STATE);
        let reason = table.require(&keys::REASON);
        let until = table.get(&keys::UNTIL);
        table.finish();
        let host = host?;
        let until = until.map(|until| until.value);
        let read = Self::new(host.value, state?.value, &reason?.value, host.location);
        Some(Self { addresses, until, ..read })
    }

    /// Whether it has not ended.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it is about this address, if it is about its host.
    fn covers(&self, address: IpAddr) -> bool {
        self.addresses.is_empty() || self.addresses.contains(&address)
    }

    /// Whether both name the same hosts and the same addresses.
    pub fn concerns_same(&self, other: &Self) -> bool {
        let all_of = |one: &Self, other: &Self| {
            one.addresses.iter().all(|address| other.addresses.contains(address))
        };
        self.host == other.host && all_of(self, other) && all_of(other, self)
    }

    /// Whether the override matches this host, which is a [`host_key`](crate::fleet::host_key).
    pub fn matches(&self, host: &str) -> bool {
        self.glob.as_ref().map_or_else(|| self.host == host, |glob| glob.matches(host))
    }
}

/// Reads the addresses. An empty list would mean all, which nobody writes on purpose.
fn addresses(table: &mut Table<'_>) -> Vec<IpAddr> {
    let location = table.key_location(&keys::ADDRESSES);
    let errors_before = table.error_count();
    let Some(addresses) = table.list(&keys::ADDRESSES) else { return Vec::new() };
    if addresses.is_empty() && table.error_count() == errors_before {
        let help = "name some, or remove the key for all addresses";
        table.error(location, "`addresses` names no address", help);
    }
    addresses.into_iter().map(|address| address.value.to_canonical()).collect()
}

/// Overrides are equal whatever their locations in files.
impl PartialEq for Override {
    fn eq(&self, other: &Self) -> bool {
        let copied = |entry: &Self| (entry.state, entry.until);
        self.host == other.host
            && self.addresses == other.addresses
            && self.reason == other.reason
            && copied(self) == copied(other)
    }
}

impl Eq for Override {}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        for (number, address) in self.addresses.iter().enumerate() {
            write!(f, "{} {address}", if number == 0 { "" } else { "," })?;
        }
        write!(f, " {} ({}", self.state, self.reason)?;
        match self.until {
            Some(until) => write!(f, ", until {until})"),
            None => f.write_str(")"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DRAINED: &str = "[[override]]\nhost = \"*.Example.DE.\"\nstate = \"drained\"\nreason = \"disk swap\"\n\
                           until = 2026-12-01T06:00:00Z\n";

    fn parse(text: &str) -> (Overrides, String) {
        let mut problems = Problems::default();
        let overrides = Overrides::parse("o", text, &mut problems);
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        (overrides, lines.join("\n"))
    }

    fn good(text: &str) -> Overrides {
        let (overrides, problems) = parse(text);
        assert_eq!(problems, "");
        overrides
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn the_first_match_that_has_not_ended_applies() {
        let down = "[[override]]\nhost = \"a.example.de\"\nstate = \"down\"\nreason = \"hacked\"\n";
        let overrides = good(&format!("{DRAINED}{down}"));
        let of = |host, time| overrides.of(host, at(time)).map(ToString::to_string);
        let drained = "*.example.de drained (disk swap, until 2026-12-01T06:00:00Z)";
        for (host, time, expected) in [
            ("a.example.de", "2026-12-01T05:59:59.999Z", Some(drained)),
            ("a.example.de", "2026-12-01T06:00:00Z", Some("a.example.de down (hacked)")),
            ("b.a.example.de", "2026-11-01T00:00:00Z", Some(drained)),
            ("b.a.example.de", "2026-12-01T06:00:00Z", None),
            ("example.de", "2026-11-01T00:00:00Z", None),
            ("a.example.dex", "2026-11-01T00:00:00Z", None),
        ] {
            assert_eq!(of(host, time).as_deref(), expected, "{host} {time}");
        }
        assert_eq!(
            overrides.next_end(at("2026-11-01T00:00:00Z")),
            Some(at("2026-12-01T06:00:00Z"))
        );
        assert_eq!(overrides.next_end(at("2026-12-01T06:00:00Z")), None);
        assert_eq!(overrides.in_force(at("2026-12-01T06:00:00Z")).count(), 1);
    }

    #[test]
    fn an_address_follows_the_first_override_that_is_about_it() {
        let of_address = "[[override]]\nhost = \"*.example.de\"\naddresses = [\"192.0.2.1\", \"2001:db8::1\"]\nstate = \"down\"\nreason = \"r\"\n";
        let overrides = good(&format!("{of_address}{DRAINED}"));
        let now = at("2026-11-01T00:00:00Z");
        let of = |address: &str| {
            let found = overrides.of_address("a.example.de", address.parse().unwrap(), now);
            found.map(|entry| entry.state)
        };
        assert_eq!(of("192.0.2.1"), Some(State::Down));
        assert_eq!(of("192.0.2.2"), Some(State::Drained));
        assert_eq!(
            overrides.of("a.example.de", now).map(|entry| entry.state),
            Some(State::Drained)
        );
        let first = overrides.iter().next().map(ToString::to_string);
        assert_eq!(first.as_deref(), Some("*.example.de 192.0.2.1, 2001:db8::1 down (r)"));
        for (addresses, expected) in [
            ("[]", "o:3:1: `addresses` names no address"),
            ("[\"192.0.2\"]", "o:3:14: `addresses`: \"192.0.2\": "),
            ("\"192.0.2.1\"", "o:3:13: `addresses` is a string"),
        ] {
            let text = of_address.replace("[\"192.0.2.1\", \"2001:db8::1\"]", addresses);
            let (_, problems) = parse(&text);
            assert!(problems.starts_with(expected), "{problems}");
        }
    }

    #[test]
    fn overrides_that_precede_others_apply_first() {
        let location = Location::file("o");
        let first = Override::new("a.*".to_owned(), State::Down, "gone", location);
        let overrides = good(DRAINED).preceded_by(vec![first]);
        let of = |host| overrides.of(host, at("2026-11-01T00:00:00Z")).map(|found| found.state);
        assert_eq!(of("a.example.de"), Some(State::Down));
        assert_eq!(of("b.example.de"), Some(State::Drained));
        assert_eq!(of("b.example.fr"), None);
    }

    #[test]
    fn everything_wrong_is_reported_with_its_location() {
        let (_, problems) = parse(
            "[[override]]\nhost = \"\"\nstate = \"dwon\"\nreason = \" \"\nuntil = 2026-12-01T06:00:00\nuntill = 1\n\
             [[override]]\nreason = \"a\\nb\"\n[overide]\n",
        );
        for expected in [
            "o:2:8: `host`: it is empty",
            "o:3:9: `state`: \"dwon\": no state",
            "o:4:10: `reason`: it is empty",
            "o:5:9: `until`: 2026-12-01T06:00:00 is not a moment with an offset",
            "o:6:1: unknown key `untill` (did you mean `until`?)",
            "[[override]] has no `host`",
            "[[override]] has no `state`",
            "o:8:10: `reason`: it is more than one line",
            "o:9:2: unknown key `overide` (did you mean `override`?)",
        ] {
            assert!(problems.contains(expected), "{expected}\n{problems}");
        }
        assert_eq!(problems.lines().count(), 9, "{problems}");
        assert!(parse("[[override]\n").1.starts_with("o:1:"));
    }

    #[test]
    fn an_override_of_no_mirror_is_reported() {
        let mut problems = Problems::default();
        let mirror =
            "[[mirror]]\nhost = \"A.example.de\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.1\"]\n";
        let fleet = Fleet::parse("m", mirror, &mut problems);
        let other = DRAINED.replace("Example.DE", "example.fr");
        good(&format!("{DRAINED}{other}")).check(&[&fleet], &mut problems);
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("o:7:8: the override of *.example.fr"),
            "{lines:?}"
        );
    }

    /// The definition of a glob.
    fn matches(glob: &[u8], host: &[u8]) -> bool {
        match glob {
            [] => host.is_empty(),
            [b'*', rest @ ..] => (0..=host.len()).any(|from| matches(rest, &host[from..])),
            [first, rest @ ..] => {
                host.first().is_some_and(|c| *first == b'?' || first == c)
                    && matches(rest, &host[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn globs_match_by_their_definition(glob in "[ab.*?]{0,5}[ab*?]", host in "[ab.]{0,6}[ab]") {
            let said = good(&format!("[[override]]\nhost = \"{glob}\"\nstate = \"up\"\nreason = \"r\"\n"));
            let found = said.of(&host, at("2026-12-01T00:00:00Z")).is_some();
            prop_assert_eq!(found, matches(glob.as_bytes(), host.as_bytes()));
        }

        #[test]
        fn no_mutation_panics(at in 0usize..200, character in any::<char>(), cut in 0usize..200) {
            let mut text: Vec<char> = DRAINED.chars().collect();
            if let Some(slot) = text.get_mut(at) { *slot = character; }
            text.truncate(text.len().saturating_sub(cut));
            let text: String = text.into_iter().collect();
            let _ = parse(&text);
        }
    }
}
