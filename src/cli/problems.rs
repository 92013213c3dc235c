//! Prints problems on standard error.

use std::io::{self, Write};

use tracing::Level;

use super::output::has_colour;
use crate::logging::stderr_prefix;
use cvdns_core::problem::{Lines, Problems, Severity, plural, render_in};

/// Problems that are printed at most: nobody reads more, and most have one cause.
const MAX_PRINTED: usize = 100;

/// Prints up to [`MAX_PRINTED`] problems, errors first, and a line with their number.
pub(super) fn print(problems: &Problems) {
    print_up_to(problems, MAX_PRINTED);
}

/// Prints all problems: for lists in which each problem is a line of its own to correct.
pub(super) fn print_all(problems: &Problems) {
    print_up_to(problems, usize::MAX);
}

fn print_up_to(problems: &Problems, max: usize) {
    // A closed pipe is no failure of the command.
    let _ = write_up_to(&mut io::stderr().lock(), problems, max);
}

fn write_up_to(out: &mut impl Write, problems: &Problems, max: usize) -> io::Result<()> {
    let (colour, mut lines) = (has_colour(), Lines::default());
    for problem in problems.by_severity().take(max) {
        let text = format!("{}\n", render_in(problem, &mut lines, colour));
        write_lines(out, problem.severity, &text)?;
    }
    let (errors, warnings) = problems.counts();
    let worst = if errors > 0 { Severity::Error } else { Severity::Warning };
    if let Some(more @ 1..) = (errors + warnings).checked_sub(max) {
        write_lines(out, worst, &format!("… and {more} more: correct these first\n"))?;
    }
    if errors + warnings > 0 {
        let (errors, warnings) =
            (plural(errors, "error", "errors"), plural(warnings, "warning", "warnings"));
        write_lines(out, worst, &format!("{errors}, {warnings}"))?;
    }
    Ok(())
}

/// Writes lines, each with its priority if the journal reads them. To the journal, each line is a
/// message.
fn write_lines(out: &mut impl Write, severity: Severity, text: &str) -> io::Result<()> {
    let prefix = stderr_prefix(match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARN,
    });
    for line in text.split('\n') {
        writeln!(out, "{prefix}{line}")?;
    }
    Ok(())
}
