//! What is wrong with a source, and where.

use std::fmt;

/// One fault of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// Where in it; `None` when it is the file as a whole.
    pub at: Option<Place>,
    /// What was expected and what to do.
    pub message: String,
}

/// A place in a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// The line itself.
    pub text: String,
}

impl Problem {
    /// A problem of the file as a whole.
    pub fn of_file(file: &str, message: impl Into<String>) -> Problem {
        Problem { file: file.to_owned(), at: None, message: message.into() }
    }
}

/// The longest part of a line that a message repeats; a binary file may be one line.
const SHOWN: usize = 100;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = &self.at else {
            return write!(f, "{}: {}", self.file, self.message);
        };
        write!(f, "{}:{}:{}: {}", self.file, place.line, place.column, self.message)?;
        if !place.text.is_empty() {
            let shown: String = place.text.chars().take(SHOWN).collect();
            write!(f, "\n  | {}", shown.escape_debug())?;
        }
        Ok(())
    }
}

/// All that is wrong: up to [`Problems::MOST`] faults in full, the rest as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// In the order in which they were found.
    pub list: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl Problems {
    /// A file of the wrong kind has a fault in every line: nobody reads more of them than this.
    pub const MOST: usize = 20;

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        if self.list.len() < Self::MOST {
            self.list.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Adds those of another source.
    pub fn extend(&mut self, other: Problems) {
        self.more += other.more;
        for problem in other.list {
            self.push(problem);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems { list: vec![problem], more: 0 }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.list.iter().enumerate() {
            write!(f, "{}{problem}", if n == 0 { "" } else { "\n" })?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more problems", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A line of a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) file: &'a str,
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl<'a> Line<'a> {
    /// The lines of a file that are neither empty nor comments.
    pub(super) fn all(file: &'a str, text: &'a str) -> impl Iterator<Item = Line<'a>> {
        text.lines()
            .enumerate()
            .map(move |(index, text)| Line { file, number: index + 1, text })
            .filter(|line| !line.text.trim().is_empty() && !line.text.starts_with('#'))
    }

    /// A problem at `part`, which is a slice of this line; of anything else, the line's beginning.
    pub(super) fn problem(&self, part: &str, message: impl Into<String>) -> Problem {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let column = self.text.get(..offset).map_or(1, |before| before.chars().count() + 1);
        Problem {
            file: self.file.to_owned(),
            at: Some(Place { line: self.number, column, text: self.text.to_owned() }),
            message: message.into(),
        }
    }
}
