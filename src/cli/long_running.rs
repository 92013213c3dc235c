//! Log and signals of the commands that keep running: serve, monitor, `export bind --watch` and
//! `feed publish --follow`.

use std::path::Path;
use std::process::ExitCode;

use tracing_subscriber::util::SubscriberInitExt;

use super::output::{Failure, has_colour};
use super::problems::print;
use crate::logging::{LogLevel, LogQueue, as_text, check_variable, log_panics, log_problems};
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

/// Reads a configuration, and goes on with the log that it asks for once all that is wrong with it
/// has been reported. `None` if it cannot be used.
pub(super) fn begin<T>(
    config: &Path,
    queue: &LogQueue,
    read: impl FnOnce(&mut Problems) -> Option<T>,
    log_of: impl FnOnce(&T) -> &Log,
) -> Result<Option<T>, Failure> {
    check_variable().map_err(Failure::new)?;
    let mut problems = Problems::default();
    let Some(read) = read(&mut problems) else {
        print(&problems);
        return Ok(None);
    };
    let log = log_of(&read);
    start_log(log, queue);
    report_problems(&problems, log.json, queue);
    if problems.has_errors() {
        return Ok(None);
    }
    queue.go_on_in_file(log, config).map_err(Failure::new)?;
    Ok(Some(read))
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
