//! Cuts a master file into entries (RFC 1035 section 5.1), so that each is parsed and judged on its own.

use std::ops::Range;

/// The byte ranges of the entries of a master file, without their final newlines. Blank and comment lines are left out.
pub(super) fn entries(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut state = State::default();
    let mut start = 0;
    let mut content = false;
    for (at, octet) in text.bytes().enumerate() {
        if octet == b'\n' && state.ends_entry() {
            if content {
                out.push(start..at);
            }
            (start, content) = (at + 1, false);
            continue;
        }
        content |= state.step(octet);
    }
    if content {
        out.push(start..text.len());
    }
    out
}

/// Whether every parenthesis of an entry is closed.
pub(super) fn closes(entry: &str) -> bool {
    let mut state = State::default();
    for octet in entry.bytes() {
        if octet == b'\n' {
            state.ends_entry();
        } else {
            state.step(octet);
        }
    }
    state.parentheses == 0
}

/// Where the first quote of an entry stands that its line does not close.
pub(super) fn open_quote(entry: &str) -> Option<usize> {
    let mut state = State::default();
    let mut opened = None;
    for (at, octet) in entry.bytes().enumerate() {
        if octet == b'\n' {
            if state.quoted {
                return opened;
            }
            state.ends_entry();
            continue;
        }
        let before = state.quoted;
        state.step(octet);
        if state.quoted && !before {
            opened = Some(at);
        }
    }
    opened.filter(|_| state.quoted)
}

#[derive(Default)]
struct State {
    parentheses: u32,
    quoted: bool,
    comment: bool,
    escaped: bool,
}

impl State {
    /// At a newline: whether the entry ends with it. An open quote does not go on to the next line (RFC 1035 section 5.1
    /// would allow it, but a forgotten quote would then swallow the file).
    fn ends_entry(&mut self) -> bool {
        self.comment = false;
        self.escaped = false;
        self.quoted = false;
        self.parentheses == 0
    }

    /// Whether the octet is content and neither blank nor comment.
    fn step(&mut self, octet: u8) -> bool {
        if self.comment {
            return false;
        }
        if std::mem::take(&mut self.escaped) {
            return true;
        }
        match octet {
            b'\\' => self.escaped = true,
            b'"' => self.quoted = !self.quoted,
            _ if self.quoted => {}
            b';' => {
                self.comment = true;
                return false;
            }
            b'(' => self.parentheses += 1,
            b')' => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
        !octet.is_ascii_whitespace()
    }
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn entries_span_parentheses_and_skip_comments() {
        let text = "; top\na A 1 ; x ( y\n\n@ SOA a b (\n 1 ; )\n 2 )\n b TXT \"(;\"\nc TXT \\( x";
        let parts: Vec<&str> = entries(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(parts, ["a A 1 ; x ( y", "@ SOA a b (\n 1 ; )\n 2 )", " b TXT \"(;\"", "c TXT \\( x"]);
    }
}
