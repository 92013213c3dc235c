//! Pools and paths: the mirrors that may be answered, regardless of their health.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use crate::fleet::{Fleet, Mirror};
use crate::geo::area::Area;
use crate::geo::country::{Continent, Country};
use crate::zone::file::PoolRef;

/// Number of neighbouring countries on a path, unless the zone file lists them.
const NEIGHBOURS: usize = 2;

/// A set of mirrors with a common property.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pool {
    /// Mirrors that are in the country or serve it.
    Country(Country),
    /// Mirrors that are on the continent.
    Continent(Continent),
    /// All mirrors.
    World,
    /// Mirrors that list the pool by name.
    Named(String),
}

/// Number of a path.
pub type PathId = u16;

/// Most paths of a plan: their numbers and two markers of the client table fit into 16 bits.
pub const MAX_PATHS: usize = PathId::MAX as usize - 1;

/// Which path is followed for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathChoice {
    /// The path of the client.
    Client,
    /// Always the same path.
    Path(PathId),
}

/// The pools that are visited, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// Indexes into [`Paths::pools`].
    pub pools: Vec<usize>,
    /// What the clients need, in kbit/s, if it is declared. Clients with different demand have
    /// different paths.
    pub demand: Option<u64>,
}

/// A pool that has at least one mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolMembers {
    /// The pool.
    pub pool: Pool,
    /// Indexes of its mirrors in the fleet, in ascending order.
    pub mirrors: Vec<u32>,
    /// Whether any of its mirrors has an IPv4 address.
    pub has_ipv4: bool,
}

/// All pools and paths of a fleet.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The pools that are on any path.
    pub pools: Vec<PoolMembers>,
    /// Distinct paths, by number.
    pub paths: Vec<Path>,
    of_country: Vec<PathId>,
    /// For clients of which only the continent is known.
    of_continent: Vec<(Continent, PathId)>,
    unknown: PathId,
}

/// Collects the distinct pools and paths of a fleet.
struct PathBuilder<'f> {
    neighbours: HashMap<Country, &'f [Country]>,
    /// What the clients of countries need, in kbit/s.
    demand: HashMap<Country, u64>,
    /// Countries in which mirrors are.
    hosts: Vec<Country>,
    /// Pools that are not on a path yet.
    unused: HashMap<Pool, PoolMembers>,
    pools: Vec<PoolMembers>,
    pool_numbers: HashMap<Pool, usize>,
    paths: Vec<Path>,
    path_numbers: HashMap<Path, PathId>,
}

impl Paths {
    /// The paths of every country, of clients with `unknown` location, of the pools to which names
    /// refer, and of the `continents` of clients of which no more is known. `demand` is what the
    /// clients of countries need, in kbit/s. The caller checks that there are no more than
    /// [`MAX_PATHS`].
    pub fn new(
        fleet: &Fleet,
        neighbours: &[(Country, Vec<Country>)],
        demand: &[(Country, u64)],
        unknown: &PoolRef,
        named: &[PoolRef],
        continents: &BTreeSet<Continent>,
    ) -> Self {
        if fleet.enabled().next().is_none() {
            // A static zone, of which there may be many thousands. All clients share one empty
            // path.
            let (pools, paths, of_country) =
                (Vec::new(), vec![Path { pools: Vec::new(), demand: None }], Vec::new());
            return Self { pools, paths, of_country, of_continent: Vec::new(), unknown: 0 };
        }
        let mut hosts: Vec<Country> = fleet.enabled().map(|(_, mirror)| mirror.country).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let mut builder = PathBuilder {
            neighbours: neighbours
                .iter()
                .map(|(country, next)| (*country, next.as_slice()))
                .collect(),
            demand: demand.iter().copied().collect(),
            hosts,
            unused: gather(fleet),
            pools: Vec::new(),
            pool_numbers: HashMap::new(),
            paths: Vec::new(),
            path_numbers: HashMap::new(),
        };
        let of_country = Country::all().map(|country| builder.country(country)).collect();
        let unknown = builder.of(unknown);
        for pool in named {
            builder.of(pool);
        }
        let of_continent = continents
            .iter()
            .map(|continent| (*continent, builder.of(&PoolRef::Continent(*continent))));
        let of_continent = of_continent.collect();
        Self { pools: builder.pools, paths: builder.paths, of_country, of_continent, unknown }
    }

    /// The path of a client in an area; if the area has none, that of clients with unknown
    /// location.
    pub fn of_client(&self, area: impl Into<Area>) -> PathId {
        let known = match area.into() {
            Area::Unknown => None,
            Area::Country(country) => self.of_country.get(country.index()).copied(),
            Area::Continent(continent) => {
                let of = self.of_continent.iter().find(|(other, _)| *other == continent);
                of.map(|(_, path)| *path)
            }
        };
        known.unwrap_or(self.unknown)
    }

    /// The paths of clients of which only the continent is known.
    pub fn of_continents(&self) -> &[(Continent, PathId)] {
        &self.of_continent
    }

    /// The path of a name with this pool; `country` is that of the name's `{cc}`.
    pub fn of_pool(&self, pool: &PoolRef, country: Option<Country>) -> PathChoice {
        PathChoice::Path(match pool {
            PoolRef::Client => return PathChoice::Client,
            PoolRef::OfName => self.of_client(country),
            PoolRef::Country(country) => self.of_client(*country),
            PoolRef::World => self.starting_with(None),
            PoolRef::Continent(continent) => self.starting_with(Some(&Pool::Continent(*continent))),
            PoolRef::Named(name) => self.starting_with(Some(&Pool::Named(name.clone()))),
        })
    }

    /// The path of this number.
    pub fn get(&self, path: PathId) -> Option<&Path> {
        self.paths.get(usize::from(path))
    }

    /// Whether a path begins with another country than that of its clients, which has no mirrors.
    /// False when the clients share the path with those of the country with which it begins.
    pub fn leads_away(&self, path: PathId) -> bool {
        let first = self.get(path).and_then(|path| self.along(path).next());
        matches!(first.map(|members| &members.pool), Some(Pool::Country(country)) if self.of_client(*country) != path)
    }

    /// Indexes in the fleet of a pool's mirrors; `None` when it has no mirrors.
    pub fn members(&self, pool: &Pool) -> Option<&[u32]> {
        self.pools
            .iter()
            .find(|other| other.pool == *pool)
            .map(|members| members.mirrors.as_slice())
    }

    /// The pools of a path, in order.
    pub fn along(&self, path: &Path) -> impl Iterator<Item = &PoolMembers> {
        path.pools.iter().filter_map(|pool| self.pools.get(*pool))
    }

    /// The path of `first`, if that has mirrors, and the world. It exists for every pool to which a
    /// name refers.
    fn starting_with(&self, first: Option<&Pool>) -> PathId {
        let number = |pool: &Pool| self.pools.iter().position(|other| other.pool == *pool);
        let pools: Vec<usize> =
            first.and_then(number).into_iter().chain(number(&Pool::World)).collect();
        let at = self.paths.iter().position(|path| path.pools == pools && path.demand.is_none());
        at.and_then(|at| PathId::try_from(at).ok()).unwrap_or(self.unknown)
    }
}

impl PathBuilder<'_> {
    /// The path of a name with this pool.
    fn of(&mut self, pool: &PoolRef) -> PathId {
        match pool {
            PoolRef::Country(country) => self.country(*country),
            PoolRef::Continent(continent) => {
                self.path(vec![Pool::Continent(*continent), Pool::World], None)
            }
            PoolRef::Named(name) => self.path(vec![Pool::Named(name.clone()), Pool::World], None),
            PoolRef::World | PoolRef::OfName | PoolRef::Client => {
                self.path(vec![Pool::World], None)
            }
        }
    }

    /// The path of a country: the country itself, its neighbours, its continent, the world.
    fn country(&mut self, country: Country) -> PathId {
        let mut pools = vec![Pool::Country(country)];
        pools.extend(self.next_to(country).into_iter().map(Pool::Country));
        pools.push(Pool::Continent(country.continent()));
        pools.push(Pool::World);
        let demand = self.demand.get(&country).copied();
        self.path(pools, demand)
    }

    /// The neighbours of a country: as the zone file lists them, or the nearest that have mirrors.
    fn next_to(&self, country: Country) -> Vec<Country> {
        if let Some(next) = self.neighbours.get(&country) {
            return next.to_vec();
        }
        let mut others: Vec<(f64, Country)> = self
            .hosts
            .iter()
            .filter(|c| **c != country)
            .map(|c| (country.distance_km(*c), *c))
            .collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        others.into_iter().take(NEIGHBOURS).map(|(_, country)| country).collect()
    }

    /// The number of the path through those of the pools that have mirrors. `demand` is what its
    /// clients need, in kbit/s.
    fn path(&mut self, pools: Vec<Pool>, demand: Option<u64>) -> PathId {
        let mut numbers: Vec<usize> = Vec::new();
        for pool in pools {
            if let Some(number) = self.pool(pool)
                && !numbers.contains(&number)
            {
                numbers.push(number);
            }
        }
        let path = Path { pools: numbers, demand };
        // Numbers that do not fit are never used: more than MAX_PATHS paths are a compile problem.
        let next = PathId::try_from(self.paths.len()).unwrap_or(PathId::MAX);
        *self.path_numbers.entry(path.clone()).or_insert_with(|| {
            self.paths.push(path);
            next
        })
    }

    /// Index of a pool in `pools`; `None` when it has no mirrors.
    fn pool(&mut self, pool: Pool) -> Option<usize> {
        if let Some(number) = self.pool_numbers.get(&pool) {
            return Some(*number);
        }
        let members = self.unused.remove(&pool)?;
        self.pools.push(members);
        self.pool_numbers.insert(pool, self.pools.len() - 1);
        Some(self.pools.len() - 1)
    }
}

/// Every pool that has mirrors, collected in one pass over the fleet.
fn gather(fleet: &Fleet) -> HashMap<Pool, PoolMembers> {
    let mut out: HashMap<Pool, PoolMembers> = HashMap::new();
    for (index, mirror) in fleet.enabled() {
        let countries = std::iter::once(mirror.country).chain(mirror.serves.iter().copied());
        let named = mirror.pools.iter().cloned().map(Pool::Named);
        let wide = [Pool::Continent(mirror.country.continent()), Pool::World];
        for pool in countries.map(Pool::Country).chain(wide).chain(named) {
            let new = || PoolMembers { pool: pool.clone(), mirrors: Vec::new(), has_ipv4: false };
            let members = out.entry(pool.clone()).or_insert_with(new);
            // A mirror may list a pool twice; it is a member once.
            if members.mirrors.last() != Some(&(index as u32)) {
                members.mirrors.push(index as u32);
            }
            members.has_ipv4 |= !mirror.ipv4.is_empty();
        }
    }
    out
}

impl Pool {
    /// Whether a mirror is in the pool.
    pub fn has(&self, mirror: &Mirror) -> bool {
        match self {
            Self::Country(country) => mirror.in_country(*country),
            Self::Continent(continent) => mirror.country.continent() == *continent,
            Self::World => true,
            Self::Named(name) => mirror.pools.contains(name),
        }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Country(country) => f.write_str(country.code()),
            Self::Continent(continent) => write!(f, "continent:{}", continent.code()),
            Self::World => f.write_str("world"),
            Self::Named(name) => write!(f, "pool:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problems;

    #[test]
    fn gathered_members_are_the_mirrors_in_the_pool() {
        let mut problems = Problems::default();
        let text = [
            ("a", "country = \"DE\"\nserves = [\"LI\", \"DE\"]\npools = [\"big\"]\nipv4 = [\"192.0.2.1\"]"),
            ("b", "country = \"JP\"\nipv6 = [\"2001:db8::1\"]"),
            ("c", "country = \"DE\"\nenabled = false\nipv4 = [\"192.0.2.2\"]"),
            ("d", "country = \"FR\"\npools = [\"big\", \"other\"]\nipv6 = [\"2001:db8::2\"]"),
        ]
        .map(|(host, rest)| format!("[[mirror]]\nhost = \"{host}\"\n{rest}\n"));
        let fleet = Fleet::parse("mirrors.toml", &text.concat(), &mut problems);
        assert!(!problems.has_errors());
        let gathered = gather(&fleet);
        assert_eq!(gathered.len(), 9, "DE LI JP FR, EU AS, world, big other");
        for (pool, members) in gathered {
            let held = || fleet.enabled().filter(|(_, mirror)| pool.has(mirror));
            assert!(held().map(|(index, _)| index as u32).eq(members.mirrors), "{pool}");
            assert_eq!(
                members.has_ipv4,
                held().any(|(_, mirror)| !mirror.ipv4.is_empty()),
                "{pool}"
            );
            assert_eq!(members.pool, pool);
        }
    }
}
