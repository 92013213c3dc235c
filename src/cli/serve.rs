//! `cvdns serve`.

use std::path::Path;
use std::process::ExitCode;

use tracing::error;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_filter;
use super::output::{Failure, has_colour, say};
use super::problems::print;
use crate::daemon::{Daemon, StartError};
use crate::load::load;
use crate::logging::{LogQueue, log_panics};
use cvdns_core::config::Log;
use cvdns_core::problem::Problems;
use cvdns_io::signals::Signals;

/// Serves until it is told to stop.
pub fn run(config: &Path) -> ExitCode {
    if let Err(error) = log_filter::check() {
        return Failure::new(error).report();
    }
    going_on(0, |log, signals| serve(config, log, signals))
}

/// Runs a command that takes its time: with a log that it never waits for, and signals that are caught before anything is read. Told
/// to end before it began, it has this exit status.
pub(super) fn going_on(
    not_begun: i32,
    command: impl FnOnce(&LogQueue, Signals) -> ExitCode,
) -> ExitCode {
    let started = LogQueue::start().and_then(|log| {
        let last = log.clone();
        let signals = Signals::catch(move || {
            last.flush();
            not_begun
        })?;
        Ok((log, signals))
    });
    let (log, signals) = match started {
        Ok(started) => started,
        Err(error) => {
            return Failure::new(format!("no thread for the log or signals: {error}")).report();
        }
    };
    let code = command(&log, signals);
    log.flush();
    code
}

fn serve(config: &Path, log: &LogQueue, signals: Signals) -> ExitCode {
    let mut problems = Problems::default();
    let Some(loaded) = load(config, &mut problems) else {
        print(&problems);
        return ExitCode::FAILURE;
    };
    start_log(&loaded.config.log, log);
    let daemon = match Daemon::start(config, loaded, problems, log.clone()) {
        Ok(daemon) => daemon,
        Err(StartError::Inputs(problems)) => {
            log.flush();
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
    match daemon.run(signals) {
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
pub(super) fn start_log(log: &Log, queue: &LogQueue) {
    let colours = has_colour();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(log_filter::filter(&log.level))
        .with_writer(queue.lines(colours && !log.json))
        .with_ansi(colours)
        .with_target(false)
        // It would write to standard error itself.
        .log_internal_errors(false);
    log_panics(queue);
    // A second subscriber would be a defect of the program; without one there is merely no log.
    let _ = if log.json { builder.json().finish().try_init() } else { builder.finish().try_init() };
}
