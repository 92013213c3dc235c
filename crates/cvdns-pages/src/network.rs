//! The network's page.

use askama::Template;
use jiff::Timestamp;

use crate::atom::Change;
use crate::country::{CountryRow, MirrorRow};
use crate::counts::StateCounts;
use crate::layout::{Frame, Notice, Site, render};
use crate::map::{self, Mark};
use crate::place;
use crate::show::{
    ShowKnown as _, ShowMoment as _, ShowNumber as _, ShowPart as _, ShowState as _, ShowText as _,
};

/// Most mirrors that are out on the page.
pub const MOST_OUT: usize = 50;
/// Most changes on the page.
pub const MOST_CHANGES: usize = 20;

/// The network's page.
#[derive(Debug, Clone)]
pub struct NetworkPage {
    /// The network.
    pub site: Site,
    /// The feed in which the states were published.
    pub feed: Feed,
    /// The records that name servers answer, as they follow from the feed.
    pub records: Vec<Record>,
    /// The release to announce; `None` if the feed has none.
    pub release: Option<Release>,
    /// How shares of answers were computed, in a sentence; empty if there are none.
    pub share_note: String,
    /// What readers must know first.
    pub notices: Vec<Notice>,
    /// The mirrors by state.
    pub mirrors: StateCounts,
    /// The addresses by state.
    pub addresses: StateCounts,
    /// All countries of the database, with and without mirrors, in the order of their names.
    pub countries: Vec<CountryRow>,
    /// The mirrors that are not up, or of which some addresses are out, in the order in which they
    /// are shown. The page shows the first [`MOST_OUT`] of them.
    pub out: Vec<MirrorRow>,
    /// The last changes of mirrors, the newest first. The page shows the first [`MOST_CHANGES`] of
    /// them.
    pub changes: Vec<NetworkChange>,
}

/// The feed.
#[derive(Debug, Clone)]
pub struct Feed {
    /// Its serial number.
    pub serial: u64,
    /// Time at which it was written.
    pub generated: Timestamp,
    /// Time from which servers take it to be stale.
    pub fresh_until: Timestamp,
    /// Why all states stand still; `None` if they do not.
    pub frozen: Option<Frozen>,
}

/// A freeze of all states.
#[derive(Debug, Clone)]
pub struct Frozen {
    /// Its start; `None` if it is not known.
    pub since: Option<Timestamp>,
    /// Its reason.
    pub reason: String,
}

/// A record that clients ask for.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its owner, such as `current.cvd.clamav.net`.
    pub owner: String,
    /// Its text.
    pub text: String,
}

/// The release.
#[derive(Debug, Clone)]
pub struct Release {
    /// Version of the software; empty if it has none.
    pub software: String,
    /// The databases.
    pub databases: Vec<DatabaseRow>,
    /// The part of the usable mirrors that must hold a version before it is announced, 0 to 1.
    pub quorum: f64,
}

/// A database of the release.
#[derive(Debug, Clone)]
pub struct DatabaseRow {
    /// Its name, such as `daily`.
    pub name: String,
    /// The version that was released.
    pub released: u32,
    /// The version that the record announces: older while too few mirrors hold the new one.
    pub announced: u32,
    /// The part of the usable mirrors that holds the released version, 0 to 1; `None` if no version
    /// is known.
    pub held_by: Option<f64>,
}

/// A change of a mirror's state in the list of the network.
#[derive(Debug, Clone)]
pub struct NetworkChange {
    /// The mirror's host.
    pub host: String,
    /// The change.
    pub change: Change,
}

impl NetworkChange {
    /// The mirror's page, relative to the directory of all pages.
    fn page(&self) -> String {
        place::mirror_file(&self.host, place::MIRROR_PAGE)
    }
}

impl NetworkPage {
    /// The page as HTML.
    pub fn to_html(&self) -> String {
        let marks: Vec<Mark> = self.countries.iter().map(CountryRow::mark).collect();
        let (with, without) =
            self.countries.iter().partition(|country| country.mirrors.total() > 0);
        render(&NetworkTemplate {
            frame: Frame { site: &self.site, root: "" },
            page: self,
            map: map::world(&marks),
            legend: map::legend(),
            with,
            without,
        })
    }

    /// What is so at a glance.
    fn headline(&self) -> String {
        let (usable, total) = (self.mirrors.usable(), self.mirrors.total());
        match (usable, total) {
            (_, 0) => "There are no mirrors.".to_owned(),
            (0, _) => format!("None of the {} mirrors can be used.", total.number()),
            (_, 1) => "The only mirror can be used.".to_owned(),
            _ if usable == total => format!("All {} mirrors can be used.", total.number()),
            _ => format!("{} of {} mirrors can be used.", usable.number(), total.number()),
        }
    }

    /// The number of mirrors that are out and not in the list of them.
    fn more_out(&self) -> u64 {
        self.out.len().saturating_sub(MOST_OUT) as u64
    }

    /// The number of countries all of whose mirrors are out.
    fn countries_out(&self) -> usize {
        let countries = self.countries.iter();
        countries.filter(|row| row.mirrors.total() > 0 && row.mirrors.usable() == 0).count()
    }
}

#[derive(Template)]
#[template(path = "network.html")]
struct NetworkTemplate<'a> {
    frame: Frame<'a>,
    page: &'a NetworkPage,
    map: String,
    legend: String,
    with: Vec<&'a CountryRow>,
    without: Vec<&'a CountryRow>,
}
