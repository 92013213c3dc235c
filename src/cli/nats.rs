//! `cvdns nats`: makes what feeds and overrides need in NATS.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use cvdns_nats::{BucketReport, BucketState, Plan, set_up};

use super::output::{Failure, print_line};
use super::problems::print;
use crate::load::{self, NatsPublishing, explained};
use cvdns_core::problem::Problems;

/// The subcommands of `cvdns nats`.
#[derive(Clone, Debug, Subcommand)]
pub enum NatsCommand {
    /// Make the buckets of `[nats]`, or say how those that are there differ.
    ///
    /// It needs a user who may create streams. What is there is never changed. Exit status: 0 if
    /// the buckets are as they must be.
    SetUp(SetUpArgs),
}

/// Arguments of `cvdns nats set-up`.
#[derive(Args, Clone, Debug)]
pub struct SetUpArgs {
    /// On how many servers of a cluster each bucket is kept: 1, 3 or 5.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = replicas)]
    pub replicas: u8,
    /// A file that says who connects, instead of `credentials` in `[nats]`.
    #[arg(long, value_name = "FILE")]
    pub credentials: Option<std::path::PathBuf>,
}

/// The longest wait for NATS.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Runs a subcommand. Exit status: 0 on success, 1 if something is not as it must be.
pub fn run(command: &NatsCommand, config: &Path) -> ExitCode {
    let done = match command {
        NatsCommand::SetUp(args) => make(args, config),
    };
    done.unwrap_or_else(Failure::report)
}

fn make(args: &SetUpArgs, config: &Path) -> Result<ExitCode, Failure> {
    let mut place = publishing(config)?.place.ok_or_else(|| missing(config))?;
    if let Some(credentials) = &args.credentials {
        place.settings.credentials = Some(credentials.clone());
    }
    let plan = Plan { replicas: args.replicas, ..Plan::default() };
    let reports = set_up(&place.settings, &plan, TIMEOUT)
        .map_err(|error| Failure::new(format!("cannot set up {place}: {}", explained(&error))))?;
    let mut all_fit = true;
    for BucketReport { bucket, state } in reports {
        match state {
            BucketState::Created => print_line(format_args!("bucket {bucket}: made"))?,
            BucketState::Fits => print_line(format_args!("bucket {bucket}: as it must be"))?,
            BucketState::Differs(differences) => {
                all_fit = false;
                let differences = differences.join("; ");
                print_line(format_args!("bucket {bucket}: left as it is, and {differences}"))?;
            }
        }
    }
    Ok(if all_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a configuration says of publishing through NATS. Errors are printed.
pub(super) fn publishing(config: &Path) -> Result<NatsPublishing, Failure> {
    let mut problems = Problems::default();
    let read = load::nats_publishing(config, &mut problems);
    read.filter(|_| !problems.has_errors()).ok_or_else(|| {
        print(&problems);
        Failure::new("correct this, or name another configuration with --config")
    })
}

/// That a configuration has no `[nats]`.
pub(super) fn missing(config: &Path) -> Failure {
    Failure::new(format!(
        "{} does not say where NATS is: add a section [nats] with servers = [\"tls://HOST:4222\"]",
        config.display()
    ))
}

fn replicas(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(number @ (1 | 3 | 5)) => Ok(number),
        _ => Err("write 1, 3 or 5".to_owned()),
    }
}
