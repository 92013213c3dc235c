//! `cvdns import`: lists of mirrors become the fleet that they mean, or nothing is written.

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cvdns_core::fleet::Fleet;
use cvdns_core::problem::Problems;
use support::daemon::Daemon;
use support::{fixture, tools};

/// Exit status, standard output and standard error.
type Done = (Option<i32>, String, String);

fn import(dir: &Path, arguments: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.arg("import").args(arguments).current_dir(dir).stdin(Stdio::null());
    let done = command.output().expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

fn list_of_2006() -> String {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mirrors-2006/mirrors.csv");
    fs::read_to_string(path).expect("the list")
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    names
}

/// Reads list and fleet file with readers of its own, and prints mirrors and addresses.
const PYTHON: &str = r#"
import csv, ipaddress, sys, tomllib
wanted = {}
for row in csv.DictReader(open(sys.argv[1], newline="")):
    host = wanted.setdefault(row["host"].lower(), {"country": row["country"], "ipv4": [], "ipv6": []})
    assert host["country"] == row["country"]
    address = ipaddress.ip_address(row["ipv4"])
    host["ipv%d" % address.version].append(str(address))
fleet = tomllib.load(open(sys.argv[2], "rb"))
assert list(fleet) == ["mirror"]
found = {}
for mirror in fleet["mirror"]:
    assert set(mirror) <= {"host", "country", "ipv4", "ipv6"}, mirror
    assert mirror["host"] not in found
    found[mirror["host"]] = {"country": mirror["country"], "ipv4": mirror.get("ipv4", []), "ipv6": mirror.get("ipv6", [])}
assert list(found) == list(wanted) and found == wanted, (found, wanted)
print(len(found), sum(len(mirror["ipv4"]) + len(mirror["ipv6"]) for mirror in found.values()))
"#;

/// The real list, but for the country that was withdrawn in that year: as Python reads both, and as
/// the fixture that was made by hand has it.
#[test]
fn the_network_of_2006_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let list = list_of_2006().replace(",CS\n", ",RS\n");
    fs::write(dir.path().join("list.csv"), &list).expect("written");
    let (code, out, error) = import(dir.path(), &["list.csv"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let said = "mirrors.toml: 134 mirrors with 135 addresses\n";
    let done = import(dir.path(), &["list.csv", "--out", "mirrors.toml"]);
    assert_eq!(done, (Some(0), said.to_owned(), String::new()));
    assert_eq!(fs::read_to_string(dir.path().join("mirrors.toml")).expect("the fleet"), out);
    let mut python = tools::tool_of("python3", "install python3: tests need it");
    python.args(["-c", PYTHON, "list.csv", "mirrors.toml"]).current_dir(dir.path());
    assert_eq!(tools::output(&mut python), "134 135\n");
    let parsed = |text: &str| {
        let mut problems = Problems::default();
        let fleet = Fleet::parse("mirrors.toml", text, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        fleet
    };
    let by_hand = include_str!("../fixtures/mirrors-2006/mirrors.toml");
    assert!(parsed(&out).is_like(&parsed(by_hand)));
}

#[test]
fn a_line_is_shown_with_what_is_wrong_in_it() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("list.csv"), list_of_2006()).expect("written");
    let (code, out, error) = import(dir.path(), &["list.csv", "--out", "mirrors.toml"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let line = list_of_2006()
        .lines()
        .position(|line| line.ends_with(",CS"))
        .expect("Serbia and Montenegro")
        + 1;
    let text = list_of_2006().lines().nth(line - 1).expect("the line").to_owned();
    let column = text.len() - 1;
    let margin = " ".repeat(line.to_string().len());
    let expected = format!(
        "error: CS (Serbia and Montenegro) was withdrawn in 2006; write RS or ME\n\
         {margin}--> list.csv:{line}:{column}\n\
         {margin} |\n\
         {line} | {text}\n\
         {margin} | {}^^\n\
         {margin} |\n\
         {margin} = help: expected an ISO 3166 code such as \"DE\" (`cvdns geoip countries` lists them)\n\n\
         1 error, 0 warnings\n\
         cvdns: list.csv: nothing is written until all lines are correct\n",
        " ".repeat(column - 1)
    );
    assert_eq!(error, expected);
    assert_eq!(names(dir.path()), ["list.csv"]);
}

/// A list of something else: every line is said, however many there are.
#[test]
fn every_bad_line_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let lines: Vec<String> =
        (0..300).map(|number| format!("mirror{number}.example,192.0.2.{number},DE\n")).collect();
    let list = lines.concat();
    fs::write(dir.path().join("list.csv"), list).expect("written");
    let (code, out, error) = import(dir.path(), &["list.csv"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    for number in 256..300 {
        let column = format!("mirror{number}.example,").len() + 1;
        assert!(
            error.contains(&format!("--> list.csv:{}:{column}\n", number + 1)),
            "{number}: {error}"
        );
    }
    // 192.0.2.0 to 192.0.2.255 are addresses.
    assert!(error.contains("\n44 errors, 0 warnings\n"), "{error}");
}

#[test]
fn an_existing_file_is_replaced_by_force_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let there = |name: &str| fs::read_to_string(dir.path().join(name)).expect("a file");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
    write("list.csv", "a.example,192.0.2.1,DE\n");
    write("bad.csv", "a.example,192.0.2.1,ZZ\n");
    write("mirrors.toml", "mine");
    let (code, out, error) = import(dir.path(), &["list.csv", "--out", "mirrors.toml"]);
    assert_eq!((code, out.as_str(), there("mirrors.toml").as_str()), (Some(1), "", "mine"));
    assert_eq!(
        error,
        "cvdns: mirrors.toml exists already: name another file, or replace it with --force\n"
    );
    // Nor does a name that leads nowhere count as free.
    std::os::unix::fs::symlink("gone", dir.path().join("link")).expect("a link");
    assert_eq!(import(dir.path(), &["list.csv", "--out", "link"]).0, Some(1));
    assert_eq!(import(dir.path(), &["bad.csv", "--out", "mirrors.toml", "--force"]).0, Some(1));
    assert_eq!(there("mirrors.toml"), "mine");
    assert_eq!(import(dir.path(), &["list.csv", "--out", "mirrors.toml", "--force"]).0, Some(0));
    let fleet =
        "[[mirror]]\nhost     = \"a.example\"\ncountry  = \"DE\"\nipv4     = [\"192.0.2.1\"]\n";
    assert_eq!(there("mirrors.toml"), fleet);
    assert_eq!(names(dir.path()), ["bad.csv", "link", "list.csv", "mirrors.toml"]);
    // Without a file it has no meaning.
    assert_eq!(import(dir.path(), &["list.csv", "--force"]).0, Some(2));
}

#[test]
fn what_is_no_list_is_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let write =
        |name: &str, octets: &[u8]| fs::write(dir.path().join(name), octets).expect("written");
    write("latin.csv", b"# all\na.example,192.0.2.1,DE # M\xfcnchen\n");
    write("large.csv", &vec![b'\n'; (4 << 20) + 1]);
    write("empty.csv", b"");
    for (arguments, said) in [
        (&["none.csv"][..], "cannot read none.csv: No such file or directory"),
        (&["."], "cannot read .: it is a directory, not a regular file"),
        (&["latin.csv"], "latin.csv: line 2 is not UTF-8 text; save it as UTF-8"),
        (&["large.csv"], "large.csv is over 4 MiB"),
        (&["empty.csv"], "error: the file names no mirror\n"),
    ] {
        let (code, out, error) = import(dir.path(), arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(error.contains(said), "{said}: {error}");
    }
    write("list.csv", b"a.example,192.0.2.1,DE\n");
    let (code, _, error) = import(dir.path(), &["list.csv", "--out", "none/mirrors.toml"]);
    assert_eq!(code, Some(1));
    assert!(error.starts_with("cvdns: none/mirrors.toml: No such file or directory"), "{error}");
}

/// A server answers from what was made.
#[test]
fn what_was_made_is_served() {
    let dir = tempfile::tempdir().expect("a directory");
    let list = "host,address,country,capacity\nonly.example,192.0.2.77,DE\nonly.example,2001:db8::77,DE,1Gbit/s\n";
    fs::write(dir.path().join("list.csv"), list).expect("written");
    let (code, fleet, error) = import(dir.path(), &["list.csv"]);
    assert_eq!(code, Some(0), "{error}");
    let daemon = Daemon::start(&fixture::files().with("mirrors.toml", fleet));
    let mut dig = tools::tool("dig");
    dig.args(["@127.0.0.1", "-p", &daemon.port().to_string(), "+short"]);
    dig.args(["db.jp.clam.example", "A", "db.de.clam.example", "AAAA"]);
    assert_eq!(tools::output(&mut dig), "192.0.2.77\n2001:db8::77\n");
}
