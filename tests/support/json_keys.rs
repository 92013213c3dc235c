//! The keys and types of a JSON document, and the table of a page that lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// The types of each key, by its path: `pools.path[].host`.
pub type KeyTypes = BTreeMap<String, BTreeSet<String>>;

/// The table below a heading of a page.
pub fn documented(page: &str, heading: &str) -> KeyTypes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let page = std::fs::read_to_string(path).expect("the page");
    let table = page.split_once(heading).expect("the section").1;
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let row = |row: &str| {
        let (key, rest) = row.split_once("` | ").expect("a key");
        let (types, meaning) = rest.split_once(" | ").expect("types");
        assert!(meaning.len() > 4, "{key}");
        (key.to_owned(), types.split(" or ").map(str::to_owned).collect())
    };
    rows.map(row).collect()
}

/// Adds the types that each key has in a document.
pub fn add_keys(at: &str, value: &Value, out: &mut KeyTypes) {
    let mut is = |name: &str| {
        if !at.is_empty() {
            out.entry(at.to_owned()).or_default().insert(name.to_owned());
        }
    };
    match value {
        Value::Null => is("null"),
        Value::Bool(_) => is("bool"),
        Value::Number(_) => is("number"),
        Value::String(_) => is("string"),
        Value::Array(elements) => {
            is("array");
            for element in elements {
                add_keys(&format!("{at}[]"), element, out);
            }
        }
        Value::Object(object) => {
            is("object");
            for (key, value) in object {
                let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                add_keys(&path, value, out);
            }
        }
    }
}
