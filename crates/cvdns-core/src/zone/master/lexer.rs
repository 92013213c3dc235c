//! Splits a master file into entries, and entries into tokens (RFC 1035 section 5.1). All readers
//! of master files use it, so that quotes, escapes, parentheses and comments have one meaning.
//!
//! Master files consist of octets. Only ASCII has special meanings; other octets represent
//! themselves. Where RFC 1035 leaves room, the lexer does as BIND does:
//! - an entry ends with a line feed, a carriage return, or both; within parentheses, these are
//!   blanks;
//! - a quote ends a word, and a word may follow a quoted string without a blank between them;
//! - a backslash escapes the next octet; in words, it cannot escape the end of the line;
//! - a quoted string must end on its own line.

use std::ops::Range;

use crate::zone::token::{ParseError, Token};

/// Reads the entries of a master file one by one.
pub(super) struct Lexer<'t> {
    octets: &'t [u8],
    at: usize,
}

/// An entry: a record or a directive. With parentheses, it may span several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MasterEntry {
    /// Octet range in the file: from the start of the first line, without the end of the last line.
    pub(super) span: Range<usize>,
    /// Whether the first line starts with a blank. A record then has the owner of the record
    /// before.
    pub(super) starts_blank: bool,
    /// The first syntax error, such as a quote that is not closed.
    pub(super) error: Option<ParseError>,
}

/// State within an entry.
#[derive(Default)]
struct EntryState {
    /// Number of open parentheses.
    depth: usize,
    /// Offset of the outermost open parenthesis.
    opened: usize,
    /// The first error.
    error: Option<ParseError>,
}

impl<'t> Lexer<'t> {
    /// Starts at the beginning of a file.
    pub(super) fn new(octets: &'t [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// Reads the next entry, and replaces the contents of `tokens` by its tokens. `None` at the end
    /// of the file. Lines without tokens are skipped.
    pub(super) fn entry(&mut self, tokens: &mut Vec<Token<'t>>) -> Option<MasterEntry> {
        loop {
            tokens.clear();
            let start = self.at;
            let first = self.octets.get(start)?;
            let mut state = EntryState::default();
            while self.step(&mut state, tokens) {}
            let end = self.at;
            self.end_of_line();
            if state.depth > 0 {
                let open = ParseError::new(
                    state.opened..state.opened + 1,
                    "the parenthesis is not closed",
                );
                state.error.get_or_insert(open.with_help("close each ( with a )"));
            }
            if !tokens.is_empty() || state.error.is_some() {
                let starts_blank = matches!(first, b' ' | b'\t');
                return Some(MasterEntry { span: start..end, starts_blank, error: state.error });
            }
        }
    }

    /// Consumes a token, a comment, a parenthesis or a blank. Returns false at the end of the
    /// entry.
    fn step(&mut self, state: &mut EntryState, tokens: &mut Vec<Token<'t>>) -> bool {
        let start = self.at;
        let Some(&octet) = self.octets.get(start) else { return false };
        match octet {
            b'\n' | b'\r' if state.depth == 0 => return false,
            b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
            b';' => self.comment(state),
            b'(' => {
                if state.depth == 0 {
                    state.opened = start;
                }
                state.depth += 1;
                self.at += 1;
            }
            b')' => {
                if state.depth == 0 {
                    let error =
                        ParseError::new(start..start + 1, "the parenthesis was never opened");
                    state.error.get_or_insert(error.with_help("open each ) with a ("));
                }
                state.depth = state.depth.saturating_sub(1);
                self.at += 1;
            }
            b'"' => tokens.push(self.quoted(state)),
            0 => {
                let error =
                    ParseError::new(start..start + 1, "an octet of value 0 is outside of quotes");
                state.error.get_or_insert(error.with_help("write \\000 if it is intended"));
                self.at += 1;
            }
            _ => {
                let (end, escapes_nothing) = self.end_of_word(start);
                self.at = end;
                if escapes_nothing {
                    let error =
                        ParseError::new(end - 1..end, "a backslash is at the end of the line");
                    state.error.get_or_insert(error.with_help("write \\\\ if it is intended"));
                }
                let text = self.octets.get(start..end).unwrap_or_default();
                tokens.push(Token { text, quoted: false, start });
            }
        }
        true
    }

    /// Skips a comment up to the line feed. As in BIND, a carriage return alone does not end a
    /// comment. Text after one was probably meant as a line of its own: an error, so that it is not
    /// lost silently.
    fn comment(&mut self, state: &mut EntryState) {
        let start = self.at;
        self.at = self.find(start, |octet| octet == b'\n');
        let comment = self.octets.get(start..self.at).unwrap_or_default();
        let Some(end) = comment.iter().position(|octet| *octet == b'\r') else { return };
        if comment.get(end..).is_some_and(|after| !after.trim_ascii().is_empty()) {
            let error = ParseError::new(
                start + end..start + end + 1,
                "a carriage return ends a line within this comment",
            );
            state
                .error
                .get_or_insert(error.with_help("save the file with line feeds as ends of lines"));
        }
    }

    /// The end of the word that starts at `start`, and whether it ends with a backslash that
    /// escapes nothing.
    fn end_of_word(&self, start: usize) -> (usize, bool) {
        let mut at = start;
        while let Some(octet) = self.octets.get(at) {
            match octet {
                b'\\' if matches!(self.octets.get(at + 1), None | Some(b'\n' | b'\r')) => {
                    return (at + 1, true);
                }
                b'\\' => at += 2,
                b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'(' | b')' | b';' | 0 => break,
                _ => at += 1,
            }
        }
        (at, false)
    }

    /// Consumes a quoted string. Without a closing quote, the string ends with its line.
    fn quoted(&mut self, state: &mut EntryState) -> Token<'t> {
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
            let error = ParseError::new(start..end, "the quote is not closed");
            state
                .error
                .get_or_insert(error.with_help(
                    "close it on its own line; a quote within a string is written \\\"",
                ));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An entry for comparisons: whether it starts with a blank, and the tokens' texts and quoting.
    type Plain = (bool, Vec<(Vec<u8>, bool)>);

    /// All entries up to the first with an error.
    fn entries(octets: &[u8]) -> (Vec<Plain>, Option<ParseError>) {
        let mut lexer = Lexer::new(octets);
        let (mut out, mut tokens) = (Vec::new(), Vec::new());
        while let Some(entry) = lexer.entry(&mut tokens) {
            if let Some(error) = entry.error {
                return (out, Some(error));
            }
            for token in &tokens {
                let quote = usize::from(token.quoted);
                let span = token.span();
                assert_eq!(octets[span.start + quote..span.end - quote], *token.text);
            }
            out.push((
                entry.starts_blank,
                tokens.iter().map(|t| (t.text.to_vec(), t.quoted)).collect(),
            ));
        }
        (out, None)
    }

    fn print(entries: &[Plain]) -> Vec<u8> {
        let mut out = Vec::new();
        for (starts_blank, tokens) in entries {
            let words = tokens.iter().map(|(text, quoted)| {
                if *quoted { [b"\"", text.as_slice(), b"\""].concat() } else { text.clone() }
            });
            out.extend(if *starts_blank { &b" "[..] } else { b"" });
            out.extend(words.collect::<Vec<_>>().join(&b' '));
            out.push(b'\n');
        }
        out
    }

    fn words(text: &str) -> Vec<Vec<String>> {
        let (entries, error) = entries(text.as_bytes());
        assert_eq!(error, None, "{text}");
        let plain = |(text, _): (Vec<u8>, bool)| String::from_utf8(text).unwrap();
        entries.into_iter().map(|(_, tokens)| tokens.into_iter().map(plain).collect()).collect()
    }

    #[test]
    fn entries_span_parentheses_and_skip_comments() {
        let text = "; top\na A 1 ; x ( y\n \n@ SOA a b (\n 1 ; )\n 2 )\n b TXT \"(;\"\nc TXT \\( x\\;y\\ z";
        let expected: [&[&str]; 4] = [
            &["a", "A", "1"],
            &["@", "SOA", "a", "b", "1", "2"],
            &["b", "TXT", "(;"],
            &["c", "TXT", "\\(", "x\\;y\\ z"],
        ];
        assert_eq!(words(text), expected);
    }

    #[test]
    fn lines_end_in_three_ways() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a ( b", " c )", "\"d\"e", " f", "", "g"].join(end);
            let expected: [&[&str]; 4] = [&["a", "b", "c"], &["d", "e"], &["f"], &["g"]];
            assert_eq!(words(&text), expected);
        }
    }

    #[test]
    fn errors_have_their_location() {
        for (text, span, what) in [
            ("a ( b\n(\n", 2..3, "is not closed"),
            ("a b )\n", 4..5, "never opened"),
            ("a \"b c  \n\"", 2..6, "the quote is not closed"),
            ("a \"b\\\"\n", 2..6, "the quote is not closed"),
            ("a b\\\nc", 3..4, "a backslash"),
            ("a \0", 2..3, "an octet of value 0"),
        ] {
            let (_, error) = entries(text.as_bytes());
            let error = error.unwrap();
            assert!(error.what.contains(what) && error.span == span, "{text}: {error:?}");
        }
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let octet =
            prop_oneof![proptest::sample::select(b" \t\n\r\"\\;()\0$@a1".to_vec()), any::<u8>(),];
        proptest::collection::vec(octet, 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Tokens survive being printed and read again.
        #[test]
        fn tokens_come_back(octets in octets()) {
            let (read, _) = entries(&octets);
            prop_assert_eq!(entries(&print(&read)), (read, None));
        }

        /// Every octet is consumed once.
        #[test]
        fn entries_do_not_overlap(octets in octets()) {
            let mut lexer = Lexer::new(&octets);
            let (mut tokens, mut end) = (Vec::new(), 0);
            while let Some(entry) = lexer.entry(&mut tokens) {
                prop_assert!(entry.span.start >= end && entry.span.end <= octets.len());
                for token in &tokens {
                    prop_assert!(token.start >= end && token.start >= entry.span.start);
                    end = token.start + token.text.len();
                }
                end = entry.span.end.max(end.min(octets.len()));
            }
        }
    }
}
