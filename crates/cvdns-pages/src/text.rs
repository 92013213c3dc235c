//! Foreign text on a page: escaped, without characters that control the layout or that nobody sees,
//! and cut.

use std::borrow::Cow;
use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};
use cvdns_core::problem::{excerpt, printable};

/// The escaper of all templates: markup is escaped, and characters that control the layout or that
/// nobody sees are written out, as in `\u202e`.
#[derive(Debug, Clone, Copy)]
pub struct Clean;

impl Escaper for Clean {
    fn write_escaped_str<W: Write>(&self, dest: W, string: &str) -> fmt::Result {
        let shown = printable(string);
        let shown = visible(&shown);
        if shown.contains(is_no_character) {
            Html.write_escaped_str(dest, &shown.replace(is_no_character, "\u{fffd}"))
        } else {
            Html.write_escaped_str(dest, &shown)
        }
    }
}

/// The text as it stands in HTML, for what is not written by a template.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a string does not fail.
    let _ = Clean.write_escaped_str(&mut out, text);
    out
}

/// Most characters of a host that a page shows. Names in the DNS have at most 253 (RFC 1035
/// section 2.3.4), but a fleet may name hosts otherwise.
pub const HOST: usize = 253;

/// Most characters of a reason, note or advice that a page shows.
pub const REASON: usize = 400;

/// The text on one line, with at most `most` characters; `…` stands for the rest.
///
/// Line ends and other blanks become spaces, because a browser shows them so.
pub fn cut(text: &str, most: usize) -> String {
    let joined: String = text
        .chars()
        .take(most.saturating_mul(4))
        .map(|character| if character.is_whitespace() { ' ' } else { character })
        .collect();
    visible(&excerpt(joined.trim(), most)).into_owned()
}

/// A host as pages show it.
pub fn host(host: &str) -> String {
    cut(host, HOST)
}

/// A reason, note or advice as pages show it.
pub fn reason(reason: &str) -> String {
    cut(reason, REASON)
}

/// Whether neither HTML nor XML takes the character (HTML, section 13.2.3.5; XML 1.0, section 2.2).
fn is_no_character(character: char) -> bool {
    let code = u32::from(character);
    matches!(code, 0xfdd0..=0xfdef) || code & 0xfffe == 0xfffe
}

/// The text with all characters that nobody sees written out: they could make one host or reason
/// look like another.
fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_invisible(character) {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Whether Unicode has the character ignored where it cannot be shown: the property
/// `Default_Ignorable_Code_Point` (Unicode 16, `DerivedCoreProperties.txt`).
fn is_invisible(character: char) -> bool {
    matches!(
        u32::from(character),
        0xad | 0x34f
            | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfff8
            | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_controls_are_written_out() {
        assert_eq!(escaped("<b a='x'>&\"</b>"), "&#60;b a=&#39;x&#39;&#62;&#38;&#34;&#60;/b&#62;");
        assert_eq!(escaped("a\u{202e}b\u{0}\u{1b}"), "a\\u202eb\\u0000\\u001b");
        assert_eq!(escaped("\u{fffe}\u{fdd0}\u{1ffff}"), "\u{fffd}".repeat(3));
        assert_eq!(escaped("Zürich 東京"), "Zürich 東京");
    }

    #[test]
    fn what_nobody_sees_is_written_out() {
        for (character, shown) in [
            ('\u{ad}', "\\u00ad"),
            ('\u{180e}', "\\u180e"),
            ('\u{200d}', "\\u200d"),
            ('\u{2060}', "\\u2060"),
            ('\u{3164}', "\\u3164"),
            ('\u{fe0f}', "\\ufe0f"),
            ('\u{feff}', "\\ufeff"),
            ('\u{e0041}', "\\ue0041"),
        ] {
            let text = format!("a{character}b");
            // Documents have it from `cut`, pages from both.
            for of in [escaped(&text), reason(&text), host(&text), escaped(&reason(&text))] {
                assert_eq!(of, format!("a{shown}b"));
            }
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(cut(" a\n\tb ", 10), "a  b");
        assert_eq!(reason(&"x".repeat(10_000)).chars().count(), REASON + 1);
        assert_eq!(cut("äöü", 2), "äö…");
        assert_eq!(cut(&"\n".repeat(10_000), 2), "");
    }
}
