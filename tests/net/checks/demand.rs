//! What `cvdns check` says of the demand of countries (FORMATS, `[[demand]]`).

use serde_json::{Value, json};

use super::run;
use crate::support::daemon::Files;
use crate::support::fixture;

/// The fixture's network, in which each mirror has 100 Mbit/s, with these demands.
fn files(demands: &[(&str, &str)]) -> Files {
    let files = fixture::files();
    let of = |(country, rate): &(&str, &str)| {
        format!("[[demand]]\ncountry = \"{country}\"\nrate = \"{rate}\"\n")
    };
    let demands: String = demands.iter().map(of).collect();
    let zone = format!("{}\n{demands}", files.text("clam.toml"));
    files.with("clam.toml", zone)
}

#[test]
fn each_country_has_a_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let demands =
        [("DE", "400Mbit/s"), ("JP", "50Mbit/s"), ("FR", "4.55Gbit/s"), ("US", "100Gbit/s")];
    let files = files(&demands);
    files.write(dir.path(), 5300);
    let (code, out, error) = run(dir.path(), &["check"]);
    assert_eq!(code, Some(0), "{error}");
    let lines: Vec<&str> = out.lines().filter(|line| line.starts_with("demand of ")).collect();
    let expected = [
        "demand of DE in clam.example, 400Mbit/s: met by DE 300Mbit/s, FR 100Mbit/s; \
         without de1.example: met by DE 200Mbit/s, FR 200Mbit/s",
        "demand of JP in clam.example, 50Mbit/s: met by JP alone; without jp1.example: met by US alone",
        "demand of FR in clam.example, 4550Mbit/s: met by FR 200Mbit/s, DE 300Mbit/s, US 4Gbit/s, \
         world 50Mbit/s; without de1.example: not met, 50Mbit/s are lacking: FR 200Mbit/s, \
         DE 200Mbit/s, US 4Gbit/s, world 150Mbit/s",
        "demand of US in clam.example, 100Gbit/s: not met, 95400Mbit/s are lacking: US 4Gbit/s, \
         DE 300Mbit/s, FR 200Mbit/s, world 95500Mbit/s; without de1.example: not met, \
         95500Mbit/s are lacking: US 4Gbit/s, DE 200Mbit/s, FR 200Mbit/s, world 95600Mbit/s",
    ];
    assert_eq!(lines, expected);

    // Where nobody could carry it, a warning has the place.
    let zone = files.text("clam.toml");
    let line = |country: &str| {
        let last = zone.lines().collect::<Vec<_>>();
        last.iter().rposition(|line| *line == format!("country = \"{country}\"")).expect("it") + 1
    };
    let (code, out, _) = run(dir.path(), &["check", "--json"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    let found: Vec<Value> = report["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .filter(|problem| problem["what"].as_str().is_some_and(|what| what.contains("lacks")))
        .map(|problem| {
            json!([problem["severity"], problem["line"], problem["column"], problem["what"]])
        })
        .collect();
    let warning = |country: &str, what: &str| json!(["warning", line(country), 11, what]);
    let expected = [
        warning("FR", "without de1.example, the whole path of FR lacks 50Mbit/s of 4550Mbit/s"),
        warning("US", "with all mirrors up, the whole path of US lacks 95400Mbit/s of 100Gbit/s"),
    ];
    assert_eq!((code, found.as_slice()), (Some(0), &expected[..]));
    assert_eq!(
        report["demand"][0]["without_largest"],
        json!({ "host": "de1.example", "met": true, "lacking": 0, "pools": [
            { "pool": "DE", "takes": 200_000 }, { "pool": "FR", "takes": 200_000 } ] })
    );
}

#[test]
fn demands_of_nothing_twice_or_nowhere_are_errors() {
    let dir = tempfile::tempdir().expect("a directory");
    for (demands, words) in [
        (vec![("DE", "0Gbit/s")], "is not a rate"),
        (vec![("ZZ", "1Gbit/s")], "ZZ"),
        (vec![("DE", "1Gbit/s"), ("DE", "2Gbit/s")], "given twice"),
    ] {
        files(&demands).write(dir.path(), 5300);
        let (code, _, error) = run(dir.path(), &["check"]);
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains("clam.toml:") && error.contains(words), "{error}");
    }
}
