//! An invented network with every kind of mirror, for the tests and the example.

mod history;
mod rows;

use std::net::IpAddr;

use cvdns_core::geo::country::{Continent, Country};
use cvdns_core::health::State;
use cvdns_pages::map::{Stop, Way, with_path};
use cvdns_pages::{
    AtomFeed, Change, CountryPage, CountryRow, DatabaseRow, Feed, MirrorPage, MirrorRow,
    MirrorsPage, NetworkChange, NetworkPage, Pool, Record, Release, Site, StateCounts,
};
use jiff::{SignedDuration, Timestamp};

/// An invented network.
pub(crate) struct Network {
    mirrors: Vec<Mirror>,
}

/// An invented mirror.
struct Mirror {
    host: String,
    country: Country,
    state: State,
    since: Timestamp,
    reason: &'static str,
    capacity: u64,
    addresses: Vec<IpAddr>,
}

/// The moment at which all pages are written.
pub(crate) const NOW: &str = "2026-11-30T11:40:00Z";

/// Countries with mirrors while there are few mirrors; the first ones have more.
const FEW: &str = "DE US FR GB NL JP SE CA AU BR DE US PL CZ AT CH IT ES FI NO DK BE TW KR SG HK IN ID \
                   ZA AR CL NZ UA RO HU GR IE PT IL TR MX KE EG IS LU MT BG RS HR SI";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn site() -> Site {
    Site { network: "clamav.example".to_owned(), generator: "cvdns 0.1.0".to_owned(), url: None }
}

impl Network {
    /// A network of so many mirrors.
    pub(crate) fn of(mirrors: usize) -> Self {
        let few: Vec<Country> = FEW.split_whitespace().map(|code| code.parse().unwrap()).collect();
        let all: Vec<Country> =
            Country::all().filter(|each| !["AP", "EU", "AQ"].contains(&each.code())).collect();
        let countries = if mirrors > 1000 { &all } else { &few };
        let mirrors = (0..mirrors).map(|index| mirror(index, countries)).collect();
        Self { mirrors }
    }

    pub(crate) fn page(&self) -> NetworkPage {
        let mut countries: Vec<CountryRow> = Country::all().map(|each| self.row(each)).collect();
        countries.sort_by_key(|row| row.country.name());
        let out = self.mirrors.iter().filter(|mirror| mirror.state != State::Up);
        let (mut mirrors, mut addresses) = (StateCounts::default(), StateCounts::default());
        for mirror in &self.mirrors {
            mirrors.add(mirror.state);
            mirror.addresses.iter().for_each(|_| addresses.add(mirror.state));
        }
        let changes = self.mirrors.iter().take(8).enumerate();
        NetworkPage {
            site: site(),
            feed: Feed {
                serial: 1_796_038_800,
                generated: now(),
                fresh_until: now() + SignedDuration::from_hours(1),
                frozen: None,
            },
            records: vec![Record {
                owner: "current.cvd.clamav.example".to_owned(),
                text: "1.4.6:63:28129:1796038200:1:90:49192:339".to_owned(),
            }],
            release: Some(release()),
            share_note:
                "Shares are computed as if the clients of each country asked equally often."
                    .to_owned(),
            notices: Vec::new(),
            mirrors,
            addresses,
            countries,
            out: out.map(Mirror::row).collect(),
            changes: changes
                .map(|(index, mirror)| NetworkChange {
                    host: mirror.host.clone(),
                    change: change(index, mirror),
                })
                .collect(),
        }
    }

    pub(crate) fn mirrors_page(&self) -> MirrorsPage {
        let mut mirrors: Vec<MirrorRow> = self.mirrors.iter().map(Mirror::row).collect();
        mirrors.sort_by(|one, two| one.host.cmp(&two.host));
        MirrorsPage { site: site(), mirrors }
    }

    pub(crate) fn country_page(&self, country: Country) -> CountryPage {
        CountryPage {
            site: site(),
            notices: Vec::new(),
            row: self.row(country),
            mirrors: self.of_country(country).map(Mirror::row).collect(),
        }
    }

    pub(crate) fn mirror_page(&self, index: usize) -> MirrorPage {
        self.mirrors[index].page(index)
    }

    pub(crate) fn atom(&self, index: usize) -> AtomFeed {
        let mirror = &self.mirrors[index];
        let changes: Vec<Change> = (0..4).map(|back| change(index + back, mirror)).collect();
        AtomFeed { site: site(), host: mirror.host.clone(), changes, updated: mirror.since }
    }

    /// A page of nothing but the map with a way.
    #[allow(dead_code, reason = "only the example draws a way")]
    pub(crate) fn way_page(&self) -> String {
        let marks: Vec<_> = self.page().countries.iter().map(CountryRow::mark).collect();
        let stop = |pool, answers| Stop { pool, answers };
        let at: Country = "LI".parse().unwrap();
        let way = Way {
            client: Some(at),
            stops: vec![
                stop(Pool::Country("CH".parse().unwrap()), true),
                stop(Pool::Country("AT".parse().unwrap()), false),
                stop(Pool::Country("JP".parse().unwrap()), false),
                stop(Pool::Continent(Continent::EU), true),
                stop(Pool::World, false),
            ],
        };
        format!(
            "<!doctype html><html lang=\"en\"><title>Way</title>\
             <link rel=\"stylesheet\" href=\"style.css\"><main class=\"wide\">{}</main></html>",
            with_path(&marks, &way)
        )
    }

    fn of_country(&self, country: Country) -> impl Iterator<Item = &Mirror> {
        self.mirrors.iter().filter(move |mirror| mirror.country == country)
    }

    fn row(&self, country: Country) -> CountryRow {
        let mut mirrors = StateCounts::default();
        let (mut usable_capacity, mut capacity) = (0, 0);
        for mirror in self.of_country(country) {
            mirrors.add(mirror.state);
            capacity += mirror.capacity;
            usable_capacity += if mirror.state.is_usable() { mirror.capacity } else { 0 };
        }
        let share = usable_capacity as f64
            / self.mirrors.iter().map(|mirror| mirror.capacity).sum::<u64>().max(1) as f64;
        let near = Country::all().filter(|other| *other != country);
        let mut near: Vec<Country> = near
            .filter(|other| self.of_country(*other).any(|each| each.state.is_usable()))
            .collect();
        near.sort_by(|one, two| country.distance_km(*one).total_cmp(&country.distance_km(*two)));
        let mut fallback: Vec<Pool> = near.into_iter().take(2).map(Pool::Country).collect();
        let answered_from = if mirrors.usable() > 0 {
            vec![Pool::Country(country)]
        } else {
            fallback.iter().take(1).cloned().collect()
        };
        fallback.extend([Pool::Continent(country.continent()), Pool::World]);
        CountryRow {
            country,
            mirrors,
            usable_capacity,
            capacity,
            share: Some(share),
            answered_from,
            fallback,
        }
    }
}

fn release() -> Release {
    let row = |name: &str, released, announced, held_by| DatabaseRow {
        name: name.to_owned(),
        released,
        announced,
        held_by: Some(held_by),
    };
    Release {
        software: "1.4.6".to_owned(),
        databases: vec![
            row("main", 63, 63, 1.0),
            row("daily", 28130, 28129, 0.71),
            row("bytecode", 339, 339, 1.0),
        ],
        quorum: 0.9,
    }
}

fn mirror(index: usize, countries: &[Country]) -> Mirror {
    let country = countries[index % countries.len()];
    let label = ["clamav", "mirror", "ftp", "cvd"][index / countries.len() % 4];
    let host = format!("{label}{index}.{}.example", country.label());
    let (state, hours, reason) = match (index * 37 + 11) % 29 {
        3 => (State::Down, 9, "database.clamav.example/timestamp: the connection is refused"),
        7 => (State::Old, 30, "the timestamp is 31 hours old"),
        13 => (State::Drained, 5, "disk swap"),
        19 => (State::Removed, 400, "no connection within 10 s, since 2026-11-10T06:12:00Z"),
        _ => (State::Up, 24 * (index as i64 % 90 + 2), ""),
    };
    let capacity = [100_000, 1_000_000, 10_000_000, 200_000, 40_000_000][index % 5];
    let octet = (index % 250) as u8 + 1;
    let mut addresses = vec![IpAddr::from([192, 0, 2, octet])];
    if index.is_multiple_of(2) {
        addresses.push(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, index as u16 + 16]));
    }
    Mirror { host, country, state, since: ago(hours), reason, capacity, addresses }
}

fn change(index: usize, mirror: &Mirror) -> Change {
    let up = mirror.state == State::Up;
    Change {
        at: ago(index as i64 * 7 + 1),
        address: (index % 3 == 1).then(|| mirror.addresses[0]),
        from: Some(if up { State::Down } else { State::Up }.into()),
        to: mirror.state.into(),
        reason: mirror.reason.to_owned(),
    }
}
