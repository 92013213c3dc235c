//! RDATA under construction: tokens come in, octets go out.

use std::ops::Range;

use crate::wire::name::Name;
use crate::zone::token::{Fault, Token, shown};

/// Most octets of RDATA (RFC 1035 section 3.2.1).
const MAX_RDATA: usize = 65_535;

/// A word that is text and has no quotes, as numbers, addresses and mnemonics are.
#[derive(Clone, Debug)]
pub(super) struct Word<'e> {
    /// What was written; an escape in it means nothing.
    pub(super) text: &'e str,
    /// Where it stands in the file.
    pub(super) span: Range<usize>,
}

/// Several words taken as one.
pub(super) struct Joined {
    /// What was written, without blanks.
    pub(super) text: String,
    /// Where it stands in the file.
    pub(super) span: Range<usize>,
}

/// The tokens of a record's data, and the octets made of them.
pub(super) struct Data<'e> {
    tokens: &'e [Token<'e>],
    /// Where the last token read ends.
    end: usize,
    /// What completes relative names.
    pub(super) origin: &'e Name,
    /// RDATA so far.
    pub(super) out: &'e mut Vec<u8>,
}

impl Word<'_> {
    /// Says what is wrong with this word.
    pub(super) fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.span.clone(), what)
    }

    /// Says that this word is not what was expected.
    pub(super) fn is_not(&self, expected: &str) -> Fault {
        self.fault(format!("`{}` is not {expected}", shown(self.text.as_bytes())))
    }
}

impl<'e> Data<'e> {
    /// Starts behind the type, which ends at `end`; the octets are appended to `out`, which is empty.
    pub(super) fn new(
        tokens: &'e [Token<'e>],
        end: usize,
        origin: &'e Name,
        out: &'e mut Vec<u8>,
    ) -> Self {
        Self { tokens, end, origin, out }
    }

    /// Takes a token, quoted or not.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn token(&mut self, expected: &str) -> Result<Token<'e>, Fault> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return Err(self.fault_here(format!("{expected} is missing")));
        };
        self.tokens = rest;
        self.end = token.end();
        Ok(*token)
    }

    /// Takes a token that must not be quoted.
    ///
    /// # Errors
    /// When there is none, or when it is quoted.
    pub(super) fn unquoted(&mut self, expected: &str) -> Result<Token<'e>, Fault> {
        let token = self.token(expected)?;
        if token.quoted {
            return Err(token.fault(format!("{expected} has no quotes around it")));
        }
        Ok(token)
    }

    /// Takes a token that must be text and must not be quoted.
    ///
    /// # Errors
    /// When there is none, or when it is neither.
    pub(super) fn word(&mut self, expected: &str) -> Result<Word<'e>, Fault> {
        let token = self.unquoted(expected)?;
        match std::str::from_utf8(token.text) {
            Ok(text) => Ok(Word { text, span: token.span() }),
            Err(_) => Err(token.fault(format!("`{}` is not {expected}", token.shown()))),
        }
    }

    /// The next token, which stays.
    pub(super) fn peek(&self) -> Option<&'e Token<'e>> {
        self.tokens.first()
    }

    /// Whether there are tokens left.
    pub(super) fn continues(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// All words that are left, none of them quoted, without the blanks between them: long hexadecimal and base64
    /// data may be broken at will.
    ///
    /// # Errors
    /// When there are none, or when one is quoted.
    pub(super) fn joined(&mut self, expected: &str) -> Result<Joined, Fault> {
        let first = self.word(expected)?;
        let mut text = first.text.to_owned();
        while self.continues() {
            text.push_str(self.word(expected)?.text);
        }
        Ok(Joined { text, span: first.span.start..self.end })
    }

    /// Says what is wrong where the last token ended.
    pub(super) fn fault_here(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.end..self.end, what)
    }

    /// Whether the data is in the form for all types: `\# LENGTH HEX` (RFC 3597 section 5).
    pub(super) fn is_generic(&self) -> bool {
        self.peek().is_some_and(|token| token.text == b"\\#" && !token.quoted)
    }

    /// Notes that the RDATA is complete.
    ///
    /// # Errors
    /// When tokens are left, or when it is too long.
    pub(super) fn finish(self) -> Result<(), Fault> {
        if let Some(token) = self.peek() {
            let what = format!("unexpected `{}` after the end of the record's data", token.shown());
            return Err(token.fault(what));
        }
        if self.out.len() > MAX_RDATA {
            return Err(self
                .fault_here("the record is too long")
                .with("RDATA holds 65,535 octets at most"));
        }
        Ok(())
    }
}
