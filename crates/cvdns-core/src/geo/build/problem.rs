//! Problems in sources, and their positions.

use std::fmt;

/// A problem in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File name as the caller gave it.
    pub file: String,
    /// Position in the file; `None` if the problem is the file as a whole.
    pub at: Option<Position>,
    /// Message that says what was expected and what to do.
    pub message: String,
}

/// A position in a text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line number, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Text of the line; empty if it is not shown.
    pub text: String,
}

impl Problem {
    /// A problem with the file as a whole.
    pub fn of_file(file: &str, message: impl Into<String>) -> Problem {
        Problem { file: file.to_owned(), at: None, message: message.into() }
    }
}

/// Greatest number of characters of a line in a message; a binary file may be a single line.
const MAX_SHOWN: usize = 100;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(position) = &self.at else {
            return write!(f, "{}: {}", self.file, self.message);
        };
        write!(f, "{}:{}:{}: {}", self.file, position.line, position.column, self.message)?;
        if !position.text.is_empty() {
            let shown: String = position.text.chars().take(MAX_SHOWN).collect();
            write!(f, "\n  | {}", shown.escape_debug())?;
        }
        Ok(())
    }
}

/// Problems of a build: the first [`Problems::MOST`] in full, and the number of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// Problems in the order in which they were found.
    pub list: Vec<Problem>,
    /// Number of further problems.
    pub more: usize,
}

impl Problems {
    /// Greatest length of the list. A file in the wrong format has a problem in every line, and
    /// nobody reads more than this.
    pub const MOST: usize = 20;

    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        if self.list.len() < Self::MOST {
            self.list.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Adds the problems of another source.
    pub fn extend(&mut self, other: Problems) {
        self.more += other.more;
        for problem in other.list {
            self.push(problem);
        }
    }

    /// Whether there are no problems.
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
pub(super) struct SourceLine<'a> {
    pub(super) file: &'a str,
    /// Line number, from 1.
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl<'a> SourceLine<'a> {
    /// The lines of a file that are neither empty nor comments.
    pub(super) fn all(file: &'a str, text: &'a str) -> impl Iterator<Item = SourceLine<'a>> {
        text.lines()
            .enumerate()
            .map(move |(index, text)| SourceLine { file, number: index + 1, text })
            .filter(|line| !line.text.trim().is_empty() && !line.text.starts_with('#'))
    }

    /// A problem at `part`, a slice of this line; any other string means the start of the line.
    pub(super) fn problem(&self, part: &str, message: impl Into<String>) -> Problem {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let column = self.text.get(..offset).map_or(1, |before| before.chars().count() + 1);
        Problem {
            file: self.file.to_owned(),
            at: Some(Position { line: self.number, column, text: self.text.to_owned() }),
            message: message.into(),
        }
    }
}
