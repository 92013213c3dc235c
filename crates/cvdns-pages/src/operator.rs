//! The operator's page of a running server.

mod mirrors;
mod traffic;

use askama::Template;
use cvdns_core::geo::country::Country;
use jiff::Timestamp;

use crate::counts::StateCounts;
use crate::layout::{Frame, Site, render};
use crate::map::{self, Mark};
use crate::parts::Fact;
use crate::pool::Pool;
use crate::show::{ShowKnown as _, ShowMoment as _, ShowNumber as _, ShowText as _};
use crate::who::WhoForm;

pub use mirrors::{ListedMirror, MirrorFilter, MirrorList, StateRow};
pub use traffic::{CountGroup, CountRow, Traffic};

/// The operator's page of a running server.
#[derive(Debug, Clone)]
pub struct OperatorPage {
    /// The network and the program.
    pub site: Site,
    /// The name of the server's machine.
    pub machine: String,
    /// The moment of what the page shows.
    pub now: Timestamp,
    /// Why the server is not ready; empty if it is.
    pub not_ready: Vec<String>,
    /// What else needs an operator's attention.
    pub remarks: Vec<Remark>,
    /// The question of who gets what.
    pub form: WhoForm,
    /// The server's state, part by part.
    pub facts: Vec<Fact>,
    /// What was asked and answered.
    pub traffic: Traffic,
    /// The mirrors by state.
    pub states: Vec<StateRow>,
    /// Mirrors, as many as a page shows.
    pub mirrors: MirrorList,
    /// The fleet of each zone file that has mirrors.
    pub fleets: Vec<FleetCountries>,
}

/// Something that needs an operator's attention.
#[derive(Debug, Clone)]
pub struct Remark {
    /// What it is, in a few words.
    pub title: String,
    /// What it means.
    pub text: String,
    /// The command that does something about it; `None` if no single command does.
    pub command: Option<String>,
}

/// The countries of a fleet.
#[derive(Debug, Clone)]
pub struct FleetCountries {
    /// The origin of the zone file.
    pub zone: String,
    /// The countries that have mirrors or that mirrors elsewhere serve, in the order of their
    /// names.
    pub countries: Vec<ServedCountry>,
}

impl FleetCountries {
    /// How many countries there are, and why more than have mirrors.
    fn words(&self) -> String {
        let own = self.countries.iter().filter(|row| row.has_own).count();
        let countries = if own == 1 { "country has" } else { "countries have" };
        let served = match self.countries.len().saturating_sub(own) {
            0 => String::new(),
            served => format!("; {served} more are served by mirrors elsewhere (serves)"),
        };
        format!("{own} {countries} mirrors{served}. Mirrors count in each country that they serve.")
    }
}

/// A country with mirrors.
#[derive(Debug, Clone)]
pub struct ServedCountry {
    /// The country.
    pub country: Country,
    /// Whether a mirror is in the country, and not only one elsewhere that serves it.
    pub has_own: bool,
    /// The mirrors of its pool by state. Those that are left out although they work count as down.
    pub mirrors: StateCounts,
    /// Capacity of those that are usable in kbit/s.
    pub usable_capacity: u64,
    /// The part of all answers with mirrors so far that mirrors in the country lead, 0 to 1; `None`
    /// before the first answer.
    pub share: Option<f64>,
    /// The pools that its clients are answered from, in order.
    pub path: Vec<Pool>,
}

impl OperatorPage {
    /// The page as HTML.
    pub fn to_html(&self) -> String {
        let Self { site, form, .. } = self;
        let countries = self.fleets.iter().flat_map(|fleet| &fleet.countries);
        let mut seen = std::collections::HashSet::new();
        let first = countries.filter(|row| seen.insert(row.country));
        let marks: Vec<Mark> = first.map(ServedCountry::mark).collect();
        render(&OperatorTemplate {
            frame: Frame { site, root: "" },
            page: self,
            form,
            map: (!marks.is_empty()).then(|| map::world(&marks)),
            legend: map::legend(),
        })
    }
}

impl ServedCountry {
    /// The country on a map.
    pub fn mark(&self) -> Mark {
        let Self { country, mirrors, usable_capacity, .. } = *self;
        Mark { country, mirrors, usable_capacity, link: None }
    }

    /// The pools that its clients are answered from, in words.
    fn path_words(&self) -> String {
        let pools: Vec<String> = self.path.iter().map(ToString::to_string).collect();
        pools.join(", then ")
    }
}

#[derive(Template)]
#[template(path = "operator.html")]
struct OperatorTemplate<'a> {
    frame: Frame<'a>,
    page: &'a OperatorPage,
    form: &'a WhoForm,
    map: Option<String>,
    legend: String,
}
