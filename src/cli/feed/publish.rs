//! `cvdns feed publish`: publishes a feed through NATS.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::channel;

use clap::Args;
use jiff::Timestamp;

use crate::cli::long_running::{begin, run_with_signals};
use crate::cli::nats::{self, missing};
use crate::cli::output::{Failure, print_line};
use crate::load::{self, NatsDocument, NatsPublishing, signature_path};
use crate::logging::LogQueue;
use crate::publishing::{Keeper, KeeperSettings, Outcome, publish};
use cvdns_core::health::{Feed, Keys};
use cvdns_core::problem::Problems;
use cvdns_io::signals::{SignalAction, Signals};
use cvdns_io::{read_feed, read_signature};

/// Arguments of `cvdns feed publish`.
#[derive(Args, Clone, Debug)]
pub struct PublishArgs {
    /// The feed's file, with its signature beside it (FILE.minisig). Default: the file that
    /// `cvdns monitor` writes.
    #[arg(value_name = "FILE")]
    pub feed: Option<PathBuf>,
    /// Go on, and publish the file whenever it changes. Of several that do so, one publishes; if
    /// that one fails, another does so within 15 seconds.
    #[arg(long)]
    pub follow: bool,
}

pub(super) fn run(args: &PublishArgs, config: &Path) -> ExitCode {
    if args.follow {
        return run_with_signals(1, |log, signals| {
            follow(args, config, log, signals).unwrap_or_else(Failure::report)
        });
    }
    once(args, config).unwrap_or_else(Failure::report)
}

fn once(args: &PublishArgs, config: &Path) -> Result<ExitCode, Failure> {
    let read = nats::publishing(config)?;
    let KeeperSettings { place, keys, file: feed, .. } = settings(args, config, read)?;
    let octets = read_feed(&feed).map_err(Failure::new)?;
    let signature = read_signature(&signature_path(&feed)).map_err(Failure::new)?;
    let parsed = Feed::parse(&octets).and_then(|feed| feed.timely(Timestamp::now()).map(|()| feed));
    let parsed = parsed.map_err(|error| {
        Failure::new(format!("{}: {error}; nothing is published", feed.display()))
    })?;
    let serial = parsed.serial;
    let outcome = publish(&place, &keys, NatsDocument::Feed, octets, signature);
    match outcome.map_err(Failure::new)? {
        Outcome::Published => print_line(format_args!("feed {serial} is published in {place}"))?,
        Outcome::Same => print_line(format_args!("feed {serial} was published in {place} before"))?,
        Outcome::Refused(why) => {
            return Err(Failure::new(format!("feed {serial} is not published: {why}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn follow(
    args: &PublishArgs,
    config: &Path,
    log: &LogQueue,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    let read = |problems: &mut Problems| load::nats_publishing(config, problems);
    let Some(read) = begin(config, log, read, |read| &read.log)? else {
        return Ok(ExitCode::FAILURE);
    };
    let keeper = Keeper::new(settings(args, config, read)?, &holder()).map_err(Failure::new)?;
    let (stop, stopped) = channel();
    // SIGHUP has nothing to read again: the file is followed.
    signals.hand_over(move |signal| {
        if signal == SignalAction::Stop {
            let _ = stop.send(());
        }
    });
    keeper.run(&stopped);
    Ok(ExitCode::SUCCESS)
}

/// What is published, and where.
fn settings(
    args: &PublishArgs,
    config: &Path,
    read: NatsPublishing,
) -> Result<KeeperSettings, Failure> {
    let NatsPublishing { place, keys, feed, publish_every, .. } = read;
    let place = place.ok_or_else(|| missing(config))?;
    let keys: Keys = keys.ok_or_else(|| {
        Failure::new(
            "servers would refuse the feed: write the coordinator's key as `public-key` in [feed]",
        )
    })?;
    let feed = args.feed.clone().or(feed).ok_or_else(|| {
        Failure::new("which feed? Name its file, or write it as `feed` in [monitor]")
    })?;
    // A feed that is late by half of that is not.
    let patience = publish_every + publish_every / 2;
    Ok(KeeperSettings { place, document: NatsDocument::Feed, keys, file: feed, patience })
}

/// What this process is called in the lease.
fn holder() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    format!("{} ({})", host.unwrap_or_default(), std::process::id())
}
