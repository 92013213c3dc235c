//! Problems of inputs: what is wrong, where, and what to write instead.
//!
//! Readers report problems and continue, so that one run of `cvdns check` shows all of them.

pub mod clock;
mod document;
pub mod json;
mod lines;
mod location;
pub mod moment;
mod plural;
mod printable;
mod render;
mod syntax;
pub mod table;

pub use lines::Lines;
pub use location::Location;
pub use plural::plural;
pub use printable::{excerpt, printable, printable_lines};
pub use render::{render, render_in};

/// The byte order mark, which some editors put before a text in UTF-8.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// The warning about a byte order mark, and its help.
pub const HAS_MARK: (&str, &str) =
    ("the file starts with a byte order mark", "it is skipped; save the file as UTF-8 without one");

/// The text without its byte order mark, if it has one.
pub fn without_mark(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(BYTE_ORDER_MARK.encode_utf8(&mut [0; 3]).as_bytes()).unwrap_or(octets)
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input is used as it is, but its author should know.
    Warning,
}

/// A problem of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the input can still be used.
    pub severity: Severity,
    /// The file and, if possible, the place in it.
    pub location: Location,
    /// What is wrong: a sentence without a full stop.
    pub what: String,
    /// What to write or do instead; may be empty.
    pub help: String,
}

/// The problems of a set of inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem that makes the input unusable.
    pub fn error(&mut self, location: Location, what: impl Into<String>, help: impl Into<String>) {
        self.push(Problem {
            severity: Severity::Error,
            location,
            what: what.into(),
            help: help.into(),
        });
    }

    /// Adds a problem that the author should know.
    pub fn warning(
        &mut self,
        location: Location,
        what: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(Problem {
            severity: Severity::Warning,
            location,
            what: what.into(),
            help: help.into(),
        });
    }

    /// Adds a problem, unless it repeats the last one, as for A and AAAA of one name.
    fn push(&mut self, problem: Problem) {
        if self.0.last() != Some(&problem) {
            self.0.push(problem);
        }
    }

    /// Adds all problems of `other`.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether any problem makes the input unusable.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }

    /// The numbers of errors and of warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.0.iter().filter(|p| p.severity == Severity::Error).count();
        (errors, self.0.len() - errors)
    }

    /// The problems in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The errors, then the warnings, each in the order in which they were found.
    pub fn by_severity(&self) -> impl Iterator<Item = &Problem> {
        let of = |severity| self.0.iter().filter(move |problem| problem.severity == severity);
        of(Severity::Error).chain(of(Severity::Warning))
    }

    /// Whether there are no problems.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Problem {
    /// One line for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.location, self.what)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help) }
    }
}
