//! Reads the files that a configuration names, into inputs for the compiler. The one floor below the commands that opens files.

mod files;
mod geoip;
mod overrides;
mod supply;
mod zones;

use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::config::Config;
use crate::geo::country::Country;
use crate::problem::table::Placed;
use crate::problem::{Problems, Spot};
use crate::snapshot::inputs::{Inputs, Settings};

pub use files::{Version, read_feed};
pub use geoip::Countries;
pub use overrides::{OverridesFile, OverridesLook};
pub use supply::{EXTENSIONS, SupplyFiles, read_header};

/// A path as it is written, and where.
type Named = Placed<String>;

/// A configuration with everything it names.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What snapshots are compiled from.
    pub inputs: Inputs,
    /// The feed's file.
    pub feed: Option<PathBuf>,
    /// The operator's overrides.
    pub overrides: OverridesFile,
    /// The files that have a word in the release.
    pub supply: SupplyFiles,
    /// Where addresses are, as the inputs have it, and from what that was made.
    pub countries: Countries,
}

/// Reads a configuration and everything it names but the feed and what has a word in the release. All that is wrong is noted; with errors, what is returned
/// serves to find more of them only.
pub fn load(path: &Path, problems: &mut Problems) -> Option<Loaded> {
    reload(path, None, problems)
}

/// The same, with what was read before: a country database that is still the same is not read again.
pub fn reload(path: &Path, before: Option<&Loaded>, problems: &mut Problems) -> Option<Loaded> {
    let config = config(path, problems)?;
    let zones: Vec<_> = config.zones.iter().filter_map(|file| zones::read(path, file, problems)).collect();
    let before = before.map(|before| &before.countries);
    let countries = geoip::read(path, &config, &zones, before, problems);
    let settings = settings(&config);
    let inputs = Inputs { zones, countries: countries.map.clone(), settings, record_ttl: config.record.ttl };
    let feed = feed_of(path, &config);
    let supply = SupplyFiles::of(path, &config);
    let overrides = OverridesFile::of(path, &config, &inputs, problems);
    Some(Loaded { config, inputs, feed, overrides, supply, countries })
}

/// The path of a configuration's country database, and the overrides that beat it.
pub fn geoip_of(path: &Path, problems: &mut Problems) -> Option<(PathBuf, Vec<(IpNet, Country)>)> {
    let config = config(path, problems)?;
    Some((files::beside(path, &config.database.value), config.overrides))
}

/// The path of a configuration's feed, and the files that have a word in the release.
pub fn followed_of(path: &Path, problems: &mut Problems) -> Option<(Option<PathBuf>, SupplyFiles)> {
    let config = config(path, problems)?;
    Some((feed_of(path, &config), SupplyFiles::of(path, &config)))
}

fn feed_of(path: &Path, config: &Config) -> Option<PathBuf> {
    config.feed.source.as_ref().map(|source| files::beside(path, &source.value))
}

fn config(path: &Path, problems: &mut Problems) -> Option<Config> {
    let name = path.display().to_string();
    match files::read_text(path) {
        Ok(text) => Config::parse(&name, &text, problems),
        Err(error) => {
            let help = "name the configuration with --config FILE; without it, cvdns.toml is read in the working directory";
            problems.error(Spot::file(&name), error, help);
            None
        }
    }
}

fn settings(config: &Config) -> Settings {
    let server = &config.server;
    let host =
        || nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    Settings {
        udp_size: server.edns_udp_size,
        ecs: server.ecs,
        nsid: server.nsid.as_ref().map(|nsid| nsid.as_bytes().into()),
        version: concat!("cvdns ", env!("CARGO_PKG_VERSION")).to_owned(),
        identity: server.nsid.clone().unwrap_or_else(host),
        expire: config.record.expire,
        quorum: config.record.quorum,
        lag: config.record.lag,
    }
}
