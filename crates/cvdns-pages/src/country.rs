//! A country: its row on the network's page, and its page with its mirrors.

use askama::Template;
use cvdns_core::geo::country::Country;
use cvdns_core::health::MirrorCondition;
use jiff::Timestamp;

use crate::counts::StateCounts;
use crate::layout::{Frame, Notice, Site, render};
use crate::map::{Link, Mark};
use crate::place;
use crate::pool::{self, Pool};
use crate::show::{
    ShowKnown as _, ShowMoment as _, ShowNumber as _, ShowState as _, ShowText as _,
};

/// The page of a country.
#[derive(Debug, Clone)]
pub struct CountryPage {
    /// The network.
    pub site: Site,
    /// What readers must know first.
    pub notices: Vec<Notice>,
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
    /// The country in which it is.
    pub country: Country,
    /// Its state, as servers count it.
    pub state: MirrorCondition,
    /// Start of the state; `None` if it is not known.
    pub since: Option<Timestamp>,
    /// Its capacity in kbit/s.
    pub capacity: u64,
    /// The part of all clients' answers that it leads, 0 to 1; `None` if it is not known.
    pub share: Option<f64>,
    /// The available part of the last 30 days, 0 to 1; `None` if nothing was checked.
    pub available: Option<f64>,
    /// Why it is not up, or what is wrong at some of its addresses; empty if all is well.
    pub reason: String,
    /// When it is back by itself, if that is known.
    pub until: Option<Timestamp>,
}

impl CountryPage {
    /// The page as HTML.
    pub fn to_html(&self) -> String {
        render(&CountryTemplate { frame: Frame { site: &self.site, root: "../" }, page: self })
    }
}

impl MirrorRow {
    /// Its page, relative to the directory of all pages.
    pub(crate) fn page(&self) -> String {
        place::mirror_file(&self.host, place::MIRROR_PAGE)
    }
}

impl CountryRow {
    /// The country on the map.
    pub fn mark(&self) -> Mark {
        Mark {
            country: self.country,
            mirrors: self.mirrors,
            usable_capacity: self.usable_capacity,
            link: Some(Link::Row),
        }
    }

    /// The pools that answer its clients now, as a list.
    pub(crate) fn answered_from_list(&self) -> String {
        pool::list(&self.answered_from)
    }

    /// The pools of its fallback, as a list.
    pub(crate) fn fallback_list(&self) -> String {
        pool::list(&self.fallback)
    }
}

#[derive(Template)]
#[template(path = "country.html")]
struct CountryTemplate<'a> {
    frame: Frame<'a>,
    page: &'a CountryPage,
}
