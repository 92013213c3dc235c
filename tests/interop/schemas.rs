//! The JSON schemas of docs/schemas, read by a validator that is not ours, with files of TOML read
//! by Python.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::tools::output;

/// Reads lines of `SCHEMA FILE`; prints what is wrong with each file, or `good`. A date-time of
/// TOML is text, as editors see it.
const VALIDATE: &str = r#"
import datetime, json, sys, tomllib
from jsonschema import Draft7Validator

def plain(value):
    if isinstance(value, dict):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, list):
        return [plain(below) for below in value]
    return value.isoformat() if isinstance(value, datetime.datetime) else value

for line in sys.stdin:
    schema, path = line.rstrip("\n").split(" ", 1)
    schema = json.load(open(f"{sys.argv[1]}/docs/schemas/{schema}.json"))
    Draft7Validator.check_schema(schema)
    text = open(path).read()
    value = json.loads(text) if path.endswith(".json") else plain(tomllib.loads(text))
    errors = sorted(Draft7Validator(schema).iter_errors(value), key=str)
    print("; ".join(f"{error.json_path}: {error.message}" for error in errors) or "good")
"#;

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What is wrong with each file by the schema of this name; `good` if nothing is.
fn validated(files: &[(&str, PathBuf)]) -> Vec<String> {
    let python = project().join("target/python/bin/python");
    let mut child = Command::new(python)
        .args(["-c", VALIDATE])
        .arg(project())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/run installs jsonschema, with openapi-spec-validator, in target/python");
    let lines: Vec<String> =
        files.iter().map(|(schema, path)| format!("{schema} {}\n", path.display())).collect();
    child.stdin.take().expect("a pipe").write_all(lines.concat().as_bytes()).expect("written");
    let done = child.wait_with_output().expect("python");
    assert!(done.status.success());
    String::from_utf8(done.stdout).expect("text").lines().map(str::to_owned).collect()
}

fn assert_good(files: &[(&str, PathBuf)]) {
    let said = validated(files);
    assert_eq!(said.len(), files.len());
    for ((schema, path), said) in files.iter().zip(said) {
        assert_eq!(said, "good", "{schema}: {}", path.display());
    }
}

/// The files of a configuration in a directory.
fn configuration(dir: &Path, zone: &str) -> Vec<(&'static str, PathBuf)> {
    vec![
        ("cvdns", dir.join("cvdns.toml")),
        ("zone", dir.join(format!("zones/{zone}.toml"))),
        ("fleet", dir.join("zones/mirrors.toml")),
        ("feed", dir.join("feed.json")),
    ]
}

#[test]
fn the_example_is_valid() {
    assert_good(&configuration(&project(), "clamav.net"));
}

#[test]
fn what_init_writes_is_valid() {
    for probe in [&[][..], &["--probe", "/status"]] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
        command.args(["init", ".", "--zone", "clam.example"]).args(probe).current_dir(dir.path());
        output(&mut command);
        let mut files = configuration(dir.path(), "clam.example");
        files.push(("overrides", dir.path().join("overrides.toml")));
        assert_good(&files);
    }
}

/// A file for each schema, and what makes it wrong.
const WRONG: &[(&str, &str, &str, &str, &str)] = &[
    ("cvdns", "[monitor]\ninterval = \"5m\"\n", "interval", "intervall", "$.monitor: Additional"),
    (
        "cvdns",
        "[server]\nworkers = 4\n",
        "4",
        "\"four\"",
        "$.server.workers: 'four' is not of type",
    ),
    (
        "zone",
        "format = 1\norigin = \"a.example\"\nrecords = \"a.zone\"\n[[name]]\nowner = \"db\"\npool = \"client\"\n",
        "\"client\"",
        "\"clients\"",
        "$.name[0].pool: 'clients' does not match",
    ),
    (
        "fleet",
        "[[mirror]]\nhost = \"m.example\"\ncountry = \"DE\"\nipv4 = [\"192.0.2.1\"]\n",
        "country = \"DE\"\n",
        "",
        "$.mirror[0]: 'country' is a required property",
    ),
    (
        "overrides",
        "[[override]]\nhost = \"a\"\nstate = \"up\"\nreason = \"r\"\nuntil = 2026-12-01T06:00:00Z\n",
        "\"up\"",
        "\"upp\"",
        "$.override[0].state: 'upp' is not one of",
    ),
    (
        "feed",
        "{\"format\": 1, \"serial\": 1, \"generated\": \"2026-11-22T17:00:00Z\"}",
        "\"serial\": 1",
        "\"serial\": -1",
        "$.serial: -1 is less than the minimum of 0",
    ),
    (
        "report",
        "{\"format\": 1, \"monitor\": \"fra1\", \"serial\": 1, \"generated\": \"2026-11-22T17:00:00Z\", \
         \"interval\": \"300s\", \"mirrors\": { \"a\": { \"192.0.2.1\": { \"found\": \"answers\", \
         \"checked\": \"2026-11-22T17:00:00Z\" } } } }",
        "\"answers\"",
        "\"up\"",
        "$.mirrors.a['192.0.2.1'].found: 'up' is not one of",
    ),
];

#[test]
fn mistakes_are_found_in_every_kind_of_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut files = Vec::new();
    for (number, (schema, good, what, by, _)) in WRONG.iter().enumerate() {
        let suffix = if ["feed", "report"].contains(schema) { "json" } else { "toml" };
        for (kind, text) in [("good", (*good).to_owned()), ("wrong", good.replacen(what, by, 1))] {
            let path = dir.path().join(format!("{kind}{number}.{suffix}"));
            fs::write(&path, text).expect("written");
            files.push((*schema, path));
        }
    }
    let said = validated(&files);
    for ((schema, .., wanted), said) in WRONG.iter().zip(said.chunks(2)) {
        assert_eq!(said[0], "good", "{schema}");
        assert!(said[1].starts_with(wanted), "{schema}: {}", said[1]);
    }
}
