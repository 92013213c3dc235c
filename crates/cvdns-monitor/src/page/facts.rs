//! What all pages of a moment are made from: the fleet with its states, and what servers answer.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use cvdns_core::fleet::Mirror;
use cvdns_core::geo::country::Country;
use cvdns_core::health::{Health, HealthInputs, MirrorCondition, MirrorStatus, Overrides};
use cvdns_core::release::Announced;
use cvdns_core::snapshot::pools::Pool as AnsweredPool;
use cvdns_pages::{Frozen, Notice, Out, Pool, Site};

use super::answers::{Answers, CountryAnswers};
use super::out::{self, AddressFacts};
use super::seen::Seen;
use crate::coordinator::AddressRow;

/// The facts of a moment.
pub(super) struct Facts<'s> {
    pub(super) seen: &'s Seen,
    pub(super) site: Site,
    /// The enabled mirrors, each host once, as in the first fleet that has it.
    pub(super) mirrors: Vec<MirrorFacts<'s>>,
    /// The places in `mirrors` of those that are in each country's pool.
    pub(super) pools: BTreeMap<Country, Vec<usize>>,
    /// What servers answer; `None` if that is not known.
    pub(super) answers: Option<&'s Answers>,
    /// What readers must know first.
    pub(super) notices: Vec<Notice>,
    /// Whether any mirror can be used.
    pub(super) any_usable: bool,
}

/// What is known about a mirror.
pub(super) struct MirrorFacts<'s> {
    pub(super) mirror: &'s Mirror,
    /// Its status as servers have it.
    pub(super) status: Cow<'s, MirrorStatus>,
    /// Its state as servers count it.
    pub(super) condition: MirrorCondition,
    /// What checks found at its addresses.
    pub(super) rows: Vec<&'s AddressRow>,
    /// What there is to say of each of its addresses.
    pub(super) addresses: Vec<AddressFacts>,
    /// The part of all clients' answers that it leads, from 0 to 1.
    pub(super) share: Option<f64>,
}

impl<'s> Facts<'s> {
    pub(super) fn new(
        seen: &'s Seen,
        answers: Option<&'s Answers>,
        overrides: &Overrides,
        notices: Vec<Notice>,
    ) -> Self {
        let mut rows: HashMap<&str, Vec<&AddressRow>> = HashMap::new();
        for row in &seen.rows {
            rows.entry(&row.mirror).or_default().push(row);
        }
        let inputs =
            HealthInputs { feed: Some(&seen.feed), overrides: Some(overrides), settling: None };
        let mut hosts = HashSet::new();
        let mut mirrors = Vec::new();
        for (_, fleet) in &seen.setting.fleets {
            // Servers know how long before a downtime clients must stay away.
            let health = Health::at(fleet, inputs, seen.now, Duration::ZERO);
            for (mirror, own) in fleet.mirrors.iter().zip(health.mirrors) {
                if !mirror.enabled || !hosts.insert(mirror.host.as_str()) {
                    continue;
                }
                let served = answers.and_then(|answers| answers.statuses.get(&mirror.host));
                // The server's files may have been changed since.
                let same = |status: &&MirrorStatus| {
                    (status.ipv4.len(), status.ipv6.len()) == (own.ipv4.len(), own.ipv6.len())
                };
                let status = served.filter(same).map_or(Cow::Owned(own), Cow::Borrowed);
                let rows = rows.remove(mirror.host.as_str()).unwrap_or_default();
                mirrors.push(MirrorFacts {
                    mirror,
                    condition: MirrorCondition::of(mirror, &status, seen.setting.lag),
                    addresses: out::addresses(mirror, &status, &rows, (overrides, seen.now)),
                    status,
                    rows,
                    share: answers.and_then(|answers| answers.shares.get(&mirror.host)).copied(),
                });
            }
        }
        let mut pools: BTreeMap<Country, Vec<usize>> = BTreeMap::new();
        for (place, MirrorFacts { mirror, .. }) in mirrors.iter().enumerate() {
            let mut countries: Vec<Country> =
                [mirror.country].into_iter().chain(mirror.serves.iter().copied()).collect();
            countries.sort_unstable();
            countries.dedup();
            for country in countries {
                pools.entry(country).or_default().push(place);
            }
        }
        let site = site(seen);
        let mut facts = Self { seen, site, mirrors, pools, answers, notices, any_usable: false };
        facts.any_usable = facts.mirrors.iter().any(|of| facts.is_usable(of));
        facts.notices.extend(facts.nothing_usable());
        facts
    }

    /// What is announced; `None` if that is not known.
    pub(super) fn announced(&self) -> Option<&Announced> {
        self.answers?.announced.as_ref()
    }

    /// What the clients of a country are answered; `None` if that is not known.
    pub(super) fn country(&self, country: Country) -> Option<&CountryAnswers> {
        self.answers?.countries.get(&country)
    }

    /// What readers must know when no mirror can be used; `None` if one can.
    fn nothing_usable(&self) -> Option<Notice> {
        let none = !self.mirrors.is_empty() && !self.any_usable;
        let text = "Name servers answer all mirrors all the same, as an empty answer helps nobody.";
        none.then(|| notice("No mirror can be used", text))
    }

    /// Whether clients are sent to a mirror that cannot be used, as those have no other.
    pub(super) fn fails_open(&self, of: &MirrorFacts<'_>) -> bool {
        !self.is_usable(of) && of.share.map_or(!self.any_usable, |share| share > 0.0)
    }

    /// What readers of a mirror's page must know first.
    pub(super) fn notices_of(&self, of: &MirrorFacts<'_>) -> Vec<Notice> {
        let text = "No mirror can be used for some clients. Name servers answer them mirrors that \
                    cannot be used, as an empty answer helps nobody.";
        let own = notice("Clients are sent to it all the same", text);
        let own = Some(own).filter(|_| self.any_usable && self.fails_open(of));
        self.general_notices().chain(own).collect()
    }

    /// What readers of a country's page must know first.
    pub(super) fn notices_of_country(&self, country: Country) -> Vec<Notice> {
        let fails_open = self.country(country).is_some_and(|answers| answers.fails_open);
        let text = "Name servers answer them mirrors that cannot be used all the same, as an empty \
                    answer helps nobody.";
        let own = notice("No mirror can be used for clients here", text);
        let own = Some(own).filter(|_| self.any_usable && fails_open);
        self.general_notices().chain(own).collect()
    }

    /// What readers of every page must know first.
    fn general_notices(&self) -> impl Iterator<Item = Notice> {
        let frozen = self.frozen();
        frozen.as_ref().map(standstill).into_iter().chain(self.nothing_usable())
    }

    /// Why clients are not sent to a mirror; `None` if they are.
    pub(super) fn out(&self, of: &MirrorFacts<'_>) -> Option<Out> {
        let out = || out::out(of.condition, &of.status, &of.addresses);
        (!self.is_usable(of)).then(out)
    }

    /// Why and since when all states stand still; `None` if they do not.
    pub(super) fn frozen(&self) -> Option<Frozen> {
        let frozen = self.seen.frozen.as_ref()?;
        Some(Frozen { since: Some(frozen.since), reason: frozen.reason.clone() })
    }

    /// Whether clients are sent to a mirror.
    pub(super) fn is_usable(&self, mirror: &MirrorFacts<'_>) -> bool {
        let status = &mirror.status;
        status.stuck.is_none()
            && status.behind <= self.seen.setting.lag
            && status.ipv4.iter().chain(&status.ipv6).any(|state| state.is_usable())
    }
}

/// A notice of these words.
pub(super) fn notice(title: &str, text: &str) -> Notice {
    Notice { title: title.to_owned(), text: text.to_owned(), since: None }
}

/// What readers must know while all states stand still.
pub(super) fn standstill(frozen: &Frozen) -> Notice {
    Notice {
        title: "All states stand still".to_owned(),
        text: format!(
            "The coordinator doubts what it sees, so no mirror changes its state. Reason: {}.",
            frozen.reason
        ),
        since: frozen.since,
    }
}

/// A pool as pages name it.
pub(super) fn pool(pool: &AnsweredPool) -> Pool {
    match pool {
        AnsweredPool::Country(country) => Pool::Country(*country),
        AnsweredPool::Continent(continent) => Pool::Continent(*continent),
        AnsweredPool::World => Pool::World,
        AnsweredPool::Named(name) => Pool::Named(name.clone()),
    }
}

fn site(seen: &Seen) -> Site {
    let origins = seen.setting.fleets.iter().map(|(origin, _)| origin.trim_end_matches('.'));
    Site {
        network: origins.collect::<Vec<_>>().join(", "),
        generator: concat!("cvdns ", env!("CARGO_PKG_VERSION")).to_owned(),
        url: seen.setting.inputs.url.clone(),
    }
}
