//! Prints problems for people.

use std::io::{self, Write};

use super::output::has_colour;
use cvdns_core::problem::{Lines, Problems, plural, render_in};

/// Beyond this many nobody reads on; most have one cause.
const SHOWN: usize = 100;

/// Prints the problems, errors first, and a line that counts them, on standard error.
pub(super) fn print(problems: &Problems) {
    print_some(problems, SHOWN);
}

/// The same, however many there are: where each is a line of its own to mend.
pub(super) fn print_all(problems: &Problems) {
    print_some(problems, usize::MAX);
}

fn print_some(problems: &Problems, most: usize) {
    // Where nobody reads, nobody misses it.
    let _ = write_some(&mut io::stderr().lock(), problems, most);
}

fn write_some(out: &mut impl Write, problems: &Problems, most: usize) -> io::Result<()> {
    let (colour, mut lines) = (has_colour(), Lines::default());
    for problem in problems.by_severity().take(most) {
        writeln!(out, "{}\n", render_in(problem, &mut lines, colour))?;
    }
    let (errors, warnings) = problems.counts();
    if let Some(more @ 1..) = (errors + warnings).checked_sub(most) {
        writeln!(out, "… and {more} more: mend these first\n")?;
    }
    if errors + warnings > 0 {
        writeln!(
            out,
            "{}, {}",
            plural(errors, "error", "errors"),
            plural(warnings, "warning", "warnings")
        )?;
    }
    Ok(())
}
