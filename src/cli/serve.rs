//! `cvdns serve`: runs the DNS server.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use tracing::{error, warn};

use super::long_running::{report_problems, run_with_signals, start_log};
use super::output::{Failure, eprint_line};
use super::problems::print;
use super::stated::StatedSettings;
use crate::daemon::{Daemon, Origin, StartError};
use crate::load::load_stating;
use crate::logging::{LogQueue, check_variable, stderr_prefix};
use cvdns_core::problem::Problems;
use cvdns_io::confinement;
use cvdns_io::signals::Signals;

/// Arguments of `cvdns serve`.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// Take over from the running server without losing a query, if one runs; see `takeover` in
    /// `[server]`.
    ///
    /// The new server reads everything, takes the running server's sockets, and answers; then the
    /// running server ends. If anything is wrong, the running server goes on, and this command says
    /// why and ends with exit status 1.
    #[arg(long)]
    pub replace: bool,
    /// Settings that beat those of the configuration.
    #[command(flatten)]
    pub stated: StatedSettings,
}

/// Serves until a signal stops it.
pub fn run(args: &ServeArgs, config: &Path) -> ExitCode {
    if let Err(error) = check_variable() {
        return Failure::new(error).report();
    }
    // Before the first thread, so that it holds for all; and before any descriptor is opened, as it
    // closes those that are not for this process.
    let confined = confinement::begin();
    // It changes the environment, which no other thread may read meanwhile.
    let origin = Origin::from_environment(args.replace);
    run_with_signals(0, |log, signals| serve(args, config, log, signals, confined, origin))
}

fn serve(
    args: &ServeArgs,
    config: &Path,
    log: &LogQueue,
    signals: Signals,
    confined: Result<(), String>,
    origin: Origin,
) -> ExitCode {
    let mut problems = Problems::default();
    let stated = args.stated.command_line();
    let Some(loaded) = load_stating(config, &stated, &mut problems) else {
        print(&problems);
        return ExitCode::FAILURE;
    };
    let (level, is_json) = (start_log(&loaded.config.log, log), loaded.config.log.json);
    if let Err(reason) = confined {
        warn!("{reason}: it goes on with more privileges than it needs");
    }
    let daemon = match Daemon::start(config, loaded, problems, (log.clone(), level), origin) {
        Ok(daemon) => daemon,
        Err(StartError::Inputs(problems)) => {
            report_problems(&problems, is_json, log);
            return ExitCode::FAILURE;
        }
        Err(StartError::System(reasons)) => {
            for reason in reasons {
                report_fatal(&reason);
            }
            return ExitCode::FAILURE;
        }
    };
    match daemon.run(signals) {
        Ok(_) => ExitCode::SUCCESS,
        Err(reason) => {
            report_fatal(&format!("cannot serve: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// Reports why the server ends: in the log, or on standard error if the log omits errors
/// (`CVDNS_LOG=off`).
fn report_fatal(reason: &str) {
    if tracing::enabled!(tracing::Level::ERROR) {
        error!("{reason}");
    } else {
        eprint_line!("{}cvdns: {reason}", stderr_prefix(tracing::Level::ERROR));
    }
}
