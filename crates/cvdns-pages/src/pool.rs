//! A pool of mirrors, as pages name it.

use std::fmt::{self, Display};

use cvdns_core::geo::country::{Continent, Country};

/// A pool of mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pool {
    /// The mirrors of a country.
    Country(Country),
    /// The mirrors of a continent.
    Continent(Continent),
    /// All mirrors.
    World,
    /// A pool that the fleet names.
    Named(String),
}

impl Pool {
    /// The country; `None` for other pools.
    pub fn country(&self) -> Option<Country> {
        match self {
            Self::Country(country) => Some(*country),
            _ => None,
        }
    }
}

impl Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Country(country) => f.write_str(country.name()),
            Self::Continent(continent) => f.write_str(continent.name()),
            Self::World => f.write_str("the whole world"),
            Self::Named(name) => write!(f, "pool {}", crate::text::host(name)),
        }
    }
}

/// Most pools of a list that a page shows.
const MOST: usize = 6;

/// The pools as a list in a sentence, such as `Germany, Austria, Europe`.
pub(crate) fn list(pools: &[Pool]) -> String {
    let mut names: Vec<String> = pools.iter().take(MOST).map(ToString::to_string).collect();
    if pools.len() > MOST {
        names.push(format!("{} more", pools.len().saturating_sub(MOST)));
    }
    names.join(", ")
}
