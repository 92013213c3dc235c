//! RDATA under construction: words come in, octets go out.

use std::ops::Range;

use super::Fault;
use super::words::{Word, Words};
use crate::wire::name::Name;

/// Most octets of RDATA (RFC 1035 section 3.2.1).
const MAX_RDATA: usize = 65_535;

/// Several words taken as one.
pub(super) struct Joined {
    /// What was written, without blanks.
    pub(super) text: String,
    /// Where it stands in the entry.
    pub(super) span: Range<usize>,
}

/// The words of a record's data, and the octets made of them.
pub(super) struct Data<'e> {
    words: std::iter::Peekable<Words<'e>>,
    /// Where the last word read ends.
    end: usize,
    /// What completes relative names.
    pub(super) origin: &'e Name,
    /// RDATA so far.
    pub(super) out: Vec<u8>,
}

impl<'e> Data<'e> {
    /// Starts behind the type, which ends at `end`.
    pub(super) fn new(words: Words<'e>, end: usize, origin: &'e Name) -> Self {
        Self { words: words.peekable(), end, origin, out: Vec::new() }
    }

    /// Takes a word, quoted or not.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn string(&mut self, expected: &str) -> Result<Word<'e>, Fault> {
        let Some(word) = self.words.next() else {
            return Err(self.fault_here(format!("{expected} is missing")));
        };
        self.end = word.span.end;
        Ok(word)
    }

    /// Takes a word that must not be quoted.
    ///
    /// # Errors
    /// When there is none, or when it is quoted.
    pub(super) fn plain(&mut self, expected: &str) -> Result<Word<'e>, Fault> {
        let word = self.string(expected)?;
        if word.quoted {
            return Err(word.fault(format!("{expected} has no quotes around it")));
        }
        Ok(word)
    }

    /// The next word, which stays.
    pub(super) fn peek(&mut self) -> Option<&Word<'e>> {
        self.words.peek()
    }

    /// Whether there are words left.
    pub(super) fn continues(&mut self) -> bool {
        self.words.peek().is_some()
    }

    /// All words that are left, none of them quoted, without the blanks between them: long hexadecimal and base64
    /// data may be broken at will.
    ///
    /// # Errors
    /// When there are none, or when one is quoted.
    pub(super) fn joined(&mut self, expected: &str) -> Result<Joined, Fault> {
        let first = self.plain(expected)?;
        let mut text = first.text.to_owned();
        while self.continues() {
            text.push_str(self.plain(expected)?.text);
        }
        Ok(Joined { text, span: first.span.start..self.end })
    }

    /// Says what is wrong where the last word ended.
    pub(super) fn fault_here(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.end..self.end, what)
    }

    /// Whether the data is in the form for all types: `\# LENGTH HEX` (RFC 3597 section 5).
    pub(super) fn is_generic(&mut self) -> bool {
        self.peek().is_some_and(|word| word.text == "\\#" && !word.quoted)
    }

    /// The RDATA.
    ///
    /// # Errors
    /// When words are left, or when it is too long.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Fault> {
        if let Some(word) = self.words.next() {
            return Err(word.fault(format!("`{}` follows after the end of the record's data", word.text)));
        }
        if self.out.len() > MAX_RDATA {
            return Err(self.fault_here("the record is too long").with("RDATA holds 65,535 octets at most"));
        }
        Ok(self.out)
    }
}
