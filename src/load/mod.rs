//! Reads the configuration and the files that it names into inputs for the compiler.
//!
//! In order of reading: `zones`, `geoip` and `overrides` read what answers are made of; `source` is
//! where the feed comes from, which [`remote`] fetches if that is a URL; `release` reads the files
//! of the record; `monitor` reads what the coordinator needs.

mod cookie_secrets;
mod geoip;
mod monitor;
mod overrides;
mod release;
pub mod remote;
mod source;
mod zones;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use cvdns_core::config::Config;
use cvdns_core::geo::country::Country;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::{Inputs, Settings};

pub use cookie_secrets::CookieSecretsFile;
pub use cvdns_core::health::signature_path;
pub use geoip::{CountryData, DatabaseSize, MAX_DATABASE};
pub use monitor::monitor;
pub use overrides::{OverridesFile, OverridesLook};
pub use release::{DATABASE_EXTENSIONS, ReleaseFiles, read_header};
pub use remote::TrustedRoots;
pub use source::{FeedServer, FeedSource, SignedFeed};

/// A path as it is written in a file, and where.
type PlacedPath = Placed<String>;

/// A configuration with everything it names.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The inputs that snapshots are compiled from.
    pub inputs: Inputs,
    /// The source of the feed; `None` if none is configured.
    pub feed: Option<FeedSource>,
    /// The authorities that may certify the feed's web server.
    pub roots: TrustedRoots,
    /// The operator's overrides.
    pub overrides: OverridesFile,
    /// The secrets of cookies.
    pub cookie_secrets: CookieSecretsFile,
    /// The files that the release is put together from, beside the feed.
    pub supply: ReleaseFiles,
    /// The state directory, which keeps the last good feed and record.
    pub state: Option<PathBuf>,
    /// The countries of addresses, as in `inputs`, and what they were read from.
    pub countries: CountryData,
    /// The files that are read at a reload alone: the configuration, the zones, the country
    /// database and certificates.
    pub files: BTreeSet<PathBuf>,
}

/// The sources that are read again and again.
#[derive(Debug)]
pub struct FollowedSources {
    /// The source of the feed; `None` if none is configured.
    pub feed: Option<FeedSource>,
    /// The authorities that may certify the feed's web server.
    pub roots: TrustedRoots,
    /// The files that the release is put together from, beside the feed.
    pub supply: ReleaseFiles,
}

/// Reads a configuration and everything it names except the feed and the files of the release. All
/// problems are noted. If there are errors, the result is only good for finding more of them.
pub fn load(path: &Path, problems: &mut Problems) -> Option<Loaded> {
    reload(path, None, problems)
}

/// Reads a configuration like [`load`]. A country database that is the same as `before` is not read
/// again.
pub fn reload(path: &Path, before: Option<&Loaded>, problems: &mut Problems) -> Option<Loaded> {
    let config = config(path, problems)?;
    let mut files = reloaded_files(path, &config);
    let zones: Vec<_> = config
        .zones
        .iter()
        .filter_map(|file| zones::read(path, file, &mut files, problems))
        .collect();
    let before = before.map(|before| &before.countries);
    let countries = geoip::read(path, &config, &zones, before, problems);
    let settings = settings(&config);
    let inputs =
        Inputs { zones, countries: countries.map.clone(), settings, record_ttl: config.record.ttl };
    let FollowedSources { feed, roots, supply } = FollowedSources::of(path, &config, problems);
    let state = config.feed.state.as_ref().map(|state| cvdns_io::beside(path, &state.value));
    let overrides = OverridesFile::of(path, &config, &inputs, problems);
    let cookie_secrets = CookieSecretsFile::of(path, &config, problems);
    Some(Loaded {
        config,
        inputs,
        feed,
        roots,
        overrides,
        cookie_secrets,
        supply,
        state,
        countries,
        files,
    })
}

/// The configuration, and the files that it names itself and that are read at a reload alone.
fn reloaded_files(path: &Path, config: &Config) -> BTreeSet<PathBuf> {
    let named = config.feed.ca_file.iter().chain([&config.geoip.database]);
    let named = named.map(|named| cvdns_io::beside(path, &named.value));
    named.chain([path.to_owned()]).collect()
}

/// Reads the admin address of a configuration. The outer `None` means that the configuration cannot
/// be read, the inner one that it sets no address.
pub fn admin_address(path: &Path, problems: &mut Problems) -> Option<Option<SocketAddr>> {
    Some(config(path, problems)?.admin)
}

/// Reads the path of a configuration's country database, and the networks that override it.
pub fn geoip_paths(
    path: &Path,
    problems: &mut Problems,
) -> Option<(PathBuf, Vec<(IpNet, Country)>)> {
    let config = config(path, problems)?;
    Some((cvdns_io::beside(path, &config.geoip.database.value), config.geoip.overrides))
}

/// Reads where a configuration's feed and release come from.
pub fn followed_sources(path: &Path, problems: &mut Problems) -> Option<FollowedSources> {
    let config = config(path, problems)?;
    Some(FollowedSources::of(path, &config, problems))
}

impl FollowedSources {
    fn of(path: &Path, config: &Config, problems: &mut Problems) -> Self {
        let feed = FeedSource::of(path, config, problems);
        let roots = roots(path, config, feed.as_ref(), problems);
        Self { feed, roots, supply: ReleaseFiles::of(path, config) }
    }
}

/// The authorities of `ca-file`, otherwise the system's.
fn roots(
    path: &Path,
    config: &Config,
    source: Option<&FeedSource>,
    problems: &mut Problems,
) -> TrustedRoots {
    let Some(named) = &config.feed.ca_file else { return TrustedRoots::System };
    if source.is_some_and(|source| !source.is_secure()) {
        let help = "take it out, or name a source by https";
        problems.warning(
            named.location.clone(),
            "`ca-file` has no effect on a source without TLS",
            help,
        );
    }
    TrustedRoots::read(&cvdns_io::beside(path, &named.value)).unwrap_or_else(|error| {
        let help = "write the path of a file of certificates in PEM (-----BEGIN CERTIFICATE-----)";
        problems.error(named.location.clone(), error, help);
        TrustedRoots::System
    })
}

fn config(path: &Path, problems: &mut Problems) -> Option<Config> {
    let name = path.display().to_string();
    match cvdns_io::read_text(path) {
        Ok(text) => Config::parse(&name, &text, problems),
        Err(error) => {
            let help = "name the configuration with --config FILE; without it, cvdns.toml is read in the working directory";
            problems.error(Location::file(&name), error, help);
            None
        }
    }
}

fn settings(config: &Config) -> Settings {
    let server = &config.server;
    let host = || {
        nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
    };
    Settings {
        udp_size: server.edns_udp_size,
        ecs: server.ecs,
        explain: server.explain,
        rate_limit: config.rate_limit.clone(),
        cookies: config.cookies.enabled,
        nsid: server.nsid.as_ref().map(|nsid| nsid.as_bytes().into()),
        version: concat!("cvdns ", env!("CARGO_PKG_VERSION")).to_owned(),
        identity: server.nsid.clone().unwrap_or_else(host),
        expire: config.record.expire,
        quorum: config.record.quorum,
        lag: config.record.lag,
        stuck_after: config.record.stuck_after,
    }
}
