//! Where addresses are, as far as it is known: in a country, on a continent, or nobody knows.

use std::fmt;

use super::country::{Continent, Country};

/// Where addresses are, as far as it is known.
///
/// Country databases know of some networks the continent alone: `GeoLite2` has millions of such IPv4 addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Area {
    /// Nobody knows.
    #[default]
    Unknown,
    /// On this continent; the country is not known.
    Continent(Continent),
    /// In this country.
    Country(Country),
}

impl Area {
    /// The country. `None` where it is not known.
    pub fn country(self) -> Option<Country> {
        match self {
            Area::Country(country) => Some(country),
            Area::Continent(_) | Area::Unknown => None,
        }
    }

    /// The continent, of a country too. `None` where nothing is known.
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

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Area::Country(country) => f.pad(country.code()),
            Area::Continent(continent) => f.pad(&format!("continent:{}", continent.code())),
            Area::Unknown => f.pad("unknown"),
        }
    }
}
