//! Checks whether the mirrors meet the demand that zone files declare.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::load::Loaded;
use cvdns_core::geo::country::Country;
use cvdns_core::health::{Health, HealthInputs, Overrides};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::schema::read::Rate;
use cvdns_core::snapshot::pools::Path;
use cvdns_core::snapshot::static_data::{Plan, StaticData};
use cvdns_core::snapshot::yields::{PoolPart, Yield};
use cvdns_core::zone::file::{Demand, Families};

/// How the demand of a country is shared out.
#[derive(Debug, Serialize)]
pub(super) struct DemandReport {
    /// Origin of the zone file.
    zone: String,
    /// ISO 3166 code of the country.
    country: &'static str,
    /// What its clients need, in kbit/s.
    rate: u64,
    /// With all mirrors up.
    all_up: Sharing,
    /// With the largest mirror that takes a part down.
    without_largest: Option<WithoutLargest>,
}

#[derive(Debug, Serialize)]
struct WithoutLargest {
    host: String,
    #[serde(flatten)]
    sharing: Sharing,
}

/// What each pool takes of a demand.
#[derive(Debug, Serialize)]
struct Sharing {
    /// Whether the path has the capacity that is needed.
    met: bool,
    /// What is lacking, in kbit/s.
    lacking: u64,
    pools: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    pool: String,
    /// What the pool takes, in kbit/s.
    takes: u64,
}

/// Checks the demand of every country, with all mirrors up but those in an announced downtime.
pub(super) fn check(
    loaded: &Loaded,
    static_data: &StaticData,
    now: Timestamp,
    problems: &mut Problems,
) -> Vec<DemandReport> {
    let mut out = Vec::new();
    for (input, plan) in loaded.inputs.zones.iter().zip(&static_data.plans) {
        for demand in &input.file.demand {
            let Some(report) = DemandReport::of(plan, demand, now) else { continue };
            report.warn(&demand.country.location, problems);
            out.push(report);
        }
    }
    out
}

impl DemandReport {
    fn of(plan: &Plan, demand: &Demand, now: Timestamp) -> Option<Self> {
        let country: Country = demand.country.value;
        let path = plan.paths.get(plan.paths.of_client(country))?;
        let all = walk(plan, path, None, now);
        let largest = largest(plan, &all);
        let without_largest = largest.map(|host| WithoutLargest {
            host: host.to_owned(),
            sharing: Sharing::of(plan, path, &walk(plan, path, Some(host), now)),
        });
        Some(Self {
            zone: plan.origin.to_string(),
            country: country.code(),
            rate: demand.rate,
            all_up: Sharing::of(plan, path, &all),
            without_largest,
        })
    }

    /// The report as a line for people.
    pub(super) fn line(&self) -> String {
        let without = self
            .without_largest
            .as_ref()
            .map(|without| format!("; without {}: {}", without.host, without.sharing.words()));
        format!(
            "demand of {} in {}, {}: {}{}",
            self.country,
            self.zone,
            Rate(self.rate),
            self.all_up.words(),
            without.unwrap_or_default()
        )
    }

    /// Warns of a demand that is not met.
    fn warn(&self, location: &Location, problems: &mut Problems) {
        let (country, rate) = (self.country, Rate(self.rate));
        let without = self.without_largest.as_ref();
        let (when, lacking) = match (self.all_up.met, without) {
            (false, _) => ("with all mirrors up".to_owned(), self.all_up.lacking),
            (true, Some(without)) if !without.sharing.met => {
                (format!("without {}", without.host), without.sharing.lacking)
            }
            _ => return,
        };
        problems.warning(
            location.clone(),
            format!("{when}, the whole path of {country} lacks {} of {rate}", Rate(lacking)),
            "its last pool would take what it cannot carry: add mirrors, or correct `rate`",
        );
    }
}

impl Sharing {
    fn of(plan: &Plan, path: &Path, found: &Yield) -> Self {
        let pools: Vec<String> =
            plan.paths.along(path).map(|members| members.pool.to_string()).collect();
        let part =
            |part: PoolPart| Some(Part { pool: pools.get(part.at)?.clone(), takes: part.takes });
        let pools = parts(found).filter_map(part).collect();
        Self { met: found.unmet == 0, lacking: found.unmet, pools }
    }

    fn words(&self) -> String {
        let parts = self.pools.iter().map(|part| format!("{} {}", part.pool, Rate(part.takes)));
        let parts = parts.collect::<Vec<_>>().join(", ");
        match (self.met, self.pools.as_slice()) {
            (_, []) => "no mirror of its path is usable".to_owned(),
            (true, [only]) => format!("met by {} alone", only.pool),
            (true, _) => format!("met by {parts}"),
            (false, _) => format!("not met, {} are lacking: {parts}", Rate(self.lacking)),
        }
    }
}

/// What a path yields, with one mirror down. All others are up, but for announced downtimes.
fn walk(plan: &Plan, path: &Path, down: Option<&str>, now: Timestamp) -> Yield {
    let overrides = down.map(|host| {
        let text = format!("[[override]]\nhost = {host:?}\nstate = \"down\"\nreason = \"check\"\n");
        Overrides::parse("overrides", &text, &mut Problems::default())
    });
    let inputs = HealthInputs { overrides: overrides.as_ref(), ..HealthInputs::default() };
    let health = Health::at(&plan.fleet, inputs, now, Duration::ZERO);
    plan.walk(1, Families::Both, &health).along(path)
}

/// What pools take of the demand.
fn parts(found: &Yield) -> impl Iterator<Item = PoolPart> {
    let groups = if found.ipv4.is_empty() { &found.ipv6.groups } else { &found.ipv4.groups };
    groups.iter().flat_map(|group| group.pools.iter().copied()).filter(|part| part.takes > 0)
}

/// Host of the largest mirror among those that take a part; of several, the first in the fleet.
fn largest<'p>(plan: &'p Plan, found: &Yield) -> Option<&'p str> {
    let ipv4 = found.ipv4.candidates.iter().map(|candidate| candidate.mirror);
    let ipv6 = found.ipv6.candidates.iter().map(|candidate| candidate.mirror);
    let mirrors = ipv4.chain(ipv6).filter_map(|index| {
        let mirror = plan.fleet.mirrors.get(index as usize)?;
        Some((mirror.capacity, Reverse(index), mirror.host.as_str()))
    });
    mirrors.max().map(|(.., host)| host)
}
