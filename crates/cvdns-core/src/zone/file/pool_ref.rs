//! Pools as zone files name them.

use std::fmt;
use std::str::FromStr;

use super::placeholder::CC;
use crate::geo::country::{Continent, Country};

/// The pool whose path answers a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolRef {
    /// The country in the name itself (`{cc}`).
    OfName,
    /// The country of the client's network.
    Client,
    /// A country.
    Country(Country),
    /// A continent.
    Continent(Continent),
    /// All mirrors.
    World,
    /// A pool that mirrors name in `pools`.
    Named(String),
}

impl FromStr for PoolRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("continent", code)) => Continent::parse(code)
                .map(Self::Continent)
                .ok_or_else(|| "continents are AF AN AS EU NA OC SA".to_owned()),
            Some(("pool", "")) => Err("the pool's name is missing".to_owned()),
            Some(("pool", name)) => Ok(Self::Named(name.to_owned())),
            Some(_) => Err("no such kind of pool".to_owned()),
            None => match text {
                "client" => Ok(Self::Client),
                "world" => Ok(Self::World),
                CC => Ok(Self::OfName),
                code => Country::parse(code).map(Self::Country).map_err(|e| e.to_string()),
            },
        }
    }
}

impl fmt::Display for PoolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfName => f.write_str(CC),
            Self::Client => f.write_str("client"),
            Self::World => f.write_str("world"),
            Self::Country(country) => f.write_str(country.code()),
            Self::Continent(continent) => write!(f, "continent:{}", continent.code()),
            Self::Named(name) => write!(f, "pool:{name}"),
        }
    }
}
