//! Overrides: the operator sets the state of mirrors, whatever the feed says.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use toml::de::DeValue;
use wildmatch::WildMatch;

use super::State;
use crate::fleet::{Fleet, host_key};
use crate::problem::table::{Document, Table, read};
use crate::problem::{Location, Problems};

/// The overrides of a file, in its order. Of several that match a host, the first that has not
/// ended applies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(Vec<Override>);

/// An override: the state of the hosts that it matches.
#[derive(Debug, Clone)]
pub struct Override {
    /// Pattern of the hosts, normalised by [`host_key`]. `*` matches any characters including dots,
    /// and `?` a single one.
    pub host: String,
    /// The compiled pattern; `None` if it has no wildcards.
    glob: Option<WildMatch>,
    /// State of all addresses of these hosts.
    pub state: State,
    /// The operator's reason, for people.
    pub reason: Arc<str>,
    /// Time at which the override ends, if it does.
    pub until: Option<Timestamp>,
    /// Position of the pattern in the file.
    pub location: Location,
}

impl Overrides {
    /// Reads a file of overrides. Everything that is wrong in it becomes a problem.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Self {
        let document = Document::new(file, text);
        let Some(mut root) = document.parse(problems) else { return Self::default() };
        let tables = root.tables("override", problems);
        root.finish(problems);
        Self(tables.into_iter().filter_map(|table| Override::read(table, problems)).collect())
    }

    /// Warns of overrides that match no mirror.
    pub fn check(&self, fleets: &[&Fleet], problems: &mut Problems) {
        for entry in &self.0 {
            let mut mirrors = fleets.iter().flat_map(|fleet| &fleet.mirrors);
            if !mirrors.any(|mirror| entry.matches(&mirror.host)) {
                let what = format!("the override of {} matches no mirror", entry.host);
                let help = "correct `host`, or remove the override";
                problems.warning(entry.location.clone(), what, help);
            }
        }
    }

    /// The override that applies to this host, given as [`host_key`].
    pub fn of(&self, host: &str, now: Timestamp) -> Option<&Override> {
        self.in_force(now).find(|entry| entry.matches(host))
    }

    /// The overrides that have not ended.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Override> {
        self.0.iter().filter(move |entry| entry.until.is_none_or(|until| now < until))
    }

    /// The next time after `now` at which an override ends.
    pub fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|entry| entry.until).filter(|until| *until > now).min()
    }
}

impl Override {
    fn read(mut table: Table<'_>, problems: &mut Problems) -> Option<Self> {
        let host =
            table.require("host", "a host or a glob such as \"*.example.de\"", problems, hosts);
        let states = "\"up\", \"old\", \"down\", \"drained\" or \"removed\"";
        let state = table.require("state", states, problems, read::parsed::<State>);
        let reason = table.require("reason", "why, such as \"disk swap\"", problems, reason);
        let until =
            table.get("until", "a moment such as 2026-12-01T06:00:00Z", problems, read::moment);
        table.finish(problems);
        let host = host?;
        let has_wildcards = host.value.contains(['*', '?']);
        Some(Self {
            glob: has_wildcards.then(|| WildMatch::new(&host.value)),
            host: host.value,
            state: state?.value,
            reason: reason?.value.into(),
            until: until.map(|until| until.value),
            location: host.location,
        })
    }

    /// Whether the pattern matches this host, given as [`host_key`].
    pub fn matches(&self, host: &str) -> bool {
        self.glob.as_ref().map_or_else(|| self.host == host, |glob| glob.matches(host))
    }
}

/// Overrides are equal wherever they are in their file.
impl PartialEq for Override {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, self.state, &self.reason, self.until)
            == (&other.host, other.state, &other.reason, other.until)
    }
}

impl Eq for Override {}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({}", self.host, self.state, self.reason)?;
        match self.until {
            Some(until) => write!(f, ", until {until})"),
            None => f.write_str(")"),
        }
    }
}

/// A pattern of hosts.
fn hosts(value: &DeValue<'_>) -> Result<String, String> {
    let host = host_key(&read::string(value)?);
    if host.is_empty() {
        Err("it is empty".to_owned())
    } else if host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Err("it contains blanks or control characters".to_owned())
    } else {
        Ok(host)
    }
}

/// A reason: a single line, as it is shown in the log and in TXT records.
fn reason(value: &DeValue<'_>) -> Result<String, String> {
    let reason = read::string(value)?.trim().to_owned();
    if reason.is_empty() {
        Err("it is empty; write why the override exists".to_owned())
    } else if reason.chars().any(char::is_control) {
        Err("it is more than one line, or contains control characters".to_owned())
    } else {
        Ok(reason)
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
    fn of_several_matches_the_first_that_has_not_ended_applies() {
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
    fn every_problem_is_reported_with_its_position() {
        let (_, problems) = parse(
            "[[override]]\nhost = \"\"\nstate = \"dwon\"\nreason = \" \"\nuntil = 2026-12-01T06:00:00\nuntill = 1\n\
             [[override]]\nreason = \"a\\nb\"\n[overide]\n",
        );
        for expected in [
            "o:2:8: `host`: it is empty",
            "o:3:9: `state`: \"dwon\": no state",
            "o:4:10: `reason`: it is empty",
            "o:5:9: `until`: 2026-12-01T06:00:00 is no moment with an offset",
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
    fn an_override_that_matches_no_mirror_is_reported() {
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

    /// Glob matching by its definition.
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
        fn globs_match_by_definition(glob in "[ab.*?]{0,5}[ab*?]", host in "[ab.]{0,6}[ab]") {
            let overrides = good(&format!("[[override]]\nhost = \"{glob}\"\nstate = \"up\"\nreason = \"r\"\n"));
            let found = overrides.of(&host, at("2026-12-01T00:00:00Z")).is_some();
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
