//! Reads the dynamic names of a zone, `[[name]]`.

use super::keys;
use super::limits::NameLimits;
use super::name_kind::{Families, NameKind};
use crate::problem::table::{Placed, Table};
use crate::schema::KeyInfo;

/// TTL of ping names in seconds: each report has a name of its own, so caching gains nothing.
pub const PING_TTL: u32 = 60;

/// A name whose answer is made from pools or from the release.
#[derive(Debug, Clone)]
pub struct DynamicName {
    /// The owner, relative to the origin; it may have a placeholder.
    pub owner: Placed<String>,
    /// What the name is answered from.
    pub kind: NameKind,
    /// TTL in seconds; `None`: the default of its kind.
    pub ttl: Option<u32>,
    /// Most addresses in an answer (0 means all); `None`: that of `[answer]`.
    pub max: Option<u16>,
    /// The path is followed until there are this many addresses; `None`: that of `[answer]`.
    pub min: Option<u16>,
}

impl DynamicName {
    /// Reads a name. `None` if its owner or kind is missing or wrong.
    pub(super) fn read(mut table: Table<'_>) -> Option<Self> {
        let owner = table.require(&keys::OWNER);
        let kind = kind(&mut table);
        let NameLimits { ttl, max, min } = NameLimits::read(&mut table);
        table.finish();
        Some(Self { owner: owner?, kind: kind?, ttl, max, min })
    }
}

fn kind(table: &mut Table<'_>) -> Option<NameKind> {
    let kinds: [&dyn KeyInfo; 3] = [&keys::POOL, &keys::TXT, &keys::PING];
    let given = kinds.into_iter().filter(|key| table.has(*key)).count();
    let errors_before = table.error_count();
    if given == 1 && !table.has(&keys::POOL) {
        let pool_only: [&dyn KeyInfo; 3] = [&keys::TYPES, &keys::MAX, &keys::MIN];
        for key in pool_only.into_iter().filter(|key| table.has(*key)) {
            let what = format!("`{}` goes with `pool` only", key.name());
            table.error(table.key_location(key), what, "remove the line");
        }
    }
    let pool = table.get(&keys::POOL);
    let families = families(table);
    let txt = table.get(&keys::TXT);
    let ping = table.value(&keys::PING);
    match (pool, txt, ping) {
        (Some(pool), None, false) => Some(NameKind::Pool { pool: pool.value, families }),
        (None, Some(txt), false) => Some(txt.value.into()),
        (None, None, true) => Some(NameKind::Ping),
        // The value was wrong, which has been reported.
        _ if given == 1 && table.error_count() > errors_before => None,
        _ => {
            let what = "the name has not exactly one of pool, txt, ping";
            let help = "write pool = \"…\", txt = \"record\", txt = \"database\" or ping = true";
            table.error(table.location(), what, help);
            None
        }
    }
}

fn families(table: &mut Table<'_>) -> Families {
    let errors_before = table.error_count();
    let Some(types) = table.list(&keys::TYPES) else { return Families::Both };
    if types.is_empty() && table.error_count() == errors_before {
        let location = table.key_location(&keys::TYPES);
        let help = "write [\"A\"] or [\"AAAA\"], or remove it for both";
        table.error(location, "`types` names no type", help);
    }
    let types: Vec<Families> = types.into_iter().map(|placed| placed.value).collect();
    Families::of(&types)
}
