//! Makes the paths of a fleet.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::exclusions::{Exclusions, UNRESTRICTED};
use super::pools::{MAX_PATHS, Path, PathChoice, PathId, Paths, Pool, PoolMembers};
use crate::fleet::Fleet;
use crate::geo::area::Area;
use crate::geo::country::{Continent, Country};
use crate::zone::file::PoolRef;

/// Number of neighbouring countries on a path, unless the zone file lists them.
const NEIGHBOURS: usize = 2;

/// Most mirrors in all variants of one pool. With more, names of a fixed path leave restricted
/// mirrors out for all clients.
const MAX_VARIANT_MIRRORS: usize = 1 << 22;

/// What paths are made from.
#[derive(Debug)]
pub(super) struct PathInputs<'p> {
    /// The fleet.
    pub fleet: &'p Fleet,
    /// The neighbours that the zone file lists.
    pub neighbours: &'p [(Country, Vec<Country>)],
    /// What the clients of countries need, in kbit/s.
    pub demand: &'p [(Country, u64)],
    /// The pool of clients of unknown location.
    pub unknown: &'p PoolRef,
    /// The pools to which names refer.
    pub named: &'p [PoolRef],
    /// The continents of clients of which no more is known.
    pub continents: &'p BTreeSet<Continent>,
    /// The mirrors that some clients may not get.
    pub exclusions: Exclusions,
    /// Whether it is known where any client is. Otherwise names of a fixed path leave restricted
    /// mirrors out for all clients.
    pub locates: bool,
}

/// A path before its pools are looked up.
struct PathRequest {
    pools: Vec<Pool>,
    /// The mirrors that its own clients may not get, in ascending order.
    excluded: Vec<u32>,
    /// What its clients need, in kbit/s, if it is declared.
    demand: Option<u64>,
}

/// Collects the distinct pools and paths of a fleet.
struct PathBuilder<'f> {
    fleet: &'f Fleet,
    exclusions: &'f Exclusions,
    neighbours: HashMap<Country, &'f [Country]>,
    demand: HashMap<Country, u64>,
    /// Countries in which mirrors are.
    hosts: Vec<Country>,
    /// Pools that are not on a path yet.
    unused: HashMap<Pool, PoolMembers>,
    pools: Vec<PoolMembers>,
    pool_numbers: HashMap<Pool, usize>,
    /// Pools without some of their mirrors, by the number of the whole pool and these mirrors.
    variants: HashMap<(usize, Vec<u32>), usize>,
    paths: Vec<Path>,
    path_numbers: HashMap<Path, PathId>,
}

impl PathInputs<'_> {
    /// The paths of every country, of clients with unknown location, of the pools to which names
    /// refer, and of the continents. The caller checks that there are no more than [`MAX_PATHS`].
    pub(super) fn paths(self) -> Paths {
        let Self { fleet, unknown, named, continents, .. } = self;
        if fleet.enabled().next().is_none() {
            return empty(self.exclusions);
        }
        let mut builder = PathBuilder::new(&self);
        let of_country = Country::all().map(|country| builder.country(country)).collect();
        let unknown = builder.request(unknown);
        let undistinguished = builder.without(&unknown, &self.exclusions.restricted());
        let unknown_path = builder.path(&unknown);
        let mut bases = BTreeMap::new();
        for pool in named {
            for request in builder.requests(pool) {
                bases.insert(builder.path(&request), request);
            }
            if matches!(pool, PoolRef::OfName) {
                bases.insert(unknown_path, builder.request(self.unknown));
            }
        }
        let of_continent = continents.iter().map(|continent| {
            let class = self.exclusions.class_of(Area::Continent(*continent));
            let excluded = self.exclusions.of_class(class).to_vec();
            let pools = vec![Pool::Continent(*continent), Pool::World];
            (*continent, builder.path(&PathRequest { pools, excluded, demand: None }))
        });
        let of_continent = of_continent.collect();
        let mut choices = HashMap::new();
        let mut variants = Vec::new();
        if !self.exclusions.is_empty() {
            let by_class = self.locates && builder.may_have_variants(bases.len());
            for (base, request) in &bases {
                builder.add_variants(*base, request, by_class, &mut choices, &mut variants);
            }
        }
        let PathBuilder { pools, paths, .. } = builder;
        Paths {
            pools,
            paths,
            of_country,
            of_continent,
            unknown: unknown_path,
            undistinguished,
            choices,
            variants,
            exclusions: self.exclusions,
        }
    }
}

/// The paths of a static zone, of which there may be many thousands: all clients share one empty
/// path.
fn empty(exclusions: Exclusions) -> Paths {
    Paths {
        pools: Vec::new(),
        paths: vec![Path { pools: Vec::new(), demand: None }],
        exclusions,
        of_country: Vec::new(),
        of_continent: Vec::new(),
        unknown: 0,
        undistinguished: 0,
        choices: HashMap::new(),
        variants: Vec::new(),
    }
}

impl<'f> PathBuilder<'f> {
    fn new(inputs: &'f PathInputs<'_>) -> Self {
        let fleet = inputs.fleet;
        let mut hosts: Vec<Country> = fleet.enabled().map(|(_, mirror)| mirror.country).collect();
        hosts.sort_unstable();
        hosts.dedup();
        Self {
            fleet,
            exclusions: &inputs.exclusions,
            neighbours: inputs
                .neighbours
                .iter()
                .map(|(country, next)| (*country, next.as_slice()))
                .collect(),
            demand: inputs.demand.iter().copied().collect(),
            hosts,
            unused: gather(fleet),
            pools: Vec::new(),
            pool_numbers: HashMap::new(),
            variants: HashMap::new(),
            paths: Vec::new(),
            path_numbers: HashMap::new(),
        }
    }

    /// The paths of names with this pool. A name that depends on the client has none of its own.
    fn requests(&self, pool: &PoolRef) -> Vec<PathRequest> {
        match pool {
            PoolRef::OfName => Country::all().map(|country| self.of_country(country)).collect(),
            PoolRef::Client => Vec::new(),
            pool => vec![self.request(pool)],
        }
    }

    fn request(&self, pool: &PoolRef) -> PathRequest {
        let first = match pool {
            PoolRef::Country(country) => return self.of_country(*country),
            PoolRef::Continent(continent) => Some(Pool::Continent(*continent)),
            PoolRef::Named(name) => Some(Pool::Named(name.clone())),
            PoolRef::World | PoolRef::OfName | PoolRef::Client => None,
        };
        let pools = first.into_iter().chain([Pool::World]).collect();
        let excluded = self.exclusions.of_class(UNRESTRICTED).to_vec();
        PathRequest { pools, excluded, demand: None }
    }

    /// The path of a country: the country itself, its neighbours, its continent, the world; without
    /// the mirrors that its clients may not get.
    fn of_country(&self, country: Country) -> PathRequest {
        let mut pools = vec![Pool::Country(country)];
        pools.extend(self.next_to(country).into_iter().map(Pool::Country));
        pools.push(Pool::Continent(country.continent()));
        pools.push(Pool::World);
        let class = self.exclusions.class_of(Area::Country(country));
        let excluded = self.exclusions.of_class(class).to_vec();
        PathRequest { pools, excluded, demand: self.demand.get(&country).copied() }
    }

    fn country(&mut self, country: Country) -> PathId {
        let request = self.of_country(country);
        self.path(&request)
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

    /// Whether the variants of this many paths are few enough to be made.
    fn may_have_variants(&self, bases: usize) -> bool {
        let classes = self.exclusions.classes().len();
        self.paths.len() + bases * (classes + 1) <= MAX_PATHS
            && classes * classes * self.fleet.mirrors.len() <= MAX_VARIANT_MIRRORS
    }

    /// Makes the variants of a path to which names refer: one for each class of clients, and one
    /// for clients of which nothing is known. If not `by_class`, the latter is for all clients.
    fn add_variants(
        &mut self,
        base: PathId,
        request: &PathRequest,
        by_class: bool,
        choices: &mut HashMap<PathId, PathChoice>,
        variants: &mut Vec<PathId>,
    ) {
        let exclusions = self.exclusions;
        let for_all = self.without(request, &exclusions.restricted());
        if for_all == base {
            return;
        }
        if !by_class {
            choices.insert(base, PathChoice::Path(for_all));
            return;
        }
        // There are fewer than `MAX_PATHS`.
        let number = (variants.len() / (exclusions.classes().len() + 1)) as u16;
        choices.insert(base, PathChoice::Restricted(number));
        for class in exclusions.classes() {
            let path = self.without(request, class);
            variants.push(path);
        }
        variants.push(for_all);
    }

    /// The number of a path without these mirrors and those that its own clients may not get.
    fn without(&mut self, request: &PathRequest, mirrors: &[u32]) -> PathId {
        let both: BTreeSet<u32> = request.excluded.iter().chain(mirrors).copied().collect();
        let (pools, excluded) = (request.pools.clone(), both.into_iter().collect());
        self.path(&PathRequest { pools, excluded, demand: request.demand })
    }

    /// The number of the path through those of the pools that have mirrors.
    fn path(&mut self, request: &PathRequest) -> PathId {
        let mut numbers: Vec<usize> = Vec::new();
        for pool in &request.pools {
            if let Some(number) = self.pool(pool)
                && let number = self.pool_without(number, &request.excluded)
                && !numbers.contains(&number)
            {
                numbers.push(number);
            }
        }
        let path = Path { pools: numbers, demand: request.demand };
        // Numbers that do not fit are never used: more than MAX_PATHS paths are a compile problem.
        let next = PathId::try_from(self.paths.len()).unwrap_or(PathId::MAX);
        *self.path_numbers.entry(path.clone()).or_insert_with(|| {
            self.paths.push(path);
            next
        })
    }

    /// Index of a pool in `pools`; `None` when it has no mirrors.
    fn pool(&mut self, pool: &Pool) -> Option<usize> {
        if let Some(number) = self.pool_numbers.get(pool) {
            return Some(*number);
        }
        let members = self.unused.remove(pool)?;
        self.pools.push(members);
        self.pool_numbers.insert(pool.clone(), self.pools.len() - 1);
        Some(self.pools.len() - 1)
    }

    /// Index of the pool with this index without the `excluded` mirrors. It stays a pool of its
    /// paths even if no mirror is left, so that explanations can say why.
    fn pool_without(&mut self, number: usize, excluded: &[u32]) -> usize {
        let Some(whole) = self.pools.get(number).filter(|_| !excluded.is_empty()) else {
            return number;
        };
        let is_member = |mirror: &u32| whole.mirrors.binary_search(mirror).is_ok();
        let left_out: Vec<u32> = excluded.iter().copied().filter(is_member).collect();
        if left_out.is_empty() {
            return number;
        }
        let key = (number, left_out);
        if let Some(known) = self.variants.get(&key) {
            return *known;
        }
        let left_out = key.1.clone();
        let is_left = |mirror: &u32| left_out.binary_search(mirror).is_err();
        let mirrors: Vec<u32> = whole.mirrors.iter().copied().filter(is_left).collect();
        let mut left = mirrors.iter().filter_map(|at| self.fleet.mirrors.get(*at as usize));
        let has_ipv4 = left.any(|mirror| !mirror.ipv4.is_empty());
        let members = PoolMembers { pool: whole.pool.clone(), mirrors, left_out, has_ipv4 };
        self.pools.push(members);
        self.variants.insert(key, self.pools.len() - 1);
        self.pools.len() - 1
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
            let new = || PoolMembers {
                pool: pool.clone(),
                mirrors: Vec::new(),
                left_out: Vec::new(),
                has_ipv4: false,
            };
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
