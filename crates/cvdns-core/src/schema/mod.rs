//! Schemas of the configuration files: each key's name, type, range, default and description.
//!
//! A key stands once, as a `static` [`Key`] beside the type that it configures. The parser, the
//! reference in `docs/`, the commented `cvdns.toml` and the JSON schemas for editors all follow
//! from it (`tests/reference` of this crate compares and writes them), and so do the pages of the
//! manual.

pub mod kind;
pub mod read;
mod shape;
pub mod tables;

pub use kind::{
    Custom, FilePath, Flag, Integer, Kind, List, Literal, OneOf, OneOrList, Parsed, PathOrTable,
    Scalar, SubTable, Tables, Text,
};
pub use shape::Shape;

/// A key of a table.
#[derive(Debug)]
pub struct Key<K, D> {
    /// The key as it is written, in kebab-case.
    pub name: &'static str,
    /// Type and range of the value.
    pub kind: K,
    /// What holds without the key: [`Required`], [`Optional`] or [`Preset`].
    pub default: D,
    /// What to write, for error messages: "expected …". If empty, it follows from `kind`.
    pub expected: &'static str,
    /// An example of the value in TOML; empty if the default is one.
    pub example: &'static str,
    /// What the key does, for people, in Markdown.
    pub doc: &'static str,
}

/// The keys of a table.
#[derive(Debug)]
pub struct Section {
    /// What the table is for, for people, in Markdown; may be empty.
    pub doc: &'static str,
    /// The keys in the order in which references list them.
    pub keys: &'static [&'static dyn KeyInfo],
}

/// A file format.
#[derive(Debug)]
pub struct FileFormat {
    /// The file as people call it, such as `cvdns.toml`.
    pub title: &'static str,
    /// The name of its schema: `NAME.json`.
    pub name: &'static str,
    /// The keys at the top of the file.
    pub root: &'static Section,
}

/// The key must be present.
#[derive(Debug, Clone, Copy)]
pub struct Required;

/// The key may be missing; the text says in one or two words what holds then, such as "none".
#[derive(Debug, Clone, Copy)]
pub struct Optional(pub &'static str);

/// The value that holds without the key. `D` is the value or converts into it.
#[derive(Debug, Clone, Copy)]
pub struct Preset<D>(pub D);

/// What holds without a key, for references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultInfo {
    /// The key must be present.
    Required,
    /// No value; the text says what holds then.
    Absent(&'static str),
    /// This value, in TOML.
    Value(String),
}

/// What references need to know of a key, whatever its type.
pub trait KeyInfo: Sync + std::fmt::Debug {
    /// The key as it is written.
    fn name(&self) -> &'static str;
    /// What the key does.
    fn doc(&self) -> &'static str;
    /// An example of the value in TOML; empty if the default is one.
    fn example(&self) -> &'static str;
    /// Type and range.
    fn shape(&self) -> Shape;
    /// What holds without the key.
    fn default_info(&self) -> DefaultInfo;
}

/// What holds without a key of kind `K`.
pub trait Presence<K> {
    /// The same for references.
    fn info(&self, kind: &K) -> DefaultInfo;
}

impl<K> Presence<K> for Required {
    fn info(&self, _: &K) -> DefaultInfo {
        DefaultInfo::Required
    }
}

impl<K> Presence<K> for Optional {
    fn info(&self, _: &K) -> DefaultInfo {
        DefaultInfo::Absent(self.0)
    }
}

impl<K: Literal, D: Clone + Into<K::Value>> Presence<K> for Preset<D> {
    fn info(&self, kind: &K) -> DefaultInfo {
        DefaultInfo::Value(kind.literal(&self.0.clone().into()))
    }
}

impl<K, D> KeyInfo for Key<K, D>
where
    K: Kind + Sync + std::fmt::Debug,
    D: Presence<K> + Sync + std::fmt::Debug,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn example(&self) -> &'static str {
        self.example
    }

    fn shape(&self) -> Shape {
        self.kind.shape()
    }

    fn default_info(&self) -> DefaultInfo {
        self.default.info(&self.kind)
    }
}

impl<K: Kind, D: Presence<K>> Key<K, D> {
    /// What to write, for error messages.
    pub fn expected(&self) -> String {
        if !self.expected.is_empty() {
            return self.expected.to_owned();
        }
        let sample = match self.default.info(&self.kind) {
            DefaultInfo::Value(literal) => literal,
            _ => self.example.to_owned(),
        };
        self.kind.shape().expected(&sample)
    }
}

impl<K: Kind, D: Clone + Into<K::Value>> Key<K, Preset<D>> {
    /// The value that holds without the key.
    pub fn preset(&self) -> K::Value {
        self.default.0.clone().into()
    }
}

impl Section {
    /// The names of the keys.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name())
    }
}
