//! Line numbers of many locations, for which the lines of each text are counted once.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::Location;

/// The starts of the lines of texts. Code that prints many problems keeps one of these, because
/// counting the lines anew for each problem takes time quadratic in the file's length.
#[derive(Debug, Default)]
pub struct Lines(HashMap<*const u8, LineStarts>);

/// The lines of one text. The text is held so that its address, the key, is not reused.
#[derive(Debug)]
struct LineStarts {
    text: Arc<str>,
    /// Offsets in octets; the first is 0.
    starts: Vec<usize>,
}

/// The lines of a file that a problem is about.
#[derive(Debug, Clone)]
pub struct Excerpt<'t> {
    /// Whole lines.
    pub lines: &'t str,
    /// Number of the first line, from 1.
    pub line: usize,
    /// The octets of `lines` to underline.
    pub span: Range<usize>,
}

impl Lines {
    /// The lines of a location; `None` for a whole file.
    pub fn excerpt<'l>(&mut self, location: &'l Location) -> Option<Excerpt<'l>> {
        let text = location.text()?;
        let place = location.span();
        let start = text.get(..place.start)?.rfind('\n').map_or(0, |newline| newline + 1);
        let after = text.get(place.end..)?;
        let end = place.end + after.find('\n').unwrap_or(after.len());
        let (line, _) = self.line_column(location)?;
        let span = place.start - start..place.end - start;
        Some(Excerpt { lines: text.get(start..end)?, line, span })
    }

    /// Line and column (in characters) of a location, both counted from 1; `None` for a whole file.
    pub fn line_column(&mut self, location: &Location) -> Option<(usize, usize)> {
        let (text, at) = (location.text()?, location.span().start);
        let LineStarts { text, starts } =
            self.0.entry(text.as_ptr()).or_insert_with(|| LineStarts::of(text));
        let line = starts.partition_point(|start| *start <= at);
        let start = *starts.get(line.checked_sub(1)?)?;
        Some((line, text.get(start..at)?.chars().count() + 1))
    }
}

impl LineStarts {
    fn of(text: &Arc<str>) -> Self {
        let after_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self { text: text.clone(), starts: std::iter::once(0).chain(after_newlines).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problems, render_in};

    #[test]
    fn line_numbers_are_those_that_counting_finds() {
        let file: Arc<str> = "file".into();
        let mut lines = Lines::default();
        for text in ["", "\n", "a\n\nbcd\n", "Zürich\r\n東京 x\ny"] {
            let text: Arc<str> = text.into();
            for at in 0..=text.len() {
                let location = Location::at(&file, &text, at..at);
                assert_eq!(lines.line_column(&location), location.line_column(), "{text:?} {at}");
            }
        }
        assert_eq!(lines.line_column(&Location::file("file")), None);
    }

    /// All problems are in one text, whose lines are counted once.
    #[test]
    fn a_text_is_counted_once() {
        let text: Arc<str> = "db 60 IN A 192.0.2.1\n".repeat(1_000).into();
        let mut problems = Problems::default();
        for line in 0..1_000 {
            problems.error(
                Location::at(&"zone".into(), &text, line * 21..line * 21 + 2),
                "twice",
                "remove it",
            );
        }
        let mut lines = Lines::default();
        for (problem, line) in problems.iter().zip(1..) {
            let shown = render_in(problem, &mut lines, false);
            assert!(shown.contains(&format!("zone:{line}:1")), "{shown}");
        }
        assert_eq!(lines.0.len(), 1);
    }
}
