//! What `--down` names.

use std::str::FromStr;

use cvdns_core::fleet::host_key;
use cvdns_core::geo::country::{Continent, Country};

/// The mirrors that `--down` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownSelector {
    /// A host or a glob, normalised as hosts of a fleet are.
    Host(String),
    /// The mirrors that are in the country.
    Country(Country),
    /// The mirrors that are on the continent.
    Continent(Continent),
}

impl FromStr for DownSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("country", code)) => {
                Country::parse(code).map(Self::Country).map_err(|error| error.to_string())
            }
            Some(("continent", code)) => Continent::parse(code)
                .map(Self::Continent)
                .ok_or_else(|| format!("{code:?} is no continent: they are AF AN AS EU NA OC SA")),
            Some((other, _)) => Err(format!(
                "{other:?} is no kind of failure: write a host, a glob such as \"*.example.de\", \
                 country:DE or continent:EU"
            )),
            None => host(text),
        }
    }
}

fn host(text: &str) -> Result<DownSelector, String> {
    let host = host_key(text);
    if host.is_empty() {
        Err("it is empty: write a host, a glob, country:DE or continent:EU".to_owned())
    } else if host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Err("it has blanks: give --down once for each host".to_owned())
    } else {
        Ok(DownSelector::Host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_hosts_globs_countries_and_continents() {
        let read = |text: &str| text.parse::<DownSelector>();
        assert_eq!(read("A.Example.De."), Ok(DownSelector::Host("a.example.de".to_owned())));
        assert_eq!(read("*.example.de"), Ok(DownSelector::Host("*.example.de".to_owned())));
        let germany = Country::parse("DE").unwrap();
        for text in ["country:DE", "country:de"] {
            assert_eq!(read(text), Ok(DownSelector::Country(germany)));
        }
        assert_eq!(read("continent:eu"), Ok(DownSelector::Continent(Continent::EU)));
    }

    #[test]
    fn what_is_no_selector_says_what_to_write() {
        for (text, words) in [
            ("", "it is empty"),
            (".", "it is empty"),
            ("a b", "once for each host"),
            ("country:", "is not a country code"),
            ("country:XX", "is not a country code"),
            ("country:YU", "was withdrawn in 2003; write RS or ME"),
            ("country:Germany", "is not a country code"),
            ("continent:XX", "AF AN AS EU NA OC SA"),
            ("pool:other", "country:DE or continent:EU"),
            ("Country:DE", "no kind of failure"),
        ] {
            let error = text.parse::<DownSelector>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
