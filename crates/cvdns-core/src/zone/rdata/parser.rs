//! Parser of RDATA: reads tokens, appends octets.

use std::ops::Range;

use crate::wire::name::Name;
use crate::zone::token::{ParseError, Token, shown};

/// Highest length of RDATA in octets (RFC 1035 section 3.2.1).
const MAX_RDATA: usize = 65_535;

/// An unquoted token in UTF-8, such as a number, an address or a mnemonic.
#[derive(Clone, Debug)]
pub(super) struct TextToken<'e> {
    /// The text; escapes in it are not resolved.
    pub(super) text: &'e str,
    /// Octet range in the file.
    pub(super) span: Range<usize>,
}

/// Several unquoted tokens as one.
pub(super) struct JoinedTokens {
    /// The text, without blanks.
    pub(super) text: String,
    /// Octet range in the file.
    pub(super) span: Range<usize>,
}

/// The remaining tokens of a record's data, and the octets made so far.
pub(super) struct RdataParser<'e> {
    tokens: &'e [Token<'e>],
    /// End of the last consumed token in the file.
    end: usize,
    /// Name that completes relative names.
    pub(super) origin: &'e Name,
    /// The RDATA so far.
    pub(super) out: &'e mut Vec<u8>,
}

impl TextToken<'_> {
    /// An error about this token.
    pub(super) fn error(&self, what: impl Into<String>) -> ParseError {
        ParseError::new(self.span.clone(), what)
    }

    /// The error that this token is not `expected`.
    pub(super) fn is_not(&self, expected: &str) -> ParseError {
        self.error(format!("`{}` is not {expected}", shown(self.text.as_bytes())))
    }
}

impl<'e> RdataParser<'e> {
    /// Starts after the type, which ends at `end`. The octets are appended to `out`, which must be
    /// empty.
    pub(super) fn new(
        tokens: &'e [Token<'e>],
        end: usize,
        origin: &'e Name,
        out: &'e mut Vec<u8>,
    ) -> Self {
        Self { tokens, end, origin, out }
    }

    /// Consumes a token, quoted or not.
    ///
    /// # Errors
    /// If none remains; the error says that `expected` is missing.
    pub(super) fn token(&mut self, expected: &str) -> Result<Token<'e>, ParseError> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return Err(self.error_here(format!("{expected} is missing")));
        };
        self.tokens = rest;
        self.end = token.end();
        Ok(*token)
    }

    /// Consumes an unquoted token.
    ///
    /// # Errors
    /// If none remains, or if it is quoted.
    pub(super) fn unquoted(&mut self, expected: &str) -> Result<Token<'e>, ParseError> {
        let token = self.token(expected)?;
        if token.quoted {
            return Err(token.error(format!("{expected} is written without quotes")));
        }
        Ok(token)
    }

    /// Consumes an unquoted token in UTF-8.
    ///
    /// # Errors
    /// If none remains, or if it is quoted or not UTF-8.
    pub(super) fn text_token(&mut self, expected: &str) -> Result<TextToken<'e>, ParseError> {
        let token = self.unquoted(expected)?;
        match std::str::from_utf8(token.text) {
            Ok(text) => Ok(TextToken { text, span: token.span() }),
            Err(_) => Err(token.error(format!("`{}` is not {expected}", token.shown()))),
        }
    }

    /// The next token, which is not consumed.
    pub(super) fn peek(&self) -> Option<&'e Token<'e>> {
        self.tokens.first()
    }

    /// Whether tokens remain.
    pub(super) fn continues(&self) -> bool {
        !self.tokens.is_empty()
    }

    /// Consumes all remaining tokens and joins them without blanks, as long hexadecimal and base64
    /// data may be split anywhere.
    ///
    /// # Errors
    /// If none remains, or if one is quoted or not UTF-8.
    pub(super) fn joined(&mut self, expected: &str) -> Result<JoinedTokens, ParseError> {
        let first = self.text_token(expected)?;
        let mut text = first.text.to_owned();
        while self.continues() {
            text.push_str(self.text_token(expected)?.text);
        }
        Ok(JoinedTokens { text, span: first.span.start..self.end })
    }

    /// An error at the end of the last consumed token.
    pub(super) fn error_here(&self, what: impl Into<String>) -> ParseError {
        ParseError::new(self.end..self.end, what)
    }

    /// Whether the data is in the generic form `\# LENGTH HEX` (RFC 3597 section 5).
    pub(super) fn is_generic(&self) -> bool {
        self.peek().is_some_and(|token| token.text == b"\\#" && !token.quoted)
    }

    /// Completes the RDATA.
    ///
    /// # Errors
    /// If tokens remain, or if the RDATA is too long.
    pub(super) fn finish(self) -> Result<(), ParseError> {
        if let Some(token) = self.peek() {
            let what = format!("unexpected `{}` after the end of the record's data", token.shown());
            return Err(token.error(what));
        }
        if self.out.len() > MAX_RDATA {
            return Err(self
                .error_here("the record is too long")
                .with_help("RDATA holds 65,535 octets at most"));
        }
        Ok(())
    }
}
