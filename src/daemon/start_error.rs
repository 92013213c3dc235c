//! Why a server does not start.

use cvdns_core::problem::{Problems, Severity};

/// Why the server does not start.
#[derive(Debug)]
pub enum StartError {
    /// The inputs are wrong.
    Inputs(Problems),
    /// The system refuses something that serving needs, a line for each reason.
    System(Vec<String>),
}

impl StartError {
    /// The reason in a line. Problems of inputs are given by their first error.
    pub(super) fn summary(&self) -> String {
        match self {
            Self::Inputs(problems) => {
                let mut errors =
                    problems.iter().filter(|problem| problem.severity == Severity::Error);
                let first = errors.next().map(ToString::to_string).unwrap_or_default();
                match errors.count() {
                    0 => first,
                    more => format!("{first} (and {more} more)"),
                }
            }
            Self::System(reasons) => reasons.join("; "),
        }
    }
}
