//! Kinds of keys: how a value is read, its range, and how a default is written.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use toml::de::DeValue;

use super::read::{self, Rate};
use super::{Section, Shape};

/// Type and range of a key's value.
pub trait Kind {
    /// The Rust type of the value.
    type Value;

    /// Type and range for references.
    fn shape(&self) -> Shape;
}

/// A kind whose values can be defaults.
pub trait Literal: Kind {
    /// The value in TOML.
    fn literal(&self, value: &Self::Value) -> String;
}

/// A kind whose value is read as a whole; the elements of a list are read one by one.
pub trait Scalar: Kind {
    /// Reads a value.
    ///
    /// # Errors
    /// When the value is of another type (the text is then empty) or out of range.
    fn read(&self, value: &DeValue<'_>) -> Result<Self::Value, String>;

    /// What a value means that a file of this directory has. Only paths depend on it.
    fn resolve(&self, value: Self::Value, _directory: &str) -> Self::Value {
        value
    }
}

/// `true` or `false`.
#[derive(Debug)]
pub struct Flag;

/// Any string.
#[derive(Debug)]
pub struct Text;

/// The path of a file or directory, relative to the file that has it. A URL is left as it is.
#[derive(Debug)]
pub struct FilePath;

/// A whole number within a range; every number of the range fits into `T`.
#[derive(Debug)]
pub struct Integer<T> {
    least: u64,
    most: u64,
    kind: PhantomData<fn() -> T>,
}

/// A string that parses as `T`.
#[derive(Debug)]
pub struct Parsed<T> {
    pattern: &'static str,
    kind: PhantomData<fn() -> T>,
}

/// One of several words, each of which means a value.
#[derive(Debug)]
pub struct OneOf<T: 'static>(pub &'static [(&'static str, T)]);

/// Any other value.
#[derive(Debug)]
pub struct Custom<T> {
    /// Reads the value; see [`Scalar::read`].
    pub read: fn(&DeValue<'_>) -> Result<T, String>,
    /// Type and range for references.
    pub shape: fn() -> Shape,
    /// The value in TOML.
    pub literal: fn(&T) -> String,
}

/// A list of values.
#[derive(Debug)]
pub struct List<K>(pub K);

/// A value, or a list of values.
#[derive(Debug)]
pub struct OneOrList<K>(pub K);

/// A table.
#[derive(Debug)]
pub struct SubTable(pub &'static Section);

/// A list of tables, `[[key]]`.
#[derive(Debug)]
pub struct Tables(pub &'static Section);

/// The path of a file, or a table in its place.
#[derive(Debug)]
pub struct PathOrTable(pub &'static Section);

/// A value that serde reads; only references need its type.
#[derive(Debug)]
pub struct Described(pub fn() -> Shape);

/// Any duration, 0 included.
pub const DURATION: Custom<Duration> = duration(read::duration);

/// A duration of a second or more: with less, the server would do nothing else, or nothing at all.
pub const SECONDS: Custom<Duration> = duration(read::seconds);

/// A duration of a second or more, or 0.
pub const ZERO_OR_SECONDS: Custom<Duration> = duration(read::zero_or_seconds);

/// A moment: a date-time with an offset.
pub const MOMENT: Custom<Timestamp> =
    Custom { read: read::moment, shape: || Shape::Moment, literal: ToString::to_string };

/// A rate in kbit/s.
pub const RATE: Custom<u64> = Custom {
    read: read::rate,
    shape: || Shape::Pattern("^[0-9][0-9.]* *[kMGT]bit/s *$"),
    literal: |rate| quoted(&Rate(*rate)),
};

/// A number from 0 to 1.
pub const SHARE: Custom<f64> =
    Custom { read: read::share, shape: || Shape::Share, literal: ToString::to_string };

const fn duration(read: fn(&DeValue<'_>) -> Result<Duration, String>) -> Custom<Duration> {
    Custom { read, shape: || Shape::Duration, literal: |duration| quoted(&written(*duration)) }
}

impl<T> Integer<T> {
    /// Numbers from `least` to `most`.
    pub const fn new(least: u64, most: u64) -> Self {
        Self { least, most, kind: PhantomData }
    }
}

impl<T> Parsed<T> {
    /// The strings that `T` parses; all of them match the regular expression `pattern` (ECMA 262).
    pub const fn new(pattern: &'static str) -> Self {
        Self { pattern, kind: PhantomData }
    }
}

impl Kind for Flag {
    type Value = bool;

    fn shape(&self) -> Shape {
        Shape::Boolean
    }
}

impl Literal for Flag {
    fn literal(&self, value: &bool) -> String {
        value.to_string()
    }
}

impl Scalar for Flag {
    fn read(&self, value: &DeValue<'_>) -> Result<bool, String> {
        read::boolean(value)
    }
}

impl Kind for Text {
    type Value = String;

    fn shape(&self) -> Shape {
        Shape::Text
    }
}

impl Literal for Text {
    fn literal(&self, value: &String) -> String {
        quoted(value)
    }
}

impl Scalar for Text {
    fn read(&self, value: &DeValue<'_>) -> Result<String, String> {
        read::string(value)
    }
}

impl Kind for FilePath {
    type Value = String;

    fn shape(&self) -> Shape {
        Shape::Path
    }
}

impl Literal for FilePath {
    fn literal(&self, value: &String) -> String {
        quoted(value)
    }
}

impl Scalar for FilePath {
    fn read(&self, value: &DeValue<'_>) -> Result<String, String> {
        read::filled(value)
    }

    /// The path relative to the first file of the document, beside which all paths are looked for.
    fn resolve(&self, value: String, directory: &str) -> String {
        let is_elsewhere = value.starts_with('/') || value.contains("://");
        match directory {
            "" => value,
            _ if is_elsewhere => value,
            "/" => format!("/{value}"),
            directory => format!("{directory}/{value}"),
        }
    }
}

impl<T> Kind for Integer<T> {
    type Value = T;

    fn shape(&self) -> Shape {
        Shape::Integer { least: self.least, most: self.most }
    }
}

impl<T: Display> Literal for Integer<T> {
    fn literal(&self, value: &T) -> String {
        value.to_string()
    }
}

impl<T: TryFrom<u64>> Scalar for Integer<T> {
    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        let number = read::integer(value, self.least..=self.most)?;
        T::try_from(number).map_err(|_| format!("{number} is too large"))
    }
}

impl<T> Kind for Parsed<T> {
    type Value = T;

    fn shape(&self) -> Shape {
        Shape::Pattern(self.pattern)
    }
}

impl<T: Display> Literal for Parsed<T> {
    fn literal(&self, value: &T) -> String {
        quoted(value)
    }
}

impl<T: FromStr<Err: Display>> Scalar for Parsed<T> {
    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        read::parsed(value)
    }
}

impl<T: Copy + PartialEq> Kind for OneOf<T> {
    type Value = T;

    fn shape(&self) -> Shape {
        Shape::Words(self.0.iter().map(|(word, _)| *word).collect())
    }
}

impl<T: Copy + PartialEq> Literal for OneOf<T> {
    fn literal(&self, value: &T) -> String {
        let word = self.0.iter().find(|(_, meant)| meant == value);
        debug_assert!(word.is_some(), "a default has a word");
        word.map_or_else(String::new, |(word, _)| quoted(word))
    }
}

impl<T: Copy + PartialEq> Scalar for OneOf<T> {
    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        let text = value.as_str().ok_or_else(String::new)?;
        let meant = self.0.iter().find(|(word, _)| *word == text);
        meant.map(|(_, meant)| *meant).ok_or_else(|| format!("\"{text}\" is not known"))
    }
}

impl<T> Kind for Custom<T> {
    type Value = T;

    fn shape(&self) -> Shape {
        (self.shape)()
    }
}

impl<T> Literal for Custom<T> {
    fn literal(&self, value: &T) -> String {
        (self.literal)(value)
    }
}

impl<T> Scalar for Custom<T> {
    fn read(&self, value: &DeValue<'_>) -> Result<T, String> {
        (self.read)(value)
    }
}

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn shape(&self) -> Shape {
        Shape::List(Box::new(self.0.shape()))
    }
}

impl<K: Literal> Literal for List<K> {
    fn literal(&self, value: &Self::Value) -> String {
        let elements: Vec<String> = value.iter().map(|element| self.0.literal(element)).collect();
        format!("[{}]", elements.join(", "))
    }
}

impl<K: Kind> Kind for OneOrList<K> {
    type Value = Vec<K::Value>;

    fn shape(&self) -> Shape {
        Shape::OneOrList(Box::new(self.0.shape()))
    }
}

impl<K: Literal> Literal for OneOrList<K> {
    fn literal(&self, value: &Self::Value) -> String {
        let elements: Vec<String> = value.iter().map(|element| self.0.literal(element)).collect();
        format!("[{}]", elements.join(", "))
    }
}

impl Kind for SubTable {
    type Value = ();

    fn shape(&self) -> Shape {
        Shape::Table(self.0)
    }
}

impl Kind for Tables {
    type Value = ();

    fn shape(&self) -> Shape {
        Shape::Tables(self.0)
    }
}

impl Kind for PathOrTable {
    type Value = ();

    fn shape(&self) -> Shape {
        Shape::PathOrTable(self.0)
    }
}

impl Kind for Described {
    type Value = &'static str;

    fn shape(&self) -> Shape {
        (self.0)()
    }
}

impl Literal for Described {
    /// The default of a described key is its text.
    fn literal(&self, value: &&'static str) -> String {
        (*value).to_owned()
    }
}

/// A string in TOML.
fn quoted(text: &(impl Display + ?Sized)) -> String {
    toml::Value::String(text.to_string()).to_string()
}

/// A duration as people write it, in the largest unit of which it is a whole number.
fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        1.. if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        1.. if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}
