//! Pools and paths: the mirrors that may be answered, regardless of their health.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::exclusions::{ClassId, Exclusions};
use crate::fleet::Mirror;
use crate::geo::area::Area;
use crate::geo::country::{Continent, Country};
use crate::zone::file::PoolRef;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathChoice {
    /// The path of the client.
    Client,
    /// Always the same path.
    Path(PathId),
    /// Always the same path, but without the mirrors that the client may not get: the number of its
    /// variants ([`Paths::variant`]).
    Restricted(u16),
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

/// A pool that has at least one mirror, with the mirrors that the clients of a path may get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolMembers {
    /// The pool.
    pub pool: Pool,
    /// Indexes of these mirrors in the fleet, in ascending order.
    pub mirrors: Vec<u32>,
    /// The pool's other mirrors, which these clients may not get (`not-for`).
    pub left_out: Vec<u32>,
    /// Whether any of `mirrors` has an IPv4 address.
    pub has_ipv4: bool,
}

/// All pools and paths of a fleet.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The pools that are on any path, with all their mirrors and without those that clients may
    /// not get.
    pub pools: Vec<PoolMembers>,
    /// Distinct paths, by number.
    pub paths: Vec<Path>,
    /// The mirrors that some clients may not get.
    pub exclusions: Exclusions,
    pub(super) of_country: Vec<PathId>,
    /// For clients of which only the continent is known.
    pub(super) of_continent: Vec<(Continent, PathId)>,
    pub(super) unknown: PathId,
    /// The path of clients of which it is not known what they may not get.
    pub(super) undistinguished: PathId,
    /// How names with these paths are answered; other names are always answered from their path.
    pub(super) choices: HashMap<PathId, PathChoice>,
    /// The variants of paths, by number: one for each class of clients, and one without all
    /// mirrors that any client may not get.
    pub(super) variants: Vec<PathId>,
}

impl Paths {
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

    /// The paths that clients can have, in ascending order.
    pub fn of_clients(&self) -> BTreeSet<PathId> {
        let countries = self.of_country.iter().copied();
        let continents = self.of_continent.iter().map(|(_, path)| *path);
        countries.chain(continents).chain([self.unknown]).collect()
    }

    /// The paths of clients of which only the continent is known.
    pub fn of_continents(&self) -> &[(Continent, PathId)] {
        &self.of_continent
    }

    /// The path of a name with this pool; `country` is that of the name's `{cc}`.
    pub fn of_pool(&self, pool: &PoolRef, country: Option<Country>) -> PathChoice {
        let path = match pool {
            PoolRef::Client => return PathChoice::Client,
            PoolRef::OfName => self.of_client(country),
            PoolRef::Country(country) => self.of_client(*country),
            PoolRef::World => self.starting_with(None),
            PoolRef::Continent(continent) => self.starting_with(Some(&Pool::Continent(*continent))),
            PoolRef::Named(name) => self.starting_with(Some(&Pool::Named(name.clone()))),
        };
        self.choices.get(&path).copied().unwrap_or(PathChoice::Path(path))
    }

    /// A variant of a path: without the mirrors that clients of a class may not get.
    pub fn variant(&self, number: u16, class: ClassId) -> Option<PathId> {
        let width = self.exclusions.classes().len() + 1;
        let at = usize::from(number) * width + usize::from(class).min(width - 1);
        self.variants.get(at).copied()
    }

    /// All variants of a path.
    pub(super) fn variants_of(&self, number: u16) -> &[PathId] {
        let width = self.exclusions.classes().len() + 1;
        let first = usize::from(number) * width;
        self.variants.get(first..first + width).unwrap_or_default()
    }

    /// The path from which clients in an area are answered.
    pub fn asked_from(&self, choice: PathChoice, area: Area) -> PathId {
        match choice {
            PathChoice::Client => self.of_client(area),
            PathChoice::Path(path) => path,
            PathChoice::Restricted(number) => {
                self.variant(number, self.exclusions.class_of(area)).unwrap_or(self.unknown)
            }
        }
    }

    /// The path for clients of which nothing is known, not even what they may not get: without all
    /// mirrors that any client may not get.
    pub fn undistinguished(&self, choice: PathChoice) -> PathId {
        match choice {
            PathChoice::Client => self.undistinguished,
            PathChoice::Path(path) => path,
            PathChoice::Restricted(number) => {
                self.variant(number, ClassId::MAX).unwrap_or(self.undistinguished)
            }
        }
    }

    /// Whether names have variants of their path, for clients that may not get some mirrors.
    pub fn has_variants(&self) -> bool {
        !self.variants.is_empty()
    }

    /// Whether names leave restricted mirrors out for all clients, because it is not known where
    /// clients are or there would be too many variants.
    pub fn leaves_out_for_all(&self) -> bool {
        self.variants.is_empty() && !self.choices.is_empty()
    }

    /// The pools that are on any path, with all their mirrors.
    pub fn whole_pools(&self) -> impl Iterator<Item = &PoolMembers> {
        self.pools.iter().filter(|members| members.left_out.is_empty())
    }

    /// The path of this number.
    pub fn get(&self, path: PathId) -> Option<&Path> {
        self.paths.get(usize::from(path))
    }

    /// Whether a path begins with another country than that of its clients, which has no mirrors.
    /// False when the clients share the path with those of the country with which it begins.
    pub fn leads_away(&self, path: PathId) -> bool {
        let pools = |path| self.get(path).into_iter().flat_map(|path| self.along(path));
        let pools = |path| pools(path).map(|members| &members.pool);
        matches!(pools(path).next(), Some(Pool::Country(country))
            if !pools(self.of_client(*country)).eq(pools(path)))
    }

    /// Indexes in the fleet of a pool's mirrors; `None` when it has no mirrors.
    pub fn members(&self, pool: &Pool) -> Option<&[u32]> {
        self.whole_pools()
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
        let is_whole =
            |other: &PoolMembers, pool: &Pool| other.left_out.is_empty() && other.pool == *pool;
        let number = |pool: &Pool| self.pools.iter().position(|other| is_whole(other, pool));
        let pools: Vec<usize> =
            first.and_then(number).into_iter().chain(number(&Pool::World)).collect();
        let at = self.paths.iter().position(|path| path.pools == pools && path.demand.is_none());
        at.and_then(|at| PathId::try_from(at).ok()).unwrap_or(self.unknown)
    }
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
