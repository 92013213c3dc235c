//! A fault in the text of a feed.

use std::fmt;

/// Something that makes a feed invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedFault {
    /// Line and column in octets, from 1; `None` if the fault has no position.
    pub at: Option<(usize, usize)>,
    /// What is wrong, without the position.
    pub what: String,
}

impl FeedFault {
    /// A fault without a position.
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into() }
    }

    /// An error within a part of the text that begins at this line and column.
    pub(super) fn within(error: &serde_json::Error, (line, column): (usize, usize)) -> Self {
        let at = match error.line() {
            0 | 1 => (line, column.saturating_add(error.column().saturating_sub(1))),
            further => (line.saturating_add(further - 1), error.column().max(1)),
        };
        Self { at: Some(at), what: without_position(error) }
    }
}

impl From<serde_json::Error> for FeedFault {
    fn from(error: serde_json::Error) -> Self {
        let at = Some((error.line(), error.column())).filter(|(line, _)| *line > 0);
        Self { at, what: without_position(&error) }
    }
}

/// The message of an error, to which `serde_json` appends the position.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    in_words(text.strip_suffix(&position).unwrap_or(&text))
}

/// A message of `serde` without the names of types in Rust.
fn in_words(message: &str) -> String {
    let (found, expected) = message.split_once("expected ").unwrap_or((message, ""));
    match expected {
        "u64" => format!("{found}expected a whole number, 0 or more"),
        "u32" => format!("{found}expected a whole number from 0 to {}", u32::MAX),
        _ if expected.starts_with("struct ") => format!("{found}expected an object"),
        _ if message.starts_with("EOF ") => format!("it is cut off: {message}"),
        _ => message.to_owned(),
    }
}

impl fmt::Display for FeedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.at {
            Some((line, column)) => write!(f, " at line {line} column {column}"),
            None => Ok(()),
        }
    }
}
