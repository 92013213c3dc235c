//! Prints problems for people.

use std::io::IsTerminal;

use crate::problem::{Problems, render};

/// Prints all problems and a line that counts them, on standard error.
pub(super) fn print(problems: &Problems) {
    let colour = std::io::stderr().is_terminal();
    for problem in problems.iter() {
        eprintln!("{}\n", render(problem, colour));
    }
    let (errors, warnings) = problems.counts();
    if errors + warnings > 0 {
        eprintln!("{}, {}", plural(errors, "error"), plural(warnings, "warning"));
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
