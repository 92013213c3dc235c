//! The fields of a record that say where its network is, whatever stands in them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The fields of a record that are looked at.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// What the record is, if it is no map.
    whole: Option<String>,
    country: Value,
    country_code: Value,
    registered_country: Value,
    continent: Value,
    continent_code: Value,
}

/// What stands in a field.
#[derive(Debug, Default)]
enum Value {
    /// Nothing.
    #[default]
    Missing,
    /// A string.
    Text(String),
    /// A map, and what its `iso_code` or `code` is.
    Map(Box<Value>),
    /// Something else, in words.
    Other(String),
}

/// A field, and in words what stands in it.
type Wrong = (&'static str, String);

/// The code of a country and that of a continent.
type Codes = (Option<String>, Option<String>);

impl Fields {
    /// The codes of the country and of the continent, as they stand in the record.
    ///
    /// # Errors
    /// When the record, or a field that would decide, is nothing that a code can be read from.
    pub(super) fn codes(self) -> Result<Codes, Wrong> {
        if let Some(found) = self.whole {
            return Err(("", found));
        }
        let continent = match self.continent.code("continent.code") {
            Ok(None) => self.continent_code.code("continent_code"),
            known => known,
        };
        let country = match self.country.code("country.iso_code")? {
            Some(code) => Some(code),
            None => self.country_code.code("country_code")?,
        };
        // Where a country is known, what is wrong with the continent does not matter.
        match country {
            Some(code) => Ok((Some(code), continent.unwrap_or_default())),
            None => match continent? {
                Some(continent) => Ok((None, Some(continent))),
                None => Ok((self.registered_country.code("registered_country.iso_code")?, None)),
            },
        }
    }
}

impl Value {
    /// The code in it. A string that is no code of two letters is a name, as ipinfo Lite has it beside the code.
    fn code(self, field: &'static str) -> Result<Option<String>, Wrong> {
        match self {
            Self::Missing => Ok(None),
            Self::Text(text) if field.ends_with("_code") && !field.contains('.') => {
                Ok(Some(text).filter(|text| !text.is_empty()))
            }
            Self::Text(text) => Ok(Some(text).filter(|text| text.len() == 2)),
            Self::Map(inner) => match *inner {
                Self::Missing => Ok(None),
                Self::Text(text) => Ok(Some(text).filter(|text| !text.is_empty())),
                Self::Map(_) => Err((field, "a map".to_owned())),
                Self::Other(found) => Err((field, found)),
            },
            Self::Other(found) => Err((field, found)),
        }
    }

    /// In words.
    fn described(self) -> String {
        match self {
            Self::Missing => "nothing".to_owned(),
            Self::Text(text) => {
                format!("the string {:?}", text.chars().take(40).collect::<String>())
            }
            Self::Map(_) => "a map".to_owned(),
            Self::Other(found) => found,
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Record)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Field)
    }
}

/// Visits what stands in a field.
struct Field;

macro_rules! other {
    ($($visit:ident: $type:ty => $words:literal),+) => {
        $(fn $visit<E>(self, value: $type) -> Result<Value, E> {
            Ok(Value::Other(format!($words, value)))
        })+
    };
}

impl<'de> Visitor<'de> for Field {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    other! {
        visit_bool: bool => "the truth value {}",
        visit_i64: i64 => "the number {}",
        visit_u64: u64 => "the number {}",
        visit_u128: u128 => "the number {}",
        visit_f64: f64 => "the number {}"
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Other(format!("{} octets", value.len())))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Missing)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
        let mut code = Value::Missing;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "iso_code" | "code" => code = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::Map(Box::new(code)))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Value, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("an array".to_owned()))
    }
}

/// Visits a record.
struct Record;

impl Record {
    /// A record that is none.
    fn wrong<E: serde::de::Error>(value: Result<Value, E>) -> Result<Fields, E> {
        Ok(Fields { whole: Some(value?.described()), ..Fields::default() })
    }
}

macro_rules! wrong {
    ($($visit:ident: $type:ty),+) => {
        $(fn $visit<E: serde::de::Error>(self, value: $type) -> Result<Fields, E> {
            Self::wrong(Field.$visit(value))
        })+
    };
}

impl<'de> Visitor<'de> for Record {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    wrong! {
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_u128: u128,
        visit_f64: f64,
        visit_str: &str,
        visit_bytes: &[u8]
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "country" => fields.country = map.next_value()?,
                "country_code" => fields.country_code = map.next_value()?,
                "registered_country" => fields.registered_country = map.next_value()?,
                "continent" => fields.continent = map.next_value()?,
                "continent_code" => fields.continent_code = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(fields)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<Fields, S::Error> {
        Self::wrong(Field.visit_seq(seq))
    }
}
