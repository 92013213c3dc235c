//! Types of values as JSON schemas and people see them.

use super::Section;

/// The type of a value, without the Rust type that it becomes.
#[derive(Debug, Clone)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// A whole number within a range, both ends included.
    Integer {
        /// The least.
        least: u64,
        /// The greatest.
        most: u64,
    },
    /// A number from 0 to 1.
    Share,
    /// A number above 0, up to 1.
    Fraction,
    /// A string.
    Text,
    /// The path of a file or directory, which is not empty.
    Path,
    /// A string that matches this regular expression (ECMA 262), which may allow too much.
    Pattern(&'static str),
    /// A duration such as `"1h 30m"`.
    Duration,
    /// One of these strings.
    Words(Vec<&'static str>),
    /// A moment (RFC 3339): a string in JSON, a date-time or a string in TOML.
    Moment,
    /// A list of values of this type.
    List(Box<Self>),
    /// A value of this type, or a list of such values.
    OneOrList(Box<Self>),
    /// A table, or a JSON object.
    Table(&'static Section),
    /// The path of a file, or a table in its place.
    PathOrTable(&'static Section),
    /// A list of tables.
    Tables(&'static Section),
    /// A JSON object with names that are not fixed, and values of this type.
    Map(Box<Self>),
    /// This type, or `null`.
    Nullable(Box<Self>),
}

impl Shape {
    /// What to write, for error messages; `sample` is a value in TOML.
    pub fn expected(&self, sample: &str) -> String {
        match self {
            Self::Boolean => "true or false".to_owned(),
            Self::Duration => format!("a duration such as {sample}"),
            Self::Words(words) => alternatives(words),
            _ => format!("a value such as {sample}"),
        }
    }

    /// What the values are, in Markdown, for references.
    pub fn described(&self) -> String {
        match self {
            Self::Boolean => "`true`, `false`".to_owned(),
            Self::Integer { least, most } if least == most => least.to_string(),
            Self::Integer { least, most } if *most >= u64::from(u32::MAX) => {
                format!("number, {least} or more")
            }
            Self::Integer { least, most } => format!("{least} to {most}"),
            Self::Share => "0 to 1".to_owned(),
            Self::Fraction => "above 0, up to 1".to_owned(),
            Self::Path => "path".to_owned(),
            Self::Text | Self::Pattern(_) => "text".to_owned(),
            Self::Duration => "duration".to_owned(),
            Self::Words(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                words.join(", ")
            }
            Self::Moment => "time".to_owned(),
            Self::List(shape) => format!("list: {}", shape.described()),
            Self::OneOrList(shape) => format!("{}, or a list", shape.described()),
            Self::Table(_) => "object".to_owned(),
            Self::PathOrTable(_) => "path, or a table".to_owned(),
            Self::Tables(_) => "tables".to_owned(),
            Self::Map(shape) => format!("object of {}", shape.described()),
            Self::Nullable(shape) => shape.described(),
        }
    }
}

/// `"a", "b" or "c"`.
fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
