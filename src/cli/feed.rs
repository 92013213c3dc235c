//! `cvdns feed`: looks at feeds, by the code that serves them.

mod accept;
mod check;
mod diff;
mod show;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use accept::AcceptArgs;

use super::output::Failure;
use super::problems::print;
use crate::health::{Feed, Word};
use crate::load::{self, Loaded, Source};
use crate::problem::Problems;
use crate::release::{Offered, Supply};
use crate::snapshot::{Frame, Now, Snapshot, compile};

/// The subcommands of `cvdns feed`.
#[derive(Clone, Debug, Subcommand)]
pub enum FeedCommand {
    /// Say everything that is wrong with a feed.
    ///
    /// Errors are what a server would refuse it for. Whether its serial is higher than that in force is known to the
    /// running server alone.
    Check(CheckArgs),
    /// Show by country how mirrors stand and what they hold.
    Show(ShowArgs),
    /// Say what the second feed would change in answers, were the first in force.
    ///
    /// Both are compiled as of now, by the code that serves. The order of addresses is no change.
    Diff(DiffArgs),
    /// Have the running server take over a feed that it holds back, as that takes away too many mirrors.
    ///
    /// The server is asked at its admin address, from the machine that it runs on.
    Accept(AcceptArgs),
}

/// Arguments of `cvdns feed check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The feed, a file or an http or https URL; by default the configuration's.
    #[arg(value_name = "FILE|URL")]
    pub feed: Option<String>,
}

/// Arguments of `cvdns feed show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The feed, a file or an http or https URL; by default the configuration's.
    #[arg(value_name = "FILE|URL")]
    pub feed: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `cvdns feed diff`.
#[derive(Args, Clone, Debug)]
pub struct DiffArgs {
    /// The feed in force, a file or an http or https URL.
    #[arg(value_name = "A")]
    pub before: String,
    /// The one that would follow.
    #[arg(value_name = "B")]
    pub after: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs a subcommand. Exit status: 0 done, 1 bad input.
pub fn run(command: &FeedCommand, config: &Path) -> ExitCode {
    let done = match command {
        FeedCommand::Check(args) => check::run(args, config),
        FeedCommand::Show(args) => show::run(args, config),
        FeedCommand::Diff(args) => diff::run(args, config),
        FeedCommand::Accept(args) => accept::run(args, config),
    };
    done.unwrap_or_else(Failure::report)
}

/// A configuration that can be served, as of a moment.
struct Bench {
    loaded: Loaded,
    supply: Supply,
    now: Timestamp,
}

/// A feed, and from where it is.
struct Named {
    source: Source,
    feed: Feed,
}

impl Bench {
    fn load(config: &Path) -> Result<Self, Failure> {
        let mut problems = Problems::default();
        let loaded = load::load(config, &mut problems).filter(|_| !problems.has_errors());
        let Some(loaded) = loaded else {
            print(&problems);
            return Err(Failure::new(format!("{} cannot be served", config.display())));
        };
        let now = Timestamp::now();
        let mut errors = Vec::new();
        let supply = loaded.supply.read(&Supply::default(), now, &mut errors);
        for error in errors {
            eprintln!("cvdns: {error}");
        }
        Ok(Self { loaded, supply, now })
    }

    /// What a word of the command line means; without one the configuration's.
    fn source(&self, word: Option<&str>) -> Result<Source, Failure> {
        match word {
            Some(word) => Source::of_argument(word).map_err(Failure::new),
            None => {
                self.loaded.feed.clone().ok_or_else(|| {
                    Failure::new("the configuration has no feed (`source` in [feed]): name one")
                })
            }
        }
    }

    fn read(&self, source: Source) -> Result<Named, Failure> {
        let octets = source.read(&self.loaded.roots).map_err(Failure::new)?;
        let feed = Feed::parse(&octets).map_err(|error| {
            Failure::new(format!("{source}: {error} (`cvdns feed check` says all that is wrong with it)"))
        })?;
        Ok(Named { source, feed })
    }

    /// The snapshot of a feed; with one that was in force before it.
    fn snapshot(&self, feed: &Feed, before: Option<&Snapshot>) -> Result<Snapshot, Failure> {
        let mut problems = Problems::default();
        let Some(frame) = compile(&self.loaded.inputs, &feed.extra_databases(), &mut problems) else {
            print(&problems);
            return Err(Failure::new("the configuration cannot be served"));
        };
        let frame: Arc<Frame> = Arc::new(frame);
        let release = self.supply.release(Some(feed).and_then(Feed::offered));
        let release = release.as_ref().map(Offered::of);
        let overrides = Some(&self.loaded.overrides.overrides);
        let word = Word { feed: Some(feed), overrides, settling: None };
        let now = Now { word, release, time: self.now, max_age: self.loaded.config.feed.max_age };
        Ok(match before {
            None => Snapshot::new(frame, &now),
            Some(before) => Snapshot::after(before, frame, &now),
        })
    }
}
