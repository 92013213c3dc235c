//! TOML files that are read as one document, and the problems found in them.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::syntax::{SyntaxError, syntax_errors};
use super::{BYTE_ORDER_MARK, HAS_MARK, Location, Problems};
use crate::schema::{Scalar, Section};

/// TOML files while they are read, and the problems found in them. Most documents have one file; a
/// configuration may include further ones.
pub struct Document {
    pub(super) root: &'static Section,
    pub(super) sources: Vec<Source>,
    problems: Cell<Problems>,
}

/// A file of a document.
#[derive(Debug, Clone, Copy)]
pub struct SourceText<'t> {
    /// The file's name in messages.
    pub file: &'t str,
    /// The file's text.
    pub text: &'t str,
    /// The file's directory, relative to that of the document's first file; empty if it is the
    /// same. Relative paths in the file are relative to this directory.
    pub directory: &'t str,
}

/// A file of a document, owned by it.
pub(super) struct Source {
    file: Arc<str>,
    text: Arc<str>,
    has_mark: bool,
    directory: String,
}

/// Octets of a file.
#[derive(Clone)]
pub(super) struct Place<'d> {
    pub(super) source: &'d Source,
    pub(super) span: Range<usize>,
}

/// A value and its location.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its location.
    pub location: Location,
}

impl<'t> SourceText<'t> {
    /// The only or the first file of a document.
    pub fn first(file: &'t str, text: &'t str) -> Self {
        Self { file, text, directory: "" }
    }
}

impl Source {
    fn new(source: &SourceText<'_>) -> Self {
        let plain = source.text.strip_prefix(BYTE_ORDER_MARK);
        Self {
            file: source.file.into(),
            text: plain.unwrap_or(source.text).into(),
            has_mark: plain.is_some(),
            directory: source.directory.to_owned(),
        }
    }

    /// The file as a whole.
    pub(super) fn whole(&self) -> Location {
        Location::file(&self.file)
    }
}

impl Place<'_> {
    pub(super) fn location(&self) -> Location {
        Location::at(&self.source.file, &self.source.text, self.span.clone())
    }
}

impl Document {
    pub(super) fn new(root: &'static Section, sources: &[SourceText<'_>]) -> Self {
        let sources = sources.iter().map(Source::new).collect();
        Self { root, sources, problems: Cell::default() }
    }

    /// Takes the problems found so far out of the document.
    pub(super) fn into_problems(self) -> Problems {
        self.problems.take()
    }

    /// The top table of each file, or `None` if the syntax of any of them is wrong: other problems
    /// of a half-understood document would be misleading. Of the syntax errors of a file only the
    /// first is reported, as later ones may follow from it.
    pub(super) fn parse(&self) -> Option<Vec<(Place<'_>, DeTable<'_>)>> {
        let mut tables = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            if source.has_mark {
                self.report(|problems| problems.warning(source.whole(), HAS_MARK.0, HAS_MARK.1));
            }
            let (table, errors) = DeTable::parse_recoverable(&source.text);
            for SyntaxError { span, what, help } in syntax_errors(&source.text, &errors) {
                let location = Place { source, span }.location();
                self.report(|problems| problems.error(location, what, help));
            }
            if errors.is_empty() {
                tables.push((Place { source, span: 0..0 }, table.into_inner()));
            }
        }
        (tables.len() == self.sources.len()).then_some(tables)
    }

    /// Lets `report` add problems.
    pub(super) fn report<T>(&self, report: impl FnOnce(&mut Problems) -> T) -> T {
        let mut problems = self.problems.take();
        let reported = report(&mut problems);
        // Those of a call within `report`.
        problems.append(self.problems.take());
        self.problems.set(problems);
        reported
    }

    /// The first file as a whole.
    pub(super) fn whole(&self) -> Location {
        self.sources.first().map_or_else(|| Location::file(""), Source::whole)
    }

    /// Reads one value; `key` and `expected` are for messages.
    pub(super) fn value<K: Scalar>(
        &self,
        source: &Source,
        value: &Spanned<DeValue<'_>>,
        kind: &K,
        key: &str,
        expected: impl FnOnce() -> String,
    ) -> Option<Placed<K::Value>> {
        let location = Place { source, span: value.span() }.location();
        let value = value.get_ref();
        match kind.read(value) {
            Ok(value) => Some(Placed { value: kind.resolve(value, &source.directory), location }),
            Err(what) => {
                let what = if what.is_empty() {
                    format!("`{key}` is {}", article(value.type_str()))
                } else {
                    format!("`{key}`: {what}")
                };
                let help = format!("expected {}", expected());
                self.report(|problems| problems.error(location, what, help));
                None
            }
        }
    }
}

/// A type with its article: "a table", "an integer".
pub(super) fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
