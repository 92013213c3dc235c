//! JSON schemas (draft 7), which editors use to complete and check files.

use cvdns_core::schema::{DefaultInfo, FileFormat, KeyInfo, Section, Shape};
use serde_json::{Map, Value, json};

/// Numbers above are not exact in JavaScript.
const MAX_EXACT: u64 = 1 << 53;

/// The schema of a format.
pub(crate) fn of(format: &FileFormat) -> Value {
    let mut schema = object(format.root);
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!(format!("cvdns: {}", format.title)));
    Value::Object(schema)
}

/// A value in JSON or TOML, as JSON.
pub(crate) fn json_of(literal: &str) -> Value {
    serde_json::from_str(literal).unwrap_or_else(|_| {
        let table: toml::Table =
            toml::from_str(&format!("value = {literal}")).expect("a value in TOML");
        from_toml(&table["value"])
    })
}

/// A TOML value as editors see it: moments are strings.
pub(crate) fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(moment) => json!(moment.to_string()),
        toml::Value::Array(elements) => elements.iter().map(from_toml).collect(),
        toml::Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| (key.clone(), from_toml(value)));
            Value::Object(entries.collect())
        }
        other => serde_json::to_value(other).expect("a value in JSON"),
    }
}

fn object(section: &Section) -> Map<String, Value> {
    let properties: Map<String, Value> =
        section.keys.iter().map(|key| (key.name().to_owned(), property(*key))).collect();
    let is_required = |key: &&&dyn KeyInfo| key.default_info() == DefaultInfo::Required;
    let required: Vec<&str> =
        section.keys.iter().filter(is_required).map(|key| key.name()).collect();
    let mut out = Map::new();
    out.insert("type".to_owned(), json!("object"));
    out.insert("additionalProperties".to_owned(), json!(false));
    out.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        out.insert("required".to_owned(), json!(required));
    }
    out
}

fn property(key: &dyn KeyInfo) -> Value {
    let mut out = shape(&key.shape());
    out.insert("description".to_owned(), json!(key.doc()));
    if let DefaultInfo::Value(literal) = key.default_info() {
        out.insert("default".to_owned(), json_of(&literal));
    }
    if !key.example().is_empty() {
        out.insert("examples".to_owned(), json!([json_of(key.example())]));
    }
    Value::Object(out)
}

fn shape(shape: &Shape) -> Map<String, Value> {
    let inner = |inner: &Shape| Value::Object(self::shape(inner));
    let value = match shape {
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer { least, most } if *most > MAX_EXACT => {
            json!({ "type": "integer", "minimum": least })
        }
        Shape::Integer { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Shape::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Shape::Fraction => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 }),
        Shape::Path => json!({ "type": "string", "minLength": 1 }),
        Shape::Text => json!({ "type": "string" }),
        Shape::Duration => json!({ "type": "string", "minLength": 2 }),
        Shape::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Shape::Words(words) => json!({ "type": "string", "enum": words }),
        Shape::Moment => json!({ "type": "string", "format": "date-time" }),
        Shape::List(element) => json!({ "type": "array", "items": inner(element) }),
        Shape::OneOrList(element) => {
            json!({ "anyOf": [inner(element), { "type": "array", "items": inner(element) }] })
        }
        Shape::Table(section) => Value::Object(object(section)),
        Shape::PathOrTable(section) => {
            json!({ "anyOf": [inner(&Shape::Path), object(section)] })
        }
        Shape::Tables(section) => json!({ "type": "array", "items": object(section) }),
        Shape::Map(value) => json!({ "type": "object", "additionalProperties": inner(value) }),
        Shape::Nullable(value) => json!({ "anyOf": [inner(value), { "type": "null" }] }),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
