//! The text of a file, with places for messages.

use std::ops::Range;
use std::sync::Arc;

use cvdns_core::problem::Location;

/// A file's name for messages, and its text.
#[derive(Clone, Copy)]
pub struct KeyText<'t> {
    /// The file's name.
    pub file: &'t str,
    /// Its text.
    pub text: &'t str,
}

/// What locates problems in a text.
pub(crate) struct Places {
    file: Arc<str>,
    shown: Arc<str>,
}

impl Places {
    /// Places in a text that messages may quote.
    pub(crate) fn open(source: KeyText<'_>) -> Self {
        Self { file: source.file.into(), shown: source.text.into() }
    }

    /// Places in a text that has secrets: every letter and digit that messages would quote is
    /// replaced. The length stays.
    pub(crate) fn masked(source: KeyText<'_>) -> Self {
        let masked: String =
            source.text.chars().map(|c| if c.is_ascii_alphanumeric() { '*' } else { c }).collect();
        Self { file: source.file.into(), shown: masked.into() }
    }

    /// The octets `span` of the text.
    pub(crate) fn at(&self, span: Range<usize>) -> Location {
        Location::at(&self.file, &self.shown, span)
    }
}
