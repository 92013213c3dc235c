//! Cuts a master file into entries and these into tokens (RFC 1035 section 5.1). All that reads master files is fed
//! from here, so that quotes, escapes, parentheses and comments mean the same everywhere.
//!
//! Master files are octets: nothing but ASCII has a meaning, and all other octets stand for themselves. Where RFC 1035
//! leaves room, this is BIND's reading:
//! - an entry ends with a line feed, a carriage return, or both; within parentheses they are blanks;
//! - a quote ends a word, and a word may follow a quote without a blank between them;
//! - a backslash takes the octet behind it along, in words all but the end of the line;
//! - a quote must be closed on its own line.

use std::ops::Range;

use super::token::{Fault, Token};

/// The entries of a master file, one by one.
pub(super) struct Lexer<'t> {
    octets: &'t [u8],
    at: usize,
}

/// An entry: a record or a directive, on one line or within parentheses on several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it stands: from the start of its line, without the end of its last one.
    pub(super) span: Range<usize>,
    /// Whether its line starts with a blank, so that a record has the owner of the one before.
    pub(super) starts_blank: bool,
    /// What is wrong with a quote or a parenthesis.
    pub(super) fault: Option<Fault>,
}

/// What the entry is in the middle of.
#[derive(Default)]
struct State {
    /// How many parentheses are open.
    depth: usize,
    /// Where the outermost of them stands.
    opened: usize,
    /// The first thing that is wrong.
    fault: Option<Fault>,
}

impl<'t> Lexer<'t> {
    /// Starts with the first entry of a file.
    pub(super) fn new(octets: &'t [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// Puts the tokens of the next entry into `tokens`; `None` at the end of the file. Lines without tokens are passed
    /// over.
    pub(super) fn entry(&mut self, tokens: &mut Vec<Token<'t>>) -> Option<Entry> {
        loop {
            tokens.clear();
            let start = self.at;
            let first = self.octets.get(start)?;
            let mut state = State::default();
            while self.step(&mut state, tokens) {}
            let end = self.at;
            self.end_of_line();
            if state.depth > 0 {
                let open = Fault::new(state.opened..state.opened + 1, "the parenthesis is not closed");
                state.fault.get_or_insert(open.with("close each ( with a )"));
            }
            if !tokens.is_empty() || state.fault.is_some() {
                let starts_blank = matches!(first, b' ' | b'\t');
                return Some(Entry { span: start..end, starts_blank, fault: state.fault });
            }
        }
    }

    /// Takes a token, a parenthesis, or blanks; false where the entry ends.
    fn step(&mut self, state: &mut State, tokens: &mut Vec<Token<'t>>) -> bool {
        let start = self.at;
        let Some(&octet) = self.octets.get(start) else { return false };
        match octet {
            b'\n' | b'\r' if state.depth == 0 => return false,
            b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
            b';' => self.at = self.find(start, |octet| octet == b'\n'),
            b'(' => {
                if state.depth == 0 {
                    state.opened = start;
                }
                state.depth += 1;
                self.at += 1;
            }
            b')' => {
                if state.depth == 0 {
                    let fault = Fault::new(start..start + 1, "the parenthesis was never opened");
                    state.fault.get_or_insert(fault.with("open each ) with a ("));
                }
                state.depth = state.depth.saturating_sub(1);
                self.at += 1;
            }
            b'"' => tokens.push(self.quoted(state)),
            0 => {
                let fault = Fault::new(start..start + 1, "an octet of value 0 stands outside of quotes");
                state.fault.get_or_insert(fault.with("write \\000 where it is meant"));
                self.at += 1;
            }
            _ => {
                self.at = self.end_of_word(start);
                let text = self.octets.get(start..self.at).unwrap_or_default();
                tokens.push(Token { text, quoted: false, start });
            }
        }
        true
    }

    fn end_of_word(&self, start: usize) -> usize {
        let mut at = start;
        while let Some(octet) = self.octets.get(at) {
            match octet {
                b'\\' if !matches!(self.octets.get(at + 1), None | Some(b'\n' | b'\r')) => at += 2,
                b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'(' | b')' | b';' | 0 => break,
                _ => at += 1,
            }
        }
        at
    }

    /// Takes a quoted string; one that is not closed ends with its line.
    fn quoted(&mut self, state: &mut State) -> Token<'t> {
        let start = self.at;
        let mut at = start + 1;
        let closed = loop {
            match self.octets.get(at) {
                Some(b'"') => break true,
                None | Some(b'\n') => break false,
                Some(b'\\') if at + 1 < self.octets.len() => at += 2,
                Some(_) => at += 1,
            }
        };
        self.at = if closed { at + 1 } else { at };
        let text = self.octets.get(start + 1..at).unwrap_or_default();
        if !closed {
            let end = start + 1 + text.trim_ascii_end().len();
            let fault = Fault::new(start..end, "the quote is not closed");
            state.fault.get_or_insert(
                fault.with("close it on its own line; a quote within a string is written \\\""),
            );
        }
        Token { text, quoted: true, start }
    }

    fn end_of_line(&mut self) {
        if self.octets.get(self.at) == Some(&b'\r') {
            self.at += 1;
        }
        if self.octets.get(self.at) == Some(&b'\n') {
            self.at += 1;
        }
    }

    fn find(&self, from: usize, is_end: impl Fn(u8) -> bool) -> usize {
        let rest = self.octets.get(from..).unwrap_or_default();
        from + rest.iter().position(|octet| is_end(*octet)).unwrap_or(rest.len())
    }
}
