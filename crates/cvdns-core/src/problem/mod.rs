//! What is wrong with an input: where it stands, what was expected and what to write instead.
//!
//! Readers gather problems and go on, so that one run of `cvdns check` shows them all.

pub mod clock;
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

/// What some editors put before a text in UTF-8.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// That a text has one, and what to do.
pub const HAS_MARK: (&str, &str) = (
    "the file starts with a byte order mark",
    "it is passed over here; save the file as UTF-8 without one",
);

/// The text behind its byte order mark, if it has one.
pub fn without_mark(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(BYTE_ORDER_MARK.encode_utf8(&mut [0; 3]).as_bytes()).unwrap_or(octets)
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input is used as it stands, but its author should know.
    Warning,
}

/// One thing that is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the input can still be used.
    pub severity: Severity,
    /// Where: a file, and where possible the place in it.
    pub location: Location,
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
    /// What to write or do instead.
    pub help: String,
}

/// Everything found wrong with a set of inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes something that makes the input unusable.
    pub fn error(&mut self, location: Location, what: impl Into<String>, help: impl Into<String>) {
        self.push(Problem {
            severity: Severity::Error,
            location,
            what: what.into(),
            help: help.into(),
        });
    }

    /// Notes something that its author should know.
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

    /// The same again, as for the A and the AAAA of one name, tells nobody more.
    fn push(&mut self, problem: Problem) {
        if self.0.last() != Some(&problem) {
            self.0.push(problem);
        }
    }

    /// Takes over all that `other` holds.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether any of them makes the input unusable.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|p| p.severity == Severity::Error)
    }

    /// How many errors and how many warnings there are.
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

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Problem {
    /// One line, as logs want it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.location, self.what)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help) }
    }
}
