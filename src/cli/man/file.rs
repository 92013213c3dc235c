//! The pages of files: their keys, and what only people know.

use cvdns_core::schema::tables::{Table, tables};
use cvdns_core::schema::{DefaultInfo, KeyInfo};

use super::formats::{ALL, FormatText};
use super::page::Page;

/// The section of the manual for file formats.
const SECTION: u8 = 5;

/// A page for each file format.
pub(super) fn pages() -> Vec<Page> {
    ALL.iter().map(page).collect()
}

fn page(text: &FormatText) -> Page {
    let mut page = Page::new(text.name, SECTION);
    page.header();
    page.heading("NAME");
    page.paragraph(&format!("{} - {}", text.name, text.about));
    page.heading("DESCRIPTION");
    for paragraph in text.description {
        page.paragraph(paragraph);
    }
    page.heading("KEYS");
    for table in tables(text.format) {
        keys(&mut page, &table, text.sign);
    }
    page.heading("EXAMPLES");
    page.paragraph(text.example_of);
    page.example(text.example);
    page.heading("SEE ALSO");
    page.paragraph(text.see_also);
    page
}

fn keys(page: &mut Page, table: &Table, sign: &str) {
    if !table.heading.is_empty() {
        page.subheading(&table.heading);
        page.paragraph(table.doc);
    }
    for key in table.keys() {
        let value = format!("{sign}{}", key.shape().described());
        page.term(key.name(), &value, &format!("{} {}", key.doc(), default(key)));
    }
}

fn default(key: &dyn KeyInfo) -> String {
    match key.default_info() {
        DefaultInfo::Required => "This key is required.".to_owned(),
        DefaultInfo::Absent(text) => format!("Default: {text}."),
        DefaultInfo::Value(literal) => format!("Default: `{literal}`."),
    }
}
