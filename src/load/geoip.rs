//! Reads the country database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use cvdns_core::config::Config;
use cvdns_core::geo::country::Country;
use cvdns_core::geo::country_map::CountryMap;
use cvdns_core::geo::database::CountryDatabase;
use cvdns_core::geo::date::date_text;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::ZoneInput;
use cvdns_core::zone::file::{NameKind, PoolRef};
use cvdns_io::{FileVersion, beside, read_bytes};

/// Most octets of a country database, and of a list that one is built from. City databases have
/// about 120 MiB.
pub const MAX_DATABASE: u64 = 1 << 30;

/// Seconds by which the clock of whoever made a database may be ahead: a day, as some write nothing
/// but the date, by their time zone.
const MAX_AHEAD: i64 = 86_400;

/// Most unknown country codes that are named one by one.
const NAMED_CODES: usize = 5;

/// The country of every address, and the files that it was read from.
#[derive(Debug, Clone)]
pub struct CountryData {
    /// The countries, by address.
    pub map: Arc<CountryMap>,
    /// Path and date of the database, for the log.
    pub described: String,
    /// The size of the database without overrides; `None` if none was read.
    pub size: Option<DatabaseSize>,
    /// The path of the database; `None` if no answer depends on where clients are.
    pub path: Option<PathBuf>,
    /// The database's file and the overrides; `None` if none was read.
    source: Option<(FileVersion, Vec<(IpNet, Country)>)>,
}

/// The size of a country database, and when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseSize {
    /// When it was made (`build_epoch`), in seconds since 1970.
    pub built: u64,
    /// The number of networks with data.
    pub networks: usize,
    /// Whether any IPv4 network has a country.
    pub v4: bool,
    /// Whether any IPv6 network has a country.
    pub v6: bool,
}

impl DatabaseSize {
    fn of(database: &CountryDatabase) -> Self {
        let metadata = database.metadata();
        Self {
            built: metadata.build_epoch,
            networks: metadata.networks,
            v4: database.ranges_v4().iter().any(|(.., area)| area.continent().is_some()),
            v6: database.ranges_v6().iter().any(|(.., area)| area.continent().is_some()),
        }
    }
}

impl CountryData {
    fn unread(described: &str, path: Option<PathBuf>) -> Self {
        Self {
            map: Arc::new(CountryMap::empty()),
            described: described.to_owned(),
            size: None,
            path,
            source: None,
        }
    }

    /// The version of the database's file that is there now; `None` if there is none, or if no
    /// answer depends on where clients are.
    pub fn found(&self) -> Option<FileVersion> {
        self.path.as_deref().and_then(FileVersion::of)
    }

    /// The version of the file that was read; `None` if none was.
    pub fn version(&self) -> Option<FileVersion> {
        self.source.as_ref().map(|(version, _)| *version)
    }

    /// Reads the file again, by the configuration that it was read by before. All problems are
    /// noted; if there are errors, the result is none to go on with.
    #[must_use]
    pub fn read_again(&self, config: &Config, problems: &mut Problems) -> Self {
        match &self.path {
            Some(path) => read_file(path, config, Some(self), problems),
            None => self.clone(),
        }
    }
}

/// Reads the database, if any answer depends on where clients are. The same file with the same
/// overrides as `before` is not read again: most reloads concern other files, and two maps at once
/// would take most of the server's memory.
pub(super) fn read(
    path: &Path,
    config: &Config,
    zones: &[ZoneInput],
    before: Option<&CountryData>,
    problems: &mut Problems,
) -> CountryData {
    if !zones.iter().any(depends_on_clients) {
        let described = "no country database: no answer depends on where clients are";
        return CountryData::unread(described, None);
    }
    read_file(&beside(path, &config.geoip.database.value), config, before, problems)
}

/// Whether any answer of a zone file depends on where clients are.
pub(super) fn depends_on_clients(zone: &ZoneInput) -> bool {
    let asks = |kind: &NameKind| matches!(kind, NameKind::Pool { pool: PoolRef::Client, .. });
    zone.file.names.iter().any(|name| asks(&name.kind))
        || zone.fleet.enabled().any(|(_, mirror)| !mirror.not_for.is_empty())
}

/// Reads the database from this file.
fn read_file(
    file: &Path,
    config: &Config,
    before: Option<&CountryData>,
    problems: &mut Problems,
) -> CountryData {
    let named = &config.geoip.database;
    let path = Some(file.to_owned());
    let source = FileVersion::of(file).map(|version| (version, config.geoip.overrides.clone()));
    if let Some(before) = before.filter(|before| before.source.is_some() && before.source == source)
    {
        // The configuration may ask for more networks than before.
        if let Some(size) = before.size {
            refuse_small(size.networks, config, Some(before), problems);
        }
        return before.clone();
    }
    match open(file) {
        Ok(database) => {
            let size = DatabaseSize::of(&database);
            refuse_small(size.networks, config, before, problems);
            warn_unknown(&database, &named.location, problems);
            warn_future(size.built, &named.location, problems);
            let built = date_text(database.metadata().build_epoch.cast_signed());
            let map = CountryMap::new(&database, &config.geoip.overrides)
                .named(format!("{} {built}", named.value));
            CountryData {
                map: Arc::new(map),
                described: format!("{} of {built}", file.display()),
                size: Some(size),
                path,
                source,
            }
        }
        Err(_) if !config.geoip.is_database_named && !file.exists() => {
            let what = format!(
                "there is no country database: {} does not exist, and [geoip] names no other",
                file.display()
            );
            let help = "all clients are answered by the path `unknown` of their zone; \
                        `cvdns geoip build` makes a database";
            problems.warning(named.location.clone(), what, help);
            CountryData::unread("no country database", path)
        }
        Err(error) => {
            let help = "check `database` in [geoip]; `cvdns geoip build` makes one";
            problems.error(named.location.clone(), error, help);
            CountryData::unread("no country database", path)
        }
    }
}

/// Refuses a database that lost most of its networks. It is a broken download or another file, and
/// would send clients anywhere.
fn refuse_small(
    networks: usize,
    config: &Config,
    before: Option<&CountryData>,
    problems: &mut Problems,
) {
    let location = || config.geoip.database.location.clone();
    if let Some(least) = config.geoip.min_networks {
        if (networks as u64) < least {
            let what = format!(
                "the country database has {networks} networks, fewer than `min-networks`, {least}"
            );
            problems.error(
                location(),
                what,
                "put a whole database there, or lower `min-networks` in [geoip]",
            );
        }
        return;
    }
    let Some(before) = before.and_then(|before| before.size) else { return };
    if networks < before.networks / 2 {
        let what = format!(
            "the country database has {networks} networks, less than half of the {} in force",
            before.networks
        );
        let help = format!(
            "put a whole database there; to have this one taken, write `min-networks = {networks}` in [geoip], or restart"
        );
        problems.error(location(), what, help);
    }
}

/// Warns of a database that was made in the future: its date, or the clock of this machine, is
/// wrong, and nobody would notice that it gets old.
fn warn_future(built: u64, location: &Location, problems: &mut Problems) {
    let latest = Timestamp::now().as_second().saturating_add(MAX_AHEAD);
    let built = built.cast_signed();
    if built > latest {
        let what = format!("the country database is of the future: {}", date_text(built));
        let help = "check this machine's clock, and where the database comes from";
        problems.warning(location.clone(), what, help);
    }
}

fn open(file: &Path) -> Result<CountryDatabase, String> {
    let bytes = read_bytes(file, MAX_DATABASE)?;
    CountryDatabase::from_bytes(bytes, &file.display().to_string())
        .map_err(|error| error.to_string())
}

fn warn_unknown(database: &CountryDatabase, location: &Location, problems: &mut Problems) {
    for code in database.warnings().iter().take(NAMED_CODES) {
        let what = format!(
            "the country database has {} networks of {}, from {}",
            code.networks, code.code, code.first
        );
        problems.warning(
            location.clone(),
            what,
            format!("{}: their clients count as being in no country", code.reason),
        );
    }
    let more = database.warnings().len().saturating_sub(NAMED_CODES);
    if more > 0 {
        let what = format!(
            "the country database has {more} more codes that are not in the table of countries"
        );
        problems.warning(
            location.clone(),
            what,
            "`cvdns geoip info` lists them; their clients count as being in no country",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;

    #[test]
    fn a_database_that_stays_is_still_checked_for_enough_networks() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cvdns.toml");
        let loaded = load(&path, &mut Problems::default()).unwrap();
        let size = loaded.countries.size.unwrap();
        let again = |least: u64| {
            let mut config = loaded.config.clone();
            config.geoip.min_networks = Some(least);
            let mut problems = Problems::default();
            let read =
                read(&path, &config, &loaded.inputs.zones, Some(&loaded.countries), &mut problems);
            assert!(Arc::ptr_eq(&read.map, &loaded.countries.map), "not read again");
            problems.iter().map(ToString::to_string).collect::<String>()
        };
        let networks = size.networks as u64;
        assert_eq!(again(networks), "");
        assert!(
            again(networks + 1).contains("fewer than `min-networks`"),
            "{}",
            again(networks + 1)
        );
    }
}
