//! Tokens of master files (RFC 1035 section 5.1), and errors with their position in the file.

use std::borrow::Cow;
use std::ops::Range;

/// Highest number of characters of a token that a message quotes.
const MAX_QUOTED: usize = 60;

/// What is wrong with an invalid escape.
pub(super) const BAD_ESCAPE: &str =
    "a backslash is followed by neither a character nor three digits up to 255";

/// A word or a quoted string as written in the file, with its escapes unresolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// The text, without quotes around it.
    pub(super) text: &'t [u8],
    /// Whether the text has quotes around it.
    pub(super) quoted: bool,
    /// Start of the token with its quote, as an octet offset in the file.
    pub(super) start: usize,
}

/// Why a part of a master file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    /// Octet range of the file that the error is about.
    pub(super) span: Range<usize>,
    /// What is wrong.
    pub(super) what: String,
    /// What to write instead; empty if there is no advice yet.
    pub(super) help: String,
}

impl ParseError {
    /// An error without advice.
    pub(super) fn new(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { span, what: what.into(), help: String::new() }
    }

    /// The error with advice on what to write instead.
    pub(super) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// The error with this advice, unless it has some already.
    pub(super) fn or_help(self, help: impl FnOnce() -> String) -> Self {
        if self.help.is_empty() { self.with_help(help()) } else { self }
    }
}

impl Token<'_> {
    /// Octet range of the token in the file, with its quotes.
    pub(super) fn span(&self) -> Range<usize> {
        let quotes = if self.quoted { 2 } else { 0 };
        self.start..self.start + self.text.len() + quotes
    }

    /// End of the token in the file, with its quotes.
    pub(super) fn end(&self) -> usize {
        self.span().end
    }

    /// Whether the token is this word, unquoted and regardless of case.
    pub(super) fn is(&self, word: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// An error about this token.
    pub(super) fn error(&self, what: impl Into<String>) -> ParseError {
        ParseError::new(self.span(), what)
    }

    /// The token as a message quotes it; see [`shown`].
    pub(super) fn shown(&self) -> String {
        shown(self.text)
    }

    /// The token's octets, with the escapes `\X` and `\DDD` resolved.
    ///
    /// # Errors
    /// If a backslash has neither a character nor three digits up to 255 after it.
    pub(super) fn octets(&self) -> Result<Cow<'_, [u8]>, ParseError> {
        resolve(self.text).ok_or_else(|| self.error(BAD_ESCAPE))
    }
}

/// Resolves the escapes of a text; `None` if one is invalid.
pub(super) fn resolve(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.iter().copied();
    while let Some(octet) = octets.next() {
        if octet != b'\\' {
            out.push(octet);
            continue;
        }
        let first = octets.next()?;
        if !first.is_ascii_digit() {
            out.push(first);
            continue;
        }
        let mut value = u16::from(first - b'0');
        for _ in 0..2 {
            let digit = octets.next().filter(u8::is_ascii_digit)?;
            value = value * 10 + u16::from(digit - b'0');
        }
        out.push(u8::try_from(value).ok()?);
    }
    Some(Cow::Owned(out))
}

/// Octets of a file as a message quotes them: without control characters, and cut off at
/// [`MAX_QUOTED`] characters.
pub(super) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut out: String = text.chars().take(MAX_QUOTED).flat_map(printable).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        out.push('…');
    }
    out
}

fn printable(character: char) -> Box<dyn Iterator<Item = char>> {
    if character.is_control() {
        Box::new(character.escape_debug())
    } else {
        Box::new(std::iter::once(character))
    }
}
