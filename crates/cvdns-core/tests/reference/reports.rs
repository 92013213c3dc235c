//! That the table of keys of reports is that of the parser, which is serde's.

use cvdns_core::report::{Report, keys};
use serde_json::{Value, json};

use super::feed::{expected, minimal, names};

fn report(value: &Value) -> Result<Report, String> {
    Report::parse(value.to_string().as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn the_keys_are_those_of_the_parser() {
    let mut whole = minimal(&keys::ROOT);
    assert!(report(&json!(whole)).is_ok());
    whole.insert("x".to_owned(), json!(1));
    let error = report(&json!(whole)).expect_err("an unknown key");
    assert_eq!(expected(&error), names(&keys::ROOT));
    whole.remove("x");
    whole.insert("mirrors".to_owned(), json!({ "a": { "192.0.2.1": { "x": 1 } } }));
    let error = report(&json!(whole)).expect_err("an unknown key");
    assert_eq!(expected(&error), names(&keys::ADDRESS_SECTION));
}

#[test]
fn exactly_the_required_keys_are_required() {
    let whole = minimal(&keys::ROOT);
    for key in whole.keys() {
        let mut other = whole.clone();
        other.remove(key);
        assert!(report(&json!(other)).is_err(), "{key}");
    }
    let address = minimal(&keys::ADDRESS_SECTION);
    let with = |address: Value| {
        let mut whole = whole.clone();
        whole.insert("mirrors".to_owned(), json!({ "a": { "192.0.2.1": address } }));
        report(&json!(whole))
    };
    assert!(with(json!(address)).is_ok());
    for key in address.keys() {
        let mut other = address.clone();
        other.remove(key);
        assert!(with(json!(other)).is_err(), "{key}");
    }
}
