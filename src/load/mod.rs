//! Reads the configuration and the files that it names into inputs for the compiler.
//!
//! In order of reading: `include` finds the parts of the configuration itself; `zones`, `geoip`
//! and `overrides` read what answers are made of, `transferred` the zones of primaries, of which
//! `zone_copies` are kept, and `dnssec` the keys by which zones are signed; `source` is where the
//! feed comes from, which [`remote`] fetches if that is a URL; `release` reads the files of the
//! record; `bundles` finds out which bundle has zone files; `tls` reads the certificate of
//! encrypted transports; `monitor` reads what the coordinator needs, and `page_place` finds out
//! whether its pages would lie among other files.

mod admin_token;
#[cfg(feature = "nats")]
mod bundle_draft;
mod bundles;
mod cookie_secrets;
mod dnssec;
mod document_error;
mod feed_server;
mod geoip;
mod include;
mod kept_bundle;
mod key_directory;
mod key_place;
mod members;
mod monitor;
mod nats_document;
#[cfg(feature = "nats")]
mod nats_place;
#[cfg(not(feature = "nats"))]
#[path = "without_nats.rs"]
mod nats_place;
mod overrides;
mod page_place;
#[cfg(feature = "nats")]
mod publishing;
mod release;
pub mod remote;
mod remote_overrides;
mod signed_bundle;
mod sockets;
mod source;
mod state_place;
mod tls;
mod transfer_keys;
mod transfer_zones;
mod transferred;
mod zone_copies;
mod zone_texts;
mod zones;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use cvdns_core::bundle::Bundle;
use cvdns_core::config::{Admin, CommandLine, Config};
use cvdns_core::fleet::Fleet;
use cvdns_core::geo::country::Country;
use cvdns_core::problem::table::{Placed, SourceText};
use cvdns_core::problem::{Location, Problems};
use cvdns_core::snapshot::inputs::{Inputs, Settings, ZoneInput};
use cvdns_core::wire::name::Name;
use cvdns_transfer::Keyring;

use bundles::WhichBundle;
use state_place::state;
use transferred::ZoneFinder;

pub use admin_token::read_token;
#[cfg(feature = "nats")]
pub use bundle_draft::{BundleDraft, bundle_draft, bundle_inputs};
pub use cookie_secrets::CookieSecretsFile;
pub use cvdns_core::health::{MAX_OVERRIDES, signature_path};
pub use dnssec::SignedZone;
pub use document_error::DocumentError;
pub use feed_server::FeedServer;
pub use geoip::{CountryData, DatabaseSize, MAX_DATABASE};
pub use kept_bundle::KeptBundle;
pub use key_directory::KeyDirectory;
pub use key_place::{KeyPlace, PlacedKeys};
pub use members::members;
pub use monitor::monitor;
pub use nats_document::NatsDocument;
pub use nats_place::NatsPlace;
#[cfg(feature = "nats")]
pub use nats_place::explained;
pub use overrides::{OverridesFile, OverridesLook};
pub use page_place::{check_page, state_directory};
#[cfg(feature = "nats")]
pub use publishing::{NatsPublishing, nats_publishing};
pub use release::{DATABASE_EXTENSIONS, ReleaseFiles, read_header};
pub use remote::TrustedRoots;
pub use remote_overrides::SignedOverrides;
pub use signed_bundle::{BundleSource, SignedBundle};
pub use source::{FeedSource, FeedSources, SignedFeed};
pub use tls::{CertificateFiles, CertificateVersion, LoadedTls, Validity};
pub use transferred::{TransferredZone, ZonePlace, first_error, parse as parse_transferred};
pub use zone_copies::{CopyNote, MAX_COPY, ZoneCopies};
pub use zone_texts::is_in_bundle;
pub use zones::origins_of;

/// A path as it is written in a file, and where.
type PlacedPath = Placed<String>;

/// A configuration with everything it names.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What the command line states instead, which is part of `config` already.
    pub command_line: CommandLine,
    /// The bundle that has some of the zones; `None` if the configuration names none, or if there
    /// are errors.
    pub bundle: Option<SignedBundle>,
    /// The inputs that snapshots are compiled from.
    pub inputs: Inputs,
    /// The sources of the feed.
    pub feeds: FeedSources,
    /// Where in NATS feed and overrides are; `None` if the configuration does not say.
    pub nats: Option<NatsPlace>,
    /// The authorities that may certify the feed's web server.
    pub roots: TrustedRoots,
    /// The operator's overrides.
    pub overrides: OverridesFile,
    /// The secrets of cookies.
    pub cookie_secrets: CookieSecretsFile,
    /// The keys of transfers.
    pub transfer_keys: Arc<Keyring>,
    /// Addresses and certificate of encrypted transports; `None` if none is configured, or if there
    /// are errors.
    pub tls: Option<LoadedTls>,
    /// The file with the token that allows changes over TCP; `None` if none is configured.
    pub admin_token: Option<PathBuf>,
    /// The files that the release is put together from, beside the feed.
    pub supply: ReleaseFiles,
    /// The state directory, which keeps the last good feed and record.
    pub state: Option<PathBuf>,
    /// The socket by which another process takes over.
    pub takeover: Option<PathBuf>,
    /// The countries of addresses, as in `inputs`, and what they were read from.
    pub countries: CountryData,
    /// The zones of `inputs` that are transferred from primaries.
    pub transferred: Vec<TransferredZone>,
    /// Where they are kept; `None` without a state directory.
    pub copies: Option<ZoneCopies>,
    /// The zones of `inputs` that are signed, with their keys.
    pub signed: Vec<SignedZone>,
    /// The files that are read at a reload: the configuration, the zones, the country database,
    /// certificates with their keys, keys of transfers and those by which zones are signed.
    pub files: BTreeSet<PathBuf>,
}

/// The sources that are read again and again.
#[derive(Debug)]
pub struct FollowedSources {
    /// The sources of the feed.
    pub feeds: FeedSources,
    /// The authorities that may certify the feed's web server.
    pub roots: TrustedRoots,
    /// The files that the release is put together from, beside the feed.
    pub supply: ReleaseFiles,
    /// Where in NATS feed and overrides are.
    nats: Option<NatsPlace>,
}

/// Reads a configuration and everything it names except the feed and the files of the release. All
/// problems are noted. If there are errors, the result is only good for finding more of them.
pub fn load(path: &Path, problems: &mut Problems) -> Option<Loaded> {
    load_stating(path, &CommandLine::default(), problems)
}

/// Reads a configuration like [`load`], some of whose settings the command line states instead.
pub fn load_stating(
    path: &Path,
    command_line: &CommandLine,
    problems: &mut Problems,
) -> Option<Loaded> {
    let config = stated_config(path, command_line, problems)?;
    Some(load_all(path, config, Known::nothing(command_line), problems))
}

/// Reads a configuration again, with the same command line as `before`. A country database that is
/// the same as before is not read again.
pub fn reload(path: &Path, before: &Loaded, problems: &mut Problems) -> Option<Loaded> {
    let config = stated_config(path, &before.command_line, problems)?;
    let which = before.bundle.clone().map_or(WhichBundle::Kept, WhichBundle::This);
    Some(load_all(path, config, Known { which, ..Known::of(before) }, problems))
}

/// Reads everything that a configuration in force names again, with another bundle. The
/// configuration itself is not read: somebody may be writing it.
pub fn with_bundle(
    path: &Path,
    before: &Loaded,
    bundle: SignedBundle,
    problems: &mut Problems,
) -> Loaded {
    let which = WhichBundle::This(bundle);
    load_all(path, before.config.clone(), Known { which, ..Known::of(before) }, problems)
}

/// The configuration, with what the command line states instead.
fn stated_config(
    path: &Path,
    command_line: &CommandLine,
    problems: &mut Problems,
) -> Option<Config> {
    let mut config = config(path, problems)?;
    config.apply(command_line, problems);
    Some(config)
}

/// What is known when everything is read.
struct Known<'k> {
    command_line: &'k CommandLine,
    /// What was read before; `None` at the start.
    before: Option<&'k Loaded>,
    which: WhichBundle,
}

impl<'k> Known<'k> {
    fn nothing(command_line: &'k CommandLine) -> Self {
        Self { command_line, before: None, which: WhichBundle::Kept }
    }

    fn of(before: &'k Loaded) -> Self {
        Self { before: Some(before), ..Self::nothing(&before.command_line) }
    }
}

fn load_all(path: &Path, config: Config, known: Known<'_>, problems: &mut Problems) -> Loaded {
    let Known { command_line, before, which } = known;
    let mut files = reloaded_files(path, &config);
    let bundle = bundles::find(path, &config, which, problems);
    let state = state(path, &config);
    let known = before.map(|before| (&*before.inputs.zones, &*before.transferred));
    let copies = state.as_deref().map(ZoneCopies::of);
    let mut finder = ZoneFinder { copies, before: known, found: Vec::new() };
    let named = (path, &config, bundle.as_ref().map(|it| &*it.bundle));
    let mut zones = read_zones(named, &mut files, &mut finder, problems);
    let ZoneFinder { copies, found: transferred, .. } = finder;
    let signed = dnssec::sign(&mut zones, &mut files, Timestamp::now(), problems);
    let before = before.map(|before| &before.countries);
    let countries = geoip::read(path, &config, &zones, before, problems);
    let transfer_keys = Arc::new(transfer_keys::keyring(path, &config, problems));
    transfer_zones::check(&config, &zones, problems);
    let settings = settings(&config, &transfer_keys);
    let inputs =
        Inputs { zones, countries: countries.map.clone(), settings, record_ttl: config.record.ttl };
    let FollowedSources { feeds, roots, supply, nats } =
        FollowedSources::of(path, &config, problems);
    let takeover = config.server.takeover.as_ref();
    let takeover = takeover.map(|takeover| cvdns_io::beside(path, &takeover.value));
    let overrides = OverridesFile::of(path, &config, &inputs, nats.as_ref(), problems);
    sockets::check(path, &config, problems);
    let cookie_secrets = CookieSecretsFile::of(path, &config, problems);
    transferred::check_keys(&transferred, &transfer_keys, problems);
    let tls = LoadedTls::of(path, &config, Timestamp::now(), problems);
    let admin_token = admin_token::token_path(path, &config, problems);
    Loaded {
        config,
        command_line: command_line.clone(),
        bundle,
        inputs,
        feeds,
        nats,
        roots,
        overrides,
        cookie_secrets,
        transfer_keys,
        tls,
        admin_token,
        supply,
        state,
        takeover,
        countries,
        transferred,
        copies,
        signed,
        files,
    }
}

impl Loaded {
    /// Where the bundle of zone files comes from; `None` if the configuration names none.
    pub fn bundle_source(&self) -> Option<BundleSource> {
        let named = self.config.bundle.as_ref()?;
        Some(BundleSource { name: named.value.clone(), place: self.nats.clone()? })
    }

    /// Takes zones that are transferred out of service, or back into it, by their age at a moment.
    /// Returns whether any changes.
    pub fn expire_zones(&mut self, now: Timestamp) -> bool {
        transferred::expire(&mut self.transferred, &mut self.inputs.zones, now)
    }

    /// Has zones signed with the keys of a moment, as far as these differ from those in force.
    /// Returns the zones that are signed otherwise. Where nothing would sign a zone, what was in
    /// force goes on, and the problem is reported.
    pub fn follow_keys(&mut self, now: Timestamp, problems: &mut Problems) -> Vec<Name> {
        dnssec::follow(&mut self.signed, &mut self.inputs.zones, now, problems)
    }

    /// The next moment at which keys begin or end to sign or to be published, or at which a
    /// signature that was made elsewhere ends.
    pub fn next_key_change(&self) -> Option<Timestamp> {
        dnssec::next_change(&self.signed)
    }
}

/// Reads all zones of a configuration and of its bundle.
fn read_zones(
    (path, config, bundle): (&Path, &Config, Option<&Bundle>),
    files: &mut BTreeSet<PathBuf>,
    finder: &mut ZoneFinder<'_>,
    problems: &mut Problems,
) -> Vec<ZoneInput> {
    let mut zones = Vec::new();
    for named in zones::once_each(path, config, bundle, problems) {
        zones.extend(zones::read((zones.len(), &named), files, finder, problems));
    }
    zones
}

/// The configuration, and the files that it includes or names itself and that are read at a reload.
fn reloaded_files(path: &Path, config: &Config) -> BTreeSet<PathBuf> {
    let named = config.feed.ca_file.iter().chain([&config.geoip.database]);
    let named = named.chain(&config.transfer.keys);
    let named = named.chain(config.tls.iter().flat_map(|tls| [&tls.certificate, &tls.key]));
    let named = named.map(|named| cvdns_io::beside(path, &named.value));
    named.chain([path.to_owned()]).chain(config.files.iter().map(PathBuf::from)).collect()
}

/// Reads where the server of a configuration is controlled. `None` means that the configuration
/// cannot be read.
pub fn admin(path: &Path, problems: &mut Problems) -> Option<Admin> {
    Some(config(path, problems)?.admin)
}

/// Where a configuration's overrides come from, and what they are about.
#[derive(Debug)]
pub struct OverridesPlace {
    /// Where the server's own come from, which may be a file that is missing; `None` if there are
    /// none.
    pub source: Option<FeedSource>,
    /// Whether the configuration says where NATS is, which has those of all servers.
    pub has_nats: bool,
    /// The fleets of its zones.
    pub fleets: Vec<Fleet>,
}

/// Reads where a configuration's overrides come from, and the fleets, whose problems are noted
/// apart. Returns `None` if the configuration cannot be read.
pub fn overrides_place(
    path: &Path,
    problems: &mut Problems,
    of_fleets: &mut Problems,
) -> Option<OverridesPlace> {
    let config = config(path, problems)?;
    let mut files = BTreeSet::new();
    let bundle = bundles::find(path, &config, WhichBundle::Kept, of_fleets);
    let named = zones::once_each(path, &config, bundle.as_ref().map(|it| &*it.bundle), of_fleets);
    let fleet = |zone| zones::read_fleet(zone, &mut files, of_fleets);
    let fleets = named.iter().filter_map(fleet).map(|(_, fleet)| fleet).collect();
    let named = config.feed.overrides.as_ref();
    let source =
        named.and_then(|named| FeedSource::of_named(path, named, "overrides.toml", problems));
    Some(OverridesPlace { source, has_nats: config.nats.is_some(), fleets })
}

/// Reads where the keys of the zones are that are to be signed; nothing of the keys themselves.
/// Returns `None` if the configuration cannot be read.
pub fn key_places(path: &Path, problems: &mut Problems) -> Option<Vec<KeyPlace>> {
    let config = config(path, problems)?;
    let bundle = bundles::find(path, &config, WhichBundle::Kept, problems);
    let named = zones::once_each(path, &config, bundle.as_ref().map(|it| &*it.bundle), problems);
    Some(named.iter().filter_map(|zone| KeyPlace::read(zone, problems)).collect())
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
        let nats = NatsPlace::of(path, config, problems);
        check_signed(config, problems);
        let feeds = FeedSources::of(path, config, nats.as_ref(), problems);
        let roots = roots(path, config, &feeds, problems);
        Self { feeds, roots, supply: ReleaseFiles::of(path, config), nats }
    }
}

/// Reports that what comes through NATS would not be verified.
fn check_signed(config: &Config, problems: &mut Problems) {
    let Some(nats) = config.nats.as_ref().filter(|_| config.feed.public_key.is_none()) else {
        return;
    };
    let what = "what comes through NATS needs a signature: whoever runs the servers, or may publish \
                there, could send clients anywhere";
    let help = "have feeds signed (`secret-key` in [monitor]), and write the public key as \
                `public-key` in [feed]";
    problems.error(nats.location.clone(), what, help);
}

/// The authorities of `ca-file`, otherwise the system's.
fn roots(
    path: &Path,
    config: &Config,
    feeds: &FeedSources,
    problems: &mut Problems,
) -> TrustedRoots {
    let Some(named) = &config.feed.ca_file else { return TrustedRoots::System };
    let is_secure = |named: &PlacedPath| remote::is_secure(&named.value);
    let is_url = |source: &&FeedSource| source.nats().is_none();
    if feeds.iter().any(|source| is_url(&source))
        && !feeds.iter().filter(is_url).any(FeedSource::is_secure)
        && !config.feed.overrides.as_ref().is_some_and(is_secure)
    {
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
    let text = match cvdns_io::read_text(path) {
        Ok(text) => text,
        Err(error) => {
            let help = "name the configuration with --config FILE; without it, cvdns.toml in the \
                        working directory is read, or else /etc/cvdns/cvdns.toml";
            problems.error(Location::file(&name), error, help);
            return None;
        }
    };
    let patterns = Config::includes(&name, &text, problems)?;
    let included = include::read(path, &patterns, problems)?;
    let mut sources = vec![SourceText::first(&name, &text)];
    sources.extend(included.iter().map(include::IncludedFile::source));
    Config::parse_joined(&sources, problems)
}

fn settings(config: &Config, keys: &Keyring) -> Settings {
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
        has_keys: !keys.is_empty(),
    }
}
