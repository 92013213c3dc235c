//! A page of the manual, in the macros of man(7).

use std::fmt::Write as _;
use std::io;

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// Date of all pages: that of the last release, as in CHANGELOG.md. The same version so makes the
/// same pages on every day.
pub(super) const DATE: &str = "2026-11-29";

/// The program and its version, in the footer of all pages.
pub(super) const SOURCE: &str = concat!("cvdns ", env!("CARGO_PKG_VERSION"));

/// The name of the manual, in the header of all pages.
pub(super) const MANUAL: &str = "cvdns manual";

/// A page of the manual.
///
/// Texts may have words between backticks, which become bold.
#[derive(Debug)]
pub(super) struct Page {
    /// The name, such as `cvdns-serve`.
    name: String,
    /// The section of the manual: 1, 5 or 8.
    section: u8,
    /// What is written so far, without the line that roff needs first.
    body: String,
}

impl Page {
    /// A page of which nothing is written yet.
    pub(super) fn new(name: &str, section: u8) -> Self {
        Self { name: name.to_owned(), section, body: String::new() }
    }

    /// The name of the file, such as `cvdns-serve.8`.
    pub(super) fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }

    /// The section of the manual.
    pub(super) fn section(&self) -> String {
        self.section.to_string()
    }

    /// The title of the page in its header, in capitals.
    pub(super) fn title(&self) -> String {
        self.name.to_uppercase()
    }

    /// Writes the header.
    pub(super) fn header(&mut self) {
        let (title, section) = (self.title(), self.section());
        self.control("TH", &[&title, &section, DATE, SOURCE, MANUAL]);
    }

    /// Writes what `clap_mangen` makes of a command.
    pub(super) fn rendered(&mut self, render: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) {
        let mut octets = Vec::new();
        // Writing to memory does not fail, and clap's texts are UTF-8.
        if render(&mut octets).is_ok()
            && let Ok(text) = str::from_utf8(&octets)
        {
            self.body.push_str(text.strip_prefix(&preamble()).unwrap_or(text));
        }
    }

    /// Begins a section.
    pub(super) fn heading(&mut self, title: &str) {
        self.control("SH", &[&minus(title)]);
    }

    /// Begins a part of a section.
    pub(super) fn subheading(&mut self, title: &str) {
        self.control("SS", &[&minus(title)]);
    }

    /// Writes a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        // The macros begin one behind each heading.
        let last = self.body.lines().next_back().unwrap_or_default();
        if !last.starts_with(".SH") && !last.starts_with(".SS") {
            self.control("PP", &[]);
        }
        self.line(vec![roman(text)]);
    }

    /// Writes a term in bold, what follows it on its line, and what it means.
    pub(super) fn term(&mut self, term: &str, rest: &str, text: &str) {
        self.control("TP", &[]);
        self.line(vec![bold(term), roman(rest)]);
        self.line(vec![roman(text)]);
    }

    /// Writes lines as they are: commands, or a part of a file.
    pub(super) fn example(&mut self, lines: &str) {
        self.control("RS", &["4"]);
        self.control("nf", &[]);
        for line in lines.lines() {
            self.line(vec![roman(line)]);
        }
        self.control("fi", &[]);
        self.control("RE", &[]);
    }

    /// The whole text of the file, in ASCII.
    pub(super) fn text(&self) -> String {
        let mut text = preamble();
        let mut is_example = false;
        for line in self.body.lines() {
            match line {
                ".nf" => is_example = true,
                ".fi" => is_example = false,
                _ => {}
            }
            if is_example || line.starts_with('.') {
                push_ascii(&mut text, line);
            } else {
                push_ascii(&mut text, &emboldened(line));
            }
            text.push('\n');
        }
        text
    }

    fn control(&mut self, name: &str, arguments: &[&str]) {
        let mut roff = Roff::new();
        roff.control(name, arguments.iter().copied());
        self.add(&roff);
    }

    fn line(&mut self, inlines: Vec<Inline>) {
        let mut roff = Roff::new();
        roff.text(inlines);
        self.add(&roff);
    }

    fn add(&mut self, roff: &Roff) {
        let text = roff.render();
        self.body.push_str(text.strip_prefix(&preamble()).unwrap_or(&text));
    }
}

/// What the crate writes in front of all text: it says how apostrophes are shown.
fn preamble() -> String {
    Roff::new().render()
}

/// A hyphen would be shown as one, and not as the character of the file.
fn minus(text: &str) -> String {
    text.replace('-', "\\-")
}

/// A line of roff in which words between backticks are bold.
fn emboldened(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return line.to_owned();
    }
    let mut out = String::new();
    for (number, part) in parts.iter().enumerate() {
        match (number.is_multiple_of(2), part.is_empty()) {
            (true, _) => out.push_str(part),
            (false, true) => out.push_str("``"),
            (false, false) => out.extend(["\\fB", part, "\\fR"]),
        }
    }
    out
}

/// Adds a line of roff, with escapes for other characters than those of ASCII: not every formatter
/// takes UTF-8. A backslash that is meant as one has another escape than that of the crate, which
/// holds everywhere.
fn push_ascii(out: &mut String, line: &str) {
    for character in line.replace("\\\\", "\\e").chars() {
        if character.is_ascii() {
            out.push(character);
        } else if character == '…' {
            // Some devices of groff lack it. Behind `\&`, dots begin no control line.
            out.push_str("\\&...");
        } else {
            let _ = write!(out, "\\[u{:04X}]", u32::from(character));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_as_they_are_written() {
        let mut page = Page::new("cvdns-test", 8);
        page.heading("A-B");
        page.paragraph("It's `--all` of \\x → …");
        page.paragraph("'.one` backtick");
        page.term("--key", " <`VALUE`>", ".text");
        page.example(".a `b`\n\n-c");
        let body = page.text();
        assert_eq!(
            body.strip_prefix(&preamble()).unwrap(),
            ".SH A\\-B\nIt\\*(Aqs \\fB\\-\\-all\\fR of \\ex \\[u2192] \\&...\n.PP\n\
             \\*(Aq.one` backtick\n.TP\n\\fB\\-\\-key\\fR <\\fBVALUE\\fR>\n\\&.text\n.RS 4\n.nf\n\
             \\&.a `b`\n\n\\-c\n.fi\n.RE\n"
        );
        assert_eq!(
            (page.file_name().as_str(), page.title().as_str()),
            ("cvdns-test.8", "CVDNS-TEST")
        );
    }

    #[test]
    fn the_date_is_that_of_the_last_release() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/CHANGELOG.md");
        let changes = std::fs::read_to_string(path).unwrap();
        let dated = changes.lines().find_map(|line| {
            line.strip_prefix("## ")?.split_once(" (").and_then(|(_, date)| date.strip_suffix(')'))
        });
        assert_eq!(dated, Some(DATE), "set DATE of this file");
    }
}
