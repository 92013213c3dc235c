//! The report: for each path and each mirror what was before the failures, and what is after them.

use jiff::Timestamp;
use serde::Serialize;

use super::demand::Rates;
use super::load::{MirrorLoads, MirrorReport};
use super::replay::{self, BeforeAfter, Change, Replayed};
use crate::cli::offline::SourcedFeed;
use crate::cli::output::{Failure, eprint_line};
use cvdns_core::explain::rtype_text;
use cvdns_core::geo::area::Area;
use cvdns_core::geo::country::Country;
use cvdns_core::replay::{self as answers, AnsweredPath, Clients, Decisions, PathAnswer, Subject};
use cvdns_core::snapshot::Snapshot;
use cvdns_core::snapshot::static_data::Plan;

/// The whole report.
#[derive(Serialize)]
pub(super) struct Simulation {
    /// The moment that is simulated.
    pub at: Timestamp,
    pub feed: Option<FeedReport>,
    /// `A` or `AAAA`.
    pub r#type: &'static str,
    /// The mirrors that fail, by host.
    pub down: Vec<FailedMirror>,
    pub zones: Vec<ZoneReport>,
}

/// The feed that is simulated.
#[derive(Serialize)]
pub(super) struct FeedReport {
    pub source: String,
    pub serial: u64,
}

/// A mirror that fails.
#[derive(Serialize)]
pub(super) struct FailedMirror {
    pub host: String,
    pub country: &'static str,
    /// What it was before, for people.
    pub before: String,
}

/// What becomes of a zone's answers.
#[derive(Serialize)]
pub(super) struct ZoneReport {
    /// Origin of the zone file.
    pub zone: String,
    /// The name that clients ask for.
    pub name: String,
    pub paths: Vec<PathReport>,
    /// Empty without a demand.
    pub mirrors: Vec<MirrorReport>,
    pub summary: Summary,
}

/// What becomes of the answers of a path.
#[derive(Serialize)]
pub(super) struct PathReport {
    /// The pools of the path, in order.
    pub path: Vec<String>,
    /// The countries whose clients have the path.
    pub countries: Vec<&'static str>,
    /// The continents whose clients have the path if only their continent is known.
    pub continents: Vec<&'static str>,
    /// Whether clients of whom nothing is known have the path.
    pub unknown: bool,
    /// What the countries' clients need, in kbit/s; `None` if no demand is known for any of them.
    pub demand: Option<u64>,
    pub change: &'static str,
    pub before: AnswerReport,
    pub after: AnswerReport,
    #[serde(skip)]
    pub rank: Change,
}

/// The answer of a path.
#[derive(Serialize)]
pub(super) struct AnswerReport {
    /// `near`, `further`, `lagging`, `open` or `nodata`.
    pub reach: &'static str,
    /// The mirrors, in the order of their pools, those with the most first places in front.
    pub mirrors: Vec<AnsweredMirror>,
}

/// A mirror of an answer.
#[derive(Serialize)]
pub(super) struct AnsweredMirror {
    pub host: String,
    /// The pool of the path that it comes from.
    pub pool: String,
    /// `drawn` if it only fills up: of its pool, answers have as many mirrors as they lack. Else
    /// `front`.
    pub place: &'static str,
    /// The share of answers that it leads, from 0 to 1.
    pub share: f64,
}

/// What it all comes to.
#[derive(Serialize)]
pub(super) struct Summary {
    /// The countries that fall back.
    pub fall_back: Vec<&'static str>,
    /// How many countries were replayed.
    pub countries: usize,
    /// How many mirrors get more than they can take; `None` without a demand.
    pub exceeded: Option<BeforeAfter<usize>>,
    /// The demand of all countries in kbit/s; `None` without one.
    pub demand: Option<u64>,
    /// How much of it no mirror can take, in kbit/s; `None` without a demand.
    pub unmet: Option<BeforeAfter<u64>>,
}

/// A zone before the failures and after them.
pub(super) struct Simulated<'s> {
    pub snapshots: BeforeAfter<&'s Snapshot>,
    pub clients: &'s Clients,
    pub qtype: u16,
    pub ipv6: bool,
    /// Also what does not change.
    pub all: bool,
}

impl Simulated<'_> {
    /// Replays the decisions for a name.
    pub(super) fn report(&self, subject: &Subject, rates: &Rates) -> Result<ZoneReport, Failure> {
        let before = self.snapshots.before;
        let plan = before.static_data.plans.get(subject.plan);
        let plan = plan.ok_or_else(|| Failure::new("the zone has no mirrors"))?;
        let decisions = subject.decisions(before, self.clients, self.qtype);
        let Decisions { of_areas: decisions, without } = decisions.map_err(Failure::new)?;
        for name in without {
            eprint_line!("cvdns: {name} has no {} records", rtype_text(self.qtype));
        }
        self.warn_of_unplaced(&decisions, rates);
        let paths = AnsweredPath::group(decisions);
        let replayed = replay::replay(self.snapshots, plan, self.ipv6, paths, rates);
        let mut summary = Summary::new(&replayed);
        let mut mirrors = Vec::new();
        if !rates.is_empty() {
            let loads = MirrorLoads::new(self.snapshots, (subject.plan, plan), &replayed);
            summary.add(&loads);
            mirrors = loads.mirrors;
            mirrors.retain(|mirror| self.all || mirror.is_noteworthy());
        }
        let differs = |one: &&Replayed| self.all || one.change != Change::Same;
        let mut paths: Vec<PathReport> =
            replayed.iter().filter(differs).map(|one| PathReport::new(plan, one)).collect();
        paths.sort_by(|a, b| a.order().cmp(&b.order()));
        let (zone, name) = (plan.origin.to_string(), subject.name.clone());
        Ok(ZoneReport { zone, name, paths, mirrors, summary })
    }

    /// Demand of countries whose clients ask for nothing is served by nobody.
    fn warn_of_unplaced(&self, decisions: &[(Area, (u32, u16))], rates: &Rates) {
        for country in rates.keys() {
            if !decisions.iter().any(|(area, _)| area.country() == Some(*country)) {
                let why = if self.clients.has(*country) {
                    format!("clients in {country} get no answer from mirrors")
                } else {
                    format!("the country database has no network in {country}")
                };
                eprint_line!("cvdns: {why}: its demand counts for nothing");
            }
        }
    }
}

impl PathReport {
    fn new(plan: &Plan, replayed: &Replayed) -> Self {
        let Replayed { path, answers, demand, change } = replayed;
        let pools = plan.paths.get(path.decided.1);
        let names = pools.into_iter().flat_map(|pools| plan.paths.along(pools));
        let continent = |area: &Area| match area {
            Area::Continent(continent) => Some(continent.code()),
            Area::Country(_) | Area::Unknown => None,
        };
        let answer = |answer| AnswerReport::new(plan, path, answer);
        Self {
            path: names.map(|members| members.pool.to_string()).collect(),
            countries: path.countries().map(Country::code).collect(),
            continents: path.areas.iter().filter_map(continent).collect(),
            unknown: path.areas.contains(&Area::Unknown),
            demand: *demand,
            change: change.label(),
            before: answer(&answers.before),
            after: answer(&answers.after),
            rank: *change,
        }
    }

    /// The worst change first, then the greatest demand, then by country.
    fn order(&self) -> (Change, std::cmp::Reverse<Option<u64>>, &[&'static str], &[String]) {
        (self.rank, std::cmp::Reverse(self.demand), &self.countries, &self.path)
    }
}

impl AnswerReport {
    fn new(plan: &Plan, path: &AnsweredPath, answer: &PathAnswer) -> Self {
        let of = |answered: &answers::AnsweredMirror| {
            let pools = plan.paths.get(path.decided.1)?;
            let mirror = AnsweredMirror {
                host: plan.fleet.mirrors.get(answered.index as usize)?.host.clone(),
                pool: plan.paths.along(pools).nth(answered.pool)?.pool.to_string(),
                place: if answered.drawn { "drawn" } else { "front" },
                share: answered.share,
            };
            Some((answered.pool, mirror))
        };
        let mut listed: Vec<(usize, AnsweredMirror)> =
            answer.mirrors.iter().filter_map(of).collect();
        listed.sort_by(|(a, one), (b, other)| {
            let shares = other.share.total_cmp(&one.share);
            a.cmp(b).then(shares).then_with(|| one.host.cmp(&other.host))
        });
        let mirrors = listed.into_iter().map(|(_, mirror)| mirror).collect();
        Self { reach: answer.reach, mirrors }
    }
}

impl Summary {
    fn new(replayed: &[Replayed]) -> Self {
        let falls = |one: &&Replayed| one.change == Change::FallsBack;
        let falling = replayed.iter().filter(falls).flat_map(|one| one.path.countries());
        let mut fall_back: Vec<&'static str> = falling.map(Country::code).collect();
        fall_back.sort_unstable();
        let countries = replayed.iter().flat_map(|one| one.path.countries()).count();
        Self { fall_back, countries, exceeded: None, demand: None, unmet: None }
    }

    fn add(&mut self, loads: &MirrorLoads) {
        let count = |has: fn(&MirrorReport) -> bool| {
            loads.mirrors.iter().filter(|mirror| has(mirror)).count()
        };
        self.exceeded = Some(BeforeAfter {
            before: count(|mirror| mirror.exceeded.before),
            after: count(|mirror| mirror.exceeded.after),
        });
        self.demand = Some(loads.demand);
        self.unmet = Some(loads.unmet);
    }
}

impl FeedReport {
    pub(super) fn of(sourced: &SourcedFeed) -> Self {
        Self { source: sourced.source.to_string(), serial: sourced.feed.serial }
    }
}
