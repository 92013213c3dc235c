//! JSON and lines on standard output, failures on standard error.
//!
//! Whoever reads either may go away at any time (`| head -1`): that ends a command quietly, where `println!` would panic.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

use cvdns_core::problem::{printable, printable_lines};

/// Says a line on standard error, as `eprintln!` does, but for that nobody need be there to hear it, and its characters do nothing
/// but be read.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::cli::output::say_line(format_args!($($words)*))
    };
}
pub(in crate::cli) use say;

/// See the macro.
pub(in crate::cli) fn say_line(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(&line.to_string()));
}

/// Prints a line on standard output.
pub(in crate::cli) fn print_line(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{}", printable_lines(&line.to_string()))?;
    Ok(())
}

/// Whether what is written to standard error may have colours: on a terminal that can show them, unless the user wants none
/// (<https://no-color.org>: the variable is set and not empty).
pub(in crate::cli) fn has_colour() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !unwanted && !dumb && io::stderr().is_terminal()
}

/// What ends a command early.
#[derive(Debug)]
pub(in crate::cli) enum Failure {
    /// The input is bad: what is to be said of it.
    Input(String),
    /// Whoever read the output went away (`| head`).
    BrokenPipe,
}

impl Failure {
    pub(in crate::cli) fn new(message: impl Into<String>) -> Failure {
        Failure::Input(message.into())
    }

    /// Says what is wrong.
    pub(in crate::cli) fn report(self) -> ExitCode {
        match self {
            Failure::Input(message) => {
                say!("cvdns: {message}");
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

/// Prints a value as JSON, indented.
pub(in crate::cli) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    writeln!(io::stdout().lock(), "{}", printable_lines(&text))?;
    Ok(())
}
