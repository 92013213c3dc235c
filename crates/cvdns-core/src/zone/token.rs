//! The tokens of master files (RFC 1035 section 5.1), and what is wrong where one stands.

use std::borrow::Cow;
use std::ops::Range;

/// Most characters of a token that a message repeats.
const SHOWN: usize = 60;

/// That an escape cannot be resolved.
pub(super) const BAD_ESCAPE: &str =
    "a backslash is followed by neither a character nor three digits up to 255";

/// A word or a quoted string as it was written, its escapes not yet resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// What was written, without quotes around it.
    pub(super) text: &'t [u8],
    /// Whether it had quotes around it.
    pub(super) quoted: bool,
    /// Where it begins, the quote included, in octets from the start of the file.
    pub(super) start: usize,
}

/// Why something cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The octets of the file that are meant.
    pub(super) span: Range<usize>,
    /// What is wrong.
    pub(super) what: String,
    /// What to write instead.
    pub(super) help: String,
}

impl Fault {
    /// What is wrong there; what to do is still to be said.
    pub(super) fn new(span: Range<usize>, what: impl Into<String>) -> Self {
        Self { span, what: what.into(), help: String::new() }
    }

    /// With what to write instead.
    pub(super) fn with(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    /// With what to write instead, unless that was said.
    pub(super) fn or_with(self, help: impl FnOnce() -> String) -> Self {
        if self.help.is_empty() { self.with(help()) } else { self }
    }
}

impl Token<'_> {
    /// Where it stands, with its quotes.
    pub(super) fn span(&self) -> Range<usize> {
        let quotes = if self.quoted { 2 } else { 0 };
        self.start..self.start + self.text.len() + quotes
    }

    /// Where it ends, with its quotes.
    pub(super) fn end(&self) -> usize {
        self.span().end
    }

    /// Whether it is this word, without quotes and regardless of case.
    pub(super) fn is(&self, word: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Says what is wrong with it.
    pub(super) fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.span(), what)
    }

    /// The token as messages repeat it: no control characters, and not without end.
    pub(super) fn shown(&self) -> String {
        shown(self.text)
    }

    /// Its octets, `\X` and `\DDD` resolved.
    ///
    /// # Errors
    /// When a backslash is followed by neither a character nor three digits up to 255.
    pub(super) fn octets(&self) -> Result<Cow<'_, [u8]>, Fault> {
        resolve(self.text).ok_or_else(|| self.fault(BAD_ESCAPE))
    }
}

/// Resolves the escapes of a text; `None` when one of them is none.
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

/// Octets of a file as messages repeat them: no control characters, and not without end.
pub(super) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut out: String = text.chars().take(SHOWN).flat_map(plain).collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

fn plain(character: char) -> Box<dyn Iterator<Item = char>> {
    if character.is_control() {
        Box::new(character.escape_debug())
    } else {
        Box::new(std::iter::once(character))
    }
}
