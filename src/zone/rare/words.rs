//! The words of an entry (RFC 1035 section 5.1).

use std::ops::Range;

use super::Fault;

/// A word as it was written, its escapes not yet resolved.
#[derive(Clone, Debug)]
pub(super) struct Word<'e> {
    /// What was written, without quotes around it.
    pub(super) text: &'e str,
    /// Whether it had quotes around it.
    pub(super) quoted: bool,
    /// Where it stands in the entry.
    pub(super) span: Range<usize>,
}

/// The words of an entry, one by one; comments and parentheses are passed over.
#[derive(Clone, Debug)]
pub(super) struct Words<'e> {
    entry: &'e str,
    at: usize,
    /// How many parentheses are open, and where the outermost stands.
    depth: usize,
    opened: usize,
    /// What is wrong with a quote or parenthesis, and where it stands.
    wrong: Option<(usize, &'static str)>,
}

impl<'e> Words<'e> {
    /// Starts with the entry's first word.
    pub(super) fn new(entry: &'e str) -> Self {
        Self { entry, at: 0, depth: 0, opened: 0, wrong: None }
    }

    /// Whether quotes and parentheses are balanced from here to the end.
    ///
    /// # Errors
    /// When they are not.
    pub(super) fn check_balance(mut self) -> Result<(), Fault> {
        self.by_ref().for_each(drop);
        let open = (self.depth > 0).then_some((self.opened, "the parenthesis is not closed"));
        match self.wrong.or(open) {
            Some((at, what)) => Err(Fault::new(at..at + 1, what).with("write both or neither of a pair")),
            None => Ok(()),
        }
    }

    /// Takes octets as long as `more` wants them, an escape and what it escapes as one; returns where they end.
    fn end_of(&self, from: usize, more: impl Fn(u8) -> bool) -> usize {
        let bytes = self.entry.as_bytes();
        let mut at = from;
        while let Some(&octet) = bytes.get(at).filter(|octet| more(**octet)) {
            at += if octet == b'\\' { 2 } else { 1 };
        }
        // An escape may stand before a character of several octets, or at the end.
        while !self.entry.is_char_boundary(at.min(bytes.len())) {
            at += 1;
        }
        at.min(bytes.len())
    }

    fn word(&self, from: usize, to: usize, quoted: bool) -> Word<'e> {
        let span = if quoted { from.saturating_sub(1)..(to + 1).min(self.entry.len()) } else { from..to };
        Word { text: self.entry.get(from..to).unwrap_or_default(), quoted, span }
    }
}

impl<'e> Iterator for Words<'e> {
    type Item = Word<'e>;

    fn next(&mut self) -> Option<Word<'e>> {
        loop {
            let start = self.at;
            match *self.entry.as_bytes().get(start)? {
                b';' => self.at = self.end_of_comment(start),
                b'(' => {
                    if self.depth == 0 {
                        self.opened = start;
                    }
                    self.depth += 1;
                    self.at += 1;
                }
                b')' => {
                    match self.depth.checked_sub(1) {
                        Some(depth) => self.depth = depth,
                        None => self.wrong = Some((start, "the parenthesis was never opened")),
                    }
                    self.at += 1;
                }
                b'"' => {
                    let end = self.end_of(start + 1, |octet| octet != b'"');
                    if end >= self.entry.len() {
                        self.wrong = Some((start, "the quote is not closed"));
                    }
                    self.at = end + 1;
                    return Some(self.word(start + 1, end, true));
                }
                octet if octet.is_ascii_whitespace() => self.at += 1,
                _ => {
                    self.at = self.end_of(start, |octet| {
                        !octet.is_ascii_whitespace() && !matches!(octet, b'"' | b';' | b'(' | b')')
                    });
                    return Some(self.word(start, self.at, false));
                }
            }
        }
    }
}

impl Words<'_> {
    fn end_of_comment(&self, from: usize) -> usize {
        let rest = self.entry.get(from..).unwrap_or_default();
        from + rest.find('\n').unwrap_or(rest.len())
    }
}

impl Word<'_> {
    /// Says what is wrong with this word.
    pub(super) fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.span.clone(), what)
    }

    /// Its octets, `\X` and `\DDD` resolved (RFC 1035 section 5.1).
    ///
    /// # Errors
    /// When a backslash is followed by neither a character nor three digits up to 255.
    pub(super) fn octets(&self) -> Result<Vec<u8>, Fault> {
        let bad = || self.fault("a backslash is followed by neither a character nor three digits up to 255");
        let mut out = Vec::with_capacity(self.text.len());
        let mut bytes = self.text.bytes();
        while let Some(octet) = bytes.next() {
            if octet != b'\\' {
                out.push(octet);
                continue;
            }
            let first = bytes.next().ok_or_else(bad)?;
            if !first.is_ascii_digit() {
                out.push(first);
                continue;
            }
            let mut value = u16::from(first - b'0');
            for _ in 0..2 {
                let digit = bytes.next().filter(u8::is_ascii_digit).ok_or_else(bad)?;
                value = value * 10 + u16::from(digit - b'0');
            }
            out.push(u8::try_from(value).map_err(|_| bad())?);
        }
        Ok(out)
    }
}
