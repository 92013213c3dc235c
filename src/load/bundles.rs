//! Which bundle of zone files a configuration is read with.

use std::path::Path;

use jiff::Timestamp;

use super::document_error::DocumentError;
use super::kept_bundle::KeptBundle;
use super::nats_place::NatsPlace;
use super::signed_bundle::{BundleSource, SignedBundle};
use super::state_place::state;
use cvdns_core::config::Config;
use cvdns_core::problem::{Location, Problems};

/// Which bundle counts.
#[derive(Debug, Clone)]
pub(super) enum WhichBundle {
    /// This one, if it has the configuration's name; otherwise as [`WhichBundle::Kept`].
    This(SignedBundle),
    /// The one that the server keeps, which is the one in force. If there is none, the one that is
    /// published.
    Kept,
    /// The one that is published. If that cannot be had, the one that a server keeps.
    Published,
}

/// Where a configuration's bundle comes from; `None` if it names none, or nowhere. What is wrong
/// with `[nats]` itself is noted elsewhere.
pub(super) fn source_of(
    path: &Path,
    config: &Config,
    problems: &mut Problems,
) -> Option<BundleSource> {
    let named = config.bundle.as_ref()?;
    if config.nats.is_none() {
        let what = "the bundle comes through NATS, and nothing says where that is";
        let help = "add a section [nats] with servers = [\"tls://HOST:4222\"]";
        problems.error(named.location.clone(), what, help);
    }
    if config.feed.state.is_none() {
        let what = "the bundle is kept nowhere: without NATS, the server could not start";
        let help = "write `state` in [feed], such as \"/var/lib/cvdns\"";
        problems.error(named.location.clone(), what, help);
    }
    let place = NatsPlace::of(path, config, &mut Problems::default())?;
    Some(BundleSource { name: named.value.clone(), place })
}

/// The bundle of a configuration; `None` if it names none, or if there is none, which is an error.
pub(super) fn find(
    path: &Path,
    config: &Config,
    which: WhichBundle,
    problems: &mut Problems,
) -> Option<SignedBundle> {
    let location = config.bundle.as_ref()?.location.clone();
    let source = source_of(path, config, problems)?;
    let finder = Finder { source, config, kept: state(path, config).map(|it| KeptBundle::of(&it)) };
    let found = match which {
        WhichBundle::This(bundle) if bundle.bundle.name == finder.source.name => {
            return Some(bundle);
        }
        WhichBundle::This(_) | WhichBundle::Kept => {
            finder.kept(&location, problems).map_or_else(|| finder.published(), Ok)
        }
        WhichBundle::Published => {
            finder.published().or_else(|error| finder.kept(&location, problems).ok_or(error))
        }
    };
    found.map_err(|(what, help)| problems.error(location, what, help)).ok()
}

struct Finder<'c> {
    source: BundleSource,
    config: &'c Config,
    kept: Option<KeptBundle>,
}

impl Finder<'_> {
    /// The bundle that a server keeps. One that cannot be used is noted.
    fn kept(&self, location: &Location, problems: &mut Problems) -> Option<SignedBundle> {
        let kept = self.kept.as_ref()?;
        let keys = self.config.feed.public_key.as_ref();
        kept.read(&self.source.name, keys, Timestamp::now()).unwrap_or_else(|error| {
            let what =
                format!("the bundle in {} is not good: {}", kept.path().display(), error.what);
            let help =
                "the one that is published is taken; if this was reported before, remove the file";
            problems.warning(location.clone(), what, help);
            None
        })
    }

    /// The bundle that is published; otherwise what is wrong, and what to do.
    fn published(&self) -> Result<SignedBundle, (String, String)> {
        let (source, keys) = (&self.source, self.config.feed.public_key.as_ref());
        let publish = format!("`cvdns bundle publish {}` publishes one", source.name);
        match source.fetch(keys, Timestamp::now()) {
            Ok(Some(bundle)) => Ok(bundle),
            Ok(None) => Err((format!("no bundle {source} is published yet"), publish)),
            Err(DocumentError { what, is_unread, .. }) => {
                let help = if is_unread {
                    "a server needs NATS until it has kept a bundle in `state`".to_owned()
                } else {
                    publish
                };
                Err((format!("the bundle {source} cannot be used: {what}"), help))
            }
        }
    }
}
