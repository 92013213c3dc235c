//! Reads TOML tables key by key, so that every wrong key and value of a file is found in one run.
//!
//! serde stops at the first error; an operator wants them all.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::syntax::{Fault, faults};
use super::{BYTE_ORDER_MARK, HAS_MARK, Location, Problems};

/// One TOML file while it is read.
pub struct Document {
    file: Arc<str>,
    text: Arc<str>,
    has_mark: bool,
}

/// A table of the file; keys are taken out of it, and what is left at the end is unknown.
pub struct Table<'d> {
    document: &'d Document,
    entries: Vec<Entry<'d>>,
    /// All keys ever asked for: what an unknown key is compared with.
    known: Vec<&'static str>,
    /// The table's name in messages.
    name: String,
    span: Range<usize>,
}

struct Entry<'d> {
    key: String,
    key_span: Range<usize>,
    value: Option<Spanned<DeValue<'d>>>,
}

/// A value with the place where it stands.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub location: Location,
}

impl Document {
    /// A document of this text, called `file` in messages.
    pub fn new(file: &str, text: &str) -> Self {
        let plain = text.strip_prefix(BYTE_ORDER_MARK);
        Self { file: file.into(), text: plain.unwrap_or(text).into(), has_mark: plain.is_some() }
    }

    /// Parses the document. The first error of syntax is noted: what follows may only follow from it.
    pub fn parse(&self, problems: &mut Problems) -> Option<Table<'_>> {
        if self.has_mark {
            problems.warning(self.whole(), HAS_MARK.0, HAS_MARK.1);
        }
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for Fault { span, what, help } in faults(&self.text, &errors) {
            problems.error(self.location(span), what, help);
        }
        // A half-understood file would only yield misleading problems after the true one.
        errors.is_empty().then(|| Table::new(self, table.into_inner(), "the file", 0..0))
    }

    fn location(&self, span: Range<usize>) -> Location {
        Location::at(&self.file, &self.text, span)
    }

    /// The file as a whole.
    pub fn whole(&self) -> Location {
        Location::file(&self.file)
    }
}

impl<'d> Table<'d> {
    fn new(document: &'d Document, table: DeTable<'d>, name: &str, span: Range<usize>) -> Self {
        let mut entries: Vec<Entry<'d>> = table
            .into_iter()
            .map(|(key, value)| Entry {
                key_span: key.span(),
                key: key.into_inner().into_owned(),
                value: Some(value),
            })
            .collect();
        entries.sort_by_key(|e| e.key_span.start);
        Self { document, entries, known: Vec::new(), name: name.to_owned(), span }
    }

    /// Where the table itself stands.
    pub fn location(&self) -> Location {
        self.document.location(self.span.clone())
    }

    /// Whether the key is given; does not take it.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|e| e.key == key && e.value.is_some())
    }

    /// Where the key stands, or the table when it is not given.
    pub fn key_spot(&self, key: &str) -> Location {
        match self.entries.iter().find(|e| e.key == key) {
            Some(entry) => self.document.location(entry.key_span.clone()),
            None => self.location(),
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'d>>> {
        self.known.push(key);
        self.entries.iter_mut().find(|e| e.key == key)?.value.take()
    }

    /// Takes a key whose value `read` understands; `expected` says what that is.
    pub fn get<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Problems,
        read: impl FnOnce(&DeValue<'d>) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let value = self.take(key)?;
        let location = self.document.location(value.span());
        placed(value.get_ref(), location, key, expected, problems, read)
    }

    /// Takes a key that must be there; `expected` says what to write when it is not.
    pub fn require<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Problems,
        read: impl FnOnce(&DeValue<'d>) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        if !self.has(key) {
            self.known.push(key);
            let what = format!("{} has no `{key}`", self.name);
            problems.error(self.location(), what, format!("add `{key}` = {expected}"));
            return None;
        }
        self.get(key, expected, problems, read)
    }

    /// Takes a list; each element is read on its own, so that all wrong ones are found.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Problems,
        mut read: impl FnMut(&DeValue<'d>) -> Result<T, String>,
    ) -> Option<Vec<Placed<T>>> {
        let array = self.array(key, expected, problems)?;
        let mut out = Vec::with_capacity(array.len());
        for element in array {
            let location = self.document.location(element.span());
            out.extend(placed(element.get_ref(), location, key, expected, problems, &mut read));
        }
        Some(out)
    }

    /// Takes a value, or a list of such values; each is read on its own, so that all wrong ones are found.
    pub fn one_or_list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Problems,
        read: impl FnMut(&DeValue<'d>) -> Result<T, String>,
    ) -> Option<Vec<Placed<T>>> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        let is_list = entry
            .and_then(|entry| entry.value.as_ref())
            .is_some_and(|value| matches!(value.get_ref(), DeValue::Array(_)));
        if is_list {
            self.list(key, expected, problems, read)
        } else {
            self.get(key, expected, problems, read).map(|one| vec![one])
        }
    }

    /// Takes an array of tables (`[[key]]` or a list of inline tables).
    pub fn tables(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Table<'d>> {
        let mut out = Vec::new();
        let Some(array) = self.array(key, "tables", problems) else { return out };
        for element in array {
            let span = element.span();
            match element.into_inner() {
                DeValue::Table(table) => {
                    out.push(Table::new(self.document, table, &format!("[[{key}]]"), span));
                }
                other => problems.error(
                    self.document.location(span),
                    format!("`{key}` holds {}", article(other.type_str())),
                    format!("write it as `[[{key}]]` with its keys below"),
                ),
            }
        }
        out
    }

    /// Takes a sub-table (`[key]`).
    pub fn table(&mut self, key: &'static str, problems: &mut Problems) -> Option<Table<'d>> {
        let value = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => {
                Some(Table::new(self.document, table, &format!("[{key}]"), span))
            }
            other => {
                let help = format!("write it as a table: `[{key}]` with its keys below");
                self.wrong_kind(key, span, &other, help, problems);
                None
            }
        }
    }

    fn array(
        &mut self,
        key: &'static str,
        expected: &str,
        problems: &mut Problems,
    ) -> Option<DeArray<'d>> {
        let value = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(array) => Some(array),
            other => {
                let help = match other {
                    DeValue::Table(_) => {
                        format!("write `[[{key}]]` with its keys below, once for each")
                    }
                    _ => format!("write a list in brackets: {expected}"),
                };
                self.wrong_kind(key, span, &other, help, problems);
                None
            }
        }
    }

    fn wrong_kind(
        &self,
        key: &str,
        span: Range<usize>,
        value: &DeValue<'_>,
        help: String,
        problems: &mut Problems,
    ) {
        let what = format!("`{key}` is {}", article(value.type_str()));
        problems.error(self.document.location(span), what, help);
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self, problems: &mut Problems) {
        for entry in self.entries.iter().filter(|e| e.value.is_some()) {
            let near = nearest(&entry.key, &self.known);
            let mut known = self.known.clone();
            known.sort_unstable();
            let help = match near {
                Some(key) => format!("did you mean `{key}`?"),
                None => format!("{} knows {}", self.name, known.join(", ")),
            };
            problems.error(
                self.document.location(entry.key_span.clone()),
                format!("unknown key `{}`", entry.key),
                help,
            );
        }
    }
}

fn placed<'d, T>(
    value: &DeValue<'d>,
    location: Location,
    key: &str,
    expected: &str,
    problems: &mut Problems,
    read: impl FnOnce(&DeValue<'d>) -> Result<T, String>,
) -> Option<Placed<T>> {
    match read(value) {
        Ok(value) => Some(Placed { value, location }),
        Err(what) => {
            let what = if what.is_empty() {
                format!("`{key}` is {}", article(value.type_str()))
            } else {
                format!("`{key}`: {what}")
            };
            problems.error(location, what, format!("expected {expected}"));
            None
        }
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// The known key at the smallest edit distance, when it is near enough to be what was meant.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|k| (distance(key, k), *k))
        .filter(|(d, k)| *d <= (k.len() / 3).max(1))
        .min()
        .map(|(_, k)| k)
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let cost = diagonal + usize::from(x != y);
            diagonal = *slot;
            left = cost.min(*slot + 1).min(left + 1);
            *slot = left;
        }
    }
    // The first column is never read again after its row: only the last cell counts.
    row.last().copied().unwrap_or_default()
}

/// Readers of single values, for [`Table::get`] and [`Table::list`].
pub mod read {
    #![allow(clippy::missing_errors_doc)] // each fails when the value is not what its first line says

    use std::str::FromStr;
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};
    use toml::de::DeValue;

    /// A string.
    pub fn string(value: &DeValue<'_>) -> Result<String, String> {
        value.as_str().map(str::to_owned).ok_or_else(String::new)
    }

    /// A string that parses as `T`; its own error says why not.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(value: &DeValue<'_>) -> Result<T, String> {
        let text = value.as_str().ok_or_else(String::new)?;
        text.parse().map_err(|e| format!("\"{text}\": {e}"))
    }

    /// A boolean.
    pub fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
        value.as_bool().ok_or_else(String::new)
    }

    /// A whole number within `range`.
    pub fn integer(
        range: std::ops::RangeInclusive<u64>,
    ) -> impl Fn(&DeValue<'_>) -> Result<u64, String> {
        move |value| {
            let integer = value.as_integer().ok_or_else(String::new)?;
            let number = u64::from_str_radix(integer.as_str(), integer.radix());
            match number {
                Ok(n) if range.contains(&n) => Ok(n),
                _ => Err(format!(
                    "{} is not within {} to {}",
                    integer.as_str(),
                    range.start(),
                    range.end()
                )),
            }
        }
    }

    /// A number, whole or not.
    pub fn number(value: &DeValue<'_>) -> Result<f64, String> {
        let text = match value {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            _ => return Err(String::new()),
        };
        text.parse().map_err(|_| format!("{text} is no number"))
    }

    /// A duration such as `"90s"`, `"10m"`, `"3h"` (also `"1h 30m"`).
    pub fn duration(value: &DeValue<'_>) -> Result<Duration, String> {
        let text = value.as_str().ok_or_else(String::new)?;
        let signed: SignedDuration =
            text.parse().map_err(|_| format!("\"{text}\" is no duration"))?;
        Duration::try_from(signed).map_err(|_| format!("\"{text}\" is negative"))
    }

    /// A rate such as `"100Mbit/s"` or `"1Gbit/s"`, in kbit/s.
    pub fn rate(value: &DeValue<'_>) -> Result<u64, String> {
        rate_of(value.as_str().ok_or_else(String::new)?)
    }

    /// The same, of a text.
    pub fn rate_of(text: &str) -> Result<u64, String> {
        let bad = || format!("\"{text}\" is no rate");
        let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
        let (number, unit) = text.split_at(number_end);
        let number: f64 = number.parse().map_err(|_| bad())?;
        let factor = match unit.trim() {
            "kbit/s" => 1.0,
            "Mbit/s" => 1e3,
            "Gbit/s" => 1e6,
            "Tbit/s" => 1e9,
            _ => return Err(bad()),
        };
        let kbit = number * factor;
        // 1 Pbit/s: beyond it is a slip of the pen, and the weights' arithmetic stays exact below.
        if (1.0..=1e12).contains(&kbit) { Ok(whole(kbit)) } else { Err(bad()) }
    }

    /// A number that is known to be positive and far below 2^53.
    #[allow(clippy::cast_sign_loss)]
    fn whole(number: f64) -> u64 {
        number.round() as u64
    }

    /// A moment: a TOML date-time with an offset.
    pub fn moment(value: &DeValue<'_>) -> Result<Timestamp, String> {
        let text = match value {
            DeValue::Datetime(datetime) => datetime.to_string(),
            DeValue::String(text) => text.to_string(),
            _ => return Err(String::new()),
        };
        text.parse().map_err(|_| format!("{text} is no moment with an offset (write Z for UTC)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let mut problems = Problems::default();
        let document = Document::new("t", "\u{feff}a = 1\n");
        let table = document.parse(&mut problems).unwrap();
        assert_eq!(table.key_spot("a").line_column(), Some((1, 1)));
        assert_eq!(problems.counts(), (0, 1));
    }
}
