//! `cvdns serve`.

use std::path::Path;
use std::process::ExitCode;

use tracing::error;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_filter;
use super::output::{Failure, has_colour, say};
use super::problems::print;
use crate::config::Log;
use crate::daemon::{Daemon, StartError};
use crate::load::load;
use crate::problem::Problems;

/// Serves until it is told to stop.
pub fn run(config: &Path) -> ExitCode {
    if let Err(error) = log_filter::check() {
        return Failure::new(error).report();
    }
    let mut problems = Problems::default();
    let Some(loaded) = load(config, &mut problems) else {
        print(&problems);
        return ExitCode::FAILURE;
    };
    start_log(&loaded.config.log);
    let daemon = match Daemon::start(config, loaded, problems) {
        Ok(daemon) => daemon,
        Err(StartError::Inputs(problems)) => {
            print(&problems);
            return ExitCode::FAILURE;
        }
        Err(StartError::System(reasons)) => {
            for reason in reasons {
                say_last(&reason);
            }
            return ExitCode::FAILURE;
        }
    };
    match daemon.run() {
        Ok(_) => ExitCode::SUCCESS,
        Err(reason) => {
            say_last(&format!("cannot serve: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// Says why it ends: in the log, or where that has no errors (`CVDNS_LOG=off`), without it.
fn say_last(reason: &str) {
    if tracing::enabled!(tracing::Level::ERROR) {
        error!("{reason}");
    } else {
        say!("cvdns: {reason}");
    }
}

/// Logs to standard error. `CVDNS_LOG` overrides the level and may be a whole filter of `tracing`.
pub(super) fn start_log(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(log_filter::filter(&log.level))
        .with_writer(std::io::stderr)
        .with_ansi(has_colour())
        .with_target(false);
    // A second subscriber would be a defect of the program; without one there is merely no log.
    let _ = if log.json { builder.json().finish().try_init() } else { builder.finish().try_init() };
}
