//! A second opinion on whom a client is sent to: the plain `maxminddb` reader, lists, and nothing
//! of this crate.
//!
//! It is written from the rules (docs/design.md, "path"), not from the code: own country, the two
//! nearest countries in which mirrors stand, continent, world; continent and world where no more is
//! known; on along them until there are `min` addresses; `old` ones only where there are too few;
//! those that lag behind the record only where there are no others. Of the pool in which `min` is
//! reached, as many are answered as are missing (FORMATS, "Home first").
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "each test binary uses its own part of it, and fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use maxminddb::{LookupResult, Reader, WithinOptions, path};

/// Fewest addresses before a path ends.
pub const MIN: usize = 2;

/// How many versions a mirror may be behind the record and still be answered.
pub const LAG: u32 = 1;

/// An address of a mirror.
#[derive(Debug, Clone)]
pub struct Place {
    pub host: String,
    pub address: Ipv4Addr,
    pub country: String,
}

/// States by host, and those of addresses that differ.
#[derive(Debug, Clone, Default)]
pub struct States {
    pub hosts: HashMap<String, &'static str>,
    pub addresses: HashMap<Ipv4Addr, &'static str>,
    /// How many versions hosts are behind the record, where they are.
    pub behind: HashMap<String, u32>,
}

pub struct Oracle {
    reader: Reader<Vec<u8>>,
    countries: BTreeMap<String, Country>,
    pub places: Vec<Place>,
}

struct Country {
    continent: String,
    /// On the unit sphere.
    point: [f64; 3],
}

/// The pools of a path, by name.
pub type Pools = Vec<String>;

/// Addresses of one pool, and how many of them an answer has, whatever `max` is. Answers have some
/// of the first group, then of the second, and so on.
pub type Group = (BTreeSet<Ipv4Addr>, usize);

impl Oracle {
    /// Reads the shipped database and table of countries, and the list of mirrors
    /// `host,ipv4,country`.
    pub fn new(project: &Path, mirrors: &Path) -> Self {
        Self::over(&project.join("geoip/country.mmdb"), project, mirrors)
    }

    /// The same with another database.
    pub fn over(database: &Path, project: &Path, mirrors: &Path) -> Self {
        let reader = Reader::open_readfile(database).unwrap();
        let table = std::fs::read_to_string(project.join("geoip/countries.csv")).unwrap();
        let mirrors = std::fs::read_to_string(mirrors).unwrap();
        let places = mirrors.lines().skip(1).map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            // Serbia and Montenegro: its mirror stood in Belgrade.
            let country = if fields[2] == "CS" { "RS" } else { fields[2] };
            let (host, address) = (fields[0].to_owned(), fields[1].parse().unwrap());
            Place { host, address, country: country.to_owned() }
        });
        Self { reader, countries: countries(&table), places: places.collect() }
    }

    /// The country of an address, or `continent:` and that where no country of the table is known;
    /// none when nobody knows.
    pub fn country(&self, address: IpAddr) -> Option<String> {
        self.area(&self.reader.lookup(address).ok()?)
    }

    fn area(&self, found: &LookupResult<'_, Vec<u8>>) -> Option<String> {
        let country: Option<String> = found.decode_path(&path!["country", "iso_code"]).ok()?;
        let continent: Option<String> = found.decode_path(&path!["continent", "code"]).ok()?;
        let country = country.filter(|code| self.countries.contains_key(code));
        country.or(continent.map(|code| format!("continent:{code}")))
    }

    /// Countries in which mirrors stand.
    pub fn hosts(&self) -> BTreeSet<&str> {
        self.places.iter().map(|place| place.country.as_str()).collect()
    }

    /// The pools from which a client in this country, or on this continent, is served, in their
    /// order.
    pub fn path(&self, country: Option<&str>) -> Pools {
        let Some(code) = country else { return vec!["world".to_owned()] };
        if code.starts_with("continent:") {
            let pools = [code.to_owned(), "world".to_owned()];
            return pools.into_iter().filter(|pool| !self.members(pool).is_empty()).collect();
        }
        let here = &self.countries[code];
        let mut path = vec![code.to_owned()];
        let mut others: Vec<&str> =
            self.hosts().into_iter().filter(|other| *other != code).collect();
        others.sort_by(|a, b| {
            angle(here.point, self.countries[*a].point)
                .total_cmp(&angle(here.point, self.countries[*b].point))
        });
        path.extend(others.into_iter().take(2).map(str::to_owned));
        path.push(format!("continent:{}", here.continent));
        path.push("world".to_owned());
        path.retain(|pool| !self.members(pool).is_empty());
        path
    }

    /// Who may be answered to a client of this path.
    pub fn answers(&self, path: &Pools, states: &States) -> BTreeSet<Ipv4Addr> {
        self.groups(path, states).into_iter().flat_map(|(addresses, _)| addresses).collect()
    }

    /// The groups that answers to a client of this path are drawn from.
    pub fn groups(&self, path: &Pools, states: &States) -> Vec<Group> {
        let behind = |place: &Place| states.behind.get(&place.host).copied().unwrap_or_default();
        let among = |who: &dyn Fn(&Place) -> bool| {
            self.walk(path, |place| if who(place) { states.of(place) } else { "down" })
        };
        let usable = among(&|place| behind(place) <= LAG);
        let works = |place: &&Place| matches!(states.of(place), "up" | "old");
        let working = path.iter().flat_map(|pool| self.members(pool)).filter(works);
        match (usable.is_empty(), working.map(behind).min()) {
            (false, _) => usable,
            (true, Some(least)) => among(&|place| behind(place) == least),
            (true, None) => self.walk(path, |_| "up"),
        }
    }

    /// All members of the pools that were looked into for that.
    pub fn taken(&self, path: &Pools, states: &States) -> Vec<&Place> {
        let behind = |place: &Place| states.behind.get(&place.host).copied().unwrap_or_default();
        let state = |place: &Place| if behind(place) <= LAG { states.of(place) } else { "down" };
        let enough = |pools: &usize| {
            let found = self.walk(&path[..*pools], state);
            found.iter().map(|(all, _)| all.len()).sum::<usize>() >= MIN
        };
        let pools = (1..=path.len()).find(enough).unwrap_or(path.len());
        path[..pools].iter().flat_map(|pool| self.members(pool)).collect()
    }

    /// Whether nothing on the path works.
    pub fn is_dead(&self, path: &Pools, states: &States) -> bool {
        path.iter()
            .flat_map(|pool| self.members(pool))
            .all(|place| !matches!(states.of(place), "up" | "old"))
    }

    fn walk(&self, path: &[String], state: impl Fn(&Place) -> &'static str) -> Vec<Group> {
        let mut out: Vec<Group> = Vec::new();
        let mut seen: BTreeSet<Ipv4Addr> = BTreeSet::new();
        for pool in path {
            let members = self.members(pool);
            let of = |wanted: &str| -> BTreeSet<Ipv4Addr> {
                let members = members.iter().filter(|place| state(place) == wanted);
                members.map(|place| place.address).filter(|a| !seen.contains(a)).collect()
            };
            let mut fresh = of("up");
            if seen.len() + fresh.len() < MIN {
                fresh.extend(of("old"));
            }
            let (before, here) = (seen.len(), fresh.len());
            seen.extend(&fresh);
            // All of them, but where the earlier ones lack only some.
            let lacking = if before == 0 { here } else { MIN - before };
            if here > 0 {
                out.push((fresh, lacking.min(here)));
            }
            if seen.len() >= MIN {
                break;
            }
        }
        out
    }

    fn members(&self, pool: &str) -> Vec<&Place> {
        let within = |place: &&Place| match pool.strip_prefix("continent:") {
            Some(continent) => self.countries[&place.country].continent == continent,
            None => pool == "world" || place.country == pool,
        };
        self.places.iter().filter(within).collect()
    }

    /// Networks of the database, about as many as asked for, evenly from all of it; IPv6 without
    /// what repeats IPv4.
    pub fn networks(&self, ipv6: bool, about: usize) -> Vec<(IpAddr, u8)> {
        let range = if ipv6 { "2000::/3" } else { "0.0.0.0/0" }.parse().unwrap();
        let networks = self.reader.within(range, WithinOptions::default()).unwrap();
        let networks: Vec<_> = networks.map(|found| found.unwrap().network().unwrap()).collect();
        let step = (networks.len() / about).max(1);
        networks.iter().step_by(step).map(|network| (network.network(), network.prefix())).collect()
    }

    /// Whether a network beside that of this path lies within the prefix; the first such.
    pub fn other_path(&self, address: IpAddr, prefix: u8, than: &Pools) -> Option<(IpAddr, u8)> {
        let mut paths: HashMap<Option<String>, bool> = HashMap::new();
        self.other(address, prefix, |code| {
            *paths.entry(code).or_insert_with_key(|code| self.path(code.as_deref()) == *than)
        })
    }

    /// Whether a network of another country lies within the prefix; the first such.
    pub fn other_country(
        &self,
        address: IpAddr,
        prefix: u8,
        than: Option<&str>,
    ) -> Option<(IpAddr, u8)> {
        self.other(address, prefix, |code| code.as_deref() == than)
    }

    fn other(
        &self,
        address: IpAddr,
        prefix: u8,
        mut same: impl FnMut(Option<String>) -> bool,
    ) -> Option<(IpAddr, u8)> {
        let range = format!("{address}/{prefix}").parse().unwrap();
        let all = WithinOptions::default().include_networks_without_data();
        self.reader.within(range, all).unwrap().find_map(|found| {
            let found = found.unwrap();
            let same = same(self.area(&found));
            let network = found.network().unwrap();
            (!same).then(|| (network.network(), network.prefix()))
        })
    }
}

impl States {
    fn of(&self, place: &Place) -> &'static str {
        let host = self.hosts.get(&place.host).copied().unwrap_or("up");
        self.addresses.get(&place.address).copied().unwrap_or(host)
    }
}

/// code,aliases,name,continent,latitude,longitude, the name maybe in quotes with commas.
fn countries(table: &str) -> BTreeMap<String, Country> {
    let lines = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    let country = |line: &str| {
        let code = line.split(',').next().unwrap().to_owned();
        let fields: Vec<&str> = line.rsplitn(4, ',').collect();
        let [longitude, latitude] =
            [0, 1].map(|at: usize| fields[at].parse::<f64>().unwrap().to_radians());
        let point =
            [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()];
        (code, Country { continent: fields[2].to_owned(), point })
    };
    lines.map(country).collect()
}

/// The angle between two points of the sphere: great-circle distance in earth radii.
fn angle(a: [f64; 3], b: [f64; 3]) -> f64 {
    let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
    let length = cross.iter().map(|c| c * c).sum::<f64>().sqrt();
    length.atan2(a.iter().zip(b).map(|(a, b)| a * b).sum())
}
