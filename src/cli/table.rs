//! Tables on standard output.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::output::Failure;
use cvdns_core::problem::printable;

/// Spaces between two columns.
const GAP: u16 = 2;

/// Prints a table without rules, so that `awk` and `sort` can use it. On a terminal, cells are
/// wrapped at words; on a terminal that is too narrow for that, each row becomes a paragraph with
/// one line for each column.
pub(in crate::cli) fn print_table(
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), Failure> {
    let cells = |row: Vec<String>| row.iter().map(|cell| printable(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.into_iter().map(cells).collect();
    write!(io::stdout().lock(), "{}", text(header, &rows, width()))?;
    Ok(())
}

/// The cell of an optional value: `-` for `None`.
pub(in crate::cli) fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Width of the terminal in characters; `None` if standard output is no terminal.
fn width() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let from_environment = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal_size::terminal_size_of(io::stdout())
        .map(|(width, _)| width.0)
        .filter(|width| *width > 0)
        .or_else(from_environment)
}

fn text(header: &[&str], rows: &[Vec<String>], width: Option<u16>) -> String {
    let words = widest_words(header, rows);
    let least: usize = words.iter().map(|word| usize::from(*word) + usize::from(GAP)).sum();
    match width {
        Some(width) if least > usize::from(width) => paragraphs(header, rows),
        width => table(header, rows, &words, width),
    }
}

/// Width of the longest word of each column, in characters: a narrower column would break a word.
fn widest_words(header: &[&str], rows: &[Vec<String>]) -> Vec<u16> {
    let columns = rows.iter().map(Vec::len).chain([header.len()]).max().unwrap_or_default();
    let mut widest = vec![1; columns];
    let heads = header.iter().copied().enumerate();
    let cells = rows.iter().flat_map(|row| row.iter().map(String::as_str).enumerate());
    for (column, cell) in heads.chain(cells) {
        let word =
            cell.split_whitespace().map(|word| word.chars().count()).max().unwrap_or_default();
        if let Some(slot) = widest.get_mut(column) {
            *slot = u16::try_from(word).unwrap_or(u16::MAX).max(*slot);
        }
    }
    widest
}

fn table(header: &[&str], rows: &[Vec<String>], words: &[u16], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    if !header.is_empty() {
        table.set_header(header.iter().copied());
    }
    for row in rows {
        table.add_row(row);
    }
    for (column, word) in table.column_iter_mut().zip(words) {
        column.set_padding((0, GAP));
        if width.is_some() {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
                word.saturating_add(GAP),
            )));
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// Each row as lines of `Head: value`, one for each column.
fn paragraphs(header: &[&str], rows: &[Vec<String>]) -> String {
    let paragraph = |row: &Vec<String>| -> String {
        if header.is_empty() {
            // Without a header, the first column is the head of the second.
            return format!("{}\n", row.join(": "));
        }
        let lines = header.iter().zip(row).map(|(head, cell)| format!("{head}: {cell}\n"));
        lines.collect()
    };
    let separator = if header.is_empty() { "" } else { "\n" };
    rows.iter().map(paragraph).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 3] = ["Mirror", "Address", "Reason"];

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![
            row([
                "clamav.example.de",
                "2001:db8::10",
                "connected, but no answer within 20 seconds",
            ]),
            row(["mirror.example.jp", "192.0.2.10", ""]),
        ]
    }

    /// Words stay whole, however narrow the terminal is.
    #[test]
    fn no_word_is_ever_broken() {
        let rows = rows();
        let words: Vec<&str> = rows
            .iter()
            .flatten()
            .map(String::as_str)
            .chain(HEADER)
            .flat_map(str::split_whitespace)
            .collect();
        for width in (0..200).map(Some).chain([None]) {
            let text = text(&HEADER, &rows, width);
            for word in &words {
                let there =
                    text.split_whitespace().any(|found| found.trim_end_matches(':') == *word);
                assert!(there, "{width:?}: {word} in\n{text}");
            }
        }
    }

    #[test]
    fn tables_fit_their_terminal_as_long_as_words_do() {
        let rows = rows();
        for width in 50..120 {
            let text = text(&HEADER, &rows, Some(width));
            assert!(
                text.lines().all(|line| line.chars().count() <= usize::from(width)),
                "{width}:\n{text}"
            );
        }
        assert_eq!(
            text(&HEADER, &rows, None).lines().count(),
            3,
            "one line for each row without a terminal"
        );
        assert!(
            text(&HEADER, &rows, Some(30))
                .starts_with("Mirror: clamav.example.de\nAddress: 2001:db8::10\n")
        );
        let pairs = vec![vec!["File".to_owned(), "country.mmdb".to_owned()]];
        assert_eq!(text(&[], &pairs, Some(5)), "File: country.mmdb\n");
    }
}
