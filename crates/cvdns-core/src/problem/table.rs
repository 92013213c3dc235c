//! Reads TOML tables key by key, so that one run finds every wrong key and value of a file.
//!
//! serde stops at the first error.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::document::{Place, Source, article};
use super::{Location, Problems};
use crate::schema::kind::{self, OneOrList};
use crate::schema::{
    Key, KeyInfo, List, Literal, Optional, Presence, Preset, Required, Scalar, Section, Shape,
    SubTable, Tables,
};

pub use super::document::{Document, Placed, SourceText};

/// A table of a document. Keys are taken out of it; what is left at the end is unknown. Several
/// files of a document may have parts of one table.
pub struct Table<'d> {
    document: &'d Document,
    section: &'static Section,
    entries: Vec<KeyValue<'d>>,
    /// The table's name in messages.
    name: String,
    /// The place of the table's first part; `None` if no file has the table.
    place: Option<Place<'d>>,
}

struct KeyValue<'d> {
    key: String,
    place: Place<'d>,
    /// `None` once it has been taken.
    value: Option<Spanned<DeValue<'d>>>,
}

/// What a key has that takes the path of a file, or a table in its place.
pub enum PathOrTable<'d> {
    /// The path.
    Path(Placed<String>),
    /// The table.
    Table(Table<'d>),
}

/// A value that was taken, and the file that has it.
struct Taken<'d> {
    source: &'d Source,
    value: Spanned<DeValue<'d>>,
}

/// A part of a table: what one file has of it.
type Part<'d> = (Place<'d>, DeTable<'d>);

impl Document {
    /// Reads a text, called `file` in messages, whose top table has the keys of `section`. All
    /// problems go to `problems`. `None` if the syntax is wrong.
    pub fn read<T>(
        file: &str,
        text: &str,
        section: &'static Section,
        problems: &mut Problems,
        read: impl FnOnce(Table<'_>) -> T,
    ) -> Option<T> {
        Self::read_joined(&[SourceText::first(file, text)], section, problems, read)
    }

    /// Reads several files as one: tables of the same name are joined, and lists of tables follow
    /// one another. The same key twice is an error. `None` if the syntax of any file is wrong.
    pub fn read_joined<T>(
        sources: &[SourceText<'_>],
        section: &'static Section,
        problems: &mut Problems,
        read: impl FnOnce(Table<'_>) -> T,
    ) -> Option<T> {
        let document = Self::new(section, sources);
        let parts = document.parse();
        let table = parts.map(|parts| Table::new(&document, section, parts, "the file".to_owned()));
        let read = table.map(read);
        problems.append(document.into_problems());
        read
    }

    /// Reads a section without any key.
    pub fn empty<T>(section: &'static Section, read: impl FnOnce(Table<'_>) -> T) -> T {
        let document = Self::new(section, &[SourceText::first("", "")]);
        read(Table::new(&document, section, Vec::new(), String::new()))
    }
}

impl<'d> Table<'d> {
    fn new(
        document: &'d Document,
        section: &'static Section,
        parts: Vec<Part<'d>>,
        name: String,
    ) -> Self {
        let place = parts.first().map(|(place, _)| place.clone());
        let mut entries = Vec::new();
        for (Place { source, .. }, table) in parts {
            let mut of: Vec<KeyValue<'d>> = table
                .into_iter()
                .map(|(key, value)| KeyValue {
                    place: Place { source, span: key.span() },
                    key: key.into_inner().into_owned(),
                    value: Some(value),
                })
                .collect();
            of.sort_by_key(|entry| entry.place.span.start);
            entries.append(&mut of);
        }
        Self { document, section, entries, name, place }
    }

    /// Whether any file has this table.
    pub fn is_given(&self) -> bool {
        self.place.is_some()
    }

    /// The location of the table; the whole first file if no file has the table.
    pub fn location(&self) -> Location {
        self.place.as_ref().map_or_else(|| self.document.whole(), Place::location)
    }

    /// The first file as a whole.
    pub fn file(&self) -> Location {
        self.document.whole()
    }

    /// The names of the files, in the order in which they are read.
    pub fn file_names(&self) -> impl Iterator<Item = String> + use<'_, 'd> {
        self.document.sources.iter().map(|source| source.whole().file_name().to_owned())
    }

    /// Whether the key is given and has not been taken yet.
    pub fn has(&self, key: &dyn KeyInfo) -> bool {
        self.entries.iter().any(|e| e.key == key.name() && e.value.is_some())
    }

    /// The location of the key, or of the table if the key is missing.
    pub fn key_location(&self, key: &dyn KeyInfo) -> Location {
        match self.entries.iter().find(|e| e.key == key.name()) {
            Some(entry) => entry.place.location(),
            None => self.location(),
        }
    }

    /// Reports something that makes the input unusable.
    pub fn error(&self, location: Location, what: impl Into<String>, help: impl Into<String>) {
        self.report(|problems| problems.error(location, what, help));
    }

    /// Reports something that the author should know.
    pub fn warning(&self, location: Location, what: impl Into<String>, help: impl Into<String>) {
        self.report(|problems| problems.warning(location, what, help));
    }

    /// Lets `report` add problems.
    pub fn report<T>(&self, report: impl FnOnce(&mut Problems) -> T) -> T {
        self.document.report(report)
    }

    /// The number of errors found in the file so far.
    pub fn error_count(&self) -> usize {
        self.report(|problems| problems.counts().0)
    }

    /// Takes what all files have of a key.
    fn take_all(&mut self, key: &str) -> Vec<Taken<'d>> {
        debug_assert!(self.section.names().any(|name| name == key), "{key} in {}", self.name);
        let given = self.entries.iter_mut().filter(|entry| entry.key == key);
        let taken = given.filter_map(|entry| {
            Some(Taken { source: entry.place.source, value: entry.value.take()? })
        });
        taken.collect()
    }

    /// Takes a key that only one file may have.
    fn take(&mut self, key: &str) -> Option<Taken<'d>> {
        let places: Vec<Location> = self
            .entries
            .iter()
            .filter(|entry| entry.key == key && entry.value.is_some())
            .map(|entry| entry.place.location())
            .collect();
        if let Some((first, others)) = places.split_first() {
            for other in others {
                let what = format!("`{key}` in {} is given twice", self.name);
                let help = format!("it is also given at {first}: keep one");
                self.error(other.clone(), what, help);
            }
        }
        self.take_all(key).into_iter().next()
    }

    /// Reports a key in any file but the first, and takes it from there.
    pub fn refuse_beyond_first(&mut self, key: &dyn KeyInfo, what: &str, help: &str) {
        let document = self.document;
        let is_first =
            |source: &Source| document.sources.first().is_some_and(|of| std::ptr::eq(of, source));
        for entry in self.entries.iter_mut().filter(|entry| entry.key == key.name()) {
            if !is_first(entry.place.source) && entry.value.take().is_some() {
                document.report(|problems| problems.error(entry.place.location(), what, help));
            }
        }
    }

    /// Takes a key. `None` if it is missing or wrong.
    pub fn get<K: Scalar, D: Presence<K>>(&mut self, key: &Key<K, D>) -> Option<Placed<K::Value>> {
        let Taken { source, value } = self.take(key.name)?;
        self.document.value(source, &value, &key.kind, key.name, || key.expected())
    }

    /// Takes a key that must be present.
    pub fn require<K: Scalar>(&mut self, key: &Key<K, Required>) -> Option<Placed<K::Value>> {
        self.report_missing(key.name, || key.expected());
        self.get(key)
    }

    /// Takes a value, or a list of values, which must be present.
    pub fn require_one_or_list<K: Scalar>(
        &mut self,
        key: &Key<OneOrList<K>, Required>,
    ) -> Option<Vec<Placed<K::Value>>> {
        self.report_missing(key.name, || key.expected());
        self.one_or_list(key)
    }

    /// Takes a path or a table, one of which must be present. Returns `None` if it is missing or
    /// something else.
    pub fn path_or_table(
        &mut self,
        key: &Key<kind::PathOrTable, Required>,
    ) -> Option<PathOrTable<'d>> {
        self.report_missing(key.name, || key.expected());
        let Taken { source, value } = self.take(key.name)?;
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            let kind = &kind::FilePath;
            let path = self.document.value(source, &value, kind, key.name, || key.expected());
            return path.map(PathOrTable::Path);
        }
        let place = Place { source, span: value.span() };
        let DeValue::Table(table) = value.into_inner() else { return None };
        let name = format!("`{}`", key.name);
        let table = Table::new(self.document, key.kind.0, vec![(place, table)], name);
        Some(PathOrTable::Table(table))
    }

    fn report_missing(&self, key: &str, expected: impl FnOnce() -> String) {
        if !self.entries.iter().any(|e| e.key == key && e.value.is_some()) {
            let what = format!("{} has no `{key}`", self.name);
            self.error(self.location(), what, format!("add `{key}` = {}", expected()));
        }
    }

    /// Takes a key that has a default, which also stands in for a wrong value.
    pub fn value<K: Scalar + Literal, D: Clone + Into<K::Value>>(
        &mut self,
        key: &Key<K, Preset<D>>,
    ) -> K::Value {
        self.get(key).map_or_else(|| key.preset(), |placed| placed.value)
    }

    /// Takes a list. Each element is read on its own, so that all wrong ones are found. `None` if
    /// the key is missing or not a list.
    pub fn list<K: Scalar, D: Presence<List<K>>>(
        &mut self,
        key: &Key<List<K>, D>,
    ) -> Option<Vec<Placed<K::Value>>> {
        let taken = self.take(key.name)?;
        let source = taken.source;
        let array = self.array(taken, key.name, || key.expected())?;
        Some(self.elements(source, &array, &key.kind.0, key.name, || key.expected()))
    }

    /// Takes a value, or a list of values, as [`Self::list`] does.
    pub fn one_or_list<K: Scalar, D: Presence<OneOrList<K>>>(
        &mut self,
        key: &Key<OneOrList<K>, D>,
    ) -> Option<Vec<Placed<K::Value>>> {
        let Taken { source, value } = self.take(key.name)?;
        if let DeValue::Array(array) = value.get_ref() {
            return Some(self.elements(source, array, &key.kind.0, key.name, || key.expected()));
        }
        let one = self.document.value(source, &value, &key.kind.0, key.name, || key.expected());
        one.map(|one| vec![one])
    }

    fn elements<K: Scalar>(
        &self,
        source: &Source,
        array: &DeArray<'d>,
        kind: &K,
        key: &str,
        expected: impl Fn() -> String,
    ) -> Vec<Placed<K::Value>> {
        let read = |element| self.document.value(source, element, kind, key, &expected);
        array.iter().filter_map(read).collect()
    }

    /// Takes an array of tables (`[[key]]` or a list of inline tables). The tables of all files
    /// follow one another.
    pub fn tables(&mut self, key: &Key<Tables, Optional>) -> Vec<Table<'d>> {
        let name = key.name;
        let mut out = Vec::new();
        for taken in self.take_all(name) {
            let source = taken.source;
            let Some(array) = self.array(taken, name, || "tables".to_owned()) else { continue };
            for element in array {
                let place = Place { source, span: element.span() };
                match element.into_inner() {
                    DeValue::Table(table) => {
                        let (parts, name) = (vec![(place, table)], format!("[[{name}]]"));
                        out.push(Table::new(self.document, key.kind.0, parts, name));
                    }
                    other => self.error(
                        place.location(),
                        format!("`{name}` holds {}", article(other.type_str())),
                        format!("write it as `[[{name}]]` with its keys below"),
                    ),
                }
            }
        }
        out
    }

    /// Takes a sub-table (`[key]`), which is empty if no file has it. Its keys may be in several
    /// files.
    #[must_use]
    pub fn table(&mut self, key: &Key<SubTable, Optional>) -> Table<'d> {
        let name = key.name;
        let mut parts = Vec::new();
        for Taken { source, value } in self.take_all(name) {
            let place = Place { source, span: value.span() };
            match value.into_inner() {
                DeValue::Table(given) => parts.push((place, given)),
                other => {
                    let help = format!("write it as a table: `[{name}]` with its keys below");
                    self.wrong_type(name, &place, &other, help);
                }
            }
        }
        Table::new(self.document, key.kind.0, parts, format!("[{name}]"))
    }

    fn array(
        &self,
        Taken { source, value }: Taken<'d>,
        key: &str,
        expected: impl FnOnce() -> String,
    ) -> Option<DeArray<'d>> {
        let place = Place { source, span: value.span() };
        match value.into_inner() {
            DeValue::Array(array) => Some(array),
            other => {
                let help = match other {
                    DeValue::Table(_) => {
                        format!("write `[[{key}]]` with its keys below, once for each")
                    }
                    _ => format!("write a list in brackets: {}", expected()),
                };
                self.wrong_type(key, &place, &other, help);
                None
            }
        }
    }

    fn wrong_type(&self, key: &str, place: &Place<'_>, value: &DeValue<'_>, help: String) {
        let what = format!("`{key}` is {}", article(value.type_str()));
        self.error(place.location(), what, help);
    }

    /// Whether a key that this table does not have belongs at the top of the file.
    fn belongs_at_top(&self, key: &str) -> bool {
        let is_table = |shape| matches!(shape, Shape::Table(_) | Shape::Tables(_));
        let root = self.document.root;
        !std::ptr::eq(root, self.section)
            && root.keys.iter().any(|of| of.name() == key && !is_table(of.shape()))
    }

    /// Reports every key that the section does not have. All known keys must have been taken.
    pub fn finish(self) {
        let known: Vec<&str> = self.section.names().collect();
        for entry in self.entries.iter().filter(|e| e.value.is_some()) {
            debug_assert!(!known.contains(&entry.key.as_str()), "`{}` was not read", entry.key);
            let help = if self.belongs_at_top(&entry.key) {
                format!(
                    "`{}` belongs at the top of the file, before the first [section]",
                    entry.key
                )
            } else if let Some(key) = nearest(&entry.key, &known) {
                format!("did you mean `{key}`?")
            } else {
                let mut known = known.clone();
                known.sort_unstable();
                format!("{} knows {}", self.name, known.join(", "))
            };
            self.error(entry.place.location(), format!("unknown key `{}`", entry.key), help);
        }
    }
}

/// The known word at the smallest edit distance, if it is near enough to be what was meant.
pub fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|known| (strsim::levenshtein(key, known), *known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    static SECTION: Section = Section { doc: "", keys: &[] };

    #[test]
    fn a_byte_order_mark_is_skipped() {
        let mut problems = Problems::default();
        let read = |table: Table<'_>| table.entries[0].place.span.clone();
        let span = Document::read("t", "\u{feff}a = 1\n", &SECTION, &mut problems, read);
        assert_eq!(span, Some(0..1));
        assert_eq!(problems.counts(), (0, 1));
    }
}
