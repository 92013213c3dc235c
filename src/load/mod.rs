//! Reads the files that a configuration names, into inputs for the compiler. The one floor below the commands that opens files.

mod geoip;
mod monitor;
mod overrides;
mod release;
pub mod remote;
mod source;
mod zones;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use cvdns_core::config::Config;
use cvdns_core::geo::country::Country;
use cvdns_core::problem::table::Placed;
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::{Inputs, Settings};

pub use cvdns_core::health::signature_path;
pub use geoip::{Countries, DatabaseSize, MAX_DATABASE};
pub use monitor::monitor;
pub use overrides::{OverridesFile, OverridesLook};
pub use release::{EXTENSIONS, ReleaseFiles, read_header};
pub use remote::Roots;
pub use source::{SignedOctets, Source};

/// A path as it is written, and where.
type Named = Placed<String>;

/// A configuration with everything it names.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What snapshots are compiled from.
    pub inputs: Inputs,
    /// From where the feed comes.
    pub feed: Option<Source>,
    /// Whom its web server must be certified by.
    pub roots: Roots,
    /// The operator's overrides.
    pub overrides: OverridesFile,
    /// The files that have a word in the release.
    pub supply: ReleaseFiles,
    /// Where the last good feed and record are kept.
    pub state: Option<PathBuf>,
    /// Where addresses are, as the inputs have it, and from what that was made.
    pub countries: Countries,
}

/// What is read again and again.
#[derive(Debug)]
pub struct Followed {
    /// From where the feed comes.
    pub feed: Option<Source>,
    /// Whom its web server must be certified by.
    pub roots: Roots,
    /// The files that have a word in the release.
    pub supply: ReleaseFiles,
}

/// Reads a configuration and everything it names but the feed and what has a word in the release. All that is wrong is
/// noted; with errors, what is returned serves to find more of them only.
pub fn load(path: &Path, problems: &mut Problems) -> Option<Loaded> {
    reload(path, None, problems)
}

/// The same, with what was read before: a country database that is still the same is not read again.
pub fn reload(path: &Path, before: Option<&Loaded>, problems: &mut Problems) -> Option<Loaded> {
    let config = config(path, problems)?;
    let zones: Vec<_> =
        config.zones.iter().filter_map(|file| zones::read(path, file, problems)).collect();
    let before = before.map(|before| &before.countries);
    let countries = geoip::read(path, &config, &zones, before, problems);
    let settings = settings(&config);
    let inputs =
        Inputs { zones, countries: countries.map.clone(), settings, record_ttl: config.record.ttl };
    let Followed { feed, roots, supply } = Followed::of(path, &config, problems);
    let state = config.feed.state.as_ref().map(|state| cvdns_io::beside(path, &state.value));
    let overrides = OverridesFile::of(path, &config, &inputs, problems);
    Some(Loaded { config, inputs, feed, roots, overrides, supply, state, countries })
}

/// Where the server of a configuration is looked after.
pub fn admin_of(path: &Path, problems: &mut Problems) -> Option<Option<SocketAddr>> {
    Some(config(path, problems)?.admin)
}

/// The path of a configuration's country database, and the overrides that beat it.
pub fn geoip_of(path: &Path, problems: &mut Problems) -> Option<(PathBuf, Vec<(IpNet, Country)>)> {
    let config = config(path, problems)?;
    Some((cvdns_io::beside(path, &config.geoip.database.value), config.geoip.overrides))
}

/// From where a configuration's feed comes, and the files that have a word in the release.
pub fn followed_of(path: &Path, problems: &mut Problems) -> Option<Followed> {
    let config = config(path, problems)?;
    Some(Followed::of(path, &config, problems))
}

impl Followed {
    fn of(path: &Path, config: &Config, problems: &mut Problems) -> Self {
        let feed = Source::of(path, config, problems);
        let roots = roots(path, config, feed.as_ref(), problems);
        Self { feed, roots, supply: ReleaseFiles::of(path, config) }
    }
}

/// The certificates of `ca-file`, else the system's.
fn roots(path: &Path, config: &Config, source: Option<&Source>, problems: &mut Problems) -> Roots {
    let Some(named) = &config.feed.ca_file else { return Roots::System };
    if source.is_some_and(|source| !source.is_secure()) {
        let help = "take it out, or name a source by https";
        problems.warning(
            named.location.clone(),
            "`ca-file` has no effect on a source without TLS",
            help,
        );
    }
    Roots::read(&cvdns_io::beside(path, &named.value)).unwrap_or_else(|error| {
        let help = "write the path of a file of certificates in PEM (-----BEGIN CERTIFICATE-----)";
        problems.error(named.location.clone(), error, help);
        Roots::System
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
        nsid: server.nsid.as_ref().map(|nsid| nsid.as_bytes().into()),
        version: concat!("cvdns ", env!("CARGO_PKG_VERSION")).to_owned(),
        identity: server.nsid.clone().unwrap_or_else(host),
        expire: config.record.expire,
        quorum: config.record.quorum,
        lag: config.record.lag,
    }
}
