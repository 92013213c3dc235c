//! Foreign text, made safe for logs and terminals.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with all control characters escaped, as in `\u001b`: those of ASCII and Unicode, line
/// ends (as `\n`), the line separators of Unicode, and those that change the direction of writing.
/// So a host's name in a feed can neither forge a line of a log nor move a terminal's cursor.
///
/// JSON keeps its meaning, because there such characters occur in strings only.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push(&mut out, character);
    }
    Cow::Owned(out)
}

/// Several lines, of which everything but the line ends is escaped as by [`printable`].
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|character| character != '\n' && is_control(character)) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(printable).collect();
    Cow::Owned(lines.join("\n"))
}

/// The first `most` characters of a text, escaped as by [`printable`]; `…` stands for the rest.
pub fn excerpt(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map(|(end, _)| end);
    let shown = printable(end.and_then(|end| text.get(..end)).unwrap_or(text));
    if end.is_some() { format!("{shown}…") } else { shown.into_owned() }
}

fn push(out: &mut String, character: char) {
    match character {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other if is_control(other) => {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{:04x}", u32::from(other));
        }
        other => out.push(other),
    }
}

/// Whether a character controls the terminal or the layout. Those of direction are the explicit
/// formatting characters of UAX #9, section 2.
pub(super) fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        for text in ["", "mirror.example.de", "Zürich, 東京, \u{200d}\u{1f3f3}", "a\\nb \"quoted\""]
        {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        for (text, shown) in [
            ("a\nb", "a\\nb"),
            ("a\r\n\tb", "a\\r\\n\\tb"),
            ("\u{1b}[2J", "\\u001b[2J"),
            ("\0\u{7f}\u{9b}", "\\u0000\\u007f\\u009b"),
            ("\u{2028}\u{202e}x\u{2069}", "\\u2028\\u202ex\\u2069"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(printable_lines("a\u{1b}\nb\n"), "a\\u001b\nb\n");
        assert!(matches!(printable_lines("a\nb\n"), Cow::Borrowed("a\nb\n")));
    }

    #[test]
    fn an_excerpt_has_the_first_characters() {
        for (text, shown) in [
            ("", ""),
            ("é東y", "é東y"),
            ("é東yz", "é東y…"),
            ("a\n\u{202e}", "a\\n\\u202e"),
            ("\u{1b}[2J", "\\u001b[2…"),
        ] {
            assert_eq!(excerpt(text, 3), shown);
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text: String = (0..0x3000).filter_map(char::from_u32).collect();
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<String>(&printable(&json)).unwrap(), text);
    }
}
