//! What follows from the tables of keys: the commented `cvdns.toml`, the tables in `docs/`, and the
//! JSON schemas in `docs/schemas/`. Each test compares a file with the code.
//!
//! `CVDNS_WRITE=1 cargo test -p cvdns-core --test reference` writes the files anew.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod example;
mod feed;
mod json_schema;
mod markdown;
mod parsers;
mod reports;
mod validator;

use std::fs;
use std::path::{Path, PathBuf};

use cvdns_core::schema::{DefaultInfo, FileFormat, KeyInfo, Section, Shape};
use cvdns_core::{config, fleet, health, report, zone};

/// All file formats.
fn formats() -> [&'static FileFormat; 6] {
    [
        &config::keys::FILE,
        &zone::file::keys::FILE,
        &fleet::keys::FILE,
        &health::override_keys::FILE,
        &health::feed_keys::FILE,
        &report::keys::FILE,
    ]
}

/// A file of the repository.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn text_of(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The value that a reference shows for a key: its default, or else an example.
fn sample(key: &dyn KeyInfo) -> String {
    match key.default_info() {
        DefaultInfo::Value(literal) => literal,
        _ => key.example().to_owned(),
    }
}

/// A text as lines of at most 100 columns, each after `prefix`.
fn wrapped(text: &str, prefix: &str) -> String {
    let mut lines = vec![prefix.to_owned()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if line.chars().count() + 1 + word.chars().count() > 100 {
            lines.push(format!("{prefix} {word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    let trimmed = lines.iter().map(|line| format!("{}\n", line.trim_start()));
    trimmed.collect()
}

/// Fails unless the file has this text, or writes it if `CVDNS_WRITE` is set.
fn compare(path: &str, expected: &str) {
    if std::env::var_os("CVDNS_WRITE").is_some() {
        let file = project(path);
        fs::create_dir_all(file.parent().expect("a directory")).expect("the directory");
        fs::write(file, expected).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let found = fs::read_to_string(project(path)).unwrap_or_default();
    if found == expected {
        return;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (found, expected) = (lines(&found), lines(expected));
    let first = found.iter().zip(&expected).take_while(|(one, other)| one == other).count();
    let show = |sign: char, lines: &[String]| {
        let shown = lines.iter().skip(first).take(3).map(|line| format!("{sign} {line}\n"));
        shown.collect::<String>()
    };
    panic!(
        "{path} differs from the tables of keys at line {}:\n{}{}\
         To write it anew: CVDNS_WRITE=1 cargo test -p cvdns-core --test reference",
        first + 1,
        show('-', &found),
        show('+', &expected),
    );
}

#[test]
fn the_configuration_shows_every_key() {
    compare("cvdns.toml", &example::text());
}

#[test]
fn the_pages_list_every_key() {
    for page in ["docs/configuration.md", "docs/monitor.md"] {
        compare(page, &markdown::filled(&text_of(page)));
    }
    let both = text_of("docs/configuration.md") + &text_of("docs/monitor.md");
    for name in ["cvdns", "monitor", "zone", "fleet", "overrides", "feed"] {
        assert!(both.contains(&markdown::begin(name)), "{name}");
    }
}

#[test]
fn the_schemas_describe_every_key() {
    for format in formats() {
        let schema = serde_json::to_string_pretty(&json_schema::of(format)).expect("JSON");
        compare(&format!("docs/schemas/{}.json", format.name), &format!("{schema}\n"));
    }
}

/// Paths in an included file are relative to that file. Only keys that are declared as paths are.
#[test]
fn keys_of_the_configuration_that_are_text_but_no_path_are_known() {
    fn texts(section: &Section, path: &str, out: &mut Vec<String>) {
        for key in section.keys {
            let path = format!("{path}/{}", key.name());
            match key.shape() {
                Shape::Table(section) | Shape::Tables(section) => texts(section, &path, out),
                Shape::Text => out.push(path),
                Shape::List(of) | Shape::OneOrList(of) if matches!(*of, Shape::Text) => {
                    out.push(path);
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    texts(config::keys::FILE.root, "", &mut found);
    assert_eq!(
        found,
        ["/server/user", "/nats/servers", "/nats/bucket", "/monitor/on-change"],
        "a key that names a file must have the kind FilePath; add all others to this list"
    );
}

/// Every key has a description and a value to show.
#[test]
fn every_key_is_described() {
    fn check(section: &Section) {
        for key in section.keys {
            assert!(!key.doc().is_empty(), "{}", key.name());
            match key.shape() {
                Shape::Table(section) | Shape::Tables(section) => check(section),
                _ if key.name() == "release" || key.name() == "mirrors" => {}
                _ => assert!(!sample(*key).is_empty(), "{}", key.name()),
            }
        }
    }
    for format in formats() {
        check(format.root);
    }
}
