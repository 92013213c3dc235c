//! The area of an address: a country, only a continent, or unknown.

use std::fmt;
use std::str::FromStr;

use super::country::{Continent, Country};

/// The area of an address, as far as it is known.
///
/// For some networks, country databases know only the continent: `GeoLite2` has millions of such
/// IPv4 addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Neither country nor continent is known.
    #[default]
    Unknown,
    /// Only the continent is known.
    Continent(Continent),
    /// The country is known.
    Country(Country),
}

impl Area {
    /// The country; `None` if it is not known.
    pub fn country(self) -> Option<Country> {
        match self {
            Area::Country(country) => Some(country),
            Area::Continent(_) | Area::Unknown => None,
        }
    }

    /// Whether the other area is this one or a country of it.
    pub fn has(self, other: Area) -> bool {
        self == other
            || matches!((self, other), (Area::Continent(continent), Area::Country(country))
                if country.continent() == continent)
    }

    /// The continent, also that of a country; `None` if nothing is known.
    pub fn continent(self) -> Option<Continent> {
        match self {
            Area::Country(country) => Some(country.continent()),
            Area::Continent(continent) => Some(continent),
            Area::Unknown => None,
        }
    }
}

impl From<Country> for Area {
    fn from(country: Country) -> Area {
        Area::Country(country)
    }
}

impl From<Option<Country>> for Area {
    fn from(country: Option<Country>) -> Area {
        country.map_or(Area::Unknown, Area::Country)
    }
}

impl From<Continent> for Area {
    fn from(continent: Continent) -> Area {
        Area::Continent(continent)
    }
}

/// Reads an area as `Display` writes it, except for `unknown`: a country, or a continent with all
/// its countries.
impl FromStr for Area {
    type Err = String;

    fn from_str(text: &str) -> Result<Area, String> {
        match text.split_once(':') {
            Some(("continent", code)) => Continent::parse(code)
                .map(Area::Continent)
                .ok_or_else(|| format!("{code:?} is no continent; they are AF AN AS EU NA OC SA")),
            _ => Country::parse(text).map(Area::Country).map_err(|error| error.to_string()),
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Area::Country(country) => f.pad(country.code()),
            Area::Continent(continent) => f.pad(&format!("continent:{}", continent.code())),
            Area::Unknown => f.pad("unknown"),
        }
    }
}
