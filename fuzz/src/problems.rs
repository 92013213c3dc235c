//! What must hold of problems, whatever the input.

use cvdns_core::problem::{Problems, render};

/// Problems can be shown: none is empty, and what an input brings controls no terminal.
pub(crate) fn print(problems: &Problems) {
    for problem in problems.iter().take(5) {
        assert!(!problem.what.is_empty() && !problem.to_string().is_empty(), "an empty message");
        let shown = render(problem, false);
        let controls = |c: char| c != '\n' && c.is_control();
        assert!(!shown.is_empty() && !shown.contains(controls), "{shown:?}");
    }
}
