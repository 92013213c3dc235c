//! The words of BIND's configuration, as far as files of keys have them: words, quoted strings,
//! braces and semicolons, with comments of three kinds.

use std::ops::Range;

/// A token and its octets in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub kind: TokenKind<'t>,
    pub span: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind<'t> {
    /// A word, or the inside of a quoted string.
    Word(&'t str),
    Open,
    Close,
    Semicolon,
    /// A quoted string or a comment that does not end.
    Unended(&'static str),
}

/// Reads a text token by token.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Skips spaces and comments. Returns a comment that does not end.
    fn skip(&mut self) -> Option<Token<'t>> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let Some(end) = rest.find("*/") else {
                    let span = self.at..self.at + 2;
                    self.at = self.text.len();
                    return Some(Token { kind: TokenKind::Unended("comment"), span });
                };
                self.at += end + 2;
            } else {
                return None;
            }
        }
    }
}

impl<'t> Iterator for Lexer<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        if let Some(unended) = self.skip() {
            return Some(unended);
        }
        let (rest, start) = (self.rest(), self.at);
        let (kind, length) = match rest.chars().next()? {
            '{' => (TokenKind::Open, 1),
            '}' => (TokenKind::Close, 1),
            ';' => (TokenKind::Semicolon, 1),
            '"' => {
                let inside = rest.get(1..).unwrap_or_default();
                match inside.find(['"', '\n']) {
                    Some(end) if inside.get(end..).is_some_and(|at| at.starts_with('"')) => {
                        (TokenKind::Word(inside.get(..end).unwrap_or_default()), end + 2)
                    }
                    end => {
                        let end = end.unwrap_or(inside.len());
                        (TokenKind::Unended("quoted string"), end + 1)
                    }
                }
            }
            _ => {
                let is_end = |c: char| c.is_whitespace() || "{};\"".contains(c);
                let end = rest.find(is_end).unwrap_or(rest.len());
                (TokenKind::Word(rest.get(..end).unwrap_or_default()), end)
            }
        };
        self.at = start + length;
        Some(Token { kind, span: start..start + length })
    }
}
