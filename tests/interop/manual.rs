//! The pages of the manual: what mandoc and groff say of them, and whether they have every command,
//! every option and every key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::tools::{output, tool_of};

const CVDNS: &str = env!("CARGO_BIN_EXE_cvdns");

/// The pages of files, with their schemas and what is between a key and its value.
const FILES: [(&str, &str, &str); 5] = [
    ("cvdns.toml.5", "cvdns", " = "),
    ("cvdns-zone.5", "zone", " = "),
    ("cvdns-fleet.5", "fleet", " = "),
    ("cvdns-overrides.5", "overrides", " = "),
    ("cvdns-feed.5", "feed", ": "),
];

fn cvdns(arguments: &[&str]) -> Command {
    let mut command = Command::new(CVDNS);
    for variable in ["CVDNS_CONFIG", "CVDNS_LISTEN", "CVDNS_NSID", "CVDNS_LOG", "CI"] {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

/// Writes all pages into a directory; their texts by the names of their files.
fn write(dir: &Path) -> BTreeMap<String, String> {
    let dir_name = dir.to_str().expect("text");
    let said = output(&mut cvdns(&["man", dir_name]));
    let pages: BTreeMap<String, String> = fs::read_dir(dir)
        .expect("the directory")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("text").to_owned();
            (name, fs::read_to_string(path).expect("a page"))
        })
        .collect();
    assert_eq!(said, format!("wrote {} pages to {dir_name}\n", pages.len()));
    pages
}

fn pages() -> (tempfile::TempDir, BTreeMap<String, String>) {
    let dir = tempfile::tempdir().expect("a directory");
    let pages = write(dir.path());
    (dir, pages)
}

/// What a formatter says of a page, and whether it succeeds.
fn complaints(formatter: &str, arguments: &[&str], page: &Path) -> String {
    let mut command = tool_of(formatter, "install mandoc and groff: tests need them");
    let done = command.args(arguments).arg(page).stdin(Stdio::null()).output().expect("it runs");
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(done.status.success() || !said.is_empty(), "{formatter} fails at {}", page.display());
    said
}

#[test]
fn formatters_have_nothing_to_say() {
    let (dir, pages) = pages();
    let mut said = Vec::new();
    for (name, text) in &pages {
        let path = dir.path().join(name);
        assert!(text.is_ascii(), "{name}");
        said.push(complaints("mandoc", &["-T", "lint", "-W", "warning"], &path));
        for device in ["-Tps", "-Tutf8", "-Tascii"] {
            said.push(complaints("groff", &["-man", "-ww", "-z", device], &path));
        }
    }
    said.retain(|said| !said.is_empty());
    assert!(said.is_empty(), "{}", said.concat());
}

/// The words of all commands, by what `--help` lists: independent of what makes the pages.
fn commands(words: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = output(cvdns(&arguments).env("COLUMNS", "200"));
    let listed: Vec<String> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned))
        .filter(|name| !name.is_empty() && name != "help")
        .collect();
    found.push((words.to_vec(), help));
    for name in listed {
        commands(&[words, &[name]].concat(), found);
    }
}

/// The page as people see it, on one line.
fn shown(page: &Path) -> String {
    let mut mandoc = tool_of("mandoc", "install mandoc: tests need it");
    let text = output(mandoc.args(["-T", "utf8", "-O", "width=200"]).arg(page));
    // Bold and underlined letters are written over others.
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '\u{8}' => drop(out.pop()),
            _ => out.push(letter),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_command_has_a_page_with_its_options() {
    let (dir, pages) = pages();
    let mut all = Vec::new();
    commands(&[], &mut all);
    assert!(all.len() > 25, "{}", all.len());
    let mut named = BTreeSet::new();
    for (words, help) in &all {
        let name = [vec!["cvdns".to_owned()], words.clone()].concat().join("-");
        let files: Vec<String> = [1, 8].iter().map(|section| format!("{name}.{section}")).collect();
        let there: Vec<&String> = files.iter().filter(|file| pages.contains_key(*file)).collect();
        assert_eq!(there.len(), 1, "{name}: {there:?}");
        named.insert(there[0].clone());
        let text = shown(&dir.path().join(there[0]));
        let mut options = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let (short, long) = line.split_once("--").filter(|(before, _)| before.len() < 5)?;
            let is_option = short.is_empty() || short.starts_with('-');
            let end = long.find(|c: char| !c.is_ascii_lowercase() && c != '-');
            is_option.then(|| format!("--{}", &long[..end.unwrap_or(long.len())]))
        });
        assert!(options.all(|option| text.contains(&option)), "{name}: {help}\n{text}");
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "EXIT STATUS",
            "ENVIRONMENT",
            "EXAMPLES",
            "SEE ALSO",
        ] {
            assert!(text.contains(section), "{name} has no {section}");
        }
        // A new command needs words of its own in src/cli/man.
        assert!(text.contains("EXAMPLES ") && !text.contains("EXAMPLES SEE ALSO"), "{name}");
    }
    named.extend(FILES.map(|(file, ..)| file.to_owned()));
    assert_eq!(pages.into_keys().collect::<BTreeSet<_>>(), named);
}

#[test]
fn servers_and_what_acts_on_them_are_in_section_8() {
    let (_dir, pages) = pages();
    let found: Vec<&str> = pages.keys().filter_map(|name| name.strip_suffix(".8")).collect();
    assert_eq!(
        found,
        [
            "cvdns-feed-accept",
            "cvdns-log-level",
            "cvdns-monitor",
            "cvdns-override-add",
            "cvdns-override-list",
            "cvdns-override-remove",
            "cvdns-override-restore",
            "cvdns-override",
            "cvdns-reload",
            "cvdns-serve",
            "cvdns-status",
        ]
    );
    for name in ["cvdns-serve.8", "cvdns-monitor.8", "cvdns-export-bind.1"] {
        assert!(pages[name].contains(".SH SIGNALS\n.TP\n\\fBSIGHUP\\fR"), "{name}");
    }
}

/// Adds the keys of an object of a schema with their headings and descriptions.
fn keys(schema: &Value, path: &str, heading: &str, found: &mut BTreeMap<(String, String), String>) {
    let properties = schema["properties"].as_object().expect("properties");
    for (name, value) in properties {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let map = &value["additionalProperties"];
        let (inner, below_heading, is_key) = if value["items"]["properties"].is_object() {
            (&value["items"], format!("[[{below}]]"), false)
        } else if value["properties"].is_object() {
            (value, format!("[{below}]"), false)
        } else if map["properties"].is_object() {
            (map, below.clone(), true)
        } else if value["anyOf"][0]["properties"].is_object() {
            (&value["anyOf"][0], below.clone(), true)
        } else if value["anyOf"][1]["properties"].is_object() {
            // A path, or a table in its place.
            (&value["anyOf"][1], format!("[{below}]"), true)
        } else {
            (&Value::Null, String::new(), true)
        };
        if is_key {
            let doc = value["description"].as_str().expect("a description").to_owned();
            found.insert((heading.to_owned(), name.clone()), doc);
        }
        if !inner.is_null() {
            keys(inner, &below, &below_heading, found);
        }
    }
}

/// The keys of a page with their headings.
fn keys_of_page(text: &str, sign: &str) -> BTreeSet<(String, String)> {
    let mut heading = String::new();
    let mut found = BTreeSet::new();
    let plain = text.replace("\\-", "-");
    let mut lines = plain.lines().skip_while(|line| *line != ".SH KEYS").skip(1);
    while let Some(line) = lines.next() {
        if line.starts_with(".SH") {
            break;
        }
        if let Some(title) = line.strip_prefix(".SS ") {
            title.clone_into(&mut heading);
        }
        if line == ".TP" {
            let term = lines.next().expect("a term");
            let (name, _) = term
                .strip_prefix("\\fB")
                .and_then(|term| term.split_once(&format!("\\fR{sign}")))
                .unwrap_or_else(|| panic!("{term}"));
            found.insert((heading.clone(), name.to_owned()));
        }
    }
    found
}

/// The schemas of docs/schemas say which keys there are.
#[test]
fn every_key_is_on_its_page() {
    let (dir, pages) = pages();
    for (file, schema, sign) in FILES {
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schemas/{schema}.json"));
        let schema: Value =
            serde_json::from_str(&fs::read_to_string(path).expect("a schema")).expect("JSON");
        let mut wanted = BTreeMap::new();
        keys(&schema, "", "", &mut wanted);
        let found = keys_of_page(&pages[file], sign);
        assert_eq!(found, wanted.keys().cloned().collect::<BTreeSet<_>>(), "{file}");
        let text = shown(&dir.path().join(file));
        for ((heading, name), doc) in wanted {
            // Not every formatter has the ellipsis.
            let doc = doc.replace('`', "").replace('…', "...");
            assert!(text.contains(&doc), "{file}: {heading} {name}: {doc}\n{text}");
        }
    }
}

/// Examples have commands and options that exist.
#[test]
fn the_examples_are_commands_that_there_are() {
    let (dir, pages) = pages();
    let mut seen = 0;
    for (name, text) in pages.iter().filter(|(name, _)| !name.ends_with(".5")) {
        let mut is_example = false;
        for line in text.lines() {
            is_example = (is_example || line == ".nf") && line != ".fi";
            let line = line.replace("\\-", "-").replace("\\*(Aq", "'");
            if !is_example || !line.starts_with("cvdns ") {
                continue;
            }
            // What is before `--help` is parsed; where the output goes does not matter.
            let line = line.split(" >").next().unwrap_or_default();
            let script = format!("cvdns() {{ '{CVDNS}' \"$@\" --help; }}; {line}");
            let done = Command::new("sh")
                .args(["-c", &script])
                .current_dir(dir.path())
                .output()
                .expect("a shell");
            let error = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "{name}: {line}\n{error}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

/// Pages that other pages name exist.
#[test]
fn pages_name_only_pages_that_there_are() {
    let (_dir, pages) = pages();
    let mut seen = 0;
    for (name, text) in &pages {
        let plain = text.replace("\\-", "-");
        for part in plain.split("\\fBcvdns").skip(1) {
            let Some((rest, section)) = part.split_once("\\fR(") else { continue };
            if rest.contains(|c: char| c.is_whitespace() || c == '\\') {
                continue;
            }
            let (section, _) = section.split_once(')').expect("a section");
            let file = format!("cvdns{rest}.{section}");
            assert!(pages.contains_key(&file), "{name} names {file}");
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

/// The same program makes the same files; what is there is replaced, and no other file.
#[test]
fn pages_are_written_again() {
    let (dir, first) = pages();
    fs::write(dir.path().join("cvdns.1"), "old").expect("written");
    assert_eq!(write(dir.path()), first);
    let below = dir.path().join("a/b");
    assert_eq!(write(&below), first);
}

#[test]
fn what_is_no_directory_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "text").expect("written");
    let run = |arguments: &[&str]| {
        let done = cvdns(arguments).output().expect("cvdns");
        (done.status.code(), String::from_utf8(done.stderr).expect("text"))
    };
    let file = file.to_str().expect("text");
    assert_eq!(
        run(&["man", file]),
        (
            Some(1),
            format!(
                "cvdns: {file} exists and is not a directory: name a directory for the pages\n"
            )
        )
    );
    let (code, error) = run(&["man", &format!("{file}/pages")]);
    let wanted = format!("cvdns: cannot create the directory {file}/pages: ");
    assert!(code == Some(1) && error.starts_with(&wanted), "{error}");
    assert_eq!(run(&["man", ""]).0, Some(2));
    assert_eq!(run(&["man"]).0, Some(2));
}
