//! Tables and JSON on standard output, failures on standard error.

use std::io::{self, Write};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::problem::{printable, printable_lines};

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
                say(&message);
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

/// Says something on standard error, in one line whose characters do nothing but be read.
pub(in crate::cli) fn say(message: &str) {
    // Where nobody reads, nobody misses it.
    let _ = writeln!(io::stderr().lock(), "cvdns: {}", printable(message));
}

/// Prints a value as JSON, indented.
pub(in crate::cli) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?;
    writeln!(io::stdout().lock(), "{}", printable_lines(&text))?;
    Ok(())
}

/// Prints a table without lines, so that `awk` and `sort` can use it; wrapped on a terminal only.
pub(in crate::cli) fn print_table(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Off a terminal there is no width to fit.
    if io::IsTerminal::is_terminal(&io::stdout()) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    if !header.is_empty() {
        table.set_header(header.iter().copied());
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    writeln!(io::stdout().lock(), "{}", table.trim_fmt())?;
    Ok(())
}
