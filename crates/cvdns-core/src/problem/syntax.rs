//! Syntax errors of TOML files: one error, at the place that its author has to change.
//!
//! The parser recovers after an error as well as it can. After a missing bracket it reads all that
//! follows as elements of a list, and reports each line: only the first error is real.

use std::ops::Range;

use toml::de::Error;
use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

/// A syntax error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The octets to underline.
    pub(super) span: Range<usize>,
    /// What is wrong.
    pub(super) what: String,
    /// What to write; empty if `what` says it.
    pub(super) help: String,
}

/// The parser's message for a repeated key. Such a key does not confuse the parser.
const DUPLICATE: &str = "duplicate key";

/// Most repeated keys that are reported one by one.
const MOST_DUPLICATES: usize = 3;

/// The errors that do not follow from another error: repeated keys, and the first of all others.
pub(super) fn syntax_errors(text: &str, errors: &[Error]) -> Vec<SyntaxError> {
    let mut errors: Vec<&Error> = errors.iter().collect();
    errors.sort_by_key(|error| start(error));
    let duplicates = errors.iter().take_while(|error| error.message() == DUPLICATE);
    // A repeated table repeats every key: of more than a few, the first is the cause.
    let shown = if duplicates.clone().count() > MOST_DUPLICATES { 1 } else { MOST_DUPLICATES };
    let mut found: Vec<SyntaxError> =
        duplicates.clone().take(shown).map(|error| duplicate(error)).collect();
    if let Some(first) = errors.get(duplicates.count()) {
        let known = unclosed(text, start(first)).or_else(|| without_quotes(text, start(first)));
        found.push(known.unwrap_or_else(|| as_reported(first)));
    }
    found
}

fn start(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

fn duplicate(error: &Error) -> SyntaxError {
    let help =
        "it is already given above: keep one; for several tables of one name, write [[name]]";
    SyntaxError { help: help.to_owned(), ..as_reported(error) }
}

fn as_reported(error: &Error) -> SyntaxError {
    let span = error.span().unwrap_or(0..0);
    SyntaxError { span, what: error.message().replace('\n', ", "), help: String::new() }
}

/// Text that is a value and has no quotes, where the parser gave up in it. It takes such text for a
/// number that is wrong.
fn without_quotes(text: &str, error: usize) -> Option<SyntaxError> {
    let line = line_start(text, error);
    let before = text.get(line..error).filter(|before| before.contains('='))?;
    let from = line + before.rfind(['=', '[', ',']).map(|at| at + 1)?;
    let value = text.get(from..)?.lines().next()?;
    let start = from + (value.len() - value.trim_start().len());
    let is_end = |letter: char| letter.is_whitespace() || ",]}#\"'=".contains(letter);
    let word = text.get(start..)?.split(is_end).next()?;
    let is_word = word.starts_with(|letter: char| letter.is_alphabetic());
    (is_word && start + word.len() >= error && !["true", "false"].contains(&word)).then(|| {
        SyntaxError {
            span: start..start + word.len(),
            what: "text without quotes".to_owned(),
            help: format!("write \"{word}\""),
        }
    })
}

/// A bracket of a value that is not closed.
#[derive(Clone, Copy)]
struct Opened {
    kind: TokenKind,
    at: usize,
}

/// The bracket that is open where the parser gave up, if what follows there cannot be between
/// brackets: a new key or table, the other kind of bracket, or the end of the file.
fn unclosed(text: &str, error: usize) -> Option<SyntaxError> {
    let opened = open_at(text, error)?;
    let from = line_start(text, error);
    let line = text.get(from..)?.lines().next().unwrap_or_default();
    let is_list = opened.kind == TokenKind::LeftSquareBracket;
    let other = if is_list { '}' } else { ']' };
    let rest = text.get(error..)?.trim_start();
    let is_elsewhere = from > opened.at;
    // An inline table may have a line for each key: then only a header shows that it should have
    // ended.
    let has_keys_below = !is_list && ends_line(text, opened.at);
    let is_next = is_elsewhere
        && (is_header(line)
            || (!has_keys_below && from == start_of_statement(text, error) && is_key(line)));
    if !(is_next || rest.is_empty() || rest.starts_with(other)) {
        return None;
    }
    let (noun, close) = if is_list { ("list", ']') } else { ("table", '}') };
    Some(SyntaxError {
        span: opened.at..opened.at + 1,
        what: format!("the {noun} that begins here is not closed"),
        help: format!("write `{close}` at its end"),
    })
}

/// The innermost bracket of a value that is open at this octet.
fn open_at(text: &str, end: usize) -> Option<Opened> {
    let mut open: Vec<Opened> = Vec::new();
    let mut in_value = false;
    let before = |token: &Token| token.span().start() < end;
    for token in Source::new(text).lex().take_while(before) {
        let opens = match token.kind() {
            TokenKind::Equals => {
                in_value = true;
                continue;
            }
            TokenKind::Newline => {
                in_value &= !open.is_empty();
                continue;
            }
            kind @ (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket) => {
                if in_value {
                    open.push(Opened { kind, at: token.span().start() });
                }
                continue;
            }
            TokenKind::RightSquareBracket => TokenKind::LeftSquareBracket,
            TokenKind::RightCurlyBracket => TokenKind::LeftCurlyBracket,
            _ => continue,
        };
        open.pop_if(|last| last.kind == opens);
    }
    open.pop()
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// The start of the line if only blanks precede this octet in it, otherwise the octet itself.
fn start_of_statement(text: &str, at: usize) -> usize {
    let from = line_start(text, at);
    if text.get(from..at).is_some_and(|before| before.trim().is_empty()) { from } else { at }
}

/// Whether at most a comment follows this octet in its line.
fn ends_line(text: &str, at: usize) -> bool {
    let rest =
        text.get(at + 1..).and_then(|rest| rest.lines().next()).unwrap_or_default().trim_start();
    rest.is_empty() || rest.starts_with('#')
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.\"'".contains(c))
}

/// Whether a line is `key = …`.
fn is_key(line: &str) -> bool {
    line.split_once('=').is_some_and(|(key, _)| is_name(key))
}

/// Whether a line is `[table]` or `[[table]]`, not a list of numbers or strings.
fn is_header(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    let inner = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.map(|inner| {
        inner.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(inner).trim()
    });
    inner.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()) && is_name(name))
}

#[cfg(test)]
mod tests {
    use super::super::table::Document;
    use super::super::{Problem, Problems};
    use crate::schema::Section;

    static NO_KEYS: Section = Section { doc: "", keys: &[] };

    const EXAMPLE: &str = include_str!("../../../../cvdns.toml");

    fn problems(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        Document::read("t", text, &NO_KEYS, &mut problems, |_| ());
        problems.iter().map(Problem::to_string).collect()
    }

    /// The example with one slip of the pen has one error, in that line.
    #[test]
    fn one_slip_is_one_error_at_its_line() {
        for (good, slip, words) in [
            (
                "\"[::1]:5300\"]",
                "\"[::1]:5300\"",
                "the list that begins here is not closed (write `]`",
            ),
            ("\"[::1]:5300\"]", "\"[::1]:5300]", "invalid basic string"),
            ("[server]", "[server", "unclosed table"),
            ("nsid = \"ns1\"", "nsid = ns1", "text without quotes (write \"ns1\""),
            ("[geoip]", "[geoip", "unclosed table"),
            ("[[zone]]\n", "[[zone]\n", "unclosed array table"),
            ("[[geoip.override]]", "[[geoip.override]", "unclosed array table"),
            ("[server]", "server]", "expected `=`"),
            ("[\"127.0.0.1:5300\", ", "\"127.0.0.1:5300\", ", "unexpected key or value"),
            ("\"ns1\"", "\"ns1", "invalid basic string"),
            ("5300\", ", "5300\" ", "missing comma"),
            ("nsid =", "nsid", "expected `=`"),
            (
                "nsid = \"ns1\"",
                "nsid = { a = [\"ns1\" }",
                "the list that begins here is not closed",
            ),
            (
                "nsid = \"ns1\"",
                "nsid = [ { a = \"ns1\" ]",
                "the table that begins here is not closed (write `}`",
            ),
        ] {
            let text = EXAMPLE.replacen(good, slip, 1);
            assert_ne!(text, EXAMPLE, "{slip}");
            let line = text[..text.find(slip).unwrap()].matches('\n').count() + 1;
            let found = problems(&text);
            assert_eq!(found.len(), 1, "{slip}: {found:?}");
            assert!(
                found[0].starts_with(&format!("t:{line}:")) && found[0].contains(words),
                "{slip}: {found:?}"
            );
        }
    }

    #[test]
    fn brackets_that_are_left_open_are_found_over_lines() {
        for (text, words) in [
            ("a = [\n 1,\n 2\nb = 3\nc = [4]\n", "t:1:5: the list that begins here is not closed"),
            ("a = [\n \"x\"\n# a remark ] =\n[b]\nc = 1\n[[d]]\ne = 2\n", "t:1:5: the list that"),
            (
                "x = 1\na = [\n [1, 2],\n [3, 4\n]\nb = 1\n",
                "t:2:5: the list that begins here is not closed",
            ),
            ("a = [ { b = 1 }, { b = 2 }\nc = 1\n[d]\ne = 1\n", "t:1:5: the list that"),
            ("a = { b = 1, c = 2\nd = 3\n[e]\nf = 1\n", "t:1:5: the table that"),
            ("a = {\n b = 1,\n c = 2\n[e]\nf = 1\n", "t:1:5: the table that"),
            ("a = [1, 2", "t:1:5: the list that"),
            ("a = [1, 2\n\n", "t:1:5: the list that"),
            // A missing comma is not a bracket.
            ("a = [\n \"x\"\n \"y\"\n]\nb = 1\n", "missing comma between array elements"),
            ("a = [\n [\"x\"]\n [\"y\"]\n]\nb = 1\n", "missing comma between array elements"),
            ("a = {\n b = 1\n c = 2\n}\nd = 1\n", "missing comma between key-value pairs"),
        ] {
            let found = problems(text);
            assert!(found.len() == 1 && found[0].contains(words), "{text}: {found:?}");
        }
        let found = problems("a = 1\na = 2\nb = 1\nb = 2\n[c\nd = 1\n");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[1].starts_with("t:4:1: duplicate key") && found[2].starts_with("t:5:"),
            "{found:?}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_cut_or_octet_panics_and_there_is_one_error_of_syntax(at in 0usize..7000, octet in 0u8..128, cut in 0usize..7000) {
            let mut text = EXAMPLE.as_bytes().to_vec();
            let end = text.len();
            text[at % end] = octet;
            text.truncate(cut % end);
            let text = String::from_utf8_lossy(&text).into_owned();
            let found = problems(&text);
            let other = found.iter().filter(|found| !found.contains("duplicate key")).count();
            proptest::prop_assert!(other <= 1, "{found:?}");
        }
    }
}
