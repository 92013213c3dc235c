//! Builds the snapshot that `cvdns serve` would answer from, for commands that show, compare or
//! export it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::output::{Failure, eprint_line};
use super::problems::print;
use super::remote_overrides::{self, NotFetched};
use crate::daemon;
use crate::load::{self, FeedSource, Loaded, SignedFeed};
use crate::transfer::{TransferSettings, Versions};
use cvdns_core::health::{Feed, HealthInputs};
use cvdns_core::problem::Problems;
use cvdns_core::release::{Announced, DatedRelease, ReleaseSources, VersionHistory};
use cvdns_core::snapshot::{Now, Snapshot, StaticData, compile};

/// A valid configuration and everything that it names except the feed, as of one moment.
pub(in crate::cli) struct Offline {
    pub loaded: Loaded,
    pub supply: ReleaseSources,
    /// Why release files could not be used.
    pub errors: Vec<String>,
    /// Warnings about what was read.
    pub warnings: Problems,
    /// The moment that answers are computed for.
    pub time: Timestamp,
    /// The versions that the server announced last, if known.
    announced: Option<Announced>,
    /// The versions that the server remembers, if known.
    history: Option<VersionHistory>,
}

/// A feed and where it was read from.
pub(in crate::cli) struct SourcedFeed {
    pub source: FeedSource,
    pub feed: Feed,
}

impl Offline {
    /// Reads everything that serve would read except the feed and its state directory.
    pub(in crate::cli) fn load(config: &Path, time: Timestamp) -> Result<Self, Failure> {
        let mut problems = Problems::default();
        let loaded = load::load(config, &mut problems).filter(|_| !problems.has_errors());
        let Some(mut loaded) = loaded else {
            print(&problems);
            return Err(Failure::new(format!("{} cannot be served", config.display())));
        };
        loaded.expire_zones(time);
        if let Err(NotFetched { source, error, meanwhile }) = remote_overrides::fetch(&mut loaded) {
            eprint_line!(
                "cvdns: the overrides {source} are not usable: {}; {meanwhile}",
                error.what
            );
        }
        let mut errors = Vec::new();
        let supply = loaded.supply.read(&ReleaseSources::default(), time, &mut errors);
        Ok(Self {
            loaded,
            supply,
            errors,
            warnings: problems,
            time,
            announced: None,
            history: None,
        })
    }

    /// Prints why release files could not be used.
    pub(in crate::cli) fn print_errors(&self) {
        for error in &self.errors {
            eprint_line!("cvdns: {error}");
        }
    }

    /// Continues from the versions that the server with this configuration announced last, and from
    /// what it remembers of mirrors, if it keeps them (`state`).
    pub(in crate::cli) fn remembering(self) -> Self {
        let state = self.loaded.state.as_deref();
        let announced = state.and_then(|state| daemon::last_announced(state, self.time));
        let history = state.and_then(daemon::last_history);
        Self { announced, history, ..self }
    }

    /// The feed source that a command-line argument names, or else the configured one.
    pub(in crate::cli) fn source(&self, argument: Option<&str>) -> Result<FeedSource, Failure> {
        match argument {
            Some(argument) => FeedSource::of_argument(argument).map_err(Failure::new),
            None => self.configured_source().ok_or_else(|| {
                Failure::new("the configuration has no feed (`source` in [feed]): name one")
            }),
        }
    }

    /// The configured source that has the newest feed; the first one, if none can be read.
    fn configured_source(&self) -> Option<FeedSource> {
        let Loaded { feeds, roots, .. } = &self.loaded;
        let serial = |source: &FeedSource| {
            source.read(roots).ok().and_then(|octets| Some(Feed::parse(&octets).ok()?.serial))
        };
        let mut chosen: Option<(Option<u64>, &FeedSource)> = None;
        for source in feeds {
            // A single one is read by whoever needs it.
            let serial = if feeds.iter().len() > 1 { serial(source) } else { None };
            if chosen.is_none_or(|(newest, _)| serial > newest) {
                chosen = Some((serial, source));
            }
        }
        chosen.map(|(_, source)| source.clone())
    }

    /// Reads the octets of a feed. If the file is one that a server keeps in `state`, the feed is
    /// extracted from it and a line on standard error says so.
    pub(in crate::cli) fn octets(&self, source: &FeedSource) -> Result<Vec<u8>, Failure> {
        self.octets_and_signature(source, false).map(|(octets, _)| octets)
    }

    /// Reads the octets of a feed like [`Self::octets`], and with `signed` also its signature if
    /// there is one.
    pub(in crate::cli) fn octets_and_signature(
        &self,
        source: &FeedSource,
        signed: bool,
    ) -> Result<SignedFeed, Failure> {
        let roots = &self.loaded.roots;
        let unsigned = |octets| (octets, Ok(None));
        let read =
            if signed { source.read_signed(roots) } else { source.read(roots).map(unsigned) };
        let (octets, signature) = read.map_err(Failure::new)?;
        Ok(match daemon::stored_feed(&octets) {
            Some(kept) => {
                eprint_line!(
                    "cvdns: {source} is a file that a server keeps in `state`; its feed came from {}",
                    kept.source
                );
                (kept.octets, Ok(kept.signature))
            }
            None => (octets, signature),
        })
    }

    /// Reads and parses a feed.
    pub(in crate::cli) fn read(&self, source: FeedSource) -> Result<SourcedFeed, Failure> {
        let octets = self.octets(&source)?;
        let feed = Feed::parse(&octets).map_err(|error| {
            Failure::new(format!("{source}: {error} (`cvdns feed check` prints all problems)"))
        })?;
        Ok(SourcedFeed { source, feed })
    }

    /// The feed that a command-line argument names, or else the configured one; `None` if neither
    /// names a feed.
    pub(in crate::cli) fn feed(
        &self,
        argument: Option<&str>,
    ) -> Result<Option<SourcedFeed>, Failure> {
        if argument.is_none() && self.loaded.feeds.is_empty() {
            return Ok(None);
        }
        self.read(self.source(argument)?).map(Some)
    }

    /// The configured feed, its signature verified if `public-key` requires one; `None` if no feed
    /// is configured.
    pub(in crate::cli) fn signed_feed(&self) -> Result<Option<SourcedFeed>, Failure> {
        let Some(source) = self.configured_source() else { return Ok(None) };
        let Some(key) = &self.loaded.config.feed.public_key else {
            return self.read(source).map(Some);
        };
        let (octets, signature) = source.read_signed(&self.loaded.roots).map_err(Failure::new)?;
        let signature = signature.map_err(Failure::new)?;
        let verified =
            key.verify(&octets, signature.as_deref()).and_then(|()| Feed::parse(&octets));
        let feed = verified.map_err(|error| Failure::new(format!("{source}: {error}")))?;
        Ok(Some(SourcedFeed { source, feed }))
    }

    /// The configured feed, or if that is unusable, the one that the server keeps in `state`. A
    /// line on standard error says so when the two differ.
    pub(in crate::cli) fn feed_in_force(&self) -> Result<Option<SourcedFeed>, Failure> {
        let keys = self.loaded.config.feed.public_key.as_ref();
        let kept = self
            .loaded
            .state
            .as_deref()
            .and_then(|state| daemon::last_feed(state, &self.loaded.feeds, keys, self.time));
        if !self.loaded.config.feed.settle.is_zero() {
            eprint_line!(
                "cvdns: only the running server knows which mirrors change state too often (`settle`)"
            );
        }
        match (self.signed_feed(), kept) {
            (Err(Failure::Input(what)), Some((source, feed))) => {
                eprint_line!(
                    "cvdns: {what}; the server continues with feed {}, which it kept",
                    feed.serial
                );
                Ok(Some(SourcedFeed { source, feed }))
            }
            (Ok(Some(named)), Some((_, kept))) if kept.serial != named.feed.serial => {
                let SourcedFeed { source, feed } = &named;
                eprint_line!(
                    "cvdns: {source} has feed {}, but feed {} was last in force: the server holds \
                     the newer one back or is not running",
                    feed.serial,
                    kept.serial
                );
                Ok(Some(named))
            }
            (read, _) => read,
        }
    }

    /// The snapshot that would be answered from with this feed, taken into force after the snapshot
    /// `before`.
    pub(in crate::cli) fn snapshot(
        &self,
        feed: Option<&Feed>,
        before: Option<&Snapshot>,
    ) -> Result<Snapshot, Failure> {
        self.snapshot_with_problems(feed, before, &mut Problems::default())
    }

    /// Gives a snapshot that was made with this feed the serials that the server answers for zones
    /// that secondaries transfer.
    pub(in crate::cli) fn give_serials(&self, snapshot: &mut Snapshot, feed: Option<&Feed>) {
        let feed = feed.map(|feed| feed.serial);
        let settings = TransferSettings::new(&self.loaded, feed, None, self.time);
        let mut kept = daemon::LastVersions {
            directory: self.loaded.state.as_deref(),
            makes_next: !self.loaded.config.transfer.is_signed(),
        };
        Versions::new(Arc::default()).follow(snapshot, settings, &mut kept);
    }

    /// Builds the snapshot like [`Self::snapshot`] and adds the compiler's warnings to `problems`.
    pub(in crate::cli) fn snapshot_with_problems(
        &self,
        feed: Option<&Feed>,
        before: Option<&Snapshot>,
        problems: &mut Problems,
    ) -> Result<Snapshot, Failure> {
        let feed = feed.map(|feed| feed.as_of(self.time));
        let feed = feed.as_deref();
        let required = feed.map(Feed::requirements).unwrap_or_default();
        let Some(static_data) = compile(&self.loaded.inputs, &required, problems) else {
            print(problems);
            return Err(Failure::new("the configuration cannot be served"));
        };
        let static_data: Arc<StaticData> = Arc::new(static_data);
        let release = self.supply.release(feed.and_then(Feed::dated_release));
        let release = release.as_ref().map(DatedRelease::of);
        let overrides = Some(&self.loaded.overrides.overrides);
        let inputs = HealthInputs { feed, overrides, settling: None };
        let max_age = self.loaded.config.feed.max_age;
        let history = self.history.as_ref();
        let now = Now { inputs, release, history, time: self.time, max_age };
        Ok(match before {
            None => Snapshot::remembering(self.announced.as_ref(), static_data, &now),
            Some(before) => Snapshot::after(before, static_data, &now),
        })
    }
}
