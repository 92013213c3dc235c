//! A validator of the part of JSON Schema that the schemas use, and what it says of files.

use serde_json::Value;

use super::json_schema::from_toml;
use super::text_of;

/// The first thing in `value` that the schema does not allow.
fn fault(schema: &Value, value: &Value) -> Option<String> {
    if let Some(Value::Array(choices)) = schema.get("anyOf") {
        let faults: Vec<String> = choices.iter().map_while(|choice| fault(choice, value)).collect();
        return (faults.len() == choices.len()).then(|| faults.join("; "));
    }
    let (is_right, within) = match (schema["type"].as_str(), value) {
        (Some("object"), Value::Object(map)) => {
            let missing = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|key| key.as_str().is_none_or(|key| !map.contains_key(key)));
            let within = map.iter().find_map(|(key, value)| property_fault(schema, key, value));
            (true, missing.map(|key| format!("no {key}")).or(within))
        }
        (Some("array"), Value::Array(list)) => {
            (true, list.iter().find_map(|element| fault(&schema["items"], element)))
        }
        (Some("string"), Value::String(_)) => {
            let words = schema["enum"].as_array();
            (words.is_none_or(|words| words.contains(value)), None)
        }
        (Some("integer"), Value::Number(number)) => {
            (number.is_u64() && is_within(schema, value), None)
        }
        (Some("number"), Value::Number(_)) => (is_within(schema, value), None),
        (Some("boolean"), Value::Bool(_)) | (Some("null"), Value::Null) => (true, None),
        _ => (false, None),
    };
    if is_right { within } else { Some(format!("{value} is not {schema}")) }
}

fn property_fault(schema: &Value, key: &str, value: &Value) -> Option<String> {
    let found = match schema["properties"].get(key) {
        Some(schema) => fault(schema, value),
        None => match &schema["additionalProperties"] {
            Value::Bool(false) => Some("unknown key".to_owned()),
            schema => fault(schema, value),
        },
    };
    found.map(|found| format!("{key}: {found}"))
}

fn is_within(schema: &Value, value: &Value) -> bool {
    let number = value.as_f64().expect("a number");
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    limit("minimum").is_none_or(|least| least <= number)
        && limit("exclusiveMinimum").is_none_or(|below| below < number)
        && limit("maximum").is_none_or(|most| number <= most)
}

/// What the schema of this name does not allow in a text, TOML or JSON.
pub(crate) fn text_fault(name: &str, text: &str) -> Option<String> {
    let schema = text_of(&format!("docs/schemas/{name}.json"));
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let value = if name == "feed" {
        serde_json::from_str(text).expect("JSON")
    } else {
        from_toml(&toml::Value::Table(toml::from_str(text).expect("TOML")))
    };
    fault(&schema, &value)
}

/// The files of the repository, each with its schema and a key that is misspelt in the test.
const FILES: &[(&str, &str, &str)] = &[
    ("cvdns", "cvdns.toml", "nsid ="),
    ("zone", "zones/clamav.net.toml", "pool  ="),
    ("fleet", "zones/mirrors.toml", "country  ="),
    ("feed", "feed.json", "\"state\":"),
];

const OVERRIDES: &str =
    "[[override]]\nhost = \"a\"\nstate = \"up\"\nreason = \"r\"\nuntil = 2026-12-01T06:00:00Z\n";

#[test]
fn schemas_accept_the_files_and_refuse_a_misspelt_key() {
    let files = FILES.iter().map(|(name, path, key)| (*name, text_of(path), *key));
    for (name, text, key) in files.chain([("overrides", OVERRIDES.to_owned(), "until =")]) {
        assert_eq!(text_fault(name, &text), None, "{name}");
        let (before, after) = text.split_once(key).expect("the key");
        let misspelt = match key.strip_prefix('"') {
            Some(key) => format!("{before}\"x{key}{after}"),
            None => format!("{before}x{key}{after}"),
        };
        let found = text_fault(name, &misspelt);
        let says = |word: &str| found.as_ref().is_some_and(|found| found.contains(word));
        assert!(says("unknown key") || says("no \""), "{name}: {found:?}");
    }
}

#[test]
fn schemas_refuse_wrong_types_ranges_and_words() {
    for (line, good) in [
        ("[server]\nworkers = 3", true),
        ("[server]\nworkers = 1025", false),
        ("[server]\nworkers = \"3\"", false),
        ("[server]\nudp = \"mmsg\"", true),
        ("[server]\nudp = \"msg\"", false),
        ("[feed]\nmax-loss = 1.5", false),
        ("[feed]\npublic-key = [\"a\", \"b\"]", true),
        ("[feed]\npublic-key = [1]", false),
        ("[[zone]]\nfile = \"a\"", true),
        ("[[zone]]\nbundle = \"a\"", true),
    ] {
        assert_eq!(text_fault("cvdns", line).is_none(), good, "{line}");
    }
}
