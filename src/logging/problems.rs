//! What is wrong with inputs that are read again, in the log.

use tracing::{error, warn};

use cvdns_core::problem::{Problems, Severity};

/// A log is no place for hundreds of lines about one cause; `cvdns check` shows more.
pub const LOGGED: usize = 20;

/// Logs problems, errors first.
pub fn log_problems(problems: &Problems) {
    for problem in problems.by_severity().take(LOGGED) {
        match problem.severity {
            Severity::Error => error!("{problem}"),
            Severity::Warning => warn!("{problem}"),
        }
    }
    let (errors, warnings) = problems.counts();
    if let Some(more @ 1..) = (errors + warnings).checked_sub(LOGGED) {
        warn!("{more} more problems: `cvdns check` shows them");
    }
}
