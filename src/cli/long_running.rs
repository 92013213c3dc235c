//! Log and signals of the commands that keep running: serve, monitor and `export bind --watch`.

use std::process::ExitCode;

use tracing_subscriber::util::SubscriberInitExt;

use super::output::{Failure, has_colour};
use super::problems::print;
use crate::logging::{LogLevel, LogQueue, as_text, log_panics, log_problems};
use cvdns_core::config::Log;
use cvdns_core::problem::Problems;
use cvdns_io::signals::Signals;

/// Runs a long-running command with a log that never blocks it and with signals caught before
/// anything is read. `early_exit` is the exit status if a signal ends the process before the
/// command begins.
pub(super) fn run_with_signals(
    early_exit: i32,
    command: impl FnOnce(&LogQueue, Signals) -> ExitCode,
) -> ExitCode {
    let started = LogQueue::start().and_then(|log| {
        let (queue, reopened) = (log.clone(), log.clone());
        let on_exit = move || {
            queue.flush();
            early_exit
        };
        let signals = Signals::catch(on_exit, move || reopened.reopen())?;
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

/// Starts logging to standard error, and returns the log's level. `CVDNS_LOG` overrides the
/// configured one and may be any `tracing` filter.
pub(super) fn start_log(log: &Log, queue: &LogQueue) -> LogLevel {
    // In a file nobody sees colours.
    let colours = has_colour() && log.file.is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(LogLevel::at_start(log.level))
        .with_writer(queue.lines(colours && !log.json))
        .with_ansi(colours)
        .with_target(false)
        // `tracing` would write these to standard error past the queue.
        .log_internal_errors(false);
    log_panics(queue);
    // Both fail only if a subscriber is set already, which then stays in use.
    if log.json {
        let builder = builder.json().flatten_event(true).with_filter_reloading();
        let handle = builder.reload_handle();
        let _ = builder.finish().try_init();
        LogLevel::new(log.level, move |filter| drop(handle.reload(filter)))
    } else {
        let builder = builder.fmt_fields(as_text()).with_filter_reloading();
        let handle = builder.reload_handle();
        let _ = builder.finish().try_init();
        LogLevel::new(log.level, move |filter| drop(handle.reload(filter)))
    }
}

/// Reports problems that were found at the start: as `check` prints them, or as lines of the log if
/// these are JSON, which programs read.
pub(super) fn report_problems(problems: &Problems, is_json: bool, queue: &LogQueue) {
    if is_json && tracing::enabled!(tracing::Level::ERROR) {
        log_problems(problems);
    } else {
        queue.flush();
        print(problems);
    }
}
