//! The mirrors that fail, and the overrides that make them fail for the code that serves.

use std::collections::BTreeMap;

use super::selector::DownSelector;
use crate::cli::output::Failure;
use cvdns_core::fleet::{Fleet, Mirror};
use cvdns_core::geo::country::Country;
use cvdns_core::health::{Override, State};
use cvdns_core::problem::Location;
use cvdns_core::problem::table::nearest;

/// Hosts or countries that a message lists at most.
const MAX_LISTED: usize = 12;

/// The reason of the overrides.
const REASON: &str = "simulated failure";

/// The mirrors that fail.
#[derive(Debug, Default)]
pub(super) struct FailedMirrors {
    /// Their hosts, with their countries.
    pub hosts: BTreeMap<String, Country>,
}

impl FailedMirrors {
    /// The enabled mirrors of the fleets that any of the selectors names.
    ///
    /// # Errors
    /// When a selector names no mirror. The message says what there is.
    pub(super) fn new(selectors: &[DownSelector], fleets: &[&Fleet]) -> Result<Self, Failure> {
        let mut hosts = BTreeMap::new();
        for selector in selectors {
            let selected = Selected::new(selector);
            let enabled = fleets.iter().flat_map(|fleet| fleet.enabled());
            let found: Vec<&Mirror> =
                enabled.map(|(_, mirror)| mirror).filter(|mirror| selected.has(mirror)).collect();
            if found.is_empty() {
                return Err(Failure::new(selected.missing(fleets)));
            }
            hosts.extend(found.iter().map(|mirror| (mirror.host.clone(), mirror.country)));
        }
        Ok(Self { hosts })
    }

    /// An override for each of them: down, whatever the feed says.
    pub(super) fn overrides(&self) -> Vec<Override> {
        let location = Location::file("--down");
        let down =
            |host: &String| Override::new(host.clone(), State::Down, REASON, location.clone());
        self.hosts.keys().map(down).collect()
    }
}

/// A selector, ready to be compared with mirrors.
enum Selected {
    Host(Override),
    Place(DownSelector),
}

impl Selected {
    fn new(selector: &DownSelector) -> Self {
        match selector {
            DownSelector::Host(host) => {
                let location = Location::file("--down");
                Self::Host(Override::new(host.clone(), State::Down, REASON, location))
            }
            place => Self::Place(place.clone()),
        }
    }

    fn has(&self, mirror: &Mirror) -> bool {
        match self {
            Self::Host(entry) => entry.matches(&mirror.host),
            Self::Place(DownSelector::Country(country)) => mirror.country == *country,
            Self::Place(DownSelector::Continent(of)) => mirror.country.continent() == *of,
            Self::Place(DownSelector::Host(_)) => false,
        }
    }

    /// What to say when no mirror is selected.
    fn missing(&self, fleets: &[&Fleet]) -> String {
        let enabled = || fleets.iter().flat_map(|fleet| fleet.enabled()).map(|(_, mirror)| mirror);
        let disabled =
            fleets.iter().flat_map(|fleet| &fleet.mirrors).any(|mirror| self.has(mirror));
        let known = match self {
            Self::Host(entry) => {
                let hosts: Vec<&str> = enabled().map(|mirror| mirror.host.as_str()).collect();
                if let Some(host) = nearest(&entry.host, &hosts).filter(|_| !disabled) {
                    return format!(
                        "--down {}: no mirror has this host; did you mean {host}?",
                        entry.host
                    );
                }
                format!("the fleet has {}", listed(hosts))
            }
            Self::Place(DownSelector::Continent(_)) => {
                let continents = enabled().map(|mirror| mirror.country.continent().code());
                format!("there are mirrors in {}", listed(continents.collect()))
            }
            Self::Place(_) => {
                let countries = enabled().map(|mirror| mirror.country.code());
                format!("there are mirrors in {}", listed(countries.collect()))
            }
        };
        let of = match self {
            Self::Host(entry) => entry.host.clone(),
            Self::Place(DownSelector::Country(country)) => format!("country:{country}"),
            Self::Place(DownSelector::Continent(continent)) => format!("continent:{continent}"),
            Self::Place(DownSelector::Host(host)) => host.clone(),
        };
        if disabled {
            return format!("--down {of}: all these mirrors have enabled = false; {known}");
        }
        format!("--down {of}: there is no such mirror; {known}")
    }
}

/// Words in order, each once, and how many more there are.
pub(super) fn listed(mut words: Vec<&str>) -> String {
    words.sort_unstable();
    words.dedup();
    if words.is_empty() {
        return "none".to_owned();
    }
    let more = words.len().saturating_sub(MAX_LISTED);
    words.truncate(MAX_LISTED);
    let list = words.join(", ");
    if more == 0 { list } else { format!("{list} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cvdns_core::problem::Problems;

    fn fleet() -> Fleet {
        let mirror = |host: &str, country: &str, last: u8, rest: &str| {
            format!(
                "[[mirror]]\nhost = \"{host}\"\ncountry = \"{country}\"\n\
                 ipv4 = [\"192.0.2.{last}\"]\n{rest}\n"
            )
        };
        let text = [
            mirror("a.example.de", "DE", 1, "serves = [\"LI\"]"),
            mirror("b.example.de", "DE", 2, ""),
            mirror("c.example.fr", "FR", 3, ""),
            mirror("d.example.jp", "JP", 4, "enabled = false"),
        ];
        let mut problems = Problems::default();
        let fleet = Fleet::parse("mirrors.toml", &text.concat(), &mut problems);
        assert!(problems.is_empty());
        fleet
    }

    fn select(selectors: &[&str]) -> Result<Vec<String>, String> {
        let selectors: Vec<DownSelector> =
            selectors.iter().map(|selector| selector.parse().unwrap()).collect();
        match FailedMirrors::new(&selectors, &[&fleet()]) {
            Ok(failed) => Ok(failed.hosts.into_keys().collect()),
            Err(Failure::Input(what) | Failure::Lines(what)) => Err(what),
            Err(Failure::BrokenPipe) => Err(String::new()),
        }
    }

    #[test]
    fn selectors_name_enabled_mirrors_each_once() {
        for (selectors, expected) in [
            (vec![], vec![]),
            (vec!["B.Example.DE."], vec!["b.example.de"]),
            (vec!["*.de", "a.example.de"], vec!["a.example.de", "b.example.de"]),
            (vec!["?.example.fr"], vec!["c.example.fr"]),
            (vec!["country:DE"], vec!["a.example.de", "b.example.de"]),
            (vec!["continent:EU"], vec!["a.example.de", "b.example.de", "c.example.fr"]),
            (vec!["*"], vec!["a.example.de", "b.example.de", "c.example.fr"]),
        ] {
            assert_eq!(select(&selectors).unwrap(), expected, "{selectors:?}");
        }
    }

    #[test]
    fn a_selector_of_nothing_says_what_there_is() {
        for (selector, words) in [
            ("a.exmple.de", "no mirror has this host; did you mean a.example.de?"),
            ("other.test", "the fleet has a.example.de, b.example.de, c.example.fr"),
            ("*.test", "--down *.test: there is no such mirror; the fleet has a.example.de"),
            (
                "country:LI",
                "--down country:LI: there is no such mirror; there are mirrors in DE, FR",
            ),
            ("country:JP", "all these mirrors have enabled = false; there are mirrors in DE, FR"),
            ("continent:OC", "there are mirrors in EU"),
            ("d.example.jp", "enabled = false"),
        ] {
            let error = select(&[selector]).unwrap_err();
            assert!(error.contains(words), "{selector}: {error}");
        }
    }

    #[test]
    fn lists_are_bounded() {
        let hosts: Vec<String> = (10..40).map(|number| format!("h{number}")).collect();
        let text = listed(hosts.iter().map(String::as_str).collect());
        assert!(text.starts_with("h10, h11, ") && text.ends_with("h21 and 18 more"), "{text}");
        assert_eq!(listed(vec![]), "none");
    }
}
