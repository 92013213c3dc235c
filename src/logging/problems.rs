//! Lists in the log: problems of inputs that were read again, and whatever else may be long.

use tracing::{error, warn};

use cvdns_core::problem::{Problem, Problems, Severity};

/// Most lines about one cause. `cvdns check` shows more.
pub const LOGGED: usize = 20;

/// Logs problems, errors first.
pub fn log_problems(problems: &Problems) {
    let log = |problem: &Problem| match problem.severity {
        Severity::Error => error_of(problem),
        Severity::Warning => warn_of(problem),
    };
    log_first(problems.by_severity(), log, |more| {
        warn!(count = more, "{more} more problems: `cvdns check` shows them");
    });
}

fn error_of(problem: &Problem) {
    let ProblemFields { path, line, column, reason, help } = ProblemFields::of(problem);
    error!(path, line, column, reason, help, "{problem}");
}

/// Logs a problem as a warning, however bad it is.
pub fn warn_of(problem: &Problem) {
    let ProblemFields { path, line, column, reason, help } = ProblemFields::of(problem);
    warn!(path, line, column, reason, help, "{problem}");
}

/// Logs a problem as a warning in other words, with the same fields.
pub fn warn_as(problem: &Problem, text: &str) {
    let ProblemFields { path, line, column, reason, help } = ProblemFields::of(problem);
    warn!(path, line, column, reason, help, "{text}");
}

/// The fields of a problem's line.
struct ProblemFields<'p> {
    path: &'p str,
    line: Option<usize>,
    column: Option<usize>,
    reason: &'p str,
    help: Option<&'p str>,
}

impl<'p> ProblemFields<'p> {
    fn of(problem: &'p Problem) -> Self {
        let (line, column) = problem.location.line_column().unzip();
        let help = Some(problem.help.as_str()).filter(|help| !help.is_empty());
        Self { path: problem.location.file_name(), line, column, reason: &problem.what, help }
    }
}

/// Logs the first [`LOGGED`] items with `log`, and the number of all others, if any, with `rest`.
pub fn log_first<T>(
    items: impl IntoIterator<Item = T>,
    log: impl FnMut(T),
    rest: impl FnOnce(usize),
) {
    let mut items = items.into_iter().fuse();
    items.by_ref().take(LOGGED).for_each(log);
    let more = items.count();
    if more > 0 {
        rest(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_counted() {
        for (length, rest) in [(0, 0), (LOGGED, 0), (LOGGED + 1, 1), (3 * LOGGED, 2 * LOGGED)] {
            let (mut logged, mut more) = (Vec::new(), 0);
            log_first(0..length, |item| logged.push(item), |count| more = count);
            assert_eq!(logged, (0..length.min(LOGGED)).collect::<Vec<_>>());
            assert_eq!(more, rest);
        }
    }
}
