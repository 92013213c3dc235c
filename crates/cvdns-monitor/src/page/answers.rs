//! What name servers answer by the feed: what each mirror gets, and where the clients of each
//! country go. All of it follows from the snapshot that a server would have.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cvdns_core::geo::country::Country;
use cvdns_core::health::{FeedRequirements, HealthInputs, MirrorStatus};
use cvdns_core::problem::Problems;
use cvdns_core::release::{Announced, database_record};
use cvdns_core::replay::{
    AnswerReader, AnsweredPath, Clients, DecidedPath, Level, Subject, full_name, usual_name,
};
use cvdns_core::snapshot::inputs::{Inputs, ZoneInput};
use cvdns_core::snapshot::pools::{Pool, PoolMembers};
use cvdns_core::snapshot::static_data::Plan;
use cvdns_core::snapshot::{Now, Snapshot, StaticData, compile};
use cvdns_core::wire::rtype;
use cvdns_core::zone::file::{DB, NameKind};

use super::seen::Moment;
use crate::AnswerInputs;

/// What name servers answer at a moment.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The part of all clients' answers that each mirror leads, from 0 to 1, by host. Mirrors of a
    /// zone whose answers do not depend on clients are missing.
    pub(super) shares: HashMap<String, f64>,
    /// The answers to the clients of each country.
    pub(super) countries: BTreeMap<Country, CountryAnswers>,
    /// The status of each mirror as servers have it, by host.
    pub(super) statuses: HashMap<String, MirrorStatus>,
    /// What is announced; `None` without a release.
    pub(super) announced: Option<Announced>,
    /// The owners and texts of the records; none if servers take them from files of their own.
    pub(super) records: Vec<(String, String)>,
    /// Whether it is known where clients are. Without that, shares and countries are missing.
    pub(super) knows_countries: bool,
    /// Whether countries count as what their clients need, rather than by their addresses.
    pub(super) is_by_demand: bool,
}

/// What the clients of a country are answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CountryAnswers {
    /// The pools from which they are answered now.
    pub(super) answered_from: Vec<Pool>,
    /// The pools of their path beyond that of their own country.
    pub(super) fallback: Vec<Pool>,
    /// Whether they are answered mirrors that cannot be used, as there are no others.
    pub(super) fails_open: bool,
}

/// Finds out what name servers answer. It keeps what does not change from feed to feed.
pub(super) struct Answering {
    inputs: Inputs,
    knows_countries: bool,
    release_is_of_feed: bool,
    clients: Clients,
    subjects: Vec<(Subject, u16)>,
    /// The static data, and what they were compiled for.
    compiled: Option<(FeedRequirements, Arc<StaticData>)>,
    /// What was announced last: an announcement is not taken back.
    announced: Option<Announced>,
}

impl Answering {
    pub(super) fn new(read: AnswerInputs) -> Self {
        let AnswerInputs { inputs, knows_countries, release_is_of_feed } = read;
        let clients = Clients::new(&inputs.countries);
        let subject = |(plan, zone): (usize, &ZoneInput)| {
            zone.file.mirrors.as_ref()?;
            [rtype::A, rtype::AAAA]
                .into_iter()
                .find_map(|qtype| Some((Subject { plan, name: usual_name(zone, qtype)? }, qtype)))
        };
        let subjects = inputs.zones.iter().enumerate().filter_map(subject).collect();
        let (compiled, announced) = (None, None);
        Self { inputs, knows_countries, release_is_of_feed, clients, subjects, compiled, announced }
    }

    /// What is answered by a feed.
    ///
    /// # Errors
    /// When the inputs do not go together.
    pub(super) fn at(&mut self, moment: &Moment<'_>) -> Result<Answers, String> {
        let snapshot = self.snapshot(moment)?;
        let mut answers = Answers { knows_countries: self.knows_countries, ..Answers::default() };
        if self.release_is_of_feed {
            // Otherwise the servers know what is announced, and this machine may not.
            answers.announced = snapshot.dynamic_data.announced().cloned();
            answers.records = self.records(&snapshot);
        }
        for (number, plan) in (0..).zip(&snapshot.static_data.plans) {
            let Some(health) = snapshot.dynamic_data.health(number) else { continue };
            for (mirror, status) in plan.fleet.mirrors.iter().zip(&health.mirrors) {
                answers.statuses.entry(mirror.host.clone()).or_insert_with(|| status.clone());
            }
        }
        for (subject, qtype) in self.subjects.iter().filter(|_| self.knows_countries) {
            self.replay(&snapshot, subject, *qtype, &mut answers)?;
        }
        self.announced = snapshot.dynamic_data.remembered().cloned();
        Ok(answers)
    }

    fn snapshot(&mut self, moment: &Moment<'_>) -> Result<Snapshot, String> {
        let required = moment.feed.requirements();
        let kept = self.compiled.take().filter(|(of, _)| *of == required);
        let (required, static_data) = if let Some(kept) = kept {
            kept
        } else {
            let mut problems = Problems::default();
            let compiled = compile(&self.inputs, &required, &mut problems).ok_or_else(|| {
                let first = problems.iter().next().map(ToString::to_string);
                first.unwrap_or_else(|| "the zones do not go together".to_owned())
            })?;
            (required, Arc::new(compiled))
        };
        self.compiled = Some((required, Arc::clone(&static_data)));
        let inputs = HealthInputs {
            feed: Some(moment.feed),
            overrides: Some(moment.overrides),
            settling: None,
        };
        let (release, history) = (moment.feed.dated_release(), None);
        let now = Now { inputs, release, history, time: moment.now, max_age: moment.max_age };
        Ok(Snapshot::remembering(self.announced.as_ref(), static_data, &now))
    }

    /// The records that servers answer while the release is fresh.
    fn records(&self, snapshot: &Snapshot) -> Vec<(String, String)> {
        let Some(announced) = snapshot.dynamic_data.announced() else { return Vec::new() };
        let (release, stamp) = (&announced.release, announced.stamp);
        let mut records = Vec::new();
        for zone in &self.inputs.zones {
            for name in &zone.file.names {
                let owner = full_name(zone, name);
                match name.kind {
                    NameKind::Record => records.push((owner, release.record(stamp))),
                    NameKind::Database => {
                        for (database, version) in release.databases() {
                            let text = database_record(version, stamp);
                            records.push((owner.replace(DB, database), text));
                        }
                    }
                    NameKind::Pool { .. } | NameKind::Ping => {}
                }
            }
        }
        records
    }

    /// Adds what the clients of all countries are answered at a name.
    fn replay(
        &self,
        snapshot: &Snapshot,
        subject: &Subject,
        qtype: u16,
        answers: &mut Answers,
    ) -> Result<(), String> {
        let Some(plan) = snapshot.static_data.plans.get(subject.plan) else { return Ok(()) };
        let decisions = subject.decisions(snapshot, &self.clients, qtype)?;
        let reader = AnswerReader { snapshot, plan, ipv6: qtype == rtype::AAAA };
        let mut total = 0.0;
        let mut rates = vec![0.0; plan.fleet.mirrors.len()];
        for path in AnsweredPath::group(decisions.of_areas) {
            let answer = reader.read(path.decided);
            let weight: f64 = path.countries().map(|country| self.weight(subject, country)).sum();
            total += weight;
            for mirror in &answer.mirrors {
                if let Some(rate) = rates.get_mut(mirror.index as usize) {
                    *rate += weight * mirror.share;
                }
            }
            let pools = pools(plan, path.decided);
            let used = |at: usize| {
                answer.level != Level::NoData && answer.mirrors.iter().any(|one| one.pool == at)
            };
            let answered_from: Vec<Pool> = pools
                .iter()
                .enumerate()
                .filter(|(at, _)| used(*at))
                .map(|(_, of)| of.pool.clone())
                .collect();
            for country in path.countries() {
                let own = Pool::Country(country);
                let fallback = pools.iter().map(|of| of.pool.clone()).filter(|pool| *pool != own);
                answers.countries.entry(country).or_insert_with(|| CountryAnswers {
                    answered_from: answered_from.clone(),
                    fallback: fallback.collect(),
                    fails_open: matches!(answer.level, Level::Lagging | Level::Open),
                });
            }
        }
        for (mirror, rate) in plan.fleet.mirrors.iter().zip(rates) {
            if total > 0.0 {
                answers.shares.entry(mirror.host.clone()).or_insert(rate / total);
            }
        }
        Ok(())
    }

    /// What the clients of a country count: their demand if the zone has any, else the number of
    /// their IPv4 addresses.
    #[allow(clippy::cast_precision_loss, reason = "shares are shown to a tenth of a percent")]
    fn weight(&self, subject: &Subject, country: Country) -> f64 {
        let demand = self.inputs.zones.get(subject.plan).map(|zone| zone.file.demand.as_slice());
        match demand {
            Some(demand) if !demand.is_empty() => {
                let of = demand.iter().filter(|of| of.country.value == country);
                of.map(|of| of.rate as f64).sum()
            }
            _ => self.clients.ipv4_addresses(country) as f64,
        }
    }
}

/// The pools of a path, in order.
fn pools(plan: &Plan, (_, path): DecidedPath) -> Vec<&PoolMembers> {
    plan.paths.get(path).map(|path| plan.paths.along(path).collect()).unwrap_or_default()
}
