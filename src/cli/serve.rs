//! `cvdns serve`: runs the DNS server.

use std::path::Path;
use std::process::ExitCode;

use tracing::error;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_filter;
use super::output::{Failure, eprint_line, has_colour};
use super::problems::print;
use crate::daemon::{Daemon, StartError};
use crate::load::load;
use crate::logging::{LogQueue, log_panics};
use cvdns_core::config::Log;
use cvdns_core::problem::Problems;
use cvdns_io::signals::Signals;

/// Serves until a signal stops it.
pub fn run(config: &Path) -> ExitCode {
    if let Err(error) = log_filter::check() {
        return Failure::new(error).report();
    }
    run_with_signals(0, |log, signals| serve(config, log, signals))
}

/// Runs a long-running command with a log that never blocks it and with signals caught before
/// anything is read. `early_exit` is the exit status if a signal ends the process before the
/// command begins.
pub(super) fn run_with_signals(
    early_exit: i32,
    command: impl FnOnce(&LogQueue, Signals) -> ExitCode,
) -> ExitCode {
    let started = LogQueue::start().and_then(|log| {
        let queue = log.clone();
        let signals = Signals::catch(move || {
            queue.flush();
            early_exit
        })?;
        Ok((log, signals))
    });
    let (log, signals) = match started {
        Ok(started) => started,
        Err(error) => {
            return Failure::new(format!("cannot start the threads for log and signals: {error}"))
                .report();
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
        eprint_line!("cvdns: {reason}");
    }
}

/// Starts logging to standard error. `CVDNS_LOG` overrides the level and may be any `tracing`
/// filter.
pub(super) fn start_log(log: &Log, queue: &LogQueue) {
    let colours = has_colour();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(log_filter::filter(&log.level))
        .with_writer(queue.lines(colours && !log.json))
        .with_ansi(colours)
        .with_target(false)
        // `tracing` would write these to standard error past the queue.
        .log_internal_errors(false);
    log_panics(queue);
    // Fails only if a subscriber is set already, which then stays in use.
    let _ = if log.json { builder.json().finish().try_init() } else { builder.finish().try_init() };
}
