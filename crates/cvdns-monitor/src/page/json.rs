//! The pages as JSON: the same facts, with foreign texts cut as pages cut them.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

use cvdns_core::health::{MirrorCondition, State};
use cvdns_core::problem::printable;
use cvdns_pages::strip::{Cell, Measured, Strip};
use cvdns_pages::{
    AddressRow, Change, CheckRow, CountryRow, MirrorPage, MirrorRow, NetworkPage, Notice, Out,
    OutBy, Pool, StateCounts, Verdict, VersionRow, place, text,
};

use super::facts::standstill;

/// The version of the documents.
const FORMAT: u32 = 1;

/// The document of a mirror, beside its page.
pub(super) fn mirror(page: &MirrorPage) -> Result<Vec<u8>, String> {
    octets(&MirrorDocument {
        format: FORMAT,
        network: cut(&page.site.network),
        url: page.site.url_of(&place::mirror_file(&page.host, place::MIRROR_PAGE)),
        host: text::host(&page.host),
        country: page.country.code(),
        state: page.state.label(),
        since: page.since,
        notices: page.notices.iter().map(NoticeDocument::of).collect(),
        out: page.out.as_ref().map(OutDocument::of),
        advice: page.advice.iter().map(|advice| cut(advice)).collect(),
        addresses: page.addresses.iter().map(AddressDocument::of).collect(),
        versions: page.versions.iter().map(VersionDocument::of).collect(),
        capacity: page.capacity,
        weight: page.weight,
        share: page.share.map(rounded),
        pools: page.pools.iter().map(pool).collect(),
        not_for: page.not_for.clone(),
        fresh_until: page.fresh_until,
        downtimes: page.downtimes.iter().map(|of| Span { from: of.from, to: of.to }).collect(),
        availability: Availability {
            day: StripDocument::of(&page.history.day),
            month: StripDocument::of(&page.history.month),
            year: StripDocument::of(&page.history.year),
        },
        checks: page.checks.iter().map(CheckDocument::of).collect(),
        changes: page.changes.iter().map(|change| ChangeDocument::of(None, change)).collect(),
    })
}

/// The document of the network, beside its page. `mirrors` are the rows of all mirrors.
pub(super) fn network(page: &NetworkPage, mirrors: &[MirrorRow]) -> Result<Vec<u8>, String> {
    let feed = &page.feed;
    let changes = page.changes.iter();
    // The page shows the first one apart from the others.
    let standstill = feed.frozen.as_ref().map(standstill);
    let notices = standstill.iter().chain(&page.notices);
    octets(&NetworkDocument {
        format: FORMAT,
        network: cut(&page.site.network),
        url: page.site.url_of(place::INDEX),
        generator: &page.site.generator,
        feed: FeedDocument {
            serial: feed.serial,
            generated: feed.generated,
            fresh_until: feed.fresh_until,
            frozen: feed
                .frozen
                .as_ref()
                .map(|frozen| FrozenDocument { since: frozen.since, reason: cut(&frozen.reason) }),
        },
        records: page
            .records
            .iter()
            .map(|record| RecordDocument { owner: &record.owner, text: &record.text })
            .collect(),
        release: page.release.as_ref().map(ReleaseDocument::of),
        share_note: &page.share_note,
        notices: notices.map(NoticeDocument::of).collect(),
        states: Counts::of(page.mirrors),
        address_states: Counts::of(page.addresses),
        countries: page.countries.iter().map(CountryDocument::of).collect(),
        mirrors: mirrors.iter().map(MirrorEntry::of).collect(),
        changes: changes.map(|of| ChangeDocument::of(Some(&of.host), &of.change)).collect(),
    })
}

fn octets(document: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut octets = serde_json::to_vec(document).map_err(|error| error.to_string())?;
    octets.push(b'\n');
    Ok(octets)
}

/// A foreign text as pages show it.
fn cut(reason: &str) -> String {
    printable(&text::reason(reason)).into_owned()
}

/// A part to six digits: more are noise, and would change with every feed.
fn rounded(part: f64) -> f64 {
    (part * 1e6).round() / 1e6
}

fn pool(pool: &Pool) -> String {
    match pool {
        Pool::Country(country) => country.code().to_owned(),
        Pool::Continent(continent) => format!("continent:{}", continent.code()),
        Pool::World => "world".to_owned(),
        Pool::Named(name) => cut(name),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MirrorDocument {
    format: u32,
    network: String,
    url: Option<String>,
    host: String,
    country: &'static str,
    state: &'static str,
    since: Option<Timestamp>,
    notices: Vec<NoticeDocument>,
    out: Option<OutDocument>,
    advice: Vec<String>,
    addresses: Vec<AddressDocument>,
    versions: Vec<VersionDocument>,
    capacity: u64,
    weight: f64,
    share: Option<f64>,
    pools: Vec<String>,
    not_for: Vec<String>,
    fresh_until: Timestamp,
    downtimes: Vec<Span>,
    availability: Availability,
    checks: Vec<CheckDocument>,
    changes: Vec<ChangeDocument>,
}

#[derive(Serialize)]
struct OutDocument {
    by: &'static str,
    reason: String,
    until: Option<Timestamp>,
}

impl OutDocument {
    fn of(out: &Out) -> Self {
        let by = match out.by {
            OutBy::Checks => "checks",
            OutBy::Operator => "operator",
            OutBy::Downtime => "downtime",
            OutBy::Both => "both",
        };
        Self { by, reason: cut(&out.reason), until: out.until }
    }
}

#[derive(Serialize)]
struct AddressDocument {
    address: IpAddr,
    state: State,
    since: Option<Timestamp>,
    timestamp: Option<Timestamp>,
    reason: String,
    available: Option<f64>,
}

impl AddressDocument {
    fn of(row: &AddressRow) -> Self {
        let AddressRow { address, state, since, timestamp, .. } = *row;
        let available = row.available.map(rounded);
        Self { address, state, since, timestamp, reason: cut(&row.reason), available }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct VersionDocument {
    database: String,
    held: Option<u32>,
    released: Option<u32>,
    late_since: Option<Timestamp>,
}

impl VersionDocument {
    fn of(row: &VersionRow) -> Self {
        let VersionRow { held, released, late_since, .. } = *row;
        Self { database: row.database.clone(), held, released, late_since }
    }
}

#[derive(Serialize)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

#[derive(Serialize)]
struct Availability {
    day: StripDocument,
    month: StripDocument,
    year: StripDocument,
}

/// A strip. A cell is the available part of its time, `"late"` if all of that was served with old
/// files, `"planned"` in a downtime, or `null` where nothing was checked.
#[derive(Serialize)]
struct StripDocument {
    available: Option<f64>,
    /// Seconds of which checks say something.
    checked: i64,
    from: Option<Timestamp>,
    cells: Vec<CellDocument>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CellDocument {
    Available(f64),
    Word(&'static str),
    Unchecked(()),
}

impl StripDocument {
    fn of(strip: &Strip) -> Self {
        let cell = |cell: &Cell| match cell.measured {
            Measured::Available(part) => CellDocument::Available(rounded(part)),
            Measured::Late => CellDocument::Word("late"),
            Measured::Planned => CellDocument::Word("planned"),
            Measured::Unchecked => CellDocument::Unchecked(()),
        };
        Self {
            available: strip.available.map(rounded),
            checked: strip.checked.as_secs(),
            from: strip.cells.first().map(|cell| cell.from),
            cells: strip.cells.iter().map(cell).collect(),
        }
    }
}

#[derive(Serialize)]
struct CheckDocument {
    at: Timestamp,
    address: IpAddr,
    found: &'static str,
    withheld: bool,
    reason: String,
    state: Option<State>,
}

impl CheckDocument {
    fn of(check: &CheckRow) -> Self {
        let CheckRow { at, address, state, .. } = *check;
        let found = match check.verdict {
            Verdict::Serving => "serving",
            Verdict::Faulty => "faulty",
            Verdict::Dead => "dead",
            Verdict::Unchecked => "unchecked",
            Verdict::Away => "away",
        };
        let (withheld, reason) = (check.withheld, cut(&check.reason));
        Self { at, address, found, withheld, reason, state }
    }
}

#[derive(Serialize)]
struct ChangeDocument {
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    address: Option<IpAddr>,
    from: Option<&'static str>,
    to: &'static str,
    reason: String,
}

impl ChangeDocument {
    fn of(host: Option<&str>, change: &Change) -> Self {
        let Change { at, address, .. } = *change;
        let (from, to) = (change.from.map(MirrorCondition::label), change.to.label());
        Self { at, host: host.map(text::host), address, from, to, reason: cut(&change.reason) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct NetworkDocument<'p> {
    format: u32,
    network: String,
    url: Option<String>,
    generator: &'p str,
    feed: FeedDocument,
    records: Vec<RecordDocument<'p>>,
    release: Option<ReleaseDocument<'p>>,
    share_note: &'p str,
    notices: Vec<NoticeDocument>,
    states: Counts,
    address_states: Counts,
    countries: Vec<CountryDocument>,
    mirrors: Vec<MirrorEntry>,
    changes: Vec<ChangeDocument>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct FeedDocument {
    serial: u64,
    generated: Timestamp,
    fresh_until: Timestamp,
    frozen: Option<FrozenDocument>,
}

#[derive(Serialize)]
struct FrozenDocument {
    since: Option<Timestamp>,
    reason: String,
}

#[derive(Serialize)]
struct RecordDocument<'p> {
    owner: &'p str,
    text: &'p str,
}

#[derive(Serialize)]
struct ReleaseDocument<'p> {
    software: &'p str,
    quorum: f64,
    databases: Vec<DatabaseDocument<'p>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct DatabaseDocument<'p> {
    name: &'p str,
    released: u32,
    announced: u32,
    held_by: Option<f64>,
}

impl<'p> ReleaseDocument<'p> {
    fn of(release: &'p cvdns_pages::Release) -> Self {
        let databases = release.databases.iter().map(|of| DatabaseDocument {
            name: &of.name,
            released: of.released,
            announced: of.announced,
            held_by: of.held_by.map(rounded),
        });
        let (software, quorum) = (release.software.as_str(), release.quorum);
        Self { software, quorum, databases: databases.collect() }
    }
}

#[derive(Serialize)]
struct NoticeDocument {
    title: String,
    text: String,
    since: Option<Timestamp>,
}

impl NoticeDocument {
    fn of(notice: &Notice) -> Self {
        Self { title: cut(&notice.title), text: cut(&notice.text), since: notice.since }
    }
}

/// Numbers of mirrors or addresses by state.
#[derive(Serialize)]
struct Counts {
    up: u32,
    old: u32,
    lagging: u32,
    stuck: u32,
    settling: u32,
    down: u32,
    drained: u32,
    removed: u32,
}

impl Counts {
    fn of(counts: StateCounts) -> Self {
        let StateCounts { up, old, lagging, stuck, settling, down, drained, removed } = counts;
        Self { up, old, lagging, stuck, settling, down, drained, removed }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct CountryDocument {
    code: &'static str,
    name: &'static str,
    states: Counts,
    capacity: u64,
    usable_capacity: u64,
    share: Option<f64>,
    answered_from: Vec<String>,
    fallback: Vec<String>,
}

impl CountryDocument {
    fn of(row: &CountryRow) -> Self {
        Self {
            code: row.country.code(),
            name: row.country.name(),
            states: Counts::of(row.mirrors),
            capacity: row.capacity,
            usable_capacity: row.usable_capacity,
            share: row.share.map(rounded),
            answered_from: row.answered_from.iter().map(pool).collect(),
            fallback: row.fallback.iter().map(pool).collect(),
        }
    }
}

#[derive(Serialize)]
struct MirrorEntry {
    host: String,
    country: &'static str,
    state: &'static str,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    capacity: u64,
    share: Option<f64>,
    available: Option<f64>,
    reason: String,
    /// The path of the mirror's document, relative to this one.
    document: String,
}

impl MirrorEntry {
    fn of(row: &MirrorRow) -> Self {
        Self {
            host: text::host(&row.host),
            country: row.country.code(),
            state: row.state.label(),
            since: row.since,
            until: row.until,
            capacity: row.capacity,
            share: row.share.map(rounded),
            available: row.available.map(rounded),
            reason: cut(&row.reason),
            document: place::mirror_file(&row.host, place::MIRROR_JSON),
        }
    }
}
