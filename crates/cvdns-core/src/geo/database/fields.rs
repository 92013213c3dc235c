//! The fields of a record that locate its network, whatever their type.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The fields of a record that locate its network.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// Description of a record that is not a map.
    non_map: Option<String>,
    country: FieldValue,
    country_code: FieldValue,
    registered_country: FieldValue,
    continent: FieldValue,
    continent_code: FieldValue,
}

/// The value of a field.
#[derive(Debug, Default)]
enum FieldValue {
    /// The field is missing.
    #[default]
    Missing,
    /// A string.
    Text(String),
    /// A map, with the value of its `iso_code` or `code`.
    Map(Box<FieldValue>),
    /// Description of a value of another type.
    Other(String),
}

/// A field that should be a code, and the description of its value.
type BadField = (&'static str, String);

/// The codes of the country and of the continent.
type Codes = (Option<String>, Option<String>);

impl Fields {
    /// The codes of the country and of the continent, as in the record.
    ///
    /// # Errors
    /// The record, or a field that decides, has no type that a code can be read from.
    pub(super) fn codes(self) -> Result<Codes, BadField> {
        if let Some(found) = self.non_map {
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
        // If the country is known, an invalid continent does not matter.
        match country {
            Some(code) => Ok((Some(code), continent.unwrap_or_default())),
            None => match continent? {
                Some(continent) => Ok((None, Some(continent))),
                None => Ok((self.registered_country.code("registered_country.iso_code")?, None)),
            },
        }
    }
}

impl FieldValue {
    /// The code in the value. In a field that is not called a code, a string that is not two
    /// letters long is a name, which ipinfo Lite has beside the code.
    fn code(self, field: &'static str) -> Result<Option<String>, BadField> {
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

    /// Description of the value, for messages.
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
        deserializer.deserialize_any(RecordVisitor)
    }
}

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

/// Visits the value of a field.
struct FieldVisitor;

macro_rules! visit_other {
    ($($visit:ident: $type:ty => $words:literal),+) => {
        $(fn $visit<E>(self, value: $type) -> Result<FieldValue, E> {
            Ok(FieldValue::Other(format!($words, value)))
        })+
    };
}

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = FieldValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    visit_other! {
        visit_bool: bool => "the truth value {}",
        visit_i64: i64 => "the number {}",
        visit_u64: u64 => "the number {}",
        visit_u128: u128 => "the number {}",
        visit_f64: f64 => "the number {}"
    }

    fn visit_str<E>(self, value: &str) -> Result<FieldValue, E> {
        Ok(FieldValue::Text(value.to_owned()))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<FieldValue, E> {
        Ok(FieldValue::Other(format!("{} octets", value.len())))
    }

    fn visit_unit<E>(self) -> Result<FieldValue, E> {
        Ok(FieldValue::Missing)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<FieldValue, M::Error> {
        let mut code = FieldValue::Missing;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "iso_code" | "code" => code = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(FieldValue::Map(Box::new(code)))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<FieldValue, S::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(FieldValue::Other("an array".to_owned()))
    }
}

/// Visits a record.
struct RecordVisitor;

impl RecordVisitor {
    /// A record that is not a map.
    fn not_a_map<E: serde::de::Error>(value: Result<FieldValue, E>) -> Result<Fields, E> {
        Ok(Fields { non_map: Some(value?.described()), ..Fields::default() })
    }
}

macro_rules! visit_non_map {
    ($($visit:ident: $type:ty),+) => {
        $(fn $visit<E: serde::de::Error>(self, value: $type) -> Result<Fields, E> {
            Self::not_a_map(FieldVisitor.$visit(value))
        })+
    };
}

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    visit_non_map! {
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
        Self::not_a_map(FieldVisitor.visit_seq(seq))
    }
}
