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
                let open =
                    Fault::new(state.opened..state.opened + 1, "the parenthesis is not closed");
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
                    let fault = Fault::new(start..start + 1, "the parenthesis was never opened");
                    state.fault.get_or_insert(fault.with("open each ) with a ("));
                }
                state.depth = state.depth.saturating_sub(1);
                self.at += 1;
            }
            b'"' => tokens.push(self.quoted(state)),
            0 => {
                let fault =
                    Fault::new(start..start + 1, "an octet of value 0 stands outside of quotes");
                state.fault.get_or_insert(fault.with("write \\000 where it is meant"));
                self.at += 1;
            }
            _ => {
                let (end, escapes_nothing) = self.end_of_word(start);
                self.at = end;
                if escapes_nothing {
                    let fault =
                        Fault::new(end - 1..end, "a backslash stands at the end of the line");
                    state.fault.get_or_insert(fault.with("write \\\\ where it is meant"));
                }
                let text = self.octets.get(start..end).unwrap_or_default();
                tokens.push(Token { text, quoted: false, start });
            }
        }
        true
    }

    /// Passes over a comment, which a line feed ends. As BIND has it, a carriage return alone does not; what stands behind it
    /// is meant to be a line, which must not be lost without a word.
    fn comment(&mut self, state: &mut State) {
        let start = self.at;
        self.at = self.find(start, |octet| octet == b'\n');
        let comment = self.octets.get(start..self.at).unwrap_or_default();
        let Some(end) = comment.iter().position(|octet| *octet == b'\r') else { return };
        if comment.get(end..).is_some_and(|behind| !behind.trim_ascii().is_empty()) {
            let fault = Fault::new(
                start + end..start + end + 1,
                "a carriage return ends a line within this comment",
            );
            state
                .fault
                .get_or_insert(fault.with("save the file with line feeds at the ends of lines"));
        }
    }

    /// Where the word ends that begins at `start`, and whether it ends with a backslash that has nothing to escape.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An entry as it can be compared: whether it starts with a blank, and its tokens without their places.
    type Plain = (bool, Vec<(Vec<u8>, bool)>);

    /// All entries up to the first that is wrong.
    fn entries(octets: &[u8]) -> (Vec<Plain>, Option<Fault>) {
        let mut lexer = Lexer::new(octets);
        let (mut out, mut tokens) = (Vec::new(), Vec::new());
        while let Some(entry) = lexer.entry(&mut tokens) {
            if let Some(fault) = entry.fault {
                return (out, Some(fault));
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
        let (entries, fault) = entries(text.as_bytes());
        assert_eq!(fault, None, "{text}");
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
    fn what_is_wrong_has_its_place() {
        for (text, span, what) in [
            ("a ( b\n(\n", 2..3, "is not closed"),
            ("a b )\n", 4..5, "never opened"),
            ("a \"b c  \n\"", 2..6, "the quote is not closed"),
            ("a \"b\\\"\n", 2..6, "the quote is not closed"),
            ("a b\\\nc", 3..4, "a backslash"),
            ("a \0", 2..3, "an octet of value 0"),
        ] {
            let (_, fault) = entries(text.as_bytes());
            let fault = fault.unwrap();
            assert!(fault.what.contains(what) && fault.span == span, "{text}: {fault:?}");
        }
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let octet =
            prop_oneof![proptest::sample::select(b" \t\n\r\"\\;()\0$@a1".to_vec()), any::<u8>(),];
        proptest::collection::vec(octet, 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Printed and read again, tokens are the same.
        #[test]
        fn tokens_come_back(octets in octets()) {
            let (read, _) = entries(&octets);
            prop_assert_eq!(entries(&print(&read)), (read, None));
        }

        /// Every octet is passed once.
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
