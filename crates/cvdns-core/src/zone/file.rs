//! Reads a zone's TOML file: its origin, its dynamic names and from what they are answered.

use std::fmt;

use crate::geo::country::{Continent, Country};
use crate::problem::table::{Document, Placed, Table, read};
use crate::problem::{Location, Problems};

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
    pub whole: Location,
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
                format.location,
                format!("format {} is not known", format.value),
                "this version of cvdns reads format 1",
            );
            return None;
        }
        let origin = root.require(
            "origin",
            "the zone's name, such as \"clamav.net\"",
            problems,
            read::string,
        );
        let records = root.require(
            "records",
            "the master file, such as \"clamav.net.zone\"",
            problems,
            read::string,
        );
        let mirrors =
            root.get("mirrors", "the fleet file, such as \"mirrors.toml\"", problems, read::string);
        let (answer, unknown) = answer_section(&mut root, problems);
        let names = root.tables("name", problems);
        let names: Vec<DynamicName> =
            names.into_iter().filter_map(|table| name(table, problems)).collect();
        let neighbours = neighbours(root.tables("neighbours", problems), problems);
        root.finish(problems);
        let unknown =
            unknown.unwrap_or_else(|| Placed { value: PoolRef::World, location: whole.clone() });
        let file = Self {
            origin: origin?,
            records: records?,
            mirrors,
            answer,
            unknown,
            names,
            neighbours,
            whole,
        };
        file.check(problems);
        Some(file)
    }

    fn check(&self, problems: &mut Problems) {
        let origin_cc = self.origin.value.contains(CC);
        if let PoolRef::OfName | PoolRef::Client = self.unknown.value {
            problems.error(
                self.unknown.location.clone(),
                "`unknown` must not depend on the client or the name",
                "write a pool or a country: \"world\", \"pool:other\", \"US\"",
            );
        }
        check_pattern(&self.origin, &[CC], problems);
        if self.answer.max != 0 && self.answer.min > self.answer.max {
            warn_limits(&self.whole, "[answer]", self.answer.min, self.answer.max, problems);
        }
        for name in &self.names {
            let location = name.owner.location.clone();
            let owner = &name.owner.value;
            check_pattern(&name.owner, &[CC, DB], problems);
            let (min, max) =
                (name.min.unwrap_or(self.answer.min), name.max.unwrap_or(self.answer.max));
            if (name.min.is_some() || name.max.is_some()) && max != 0 && min > max {
                warn_limits(&location, &format!("`{owner}`"), min, max, problems);
            }
            let pool = matches!(name.kind, NameKind::Pool { .. });
            if pool && self.mirrors.is_none() {
                problems.error(
                    location.clone(),
                    format!("`{owner}` is answered from mirrors, and the zone has none"),
                    "add `mirrors = \"mirrors.toml\"` at the top of the file",
                );
            }
            let of_name = matches!(name.kind, NameKind::Pool { pool: PoolRef::OfName, .. });
            if of_name && !owner.contains(CC) && !origin_cc {
                problems.error(
                    location.clone(),
                    format!("`{owner}` names no country for its pool \"{CC}\""),
                    format!("write `{CC}` into the owner, or name a pool"),
                );
            }
            if owner.contains(DB) != (name.kind == NameKind::Database) {
                problems.error(
                    location,
                    format!("`{DB}` in the owner and `txt = \"database\"` go together"),
                    format!("write owner = \"{DB}.cvd\" with txt = \"database\""),
                );
            }
        }
    }
}

/// Whether nothing but known placeholders and a name are in an origin or owner; what else is there is noted.
fn check_pattern(pattern: &Placed<String>, known: &[&str], problems: &mut Problems) {
    let text = &pattern.value;
    let rest = known.iter().fold(text.clone(), |rest, placeholder| rest.replace(placeholder, ""));
    if rest.contains(['{', '}']) {
        problems.error(
            pattern.location.clone(),
            format!("`{text}` has a placeholder that is not known"),
            format!("known here: {}", known.join(", ")),
        );
    }
    if known.iter().filter(|placeholder| text.contains(**placeholder)).count() > 1 {
        problems.error(
            pattern.location.clone(),
            format!("`{text}` has several placeholders"),
            "a name stands for countries or for databases: make two of it",
        );
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        problems.error(
            pattern.location.clone(),
            format!("`{}` has blanks", text.escape_debug()),
            "write a domain name; a blank that is meant is written \\032",
        );
    }
}

fn warn_limits(location: &Location, whose: &str, min: u16, max: u16, problems: &mut Problems) {
    problems.warning(
        location.clone(),
        format!("{whose} gathers {min} addresses at least and answers {max} at most"),
        "lower `min` or raise `max` (0: all)",
    );
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
    let max =
        table.get("max", "a number of addresses; 0 for all", problems, read::integer(0..=4000));
    let min = table.get("min", "a number of addresses", problems, read::integer(1..=4000));
    Limits {
        ttl: ttl.map(|ttl| ttl.value as u32),
        max: max.map(|max| max.value as u16),
        min: min.map(|min| min.value as u16),
    }
}

fn name(mut table: Table<'_>, problems: &mut Problems) -> Option<DynamicName> {
    let owner = table.require(
        "owner",
        "a name relative to the zone, such as \"db.local\"",
        problems,
        read::string,
    );
    let location = table.location();
    let given = ["pool", "txt", "ping"].into_iter().filter(|key| table.has(key)).count();
    let errors_before = problems.counts().0;
    if given == 1 && !table.has("pool") {
        for key in ["types", "max", "min"].into_iter().filter(|key| table.has(key)) {
            let what = format!("`{key}` goes with `pool` only");
            problems.error(table.key_spot(key), what, "remove the line");
        }
    }
    let pool = table.get("pool", POOLS, problems, read::parsed::<PoolRef>);
    let types = table.list("types", "[\"A\"], [\"AAAA\"] or both", problems, |value| {
        match value.as_str() {
            Some("A") => Ok(Families::V4),
            Some("AAAA") => Ok(Families::V6),
            Some(other) => Err(format!("\"{other}\" is no address type")),
            None => Err(String::new()),
        }
    });
    let txt =
        table.get("txt", "\"record\" or \"database\"", problems, |value| match value.as_str() {
            Some("record") => Ok(NameKind::Record),
            Some("database") => Ok(NameKind::Database),
            other => {
                Err(other.map_or_else(String::new, |other| format!("\"{other}\" is not known")))
            }
        });
    let ping = table.get("ping", "true", problems, read::boolean).is_some_and(|ping| ping.value);
    let Limits { ttl, max, min } = limits(&mut table, problems);
    if types.as_ref().is_some_and(Vec::is_empty) && problems.counts().0 == errors_before {
        let what = "`types` names no type";
        problems.error(
            table.key_spot("types"),
            what,
            "write [\"A\"] or [\"AAAA\"], or remove it for both",
        );
    }
    let families = families(&types.unwrap_or_default());
    table.finish(problems);
    let kind = match (pool, txt, ping) {
        (Some(pool), None, false) => NameKind::Pool { pool: pool.value, families },
        (None, Some(txt), false) => txt.value,
        (None, None, true) => NameKind::Ping,
        // A value that could not be read was noted already.
        _ if given == 1 && problems.counts().0 > errors_before => return None,
        _ => {
            problems.error(
                location,
                "the name has not exactly one of pool, txt, ping",
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

fn neighbours(tables: Vec<Table<'_>>, problems: &mut Problems) -> Vec<(Country, Vec<Country>)> {
    let mut out: Vec<(Country, Vec<Country>)> = Vec::new();
    for table in tables {
        let Some((country, next)) = neighbour(table, problems) else { continue };
        if out.iter().any(|(earlier, _)| *earlier == country.value) {
            let what = format!("the neighbours of {} are given twice", country.value);
            problems.error(country.location, what, "keep one [[neighbours]] for each country");
        } else {
            out.push((country.value, next));
        }
    }
    out
}

fn neighbour(
    mut table: Table<'_>,
    problems: &mut Problems,
) -> Option<(Placed<Country>, Vec<Country>)> {
    let expected = "an ISO 3166 code such as \"LI\"";
    let country = table.require("country", expected, problems, read::parsed::<Country>);
    let errors_before = problems.counts().0;
    let next = table
        .list("next", "[\"CH\", \"AT\"]", problems, read::parsed::<Country>)
        .unwrap_or_default();
    if next.is_empty() && problems.counts().0 == errors_before {
        let help =
            "write next = [\"CH\", \"AT\"], or remove the table: the nearest are then measured";
        problems.error(table.key_spot("next"), "no neighbours are given", help);
    }
    table.finish(problems);
    let country = country?;
    for own in next.iter().filter(|next| next.value == country.value) {
        let what = format!("{} is given as a neighbour of itself", own.value);
        problems.error(own.location.clone(), what, "its own pool comes first anyway: remove it");
    }
    Some((country, next.into_iter().map(|placed| placed.value).collect()))
}

const POOLS: &str =
    "\"client\", \"{cc}\", \"world\", \"continent:EU\", \"pool:NAME\" or a country code";

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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a zone file that goes on with `text`: how many errors and warnings, and their lines.
    fn problems(text: &str) -> (usize, usize, String) {
        let text = format!(
            "format = 1\norigin = \"clam.example\"\nrecords = \"z\"\nmirrors = \"m\"\n{text}\n"
        );
        let mut problems = Problems::default();
        ZoneFile::parse("z", &text, &mut problems);
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let (errors, warnings) = problems.counts();
        (errors, warnings, lines.join("\n"))
    }

    fn name(owner: &str, rest: &str) -> (usize, usize, String) {
        problems(&format!("[[name]]\nowner = {owner:?}\n{rest}"))
    }

    #[test]
    fn only_known_placeholders_are_taken() {
        let pool = "pool = \"client\"";
        for owner in ["db.{country}", "db.{cc", "db.}", "db.{CC}"] {
            let (errors, _, lines) = name(owner, pool);
            assert!(errors == 1 && lines.contains("placeholder"), "{owner}: {lines}");
        }
        assert_eq!(name("{cc}.{db}", "txt = \"database\"").0, 1);
        assert_eq!(name("db.{cc}", "pool = \"{cc}\"").0, 0);
        assert_eq!(name("{db}.cvd", "txt = \"database\"").0, 0);
        for owner in ["db local", " db", "db\t"] {
            let (errors, _, lines) = name(owner, pool);
            assert!(errors == 1 && lines.contains("has blanks"), "{owner:?}: {lines}");
        }
        let mut of_origin = Problems::default();
        ZoneFile::parse(
            "z",
            "format = 1\norigin = \"{db}.net\"\nrecords = \"z\"\n",
            &mut of_origin,
        );
        assert_eq!(of_origin.counts(), (1, 0));
    }

    #[test]
    fn limits_and_types_go_with_pools() {
        for (kind, rest) in [
            ("txt = \"record\"", "max = 1"),
            ("ping = true", "min = 1"),
            ("ping = true", "types = [\"A\"]"),
            ("txt = \"record\"", "types = []"),
        ] {
            let (errors, _, lines) = name("x", &format!("{kind}\n{rest}"));
            assert!(
                errors > 0 && lines.contains("z:8:1: ") && lines.contains("goes with `pool`"),
                "{lines}"
            );
        }
        let (errors, _, lines) = name("x", "pool = \"client\"\ntypes = []");
        assert!(errors == 1 && lines.contains("names no type"), "{lines}");
        assert_eq!(name("x", "ping = true\nttl = 5").0, 0);
    }

    #[test]
    fn more_than_is_answered_need_not_be_gathered() {
        let pool = "pool = \"client\"";
        assert_eq!(name("x", &format!("{pool}\nmax = 1")).1, 1);
        assert_eq!(name("x", &format!("{pool}\nmin = 9")).1, 1);
        assert_eq!(name("x", &format!("{pool}\nmin = 9\nmax = 0")).1, 0);
        assert_eq!(problems("[answer]\nmin = 3\nmax = 2").1, 1);
        assert_eq!(problems("[answer]\nmin = 2\nmax = 2").1, 0);
    }

    #[test]
    fn neighbours_are_others_and_given_once() {
        for (text, said) in [
            ("[[neighbours]]\ncountry = \"DE\"\nnext = []", "z:7:1: no neighbours"),
            ("[[neighbours]]\ncountry = \"DE\"", "z:5:1: no neighbours"),
            ("[[neighbours]]\ncountry = \"DE\"\nnext = [\"FR\", \"DE\"]", "z:7:15: DE is given"),
            (
                "[[neighbours]]\ncountry = \"DE\"\nnext = [\"FR\"]\n[[neighbours]]\ncountry = \"DE\"\nnext = [\"CH\"]",
                "z:9:11: the neighbours of DE are given twice",
            ),
        ] {
            let (errors, _, lines) = problems(text);
            assert!(errors == 1 && lines.starts_with(said), "{lines}");
        }
    }
}
