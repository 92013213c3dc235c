//! Reads TOML tables key by key, so that one run finds every wrong key and value of a file.
//!
//! serde stops at the first error.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::syntax::{SyntaxError, syntax_errors};
use super::{BYTE_ORDER_MARK, HAS_MARK, Location, Problems};
use crate::schema::kind::OneOrList;
use crate::schema::{
    Key, KeyInfo, List, Literal, Optional, Presence, Preset, Required, Scalar, Section, SubTable,
    Tables,
};

/// A TOML file while it is read, and the problems found in it.
pub struct Document {
    file: Arc<str>,
    text: Arc<str>,
    has_mark: bool,
    problems: Cell<Problems>,
}

/// A table of the file. Keys are taken out of it; what is left at the end is unknown.
pub struct Table<'d> {
    document: &'d Document,
    section: &'static Section,
    entries: Vec<KeyValue<'d>>,
    /// The table's name in messages.
    name: String,
    /// The octets of the table; `None` if the file does not have it.
    span: Option<Range<usize>>,
}

struct KeyValue<'d> {
    key: String,
    key_span: Range<usize>,
    /// `None` once it has been taken.
    value: Option<Spanned<DeValue<'d>>>,
}

/// A value and its location.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its location.
    pub location: Location,
}

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
        let document = Self::new(file, text);
        let read = document.parse(section).map(read);
        problems.append(document.problems.take());
        read
    }

    /// Reads a section without any key.
    pub fn empty<T>(section: &'static Section, read: impl FnOnce(Table<'_>) -> T) -> T {
        let document = Self::new("", "");
        read(Table::new(&document, section, DeTable::new(), String::new(), None))
    }

    fn new(file: &str, text: &str) -> Self {
        let plain = text.strip_prefix(BYTE_ORDER_MARK);
        Self {
            file: file.into(),
            text: plain.unwrap_or(text).into(),
            has_mark: plain.is_some(),
            problems: Cell::default(),
        }
    }

    /// Parses the document. Of the syntax errors only the first is reported: later ones may follow
    /// from it.
    fn parse(&self, section: &'static Section) -> Option<Table<'_>> {
        if self.has_mark {
            self.report(|problems| problems.warning(self.whole(), HAS_MARK.0, HAS_MARK.1));
        }
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for SyntaxError { span, what, help } in syntax_errors(&self.text, &errors) {
            self.report(|problems| problems.error(self.location(span), what, help));
        }
        // Other problems of a half-understood file would be misleading.
        let is_good = errors.is_empty();
        is_good.then(|| {
            Table::new(self, section, table.into_inner(), "the file".to_owned(), Some(0..0))
        })
    }

    /// Lets `report` add problems.
    fn report<T>(&self, report: impl FnOnce(&mut Problems) -> T) -> T {
        let mut problems = self.problems.take();
        let reported = report(&mut problems);
        // Those of a call within `report`.
        problems.append(self.problems.take());
        self.problems.set(problems);
        reported
    }

    fn location(&self, span: Range<usize>) -> Location {
        Location::at(&self.file, &self.text, span)
    }

    fn whole(&self) -> Location {
        Location::file(&self.file)
    }

    /// Reads one value; `key` and `expected` are for messages.
    fn value<K: Scalar>(
        &self,
        value: &Spanned<DeValue<'_>>,
        kind: &K,
        key: &str,
        expected: impl FnOnce() -> String,
    ) -> Option<Placed<K::Value>> {
        let location = self.location(value.span());
        let value = value.get_ref();
        match kind.read(value) {
            Ok(value) => Some(Placed { value, location }),
            Err(what) => {
                let what = if what.is_empty() {
                    format!("`{key}` is {}", article(value.type_str()))
                } else {
                    format!("`{key}`: {what}")
                };
                let help = format!("expected {}", expected());
                self.report(|problems| problems.error(location, what, help));
                None
            }
        }
    }
}

impl<'d> Table<'d> {
    fn new(
        document: &'d Document,
        section: &'static Section,
        table: DeTable<'d>,
        name: String,
        span: Option<Range<usize>>,
    ) -> Self {
        let mut entries: Vec<KeyValue<'d>> = table
            .into_iter()
            .map(|(key, value)| KeyValue {
                key_span: key.span(),
                key: key.into_inner().into_owned(),
                value: Some(value),
            })
            .collect();
        entries.sort_by_key(|e| e.key_span.start);
        Self { document, section, entries, name, span }
    }

    /// Whether the file has this table.
    pub fn is_given(&self) -> bool {
        self.span.is_some()
    }

    /// The location of the table; the whole file if the file does not have the table.
    pub fn location(&self) -> Location {
        match &self.span {
            Some(span) => self.document.location(span.clone()),
            None => self.document.whole(),
        }
    }

    /// The file as a whole.
    pub fn file(&self) -> Location {
        self.document.whole()
    }

    /// Whether the key is given and has not been taken yet.
    pub fn has(&self, key: &dyn KeyInfo) -> bool {
        self.entries.iter().any(|e| e.key == key.name() && e.value.is_some())
    }

    /// The location of the key, or of the table if the key is missing.
    pub fn key_location(&self, key: &dyn KeyInfo) -> Location {
        match self.entries.iter().find(|e| e.key == key.name()) {
            Some(entry) => self.document.location(entry.key_span.clone()),
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

    fn take(&mut self, key: &str) -> Option<Spanned<DeValue<'d>>> {
        debug_assert!(self.section.names().any(|name| name == key), "{key} in {}", self.name);
        self.entries.iter_mut().find(|e| e.key == key)?.value.take()
    }

    /// Takes a key. `None` if it is missing or wrong.
    pub fn get<K: Scalar, D: Presence<K>>(&mut self, key: &Key<K, D>) -> Option<Placed<K::Value>> {
        let value = self.take(key.name)?;
        self.document.value(&value, &key.kind, key.name, || key.expected())
    }

    /// Takes a key that must be present.
    pub fn require<K: Scalar>(&mut self, key: &Key<K, Required>) -> Option<Placed<K::Value>> {
        if !self.entries.iter().any(|e| e.key == key.name && e.value.is_some()) {
            let what = format!("{} has no `{}`", self.name, key.name);
            self.error(self.location(), what, format!("add `{}` = {}", key.name, key.expected()));
        }
        self.get(key)
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
        let array = self.array(key.name, || key.expected())?;
        Some(self.elements(&array, &key.kind.0, key.name, || key.expected()))
    }

    /// Takes a value, or a list of values, as [`Self::list`] does.
    pub fn one_or_list<K: Scalar, D: Presence<OneOrList<K>>>(
        &mut self,
        key: &Key<OneOrList<K>, D>,
    ) -> Option<Vec<Placed<K::Value>>> {
        let value = self.take(key.name)?;
        if let DeValue::Array(array) = value.get_ref() {
            return Some(self.elements(array, &key.kind.0, key.name, || key.expected()));
        }
        let one = self.document.value(&value, &key.kind.0, key.name, || key.expected());
        one.map(|one| vec![one])
    }

    fn elements<K: Scalar>(
        &self,
        array: &DeArray<'d>,
        kind: &K,
        key: &str,
        expected: impl Fn() -> String,
    ) -> Vec<Placed<K::Value>> {
        let read = |element| self.document.value(element, kind, key, &expected);
        array.iter().filter_map(read).collect()
    }

    /// Takes an array of tables (`[[key]]` or a list of inline tables).
    pub fn tables(&mut self, key: &Key<Tables, Optional>) -> Vec<Table<'d>> {
        let name = key.name;
        let mut out = Vec::new();
        let Some(array) = self.array(name, || "tables".to_owned()) else { return out };
        for element in array {
            let span = element.span();
            match element.into_inner() {
                DeValue::Table(table) => out.push(Table::new(
                    self.document,
                    key.kind.0,
                    table,
                    format!("[[{name}]]"),
                    Some(span),
                )),
                other => self.error(
                    self.document.location(span),
                    format!("`{name}` holds {}", article(other.type_str())),
                    format!("write it as `[[{name}]]` with its keys below"),
                ),
            }
        }
        out
    }

    /// Takes a sub-table (`[key]`), which is empty if the file does not have it.
    #[must_use]
    pub fn table(&mut self, key: &Key<SubTable, Optional>) -> Table<'d> {
        let name = key.name;
        let (mut table, mut span) = (DeTable::new(), None);
        if let Some(value) = self.take(name) {
            let value_span = value.span();
            match value.into_inner() {
                DeValue::Table(given) => (table, span) = (given, Some(value_span)),
                other => {
                    let help = format!("write it as a table: `[{name}]` with its keys below");
                    self.wrong_type(name, value_span, &other, help);
                }
            }
        }
        Table::new(self.document, key.kind.0, table, format!("[{name}]"), span)
    }

    fn array(&mut self, key: &str, expected: impl FnOnce() -> String) -> Option<DeArray<'d>> {
        let value = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(array) => Some(array),
            other => {
                let help = match other {
                    DeValue::Table(_) => {
                        format!("write `[[{key}]]` with its keys below, once for each")
                    }
                    _ => format!("write a list in brackets: {}", expected()),
                };
                self.wrong_type(key, span, &other, help);
                None
            }
        }
    }

    fn wrong_type(&self, key: &str, span: Range<usize>, value: &DeValue<'_>, help: String) {
        let what = format!("`{key}` is {}", article(value.type_str()));
        self.error(self.document.location(span), what, help);
    }

    /// Reports every key that the section does not have. All known keys must have been taken.
    pub fn finish(self) {
        let known: Vec<&str> = self.section.names().collect();
        for entry in self.entries.iter().filter(|e| e.value.is_some()) {
            debug_assert!(!known.contains(&entry.key.as_str()), "`{}` was not read", entry.key);
            let help = if let Some(key) = nearest(&entry.key, &known) {
                format!("did you mean `{key}`?")
            } else {
                let mut known = known.clone();
                known.sort_unstable();
                format!("{} knows {}", self.name, known.join(", "))
            };
            let location = self.document.location(entry.key_span.clone());
            self.error(location, format!("unknown key `{}`", entry.key), help);
        }
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
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
        let read = |table: Table<'_>| table.entries[0].key_span.clone();
        let span = Document::read("t", "\u{feff}a = 1\n", &SECTION, &mut problems, read);
        assert_eq!(span, Some(0..1));
        assert_eq!(problems.counts(), (0, 1));
    }
}
