//! `cvdns bundle`: zone files and fleets for all servers of a network, through NATS.

mod publish;
mod show;

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::nats::{self, missing};
use super::output::Failure;
use crate::load::{BundleSource, NatsPublishing};
use cvdns_core::bundle::{BUNDLE_NAME, is_bundle_name};
use cvdns_core::health::Keys;
use publish::PublishArgs;
use show::ShowArgs;

/// The subcommands of `cvdns bundle`.
#[derive(Clone, Debug, Subcommand)]
pub enum BundleCommand {
    /// Publish the zone files of this configuration, with the files that they name.
    ///
    /// The bundle has the files of all `[[zone]]` sections with `file`, which are first checked as
    /// a server would. It is signed by `secret-key` in `[monitor]`. If the bundle that is published
    /// has the same files, nothing changes. Exit status: 0 if servers have these files, or will.
    Publish(PublishArgs),
    /// Show the bundle that is published, or print a file of it.
    Show(ShowArgs),
}

/// Runs a subcommand. Exit status: 0 on success, 1 if something is not as it must be.
pub fn run(command: &BundleCommand, config: &Path) -> ExitCode {
    let done = match command {
        BundleCommand::Publish(args) => publish::run(args, config),
        BundleCommand::Show(args) => show::run(args, config),
    };
    done.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

/// A bundle in NATS, by the configuration of whoever publishes.
struct PublishedBundle {
    source: BundleSource,
    keys: Keys,
    /// What the configuration says of publishing.
    publishing: NatsPublishing,
}

impl PublishedBundle {
    fn of(name: &str, config: &Path) -> Result<Self, Failure> {
        let publishing = nats::publishing(config)?;
        let place = publishing.place.clone().ok_or_else(|| missing(config))?;
        let keys = publishing.keys.clone().ok_or_else(|| {
            Failure::new("servers would refuse the bundle: write `public-key` in [feed]")
        })?;
        Ok(Self { source: BundleSource { name: name.to_owned(), place }, keys, publishing })
    }
}

/// The name of a bundle.
fn name(text: &str) -> Result<String, String> {
    if is_bundle_name(text) { Ok(text.to_owned()) } else { Err(format!("write {BUNDLE_NAME}")) }
}
