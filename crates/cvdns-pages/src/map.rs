//! The map of the world.

use cvdns_core::geo::country::Country;

use crate::pool::Pool;

/// A country on the map.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The country.
    pub country: Country,
    /// How it is drawn.
    pub level: Level,
    /// What is said about it, besides its name.
    pub title: String,
    /// Where a click leads; `None` for nowhere.
    pub link: Option<String>,
}

/// How a country is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It has no mirror.
    None,
    /// It has mirrors, and all of them are out.
    Out,
    /// It has this usable capacity in kbit/s.
    Usable(u64),
}

/// The way from a client to the mirrors that it is answered.
#[derive(Debug, Clone)]
pub struct Way {
    /// The client's country; `None` if it is not known.
    pub client: Option<Country>,
    /// The pools in the order in which they are asked.
    pub stops: Vec<Stop>,
}

/// A pool on the way.
#[derive(Debug, Clone)]
pub struct Stop {
    /// The pool.
    pub pool: Pool,
    /// Whether addresses are answered from it.
    pub answers: bool,
}

/// The map as an SVG element for a page.
pub fn world(_marks: &[Mark]) -> String {
    String::new()
}

/// The map with the way of a client.
pub fn with_path(_marks: &[Mark], _way: &Way) -> String {
    String::new()
}
