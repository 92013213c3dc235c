//! Reads a zone's TOML file: its origin, its dynamic names and from what they are answered.

use std::fmt;

use crate::geo::country::{Continent, Country};
use crate::problem::table::{Document, Placed, Table, read};
use crate::problem::{Problems, Spot};

/// The placeholder of country codes in origins and owners.
pub const CC: &str = "{cc}";
/// The placeholder of database names in owners.
pub const DB: &str = "{db}";

/// A zone's TOML file.
#[derive(Debug, Clone)]
pub struct ZoneFile {
    /// The zone's name; with `{cc}`, one zone for each country code.
    pub origin: Placed<String>,
    /// Path of the master file, as written.
    pub records: Placed<String>,
    /// Path of the fleet file, as written; a purely static zone has none.
    pub mirrors: Option<Placed<String>>,
    /// What holds for names that say nothing else.
    pub answer: AnswerDefaults,
    /// Path of clients that the country database does not know.
    pub unknown: Placed<PoolRef>,
    /// The dynamic names.
    pub names: Vec<DynamicName>,
    /// Countries whose neighbours are given rather than measured.
    pub neighbours: Vec<(Country, Vec<Country>)>,
    /// The file as a whole.
    pub whole: Spot,
}

/// Limits of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswerDefaults {
    /// Time to live in seconds.
    pub ttl: u32,
    /// Most addresses in an answer; 0: all.
    pub max: u16,
    /// The path is followed until there are this many addresses.
    pub min: u16,
}

/// A name whose answer is made from pools or from the release.
#[derive(Debug, Clone)]
pub struct DynamicName {
    /// The owner, relative to the origin, maybe with a placeholder.
    pub owner: Placed<String>,
    /// From what it is answered.
    pub kind: NameKind,
    /// Its own TTL in seconds.
    pub ttl: Option<u32>,
    /// Its own maximum.
    pub max: Option<u16>,
    /// Its own minimum.
    pub min: Option<u16>,
}

/// From what a dynamic name is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameKind {
    /// Addresses of mirrors.
    Pool {
        /// Whose path is followed.
        pool: PoolRef,
        /// Which types exist at the name.
        families: Families,
    },
    /// The version record, TXT.
    Record,
    /// The version of one database, TXT; its owner has `{db}`.
    Database,
    /// Download reports of old clients: answered with 127.0.0.1.
    Ping,
}

/// Which address types a pool name has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Families {
    /// A and AAAA, both from the pools that A is drawn from.
    Both,
    /// A alone.
    V4,
    /// AAAA alone: the path is followed for IPv6.
    V6,
}

/// Whose path answers a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolRef {
    /// The country of the name itself (`{cc}`).
    OfName,
    /// The client's network.
    Client,
    /// A country.
    Country(Country),
    /// A continent.
    Continent(Continent),
    /// All mirrors.
    World,
    /// A pool that mirrors name themselves.
    Named(String),
}

/// TTL of ping names in seconds: each report has a name of its own, nothing is gained by keeping the answer.
pub const PING_TTL: u32 = 60;

/// RFC 2181 section 8: a TTL has 31 bits.
const MAX_TTL: u64 = 0x7fff_ffff;

impl ZoneFile {
    /// Reads the file; everything wrong in it is noted.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        let document = Document::new(file, text);
        let whole = document.whole();
        let mut root = document.parse(problems)?;
        let format = root.require(
            "format",
            "1, the version of this file's form",
            problems,
            read::integer(0..=u64::MAX),
        );
        if let Some(format) = format
            && format.value != 1
        {
            problems.error(
                format.spot,
                format!("format {} is not known", format.value),
                "this version of cvdns reads format 1",
            );
            return None;
        }
        let origin =
            root.require("origin", "the zone's name, such as \"clamav.net\"", problems, read::string);
        let records =
            root.require("records", "the master file, such as \"clamav.net.zone\"", problems, read::string);
        let mirrors = root.get("mirrors", "the fleet file, such as \"mirrors.toml\"", problems, read::string);
        let (answer, unknown) = answer_section(&mut root, problems);
        let names = root.tables("name", problems);
        let names: Vec<DynamicName> = names.into_iter().filter_map(|table| name(table, problems)).collect();
        let neighbours = root.tables("neighbours", problems);
        let neighbours = neighbours.into_iter().filter_map(|table| neighbour(table, problems)).collect();
        root.finish(problems);
        let unknown = unknown.unwrap_or_else(|| Placed { value: PoolRef::World, spot: whole.clone() });
        let file =
            Self { origin: origin?, records: records?, mirrors, answer, unknown, names, neighbours, whole };
        file.check(problems);
        Some(file)
    }

    fn check(&self, problems: &mut Problems) {
        let origin_cc = self.origin.value.contains(CC);
        if let PoolRef::OfName | PoolRef::Client = self.unknown.value {
            problems.error(
                self.unknown.spot.clone(),
                "`unknown` must not depend on the client or the name",
                "write a pool or a country: \"world\", \"pool:other\", \"US\"",
            );
        }
        for name in &self.names {
            let spot = name.owner.spot.clone();
            let owner = &name.owner.value;
            let pool = matches!(name.kind, NameKind::Pool { .. });
            if pool && self.mirrors.is_none() {
                problems.error(
                    spot.clone(),
                    format!("`{owner}` is answered from mirrors, and the zone has none"),
                    "add `mirrors = \"mirrors.toml\"` at the top of the file",
                );
            }
            let of_name = matches!(name.kind, NameKind::Pool { pool: PoolRef::OfName, .. });
            if of_name && !owner.contains(CC) && !origin_cc {
                problems.error(
                    spot.clone(),
                    format!("`{owner}` names no country for its pool \"{CC}\""),
                    format!("write `{CC}` into the owner, or name a pool"),
                );
            }
            if owner.contains(DB) != (name.kind == NameKind::Database) {
                problems.error(
                    spot,
                    format!("`{DB}` in the owner and `txt = \"database\"` go together"),
                    format!("write owner = \"{DB}.cvd\" with txt = \"database\""),
                );
            }
        }
        for (index, (country, _)) in self.neighbours.iter().enumerate() {
            if self.neighbours.iter().take(index).any(|(earlier, _)| earlier == country) {
                let what = format!("the neighbours of {country} are given twice");
                problems.error(self.whole.clone(), what, "keep one [[neighbours]] for each country");
            }
        }
    }
}

fn answer_section(
    root: &mut Table<'_>,
    problems: &mut Problems,
) -> (AnswerDefaults, Option<Placed<PoolRef>>) {
    let mut answer = AnswerDefaults { ttl: 60, max: 8, min: 2 };
    let Some(mut table) = root.table("answer", problems) else { return (answer, None) };
    let limits = limits(&mut table, problems);
    answer.ttl = limits.ttl.unwrap_or(answer.ttl);
    answer.max = limits.max.unwrap_or(answer.max);
    answer.min = limits.min.unwrap_or(answer.min);
    let unknown = table.get(
        "unknown",
        "a pool or a country: \"world\", \"pool:other\", \"US\"",
        problems,
        read::parsed,
    );
    table.finish(problems);
    (answer, unknown)
}

struct Limits {
    ttl: Option<u32>,
    max: Option<u16>,
    min: Option<u16>,
}

fn limits(table: &mut Table<'_>, problems: &mut Problems) -> Limits {
    let ttl = table.get("ttl", "seconds", problems, read::integer(0..=MAX_TTL));
    let max = table.get("max", "a number of addresses; 0 for all", problems, read::integer(0..=4000));
    let min = table.get("min", "a number of addresses", problems, read::integer(1..=4000));
    Limits {
        ttl: ttl.map(|ttl| ttl.value as u32),
        max: max.map(|max| max.value as u16),
        min: min.map(|min| min.value as u16),
    }
}

fn name(mut table: Table<'_>, problems: &mut Problems) -> Option<DynamicName> {
    let owner =
        table.require("owner", "a name relative to the zone, such as \"db.local\"", problems, read::string);
    let spot = table.spot();
    let given = ["pool", "txt", "ping"].into_iter().filter(|key| table.has(key)).count();
    let errors_before = problems.counts().0;
    let pool = table.get("pool", POOLS, problems, read::parsed::<PoolRef>);
    let types = table.list("types", "[\"A\"], [\"AAAA\"] or both", problems, |value| match value.as_str() {
        Some("A") => Ok(Families::V4),
        Some("AAAA") => Ok(Families::V6),
        Some(other) => Err(format!("\"{other}\" is no address type")),
        None => Err(String::new()),
    });
    let txt = table.get("txt", "\"record\" or \"database\"", problems, |value| match value.as_str() {
        Some("record") => Ok(NameKind::Record),
        Some("database") => Ok(NameKind::Database),
        other => Err(other.map_or_else(String::new, |other| format!("\"{other}\" is not known"))),
    });
    let ping = table.get("ping", "true", problems, read::boolean).is_some_and(|ping| ping.value);
    let Limits { ttl, max, min } = limits(&mut table, problems);
    let has_types = types.is_some();
    let families = families(&types.unwrap_or_default());
    table.finish(problems);
    let kind = match (pool, txt, ping) {
        (Some(pool), None, false) => NameKind::Pool { pool: pool.value, families },
        (None, Some(txt), false) if !has_types => txt.value,
        (None, None, true) if !has_types => NameKind::Ping,
        // A value that could not be read was noted already.
        _ if given == 1 && problems.counts().0 > errors_before => return None,
        _ => {
            let what = if given == 1 {
                "`types` goes with `pool` only"
            } else {
                "the name has not exactly one of pool, txt, ping"
            };
            problems.error(
                spot,
                what,
                "write pool = \"…\", txt = \"record\", txt = \"database\" or ping = true",
            );
            return None;
        }
    };
    Some(DynamicName { owner: owner?, kind, ttl, max, min })
}

fn families(types: &[Placed<Families>]) -> Families {
    let has = |family| types.iter().any(|placed| placed.value == family);
    match (has(Families::V4), has(Families::V6)) {
        (true, false) => Families::V4,
        (false, true) => Families::V6,
        _ => Families::Both,
    }
}

fn neighbour(mut table: Table<'_>, problems: &mut Problems) -> Option<(Country, Vec<Country>)> {
    let expected = "an ISO 3166 code such as \"LI\"";
    let country = table.require("country", expected, problems, read::parsed::<Country>);
    let next = table.list("next", "[\"CH\", \"AT\"]", problems, read::parsed::<Country>);
    table.finish(problems);
    let next = next.unwrap_or_default().into_iter().map(|placed| placed.value).collect();
    Some((country?.value, next))
}

const POOLS: &str = "\"client\", \"{cc}\", \"world\", \"continent:EU\", \"pool:NAME\" or a country code";

impl std::str::FromStr for PoolRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("continent", code)) => Continent::parse(code)
                .map(Self::Continent)
                .ok_or_else(|| "continents are AF AN AS EU NA OC SA".to_owned()),
            Some(("pool", "")) => Err("the pool's name is missing".to_owned()),
            Some(("pool", name)) => Ok(Self::Named(name.to_owned())),
            Some(_) => Err("no such kind of pool".to_owned()),
            None => match text {
                "client" => Ok(Self::Client),
                "world" => Ok(Self::World),
                CC => Ok(Self::OfName),
                code => Country::parse(code).map(Self::Country).map_err(|e| e.to_string()),
            },
        }
    }
}

impl fmt::Display for PoolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfName => f.write_str(CC),
            Self::Client => f.write_str("client"),
            Self::World => f.write_str("world"),
            Self::Country(country) => f.write_str(country.code()),
            Self::Continent(continent) => write!(f, "continent:{}", continent.code()),
            Self::Named(name) => write!(f, "pool:{name}"),
        }
    }
}
