//! A country: its row on the network's page, and its page with its mirrors.

use askama::Template;
use cvdns_core::geo::country::Country;
use cvdns_core::health::State;
use jiff::Timestamp;

use crate::layout::{Frame, Site, render};
use crate::network::StateCounts;
use crate::pool::Pool;

/// The page of a country.
#[derive(Debug, Clone)]
pub struct CountryPage {
    /// The network.
    pub site: Site,
    /// The country.
    pub row: CountryRow,
    /// Its mirrors, in the order in which they are shown.
    pub mirrors: Vec<MirrorRow>,
}

/// A country in a table.
#[derive(Debug, Clone)]
pub struct CountryRow {
    /// The country.
    pub country: Country,
    /// The mirrors of the country's pool by state.
    pub mirrors: StateCounts,
    /// The capacity of its usable mirrors in kbit/s.
    pub usable_capacity: u64,
    /// The capacity of all of its mirrors in kbit/s.
    pub capacity: u64,
    /// The part of all clients' answers that mirrors in the country lead, 0 to 1; `None` if it is
    /// not known.
    pub share: Option<f64>,
    /// The pools that answer the country's clients now, in order; empty if it is not known.
    pub answered_from: Vec<Pool>,
    /// The pools to which its clients go when no mirror of the country is up, in order; empty if
    /// it is not known.
    pub fallback: Vec<Pool>,
}

/// A mirror in a table.
#[derive(Debug, Clone)]
pub struct MirrorRow {
    /// Its host.
    pub host: String,
    /// Its state.
    pub state: State,
    /// Start of the state; `None` if it is not known.
    pub since: Option<Timestamp>,
    /// Its capacity in kbit/s.
    pub capacity: u64,
    /// The part of all clients' answers that it leads, 0 to 1; `None` if it is not known.
    pub share: Option<f64>,
    /// The available part of the last 30 days, 0 to 1; `None` if nothing was checked.
    pub available: Option<f64>,
    /// Why it is not up; empty if it is.
    pub reason: String,
}

impl CountryPage {
    /// The page as HTML.
    pub fn to_html(&self) -> String {
        render(&CountryTemplate { frame: Frame { site: &self.site, root: "../" }, page: self })
    }
}

#[derive(Template)]
#[template(path = "country.html")]
struct CountryTemplate<'a> {
    frame: Frame<'a>,
    page: &'a CountryPage,
}
