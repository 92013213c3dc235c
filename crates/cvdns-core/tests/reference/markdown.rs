//! The tables of keys in `docs/`.

use std::fmt::Write as _;

use cvdns_core::config::keys::monitor;
use cvdns_core::schema::{DefaultInfo, KeyInfo, Section, Shape};

use super::{formats, table_of, wrapped};

const END: &str = "<!-- end of keys -->";

/// The line before the tables of this name.
pub(crate) fn begin(name: &str) -> String {
    format!("<!-- keys of {name}: written from the code, see CONTRIBUTING.md -->")
}

/// A page with all tables between its markers.
pub(crate) fn filled(page: &str) -> String {
    let mut page = page.to_owned();
    for format in formats() {
        let mut tables = String::new();
        section(&mut tables, format.root, "");
        page = replaced(&page, format.name, &tables);
    }
    let mut table = String::new();
    keys(&mut table, &monitor::SECTION);
    replaced(&page, "monitor", &table)
}

fn replaced(page: &str, name: &str, tables: &str) -> String {
    let begin = begin(name);
    let Some((before, rest)) = page.split_once(&begin) else { return page.to_owned() };
    let (_, after) = rest.split_once(END).expect("an end marker");
    format!("{before}{begin}\n{}\n{END}{after}", tables.trim())
}

fn section(out: &mut String, section: &Section, path: &str) {
    keys(out, section);
    for key in section.keys {
        let Some((heading, inner)) = heading(*key, path) else { continue };
        // The page of the coordinator has them.
        if path.is_empty() && key.name() == "monitor" {
            continue;
        }
        let _ = writeln!(out, "\n{}", wrapped(&format!("**`{heading}`**: {}", key.doc()), ""));
        let path = heading.trim_matches(['[', ']']);
        self::section(out, inner, path);
    }
}

/// The heading of the table that is the value of a key, or of the values of an object.
fn heading(key: &dyn KeyInfo, path: &str) -> Option<(String, &'static Section)> {
    let path =
        if path.is_empty() { key.name().to_owned() } else { format!("{path}.{}", key.name()) };
    if let Some((section, are_several)) = table_of(key) {
        let heading = if are_several { format!("[[{path}]]") } else { format!("[{path}]") };
        return Some((heading, section));
    }
    match key.shape() {
        Shape::Nullable(shape) | Shape::Map(shape) => match *shape {
            Shape::Table(section) => Some((path, section)),
            _ => None,
        },
        _ => None,
    }
}

fn keys(out: &mut String, section: &Section) {
    let keys: Vec<_> = section.keys.iter().filter(|key| table_of(**key).is_none()).collect();
    if keys.is_empty() {
        return;
    }
    out.push_str("| key | value | default | |\n|---|---|---|---|\n");
    for key in keys {
        let default = match key.default_info() {
            DefaultInfo::Required => "required".to_owned(),
            DefaultInfo::Absent(text) => text.to_owned(),
            DefaultInfo::Value(literal) => format!("`{literal}`"),
        };
        let value = value(&key.shape());
        let _ = writeln!(out, "| `{}` | {value} | {default} | {} |", key.name(), key.doc());
    }
}

/// The type of a value for people.
fn value(shape: &Shape) -> String {
    match shape {
        Shape::Boolean => "`true`, `false`".to_owned(),
        Shape::Integer { least, most } if least == most => least.to_string(),
        Shape::Integer { least, most } if *most >= u64::from(u32::MAX) => {
            format!("number, {least} or more")
        }
        Shape::Integer { least, most } => format!("{least} to {most}"),
        Shape::Share => "0 to 1".to_owned(),
        Shape::Fraction => "above 0, up to 1".to_owned(),
        Shape::Path => "path".to_owned(),
        Shape::Text | Shape::Pattern(_) => "text".to_owned(),
        Shape::Duration => "duration".to_owned(),
        Shape::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            words.join(", ")
        }
        Shape::Moment => "time".to_owned(),
        Shape::List(shape) => format!("list: {}", value(shape)),
        Shape::OneOrList(shape) => format!("{}, or a list", value(shape)),
        Shape::Table(_) => "object".to_owned(),
        Shape::Tables(_) => "tables".to_owned(),
        Shape::Map(shape) => format!("object of {}", value(shape)),
        Shape::Nullable(shape) => value(shape),
    }
}
