//! The tables of keys in `docs/`.

use std::fmt::Write as _;

use cvdns_core::config::keys::monitor;
use cvdns_core::schema::tables::tables;
use cvdns_core::schema::{DefaultInfo, KeyInfo};

use super::{formats, wrapped};

const END: &str = "<!-- end of keys -->";

/// The line before the tables of this name.
pub(crate) fn begin(name: &str) -> String {
    format!("<!-- keys of {name}: written from the code, see CONTRIBUTING.md -->")
}

/// A page with all tables between its markers.
pub(crate) fn filled(page: &str) -> String {
    let mut page = page.to_owned();
    for format in formats() {
        let mut text = String::new();
        // The page of the coordinator has its keys.
        for table in tables(format).iter().filter(|table| table.name() != "monitor") {
            if !table.heading.is_empty() {
                let heading = format!("**`{}`**: {}", table.heading, table.doc);
                let _ = writeln!(text, "\n{}", wrapped(&heading, ""));
            }
            keys(&mut text, table.keys());
        }
        page = replaced(&page, format.name, &text);
    }
    let mut text = String::new();
    keys(&mut text, monitor::SECTION.keys.iter().copied());
    replaced(&page, "monitor", &text)
}

fn replaced(page: &str, name: &str, tables: &str) -> String {
    let begin = begin(name);
    let Some((before, rest)) = page.split_once(&begin) else { return page.to_owned() };
    let (_, after) = rest.split_once(END).expect("an end marker");
    format!("{before}{begin}\n{}\n{END}{after}", tables.trim())
}

fn keys(out: &mut String, keys: impl Iterator<Item = &'static dyn KeyInfo>) {
    let mut keys = keys.peekable();
    if keys.peek().is_none() {
        return;
    }
    out.push_str("| key | value | default | |\n|---|---|---|---|\n");
    for key in keys {
        let default = match key.default_info() {
            DefaultInfo::Required => "required".to_owned(),
            DefaultInfo::Absent(text) => text.to_owned(),
            DefaultInfo::Value(literal) => format!("`{literal}`"),
        };
        let value = key.shape().described();
        let _ = writeln!(out, "| `{}` | {value} | {default} | {} |", key.name(), key.doc());
    }
}
