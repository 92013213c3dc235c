//! A zone's TOML file: its origin, its dynamic names and what they are answered from.

mod demand;
mod demand_file;
mod dnssec;
mod key_name;
pub mod keys;
mod limits;
mod name;
mod name_kind;
mod neighbours;
mod placeholder;
mod pool_ref;
mod primary_address;
mod records_source;
#[cfg(test)]
mod tests;
mod validity;

use crate::geo::country::Country;
use crate::problem::table::{Document, Placed, Table};
use crate::problem::{Location, Problems};

pub use demand::Demand;
pub use dnssec::Dnssec;
pub use limits::AnswerDefaults;
pub use name::{DynamicName, PING_TTL};
pub use name_kind::{Families, NameKind, TxtKind};
pub use placeholder::{CC, DB};
pub use pool_ref::PoolRef;
pub use primary_address::PrimaryAddress;
pub use records_source::{Primaries, RecordsSource};

/// A zone's TOML file.
#[derive(Debug, Clone)]
pub struct ZoneFile {
    /// Name of the zone; with `{cc}`, one zone for each country code.
    pub origin: Placed<String>,
    /// Where the static records come from.
    pub records: RecordsSource,
    /// Path of the fleet file, as written; a purely static zone has none.
    pub mirrors: Option<Placed<String>>,
    /// Limits of names that have none of their own.
    pub answer: AnswerDefaults,
    /// Path of clients that are not in the country database.
    pub unknown: Placed<PoolRef>,
    /// The dynamic names.
    pub names: Vec<DynamicName>,
    /// How the zone is signed; `None` if it is not.
    pub dnssec: Option<Dnssec>,
    /// What the clients of countries need.
    pub demand: Vec<Demand>,
    /// Neighbours that replace the nearest countries, by country.
    pub neighbours: Vec<(Country, Vec<Country>)>,
    /// The file as a whole.
    pub whole: Location,
}

impl ZoneFile {
    /// Reads the file and reports everything wrong in it. `None` if an indispensable part is
    /// missing or wrong.
    pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        let zone = Document::read(file, text, &keys::ROOT, problems, Self::read)??;
        zone.check(problems);
        Some(zone)
    }

    fn read(mut root: Table<'_>) -> Option<Self> {
        let format = root.require(&keys::FORMAT);
        if let Some(format) = format
            && format.value != 1
        {
            let what = format!("format {} is not known", format.value);
            root.error(format.location, what, "this version of cvdns reads format 1");
            return None;
        }
        let whole = root.file();
        let origin = root.require(&keys::ORIGIN);
        let records = RecordsSource::read(&mut root);
        let mirrors = root.get(&keys::MIRRORS);
        let mut answer = root.table(&keys::ANSWER);
        let limits = AnswerDefaults::read(&mut answer);
        let unknown = answer.get(&keys::UNKNOWN);
        answer.finish();
        let names = root.tables(&keys::NAME).into_iter().filter_map(DynamicName::read).collect();
        let dnssec = dnssec::read(&mut root);
        let demand = demand::read(&mut root);
        let neighbours = neighbours::read(&mut root);
        root.finish();
        let unknown = unknown
            .unwrap_or_else(|| Placed { value: keys::UNKNOWN.preset(), location: whole.clone() });
        Some(Self {
            origin: origin?,
            records: records?,
            mirrors,
            answer: limits,
            unknown,
            names,
            dnssec,
            demand,
            neighbours,
            whole,
        })
    }

    /// Checks what depends on several keys.
    fn check(&self, problems: &mut Problems) {
        if let PoolRef::OfName | PoolRef::Client = self.unknown.value {
            problems.error(
                self.unknown.location.clone(),
                "`unknown` must not depend on the client or the name",
                format!("write {}", keys::UNKNOWN.expected()),
            );
        }
        check_pattern(&self.origin, &[CC], problems);
        if self.answer.max != 0 && self.answer.min > self.answer.max {
            warn_of_limits(&self.whole, "[answer]", self.answer.min, self.answer.max, problems);
        }
        for name in &self.names {
            self.check_name(name, problems);
        }
        if let Some(Demand { country, .. }) = self.demand.first().filter(|_| self.mirrors.is_none())
        {
            problems.error(
                country.location.clone(),
                format!(
                    "the demand of {} is shared out among mirrors, and the zone has none",
                    country.value
                ),
                "add `mirrors = \"mirrors.toml\"` at the top of the file, or remove the table",
            );
        }
    }

    fn check_name(&self, name: &DynamicName, problems: &mut Problems) {
        let location = name.owner.location.clone();
        let owner = &name.owner.value;
        check_pattern(&name.owner, &[CC, DB], problems);
        let (min, max) = (name.min.unwrap_or(self.answer.min), name.max.unwrap_or(self.answer.max));
        if (name.min.is_some() || name.max.is_some()) && max != 0 && min > max {
            warn_of_limits(&location, &format!("`{owner}`"), min, max, problems);
        }
        if matches!(name.kind, NameKind::Pool { .. }) && self.mirrors.is_none() {
            problems.error(
                location.clone(),
                format!("`{owner}` is answered from mirrors, and the zone has none"),
                "add `mirrors = \"mirrors.toml\"` at the top of the file",
            );
        }
        let of_name = matches!(name.kind, NameKind::Pool { pool: PoolRef::OfName, .. });
        if of_name && !owner.contains(CC) && !self.origin.value.contains(CC) {
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

/// Reports what an origin or owner has beside a name and at most one known placeholder.
fn check_pattern(pattern: &Placed<String>, known: &[&str], problems: &mut Problems) {
    let text = &pattern.value;
    let rest = known.iter().fold(text.clone(), |rest, placeholder| rest.replace(placeholder, ""));
    if rest.contains(['{', '}']) {
        problems.error(
            pattern.location.clone(),
            format!("`{text}` has an unknown placeholder"),
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
            "write a domain name; a blank that belongs to the name is written \\032",
        );
    }
}

fn warn_of_limits(location: &Location, whose: &str, min: u16, max: u16, problems: &mut Problems) {
    problems.warning(
        location.clone(),
        format!("{whose} gathers at least {min} addresses and answers at most {max}"),
        "lower `min` or raise `max` (0: all)",
    );
}
