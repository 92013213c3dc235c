//! Text of others, as it may be shown to people.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with all characters escaped, as in `\u001b`, that would do more than be read: control characters (line ends
/// too, as `\n`), the line separators of Unicode, and those that turn the direction of what follows. So whoever writes a host's name
/// into a feed can forge no line of a log, and moves no terminal's cursor.
///
/// Within JSON, where such characters stand in strings alone, the text says the same as before.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        push(&mut out, character);
    }
    Cow::Owned(out)
}

/// The same of several lines, whose ends stay.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|character| character != '\n' && is_active(character)) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(printable).collect();
    Cow::Owned(lines.join("\n"))
}

/// The first characters of a text, at most this many of it, as they may be shown in one line: characters that would do more than be
/// read are escaped as by [`printable`], and `…` stands for the rest.
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
        other if is_active(other) => {
            // A string takes whatever is written.
            let _ = write!(out, "\\u{:04x}", u32::from(other));
        }
        other => out.push(other),
    }
}

/// Whether a character does more than be read. Those of the direction are the explicit ones of UAX #9, section 2.
pub(super) fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_do_more_than_be_read_is_escaped() {
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
    fn the_first_characters_are_an_excerpt() {
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
    fn within_json_the_text_stays_the_same() {
        let text: String = (0..0x3000).filter_map(char::from_u32).collect();
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<String>(&printable(&json)).unwrap(), text);
    }
}
