//! The network's page and the pages of countries.

use cvdns_core::geo::country::Country;
use cvdns_core::health::MirrorCondition;
use cvdns_pages::{
    CountryPage, CountryRow, DatabaseRow, Feed, MirrorRow, NetworkChange, NetworkPage, Record,
    Release, StateCounts,
};

use super::answers::CountryAnswers;
use super::facts::{Facts, MirrorFacts, pool};

/// The network's page. `countries` and `out` are all rows, and `changes` the last changes.
pub(super) fn page(
    facts: &Facts<'_>,
    countries: Vec<CountryRow>,
    out: Vec<MirrorRow>,
    changes: Vec<NetworkChange>,
) -> NetworkPage {
    let mut mirrors = StateCounts::default();
    let mut addresses = StateCounts::default();
    for of in &facts.mirrors {
        mirrors.add(of.condition);
        for address in &of.addresses {
            match of.condition {
                // The states of the addresses do not tell that nobody is sent there.
                left_out @ (MirrorCondition::Lagging | MirrorCondition::Stuck)
                    if address.state.is_usable() =>
                {
                    addresses.add(left_out);
                }
                _ => addresses.add(address.state),
            }
        }
    }
    NetworkPage {
        site: facts.site.clone(),
        feed: feed(facts),
        records: records(facts),
        release: release(facts),
        share_note: share_note(facts),
        notices: facts.notices.clone(),
        mirrors,
        addresses,
        countries,
        out,
        changes,
    }
}

/// The rows of the mirrors that are not well: first those that fail, and of these the last ones.
pub(super) fn out(rows: &[MirrorRow]) -> Vec<MirrorRow> {
    let rank = |row: &MirrorRow| match row.state {
        MirrorCondition::Down => 0,
        MirrorCondition::Lagging | MirrorCondition::Stuck | MirrorCondition::Settling => 1,
        MirrorCondition::Up => 2,
        MirrorCondition::Old => 3,
        MirrorCondition::Drained => 4,
        MirrorCondition::Removed | MirrorCondition::Disabled => 5,
    };
    let is_out = |row: &&MirrorRow| row.state != MirrorCondition::Up || !row.reason.is_empty();
    let mut out: Vec<&MirrorRow> = rows.iter().filter(is_out).collect();
    out.sort_by_key(|row| (rank(row), std::cmp::Reverse(row.since), &row.host));
    out.into_iter().cloned().collect()
}

/// The rows of all countries, by name.
pub(super) fn countries(facts: &Facts<'_>) -> Vec<CountryRow> {
    let mut rows: Vec<CountryRow> = Country::all().map(|country| row(facts, country)).collect();
    rows.sort_by_key(|row| row.country.name());
    rows
}

/// The page of a country whose mirrors have these rows.
pub(super) fn country(facts: &Facts<'_>, row: &CountryRow, mirrors: Vec<MirrorRow>) -> CountryPage {
    let notices = facts.notices_of_country(row.country);
    CountryPage { site: facts.site.clone(), notices, row: row.clone(), mirrors }
}

fn row(facts: &Facts<'_>, country: Country) -> CountryRow {
    let mut row = CountryRow {
        country,
        mirrors: StateCounts::default(),
        usable_capacity: 0,
        capacity: 0,
        share: None,
        answered_from: Vec::new(),
        fallback: Vec::new(),
    };
    for of in members(facts, country) {
        row.mirrors.add(of.condition);
        row.capacity = row.capacity.saturating_add(of.mirror.capacity);
        if facts.is_usable(of) {
            row.usable_capacity = row.usable_capacity.saturating_add(of.mirror.capacity);
        }
        if let Some(share) = of.share.filter(|_| of.mirror.country == country) {
            *row.share.get_or_insert(0.0) += share;
        }
    }
    if let Some(CountryAnswers { answered_from, fallback, .. }) = facts.country(country) {
        row.answered_from = answered_from.iter().map(pool).collect();
        row.fallback = fallback.iter().map(pool).collect();
    }
    row
}

/// The mirrors of a country's pool.
pub(super) fn members<'f, 's>(
    facts: &'f Facts<'s>,
    country: Country,
) -> impl Iterator<Item = &'f MirrorFacts<'s>> {
    let places = facts.pools.get(&country).into_iter().flatten();
    places.filter_map(|place| facts.mirrors.get(*place))
}

/// How the shares came about; empty without shares.
fn share_note(facts: &Facts<'_>) -> String {
    let basis = match facts.answers.filter(|answers| !answers.shares.is_empty()) {
        None => return String::new(),
        Some(answers) if answers.is_by_demand => "as what its clients need",
        Some(_) => "as the number of its IPv4 addresses in the country database",
    };
    format!("Shares follow from the servers’ decisions for each country, which counts {basis}.")
}

fn feed(facts: &Facts<'_>) -> Feed {
    let feed = &facts.seen.feed;
    let fresh = crate::rule::later(feed.generated, facts.seen.setting.max_age);
    Feed {
        serial: feed.serial,
        generated: feed.generated,
        fresh_until: fresh,
        frozen: facts.frozen(),
    }
}

fn records(facts: &Facts<'_>) -> Vec<Record> {
    let records = facts.answers.into_iter().flat_map(|answers| &answers.records);
    let record =
        |(owner, text): &(String, String)| Record { owner: owner.clone(), text: text.clone() };
    records.map(record).collect()
}

/// The release of the feed; what is announced of it, and which part of the usable mirrors'
/// capacity holds it, is only known with what servers answer.
fn release(facts: &Facts<'_>) -> Option<Release> {
    let release = facts.seen.feed.release.as_ref()?;
    let gates = facts.announced().map(|announced| &announced.gates);
    let any_usable = facts.any_usable;
    let row = |(name, version): (&str, u32)| {
        let gate = gates.and_then(|gates| gates.iter().find(|gate| gate.database == name));
        DatabaseRow {
            name: name.to_owned(),
            released: version,
            announced: gate.map_or(version, |gate| gate.announced),
            // Of no capacity at all, every part is held.
            held_by: gate.filter(|_| any_usable).map(|gate| gate.released_held.ratio()),
        }
    };
    Some(Release {
        software: release.software.clone(),
        databases: release.databases().map(row).collect(),
        quorum: gates.and_then(|gates| Some(gates.first()?.quorum.ratio())).unwrap_or(1.0),
    })
}
