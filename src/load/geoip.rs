//! Reads the country database.

use std::path::Path;

use super::files::{beside, read_bytes};
use crate::config::Config;
use crate::geo::country_map::CountryMap;
use crate::geo::database::CountryDatabase;
use crate::geo::date::date_text;
use crate::problem::{Problems, Spot};
use crate::snapshot::inputs::ZoneInput;
use crate::zone::file::{NameKind, PoolRef};

/// Most octets of a country database: city databases have about 120 MiB.
const MAX_DATABASE: u64 = 1 << 30;

/// How many unknown codes are named one by one.
const NAMED_CODES: usize = 5;

/// Reads the database, when any name asks where clients are: the map, and a line about it for the log.
pub(super) fn read(
    path: &Path,
    config: &Config,
    zones: &[ZoneInput],
    problems: &mut Problems,
) -> (CountryMap, String) {
    let asks = |zone: &ZoneInput| {
        zone.file.names.iter().any(|name| matches!(name.kind, NameKind::Pool { pool: PoolRef::Client, .. }))
    };
    if !zones.iter().any(asks) {
        return (CountryMap::empty(), "no country database: no name asks where clients are".to_owned());
    }
    let named = &config.database;
    let file = beside(path, &named.value);
    let name = file.display().to_string();
    let help = "check `database` in [geoip]; `cvdns geoip build` makes one";
    let bytes = match read_bytes(&file, MAX_DATABASE) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.error(named.spot.clone(), error, help);
            return (CountryMap::empty(), String::new());
        }
    };
    match CountryDatabase::from_bytes(bytes, &name) {
        Ok(database) => {
            warn_unknown(&database, &named.spot, problems);
            let built = date_text(database.metadata().build_epoch.cast_signed());
            (CountryMap::new(&database, &config.overrides), format!("{name} of {built}"))
        }
        Err(error) => {
            problems.error(named.spot.clone(), error.to_string(), help);
            (CountryMap::empty(), String::new())
        }
    }
}

fn warn_unknown(database: &CountryDatabase, spot: &Spot, problems: &mut Problems) {
    for code in database.warnings().iter().take(NAMED_CODES) {
        let what = format!(
            "the country database has {} networks of {}, from {}",
            code.networks, code.code, code.first
        );
        problems.warning(spot.clone(), what, format!("{}: their clients count as unknown", code.reason));
    }
    let more = database.warnings().len().saturating_sub(NAMED_CODES);
    if more > 0 {
        let what =
            format!("the country database has {more} more codes that are not in the table of countries");
        problems.warning(spot.clone(), what, "`cvdns geoip info` lists them; their clients count as unknown");
    }
}
