//! JSON and lines on standard output, failures on standard error.
//!
//! The reader may close either pipe at any time (`| head -1`). The command then ends quietly, where
//! `println!` would panic.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tracing::Level;

use crate::logging::stderr_prefix;
use cvdns_core::problem::{printable, printable_lines};

/// Prints a line on standard error. Unlike `eprintln!` it ignores a closed pipe and escapes control
/// characters.
macro_rules! eprint_line {
    ($($arguments:tt)*) => {
        $crate::cli::output::write_error_line(format_args!($($arguments)*))
    };
}
pub(in crate::cli) use eprint_line;

/// Implements [`eprint_line`].
pub(in crate::cli) fn write_error_line(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(&line.to_string()));
}

/// Prints lines on standard error, with what [`eprint_line`] does.
macro_rules! eprint_text {
    ($($arguments:tt)*) => {
        $crate::cli::output::write_error_text(format_args!($($arguments)*))
    };
}
pub(in crate::cli) use eprint_text;

/// Implements [`eprint_text`].
pub(in crate::cli) fn write_error_text(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", printable_lines(&text.to_string()));
}

/// Prints a line on standard output.
pub(in crate::cli) fn print_line(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{}", printable_lines(&line.to_string()))?;
    Ok(())
}

/// Whether standard error is a terminal that shows colours and the user has not disabled them
/// (<https://no-color.org>: `NO_COLOR` is set and not empty).
pub(in crate::cli) fn has_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !unwanted && !dumb && io::stderr().is_terminal()
}

/// A progress bar on standard error, or a hidden one if that is no terminal. `template` as
/// `indicatif` defines it.
pub(in crate::cli) fn progress_bar(template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Why a command ended early.
#[derive(Debug)]
pub(in crate::cli) enum Failure {
    /// Bad input or an error of the system; the message for the user.
    Input(String),
    /// The same in several lines.
    Lines(String),
    /// The reader of the output closed the pipe (`| head`).
    BrokenPipe,
}

impl Failure {
    pub(in crate::cli) fn new(message: impl Into<String>) -> Failure {
        Failure::Input(message.into())
    }

    /// Prints the message and returns the exit status.
    pub(in crate::cli) fn report(self) -> ExitCode {
        match self {
            Failure::Input(message) => {
                eprint_line!("{}cvdns: {message}", stderr_prefix(Level::ERROR));
                ExitCode::FAILURE
            }
            Failure::Lines(message) => {
                eprint_text!("{}cvdns: {message}", stderr_prefix(Level::ERROR));
                ExitCode::FAILURE
            }
            Failure::BrokenPipe => ExitCode::SUCCESS,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::new(format!("writing to standard output: {error}")),
        }
    }
}

/// Prints a value as indented JSON.
pub(in crate::cli) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    writeln!(io::stdout().lock(), "{}", printable_lines(&text))?;
    Ok(())
}
