//! The tables of a file, one after the other, as references list them.

use super::{FileFormat, KeyInfo, Section, Shape};

/// A table of a file.
#[derive(Debug)]
pub struct Table {
    /// The table as the file has it, such as `[server]` or `[[zone]]`; the name alone in JSON.
    /// Empty at the top of the file.
    pub heading: String,
    /// What the table is for, in Markdown; empty at the top of the file.
    pub doc: &'static str,
    /// The keys of the table and of those within it.
    pub section: &'static Section,
}

impl Table {
    /// The name of the table without brackets; empty at the top of the file.
    pub fn name(&self) -> &str {
        self.heading.trim_matches(['[', ']'])
    }

    /// The keys of the table without those whose values are tables.
    pub fn keys(&self) -> impl Iterator<Item = &'static dyn KeyInfo> {
        self.section.keys.iter().copied().filter(|key| table_of(*key).is_none())
    }
}

/// All tables of a file: the top first, then each table followed by those within it.
pub fn tables(format: &FileFormat) -> Vec<Table> {
    let mut all =
        vec![Table { heading: String::new(), doc: format.root.doc, section: format.root }];
    add_below(format.root, "", &mut all);
    all
}

/// The table that is the value of a key, and whether there may be several.
pub fn table_of(key: &dyn KeyInfo) -> Option<(&'static Section, bool)> {
    match key.shape() {
        Shape::Table(section) => Some((section, false)),
        Shape::Tables(section) => Some((section, true)),
        _ => None,
    }
}

fn add_below(section: &Section, path: &str, all: &mut Vec<Table>) {
    for key in section.keys {
        let name =
            if path.is_empty() { key.name().to_owned() } else { format!("{path}.{}", key.name()) };
        let Some((heading, section)) = heading(*key, &name) else { continue };
        // The key's own words are about the path, in whose place the table stands.
        let doc = match key.shape() {
            Shape::PathOrTable(_) => section.doc,
            _ => key.doc(),
        };
        all.push(Table { heading, doc, section });
        add_below(section, &name, all);
    }
}

/// The heading of the table that is the value of a key, or of the values of an object.
fn heading(key: &dyn KeyInfo, name: &str) -> Option<(String, &'static Section)> {
    if let Some((section, are_several)) = table_of(key) {
        let heading = if are_several { format!("[[{name}]]") } else { format!("[{name}]") };
        return Some((heading, section));
    }
    match key.shape() {
        Shape::PathOrTable(section) => Some((format!("[{name}]"), section)),
        Shape::Nullable(shape) | Shape::Map(shape) => match *shape {
            Shape::Table(section) => Some((name.to_owned(), section)),
            _ => None,
        },
        _ => None,
    }
}
