//! The fields of log lines: one vocabulary for all that programs look for.

use std::fmt::{self, Debug};

use tracing::field::Field;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use cvdns_core::problem::printable;

/// The names of the fields, and what each means. The sentence of a line says the same, so text has
/// it in the sentence alone.
pub const FIELDS: &[(&str, &str)] = &[
    ("mirror", "host of the mirror, or the pattern of an override"),
    ("address", "address of the mirror, or the one that the server listens on"),
    ("country", "country of the mirror"),
    ("zone", "origin of the zone"),
    ("state", "state now"),
    ("before", "state or version before"),
    ("reason", "why: words, or the label `reason` of `cvdns_feed_errors_total`"),
    ("feed", "serial of the feed"),
    ("source", "path or URL of feed or overrides"),
    ("database", "database of the release"),
    ("version", "version of the database, or of the program"),
    ("path", "file or directory"),
    ("line", "line in it, from 1"),
    ("column", "column in that line, in characters from 1"),
    ("key", "keys of the configuration"),
    ("help", "what to do"),
    ("network", "network that asks most over the rate limit"),
    ("count", "how many"),
    ("error", "error of the system or of a library"),
];

const MESSAGE: &str = "message";

/// Writes an event as text: its sentence, and only those fields that are none of [`FIELDS`], which
/// libraries may add.
pub fn as_text() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        write(writer, field.name(), value)
    })
}

fn write(writer: &mut dyn fmt::Write, name: &str, value: &dyn Debug) -> fmt::Result {
    // Where lines have colours, nobody behind this tells their escape sequences from foreign ones.
    let text = format!("{value:?}");
    let text = printable(&text);
    if name == MESSAGE {
        writer.write_str(&text)
    } else if FIELDS.iter().any(|(known, _)| *known == name) {
        Ok(())
    } else {
        write!(writer, " {name}={text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_the_sentence_and_what_libraries_add() {
        let mut out = String::new();
        let mut field = |name: &str, value: &dyn Debug| write(&mut out, name, value).unwrap();
        field("message", &format_args!("mirror a: down\u{1b}[2J"));
        field("mirror", &"a");
        field("reason", &"feed");
        field("watch", &7);
        assert_eq!(out, "mirror a: down\\u001b[2J watch=7");
    }

    #[test]
    fn the_page_has_all_fields() {
        let page = include_str!("../../docs/monitoring.md");
        let (_, rest) = page.split_once("<!-- fields of the log -->").unwrap();
        let (table, _) = rest.split_once("<!-- end of fields -->").unwrap();
        let rows: Vec<String> =
            FIELDS.iter().map(|(name, meaning)| format!("| `{name}` | {meaning} |\n")).collect();
        let rows = rows.concat();
        assert_eq!(table, format!("\n| field | meaning |\n|---|---|\n{rows}"));
    }

    #[test]
    fn each_name_is_listed_once() {
        for (number, (name, meaning)) in FIELDS.iter().enumerate() {
            assert!(
                !meaning.is_empty() && !FIELDS[..number].iter().any(|(other, _)| other == name)
            );
        }
    }
}
