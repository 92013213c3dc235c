//! Pools and paths: who could be answered, whatever the mirrors' health.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use crate::fleet::{Fleet, Mirror};
use crate::geo::area::Area;
use crate::geo::country::{Continent, Country};
use crate::zone::file::PoolRef;

/// How many neighbouring countries a path has when nobody names them.
const NEIGHBOURS: usize = 2;

/// A set of mirrors by what they have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pool {
    /// Mirrors that stand in the country or serve it.
    Country(Country),
    /// Mirrors that stand on the continent.
    Continent(Continent),
    /// All mirrors.
    World,
    /// Mirrors that name the pool.
    Named(String),
}

/// A path's number.
pub type PathId = u16;

/// Most paths of a plan: their numbers and two marks of the table of clients fit 16 bits.
pub const MAX_PATHS: usize = PathId::MAX as usize - 1;

/// Along which path a name is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// The client's.
    Client,
    /// Always the same.
    Path(PathId),
}

/// The ordered pools that a client's network is served from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// Indexes into [`Paths::pools`]; none is empty of mirrors.
    pub pools: Vec<usize>,
}

/// A pool that has mirrors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    /// What they have in common.
    pub pool: Pool,
    /// Their index in the fleet, rising.
    pub mirrors: Vec<u32>,
    /// Whether any has an IPv4 address.
    pub has_ipv4: bool,
}

/// All pools and paths of a fleet.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The pools that paths lead through.
    pub pools: Vec<Members>,
    /// Distinct paths, by number.
    pub paths: Vec<Path>,
    of_country: Vec<PathId>,
    /// Of clients of whom the continent alone is known, where there are such.
    of_continent: Vec<(Continent, PathId)>,
    unknown: PathId,
}

/// Gathers pools and paths, each once.
struct Builder<'f> {
    neighbours: HashMap<Country, &'f [Country]>,
    /// Countries in which mirrors stand.
    hosts: Vec<Country>,
    /// Those that no path led through yet.
    unused: HashMap<Pool, Members>,
    pools: Vec<Members>,
    pool_numbers: HashMap<Pool, usize>,
    paths: Vec<Path>,
    path_numbers: HashMap<Path, PathId>,
}

impl Paths {
    /// The paths of every country, of `unknown` clients, of the pools that names refer to, and of the `continents` on which
    /// clients are of whom no more is known.
    pub fn new(
        fleet: &Fleet,
        neighbours: &[(Country, Vec<Country>)],
        unknown: &PoolRef,
        named: &[PoolRef],
        continents: &BTreeSet<Continent>,
    ) -> Self {
        if fleet.enabled().next().is_none() {
            // A static zone: there may be many thousand. All its clients have one path, which is
            // empty.
            let (pools, paths, of_country) =
                (Vec::new(), vec![Path { pools: Vec::new() }], Vec::new());
            return Self { pools, paths, of_country, of_continent: Vec::new(), unknown: 0 };
        }
        let mut hosts: Vec<Country> = fleet.enabled().map(|(_, mirror)| mirror.country).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let mut builder = Builder {
            neighbours: neighbours
                .iter()
                .map(|(country, next)| (*country, next.as_slice()))
                .collect(),
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

    /// The path of a client that is there; of one that nobody can place, that of unknown clients.
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

    /// The continents of clients of whom no more is known, with their paths.
    pub fn of_continents(&self) -> &[(Continent, PathId)] {
        &self.of_continent
    }

    /// The path that a name's pool stands for; `country` is the name's own.
    pub fn of_pool(&self, pool: &PoolRef, country: Option<Country>) -> Along {
        Along::Path(match pool {
            PoolRef::Client => return Along::Client,
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

    /// Whether it starts with another country than its clients': theirs has no mirrors. Where they share it with the clients
    /// of the country that it starts with, it does not.
    pub fn leads_away(&self, path: PathId) -> bool {
        let first = self.get(path).and_then(|path| self.along(path).next());
        matches!(first.map(|members| &members.pool), Some(Pool::Country(country)) if self.of_client(*country) != path)
    }

    /// The pool's mirrors, by their index in the fleet; none when it has no mirrors at all.
    pub fn members(&self, pool: &Pool) -> Option<&[u32]> {
        self.pools
            .iter()
            .find(|other| other.pool == *pool)
            .map(|members| members.mirrors.as_slice())
    }

    /// The pools of a path, in their order.
    pub fn along(&self, path: &Path) -> impl Iterator<Item = &Members> {
        path.pools.iter().filter_map(|pool| self.pools.get(*pool))
    }

    /// The path that is `first` (when it has mirrors) and the world; it is there for every pool that a name refers to.
    fn starting_with(&self, first: Option<&Pool>) -> PathId {
        let number = |pool: &Pool| self.pools.iter().position(|other| other.pool == *pool);
        let pools: Vec<usize> =
            first.and_then(number).into_iter().chain(number(&Pool::World)).collect();
        let at = self.paths.iter().position(|path| path.pools == pools);
        at.map_or(self.unknown, |at| at as PathId)
    }
}

impl Builder<'_> {
    fn of(&mut self, pool: &PoolRef) -> PathId {
        match pool {
            PoolRef::Country(country) => self.country(*country),
            PoolRef::Continent(continent) => {
                self.path(vec![Pool::Continent(*continent), Pool::World])
            }
            PoolRef::Named(name) => self.path(vec![Pool::Named(name.clone()), Pool::World]),
            PoolRef::World | PoolRef::OfName | PoolRef::Client => self.path(vec![Pool::World]),
        }
    }

    /// Own country, neighbours, continent, world.
    fn country(&mut self, country: Country) -> PathId {
        let mut pools = vec![Pool::Country(country)];
        pools.extend(self.next_to(country).into_iter().map(Pool::Country));
        pools.push(Pool::Continent(country.continent()));
        pools.push(Pool::World);
        self.path(pools)
    }

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

    fn path(&mut self, pools: Vec<Pool>) -> PathId {
        let mut numbers: Vec<usize> = Vec::new();
        for pool in pools {
            if let Some(number) = self.pool(pool)
                && !numbers.contains(&number)
            {
                numbers.push(number);
            }
        }
        let path = Path { pools: numbers };
        let next = self.paths.len() as PathId;
        *self.path_numbers.entry(path.clone()).or_insert_with(|| {
            self.paths.push(path);
            next
        })
    }

    /// The pool's number; none when no mirror is in it.
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

/// Every pool that has mirrors, in one pass over the fleet.
fn gather(fleet: &Fleet) -> HashMap<Pool, Members> {
    let mut out: HashMap<Pool, Members> = HashMap::new();
    for (index, mirror) in fleet.enabled() {
        let countries = std::iter::once(mirror.country).chain(mirror.serves.iter().copied());
        let named = mirror.pools.iter().cloned().map(Pool::Named);
        let wide = [Pool::Continent(mirror.country.continent()), Pool::World];
        for pool in countries.map(Pool::Country).chain(wide).chain(named) {
            let new = || Members { pool: pool.clone(), mirrors: Vec::new(), has_ipv4: false };
            let members = out.entry(pool.clone()).or_insert_with(new);
            // Whatever a mirror says twice, it is in a pool once.
            if members.mirrors.last() != Some(&(index as u32)) {
                members.mirrors.push(index as u32);
            }
            members.has_ipv4 |= !mirror.ipv4.is_empty();
        }
    }
    out
}

impl Pool {
    /// Whether a mirror is in it.
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
    fn pools_are_gathered_as_mirrors_are_in_them() {
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
