//! Places in files.

use std::ops::Range;
use std::sync::Arc;

/// A file and, if known, a range of its octets.
#[derive(Debug, Clone, Eq)]
pub struct Location {
    file: Arc<str>,
    text: Option<Arc<str>>,
    span: Range<usize>,
}

impl PartialEq for Location {
    /// Whether both are the same place in the same text. Texts may be long: they are compared last,
    /// and by their pointers first, as `Arc<str>` itself does not.
    fn eq(&self, other: &Self) -> bool {
        let same = |one: &Arc<str>, other: &Arc<str>| Arc::ptr_eq(one, other) || one == other;
        let text = || match (&self.text, &other.text) {
            (Some(one), Some(other)) => same(one, other),
            (None, None) => true,
            _ => false,
        };
        self.span == other.span && same(&self.file, &other.file) && text()
    }
}

impl Location {
    /// A whole file.
    pub fn file(file: &str) -> Self {
        Self { file: file.into(), text: None, span: 0..0 }
    }

    /// The octets `span` of `text`, the contents of `file`.
    pub fn at(file: &Arc<str>, text: &Arc<str>, span: Range<usize>) -> Self {
        let end = span.end.min(text.len());
        Self { file: file.clone(), text: Some(text.clone()), span: span.start.min(end)..end }
    }

    /// The octets from a line and column, both counted from 1, to the end of the line.
    pub fn at_line(file: &Arc<str>, text: &Arc<str>, line: usize, column: usize) -> Self {
        let start: usize =
            text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.lines().next().unwrap_or_default().len();
        let from = start + column.saturating_sub(1).min(length);
        Self::at(file, text, from..start + length)
    }

    /// The octets of the file's text.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Whether both are places in the same text of the same file.
    pub fn is_in_file_of(&self, other: &Self) -> bool {
        let text = match (&self.text, &other.text) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        text && (Arc::ptr_eq(&self.file, &other.file) || self.file == other.file)
    }

    /// The file's text, if known.
    pub(super) fn text(&self) -> Option<&Arc<str>> {
        self.text.as_ref()
    }

    /// Other octets of the same file.
    #[must_use]
    pub fn moved_to(&self, span: Range<usize>) -> Self {
        Self { span, ..self.clone() }
    }

    /// The file's name as the user knows it.
    pub fn file_name(&self) -> &str {
        &self.file
    }

    /// Line and column (in characters), both counted from 1. This reads the text up to the
    /// location; for many locations use [`Lines`](super::Lines).
    pub fn line_column(&self) -> Option<(usize, usize)> {
        let before = self.text.as_ref()?.get(..self.span.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some((line, column))
    }
}

impl std::fmt::Display for Location {
    /// `FILE:LINE:COLUMN`, or the file alone.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line_column() {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.file),
            None => f.write_str(&self.file),
        }
    }
}
