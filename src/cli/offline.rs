//! What serve would answer from, without serving: for commands that show, compare and export it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::output::{Failure, say};
use super::problems::print;
use crate::daemon;
use crate::load::{self, Loaded, SignedOctets, Source};
use cvdns_core::health::{Feed, HealthInputs};
use cvdns_core::problem::Problems;
use cvdns_core::release::{Announced, DatedRelease, ReleaseSources};
use cvdns_core::snapshot::{Now, Snapshot, StaticData, compile};

/// A configuration that can be served, as of a moment.
pub(in crate::cli) struct Offline {
    pub loaded: Loaded,
    pub supply: ReleaseSources,
    /// Why files have no word in the release that should have one.
    pub errors: Vec<String>,
    /// Warnings of what was read.
    pub warnings: Problems,
    /// The moment.
    pub time: Timestamp,
    /// What the server announced before.
    announced: Option<Announced>,
}

/// A feed, and from where it is.
pub(in crate::cli) struct Named {
    pub source: Source,
    pub feed: Feed,
}

impl Offline {
    /// Reads all that serve would read, but for the feed. What was announced before is not known.
    pub(in crate::cli) fn load(config: &Path, time: Timestamp) -> Result<Self, Failure> {
        let mut problems = Problems::default();
        let loaded = load::load(config, &mut problems).filter(|_| !problems.has_errors());
        let Some(loaded) = loaded else {
            print(&problems);
            return Err(Failure::new(format!("{} cannot be served", config.display())));
        };
        let mut errors = Vec::new();
        let supply = loaded.supply.read(&ReleaseSources::default(), time, &mut errors);
        Ok(Self { loaded, supply, errors, warnings: problems, time, announced: None })
    }

    /// Says why files have no word in the release.
    pub(in crate::cli) fn say_errors(&self) {
        for error in &self.errors {
            say!("cvdns: {error}");
        }
    }

    /// Goes on from what the server that has this configuration announced, if it keeps that (`state`).
    pub(in crate::cli) fn remembering(self) -> Self {
        let state = self.loaded.state.as_deref();
        let announced = state.and_then(|state| daemon::announced_before(state, self.time));
        Self { announced, ..self }
    }

    /// What a word of the command line means; without one the configuration's.
    pub(in crate::cli) fn source(&self, inputs: Option<&str>) -> Result<Source, Failure> {
        match inputs {
            Some(inputs) => Source::of_argument(inputs).map_err(Failure::new),
            None => self.loaded.feed.clone().ok_or_else(|| {
                Failure::new("the configuration has no feed (`source` in [feed]): name one")
            }),
        }
    }

    /// Reads the octets of a feed. From a file in which a server keeps one (`state`) it is taken out, which is said.
    pub(in crate::cli) fn octets(&self, source: &Source) -> Result<Vec<u8>, Failure> {
        self.octets_and_signature(source, false).map(|(octets, _)| octets)
    }

    /// The same with the feed's signature, where it is asked for and there is one.
    pub(in crate::cli) fn octets_and_signature(
        &self,
        source: &Source,
        signed: bool,
    ) -> Result<SignedOctets, Failure> {
        let roots = &self.loaded.roots;
        let unsigned = |octets| (octets, Ok(None));
        let read =
            if signed { source.read_signed(roots) } else { source.read(roots).map(unsigned) };
        let (octets, signature) = read.map_err(Failure::new)?;
        Ok(match daemon::kept_document(&octets) {
            Some(kept) => {
                say!(
                    "cvdns: {source} is what a server keeps: the feed in it came from {}",
                    kept.source
                );
                (kept.octets, Ok(kept.signature))
            }
            None => (octets, signature),
        })
    }

    /// Reads a feed.
    pub(in crate::cli) fn read(&self, source: Source) -> Result<Named, Failure> {
        let octets = self.octets(&source)?;
        let feed = Feed::parse(&octets).map_err(|error| {
            Failure::new(format!(
                "{source}: {error} (`cvdns feed check` says all that is wrong with it)"
            ))
        })?;
        Ok(Named { source, feed })
    }

    /// The feed that a word of the command line names, else the configuration's; none: the configuration has none.
    pub(in crate::cli) fn feed(&self, inputs: Option<&str>) -> Result<Option<Named>, Failure> {
        if inputs.is_none() && self.loaded.feed.is_none() {
            return Ok(None);
        }
        self.read(self.source(inputs)?).map(Some)
    }

    /// The configuration's feed, signed as it asks; none: it has none.
    pub(in crate::cli) fn signed_feed(&self) -> Result<Option<Named>, Failure> {
        let Some(source) = self.loaded.feed.clone() else { return Ok(None) };
        let Some(key) = &self.loaded.config.feed.public_key else {
            return self.read(source).map(Some);
        };
        let (octets, signature) = source.read_signed(&self.loaded.roots).map_err(Failure::new)?;
        let signature = signature.map_err(Failure::new)?;
        let verified =
            key.verify(&octets, signature.as_deref()).and_then(|()| Feed::parse(&octets));
        let feed = verified.map_err(|error| Failure::new(format!("{source}: {error}")))?;
        Ok(Some(Named { source, feed }))
    }

    /// The configuration's feed, or where that could not be taken, what the server kept that had one in force (`state`). Where
    /// the two are not the same, that is said.
    pub(in crate::cli) fn feed_in_force(&self) -> Result<Option<Named>, Failure> {
        let source = self.loaded.feed.clone();
        let state = self.loaded.state.as_deref().zip(source.as_ref());
        let keys = self.loaded.config.feed.public_key.as_ref();
        let kept = state.and_then(|(state, source)| {
            daemon::feed_before(state, &source.to_string(), keys, self.time)
        });
        if !self.loaded.config.feed.settle.is_zero() {
            say!(
                "cvdns: which mirrors change their state too often (`settle`) the running server alone knows"
            );
        }
        match (self.signed_feed(), kept, source) {
            (Err(Failure::Input(what)), Some(feed), Some(source)) => {
                say!("cvdns: {what}; the server goes on with feed {}, which it kept", feed.serial);
                Ok(Some(Named { source, feed }))
            }
            (Ok(Some(named)), Some(kept), _) if kept.serial != named.feed.serial => {
                let Named { source, feed } = &named;
                say!(
                    "cvdns: {source} has feed {}, the server had {} in force last: it holds it back, or does not run",
                    feed.serial,
                    kept.serial
                );
                Ok(Some(named))
            }
            (read, ..) => read,
        }
    }

    /// What would be answered from with this feed; with a snapshot that was in force before it.
    pub(in crate::cli) fn snapshot(
        &self,
        feed: Option<&Feed>,
        before: Option<&Snapshot>,
    ) -> Result<Snapshot, Failure> {
        self.snapshot_noting(feed, before, &mut Problems::default())
    }

    /// The same, with warnings of what is wrong with zones as they are put together.
    pub(in crate::cli) fn snapshot_noting(
        &self,
        feed: Option<&Feed>,
        before: Option<&Snapshot>,
        problems: &mut Problems,
    ) -> Result<Snapshot, Failure> {
        let databases = feed.map(Feed::extra_databases).unwrap_or_default();
        let Some(static_data) = compile(&self.loaded.inputs, &databases, problems) else {
            print(problems);
            return Err(Failure::new("the configuration cannot be served"));
        };
        let static_data: Arc<StaticData> = Arc::new(static_data);
        let release = self.supply.release(feed.and_then(Feed::dated_release));
        let release = release.as_ref().map(DatedRelease::of);
        let overrides = Some(&self.loaded.overrides.overrides);
        let inputs = HealthInputs { feed, overrides, settling: None };
        let now =
            Now { inputs, release, time: self.time, max_age: self.loaded.config.feed.max_age };
        Ok(match before {
            None => Snapshot::remembering(self.announced.as_ref(), static_data, &now),
            Some(before) => Snapshot::after(before, static_data, &now),
        })
    }
}
