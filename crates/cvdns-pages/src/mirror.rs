//! The page of a mirror.

use std::net::IpAddr;

use askama::Template;
use cvdns_core::geo::country::Country;
use cvdns_core::health::{MirrorCondition, State};
use jiff::Timestamp;

use crate::layout::{Frame, Notice, Site, render};
use crate::pool::{self, Pool};
use crate::show::{
    ShowKnown as _, ShowMoment as _, ShowNumber as _, ShowPart as _, ShowState as _, ShowText as _,
};
use crate::strip::{History, Step, Strip};
use crate::{place, text};

/// The page of a mirror.
#[derive(Debug, Clone)]
pub struct MirrorPage {
    /// The network.
    pub site: Site,
    /// What readers must know first.
    pub notices: Vec<Notice>,
    /// The mirror's host.
    pub host: String,
    /// The country in which it is.
    pub country: Country,
    /// Its state, as servers count it.
    pub state: MirrorCondition,
    /// Start of the state; `None` if it is not known.
    pub since: Option<Timestamp>,
    /// Why it is left out; `None` if it is not.
    pub out: Option<Out>,
    /// Whether clients are sent to it although it is out, as there is no better mirror for them.
    pub fails_open: bool,
    /// What its admin can do about what is wrong now, a sentence each.
    pub advice: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<AddressRow>,
    /// The databases that it holds.
    pub versions: Vec<VersionRow>,
    /// Its capacity in kbit/s.
    pub capacity: u64,
    /// The part of its capacity by which it is answered now, 0 to 1: less than 1 after an outage.
    pub weight: f64,
    /// The part of all clients' answers that it leads, 0 to 1; `None` if it is not known.
    pub share: Option<f64>,
    /// The pools that it is in, besides its continent and the world.
    pub pools: Vec<Pool>,
    /// Countries and continents whose clients are never sent to it, by name.
    pub not_for: Vec<String>,
    /// Until when the page is made anew at the latest, unless nobody does so any more.
    pub fresh_until: Timestamp,
    /// Announced downtimes that are not over.
    pub downtimes: Vec<Downtime>,
    /// Its history.
    pub history: History,
    /// The last checks, the newest first.
    pub checks: Vec<CheckRow>,
    /// The last changes of its state and of its addresses' states, the newest first.
    pub changes: Vec<crate::atom::Change>,
}

/// Why a mirror is out.
#[derive(Debug, Clone)]
pub struct Out {
    /// Who says so.
    pub by: OutBy,
    /// The reason.
    pub reason: String,
    /// When it is over by itself; `None` if it is not.
    pub until: Option<Timestamp>,
}

/// Who says that a mirror is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutBy {
    /// The checks found it.
    Checks,
    /// The operator of the network.
    Operator,
    /// A downtime that its admin announced.
    Downtime,
    /// The operator of some addresses, and the checks of the others.
    Both,
}

/// An announced downtime.
#[derive(Debug, Clone, Copy)]
pub struct Downtime {
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// An address.
#[derive(Debug, Clone)]
pub struct AddressRow {
    /// The address.
    pub address: IpAddr,
    /// Its state.
    pub state: State,
    /// Start of the state; `None` if it is not known.
    pub since: Option<Timestamp>,
    /// The timestamp that it serves; `None` if none was read.
    pub timestamp: Option<Timestamp>,
    /// Why it is out, or what the last check found wrong; empty if nothing.
    pub reason: String,
    /// The available part of the last 30 days, 0 to 1; `None` if nothing was checked.
    pub available: Option<f64>,
}

/// A database that a mirror holds.
#[derive(Debug, Clone)]
pub struct VersionRow {
    /// Its name, such as `daily`.
    pub database: String,
    /// The lowest version among the addresses; `None` if it is not known.
    pub held: Option<u32>,
    /// The version that was released; `None` if there is no release.
    pub released: Option<u32>,
    /// Time since which the mirror is further behind than allowed; `None` if it is not.
    pub late_since: Option<Timestamp>,
}

/// A check.
#[derive(Debug, Clone)]
pub struct CheckRow {
    /// Its time.
    pub at: Timestamp,
    /// The address that was checked.
    pub address: IpAddr,
    /// What it found.
    pub verdict: Verdict,
    /// Whether it was a failure that the coordinator did not believe, because it doubted itself.
    pub withheld: bool,
    /// What was wrong; empty if nothing.
    pub reason: String,
    /// The state of the address after it; `None` if it is not known.
    pub state: Option<State>,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was served.
    Serving,
    /// Something wrong was served.
    Faulty,
    /// Nothing was served.
    Dead,
    /// The check failed for reasons of the coordinator itself.
    Unchecked,
    /// An announced downtime: it was not checked.
    Away,
}

impl MirrorPage {
    /// The page as HTML.
    pub fn to_html(&self) -> String {
        render(&MirrorTemplate {
            frame: Frame { site: &self.site, root: "../../" },
            page: self,
            strips: [
                ShownStrip::new("Last day", &self.history.day, Step::Hour),
                ShownStrip::new("Last 30 days", &self.history.month, Step::Day),
                ShownStrip::new("Last year", &self.history.year, Step::NarrowDay),
            ],
        })
    }

    /// The HTML of its badge with a link to this page, for other people's pages.
    fn badge_html(&self) -> String {
        let url = self.site.url_of(&place::mirror_directory(&self.host));
        // What is copied is HTML itself: `&` and `'` may stand in a URL.
        let url = url.map_or_else(|| "PAGE".to_owned(), |url| text::escaped(&url));
        let badge = place::MIRROR_BADGE;
        format!(
            "<a href=\"{url}/\"><img src=\"{url}/{badge}\" alt=\"State of this mirror\" \
             height=\"20\"></a>"
        )
    }

    /// What its state means, in a sentence.
    fn meaning(&self) -> String {
        let why = match self.state {
            MirrorCondition::Up => return "Clients are sent to it.".to_owned(),
            MirrorCondition::Old => {
                return "Its files are old: clients are sent to it only where too few other \
                        mirrors are up."
                    .to_owned();
            }
            MirrorCondition::Lagging => "It works, but its databases are too far behind",
            MirrorCondition::Stuck => "It works, but has had old databases for too long",
            MirrorCondition::Settling => "It changed its state too often",
            MirrorCondition::Drained => "It was taken out on purpose",
            _ if self.is_out_by_operator() => "The network\u{2019}s operator took it out",
            MirrorCondition::Down => "It does not work",
            MirrorCondition::Removed => "It was out for so long that it was removed",
            MirrorCondition::Disabled => "It does not take part",
        };
        let so = match self.state {
            _ if self.fails_open => {
                "clients are sent to it all the same, where no mirror can be used"
            }
            MirrorCondition::Settling => "clients are not sent to it for now",
            MirrorCondition::Removed if !self.is_out_by_operator() => {
                "clients are not sent to it until its checks succeed again"
            }
            _ => "clients are not sent to it",
        };
        format!("{why}: {so}.")
    }

    fn is_out_by_operator(&self) -> bool {
        self.out.as_ref().is_some_and(|out| out.by == OutBy::Operator)
    }

    /// The addresses at which something is wrong.
    fn faulty(&self) -> Vec<&AddressRow> {
        self.addresses.iter().filter(|row| !row.reason.is_empty()).collect()
    }

    /// The pools that it is in, as a list.
    fn pools_list(&self) -> String {
        pool::list(&self.pools)
    }

    /// Countries and continents that never get it, as a list.
    fn not_for_list(&self) -> String {
        text::reason(&self.not_for.join(", "))
    }
}

impl OutBy {
    /// Who says it, in words before the reason.
    fn words(self) -> &'static str {
        match self {
            Self::Checks => "The checks found",
            Self::Operator => "The network\u{2019}s operator took it out",
            Self::Downtime => "A downtime was announced",
            Self::Both => "All of its addresses are out",
        }
    }
}

impl VersionRow {
    /// How far behind it is, in words.
    fn lag(&self) -> String {
        match (self.held, self.released) {
            (None, _) => "not known".to_owned(),
            (_, None) => "no release to compare with".to_owned(),
            (Some(held), Some(released)) if held >= released => "up to date".to_owned(),
            (Some(held), Some(released)) => format!("{} behind", released.abs_diff(held)),
        }
    }
}

impl Verdict {
    /// What was found, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Serving => "serves",
            Self::Faulty => "wrong answers",
            Self::Dead => "no answer",
            Self::Unchecked => "not checked",
            Self::Away => "in downtime",
        }
    }

    /// The class in the style.
    fn class(self) -> &'static str {
        match self {
            Self::Serving => "good",
            Self::Faulty | Self::Dead => "bad",
            Self::Unchecked | Self::Away => "unknown",
        }
    }
}

/// A strip as the page shows it.
struct ShownStrip {
    name: &'static str,
    share: String,
    picture: String,
    words: String,
    ends: Option<(String, String)>,
    outages: Vec<String>,
    more: usize,
}

/// Most outages in the list below a strip.
const MOST_OUTAGES: usize = 20;

impl ShownStrip {
    fn new(name: &'static str, strip: &Strip, step: Step) -> Self {
        let (outages, more) = strip.outages(step, MOST_OUTAGES);
        Self {
            name,
            share: strip.share(step),
            picture: strip.draw(step),
            words: strip.words(step),
            ends: strip.ends(step),
            outages,
            more,
        }
    }
}

#[derive(Template)]
#[template(path = "mirror.html")]
struct MirrorTemplate<'a> {
    frame: Frame<'a>,
    page: &'a MirrorPage,
    strips: [ShownStrip; 3],
}
