//! `cvdns serve`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

use super::problems::print;
use crate::config::Log;
use crate::daemon::{Daemon, StartError};
use crate::load::load;
use crate::problem::Problems;

/// Serves until it is told to stop.
pub fn run(config: &Path) -> ExitCode {
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
                error!("{reason}");
            }
            return ExitCode::FAILURE;
        }
    };
    match daemon.run() {
        Ok(_) => ExitCode::SUCCESS,
        Err(reason) => {
            error!("cannot serve: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error. `CVDNS_LOG` overrides the level and may be a whole filter of `tracing`.
pub(super) fn start_log(log: &Log) {
    // What notify says of directories that went away is no news: the watch is made anew.
    let filter = EnvFilter::try_from_env("CVDNS_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{},notify=error", log.level)));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    // A second subscriber would be a defect of the program; without one there is merely no log.
    let _ = if log.json { builder.json().finish().try_init() } else { builder.finish().try_init() };
}
