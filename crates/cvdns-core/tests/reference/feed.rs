//! That the tables of keys of feeds and releases are those of the parser, which is serde's.

use cvdns_core::health::{Feed, feed_keys};
use cvdns_core::release::Release;
use cvdns_core::release::keys as release_keys;
use cvdns_core::schema::{DefaultInfo, Section};
use serde_json::{Map, Value, json};

use super::json_schema::json_of;

/// The fields that an error of serde lists.
pub(super) fn expected(error: &str) -> Vec<&str> {
    let (_, list) = error.split_once("expected one of ").expect("a list of fields");
    list.split('`').skip(1).step_by(2).collect()
}

pub(super) fn names(section: &Section) -> Vec<&'static str> {
    section.names().collect()
}

/// The required keys with their examples.
pub(super) fn minimal(section: &Section) -> Map<String, Value> {
    let required = section.keys.iter().filter(|key| key.default_info() == DefaultInfo::Required);
    required.map(|key| (key.name().to_owned(), json_of(key.example()))).collect()
}

fn feed(value: &Value) -> Result<Feed, String> {
    Feed::parse(value.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn the_keys_are_those_of_the_parser() {
    let mut whole = minimal(&feed_keys::ROOT);
    assert!(feed(&json!(whole)).is_ok());
    whole.insert("x".to_owned(), json!(1));
    let error = feed(&json!(whole)).expect_err("an unknown key");
    assert_eq!(expected(&error), names(&feed_keys::ROOT));
    whole.remove("x");
    whole.insert("mirrors".to_owned(), json!({ "a": { "x": 1 } }));
    let error = feed(&json!(whole)).expect_err("an unknown key");
    assert_eq!(expected(&error), names(&feed_keys::MIRROR_SECTION));
    let error = serde_json::from_value::<Release>(json!({ "x": 1 })).expect_err("an unknown key");
    assert_eq!(expected(&error.to_string()), names(&release_keys::SECTION));
}

#[test]
fn exactly_the_required_keys_are_required() {
    let whole = minimal(&feed_keys::ROOT);
    for key in whole.keys() {
        let mut other = whole.clone();
        other.remove(key);
        assert!(feed(&json!(other)).is_err(), "{key}");
    }
    let with = |mirror: Value| {
        let mut whole = whole.clone();
        whole.insert("mirrors".to_owned(), json!({ "a": mirror }));
        feed(&json!(whole))
    };
    assert!(with(json!(minimal(&feed_keys::MIRROR_SECTION))).is_ok());
    assert!(with(json!({})).is_err());
    let release = minimal(&release_keys::SECTION);
    for key in release.keys() {
        let mut other = release.clone();
        other.remove(key);
        assert!(serde_json::from_value::<Release>(json!(other)).is_err(), "{key}");
    }
}

#[test]
fn the_defaults_of_a_release_are_those_of_the_parser() {
    let release = json!(minimal(&release_keys::SECTION));
    let release: Release = serde_json::from_value(release).expect("a release");
    let written = serde_json::to_value(&release).expect("JSON");
    for key in release_keys::SECTION.keys {
        if let DefaultInfo::Value(literal) = key.default_info() {
            assert_eq!(written[key.name()], json_of(&literal), "{}", key.name());
        }
    }
}
