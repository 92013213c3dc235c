//! `cvdns cvd`: what it prints of database files, and the record that it makes of them.

use crate::support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::databases;
use support::fixture;

/// Runs it in a directory; exit status, standard output and error.
fn cvd(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    let done = command.arg("cvd").args(arguments).current_dir(dir).output().expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        fs::write(dir.path().join(name), content).expect("a file");
    }
    dir
}

fn all(daily: &str) -> [(&'static str, String); 3] {
    [("main.cvd", "63"), ("daily.cld", daily), ("bytecode.cvd", "339")]
        .map(|(name, v)| (name, databases::cvd(v)))
}

fn databases_of(daily: &str) -> tempfile::TempDir {
    let files = all(daily);
    directory(&[0, 1, 2].map(|number: usize| (files[number].0, files[number].1.as_str())))
}

/// The record without its stamp, which must be the half hour's.
fn without_stamp(record: &str) -> String {
    let line = record.strip_suffix('\n').expect("one line");
    let mut fields: Vec<&str> = line.split(':').collect();
    let stamp: i64 = fields.remove(3).parse().expect("a stamp");
    let now = jiff::Timestamp::now().as_second();
    assert!(stamp % 1800 == 0 && (now - 3600..=now).contains(&stamp), "{stamp} at {now}");
    fields.join(":")
}

#[test]
fn header_fields_are_printed() {
    let dir = directory(&[("main.cvd", &databases::cvd("63"))]);
    let (code, out, error) = cvd(dir.path(), &["main.cvd"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let table: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    let row = [
        "main.cvd",
        "63",
        "3287027",
        "90",
        "2025-12-16T23:18:22Z",
        "tomjudge",
        "9c353a6b32555186a45a61c6441f38c0",
    ];
    assert_eq!(
        table,
        [&["FILE", "VERSION", "SIGNATURES", "FLEVEL", "BUILT", "BUILDER", "MD5"], &row]
    );
    let (code, out, _) = cvd(dir.path(), &["--json", "main.cvd"]);
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let expected = serde_json::json!([{
        "file": "main.cvd", "built": "16 Dec 2025 23-18 +0000", "version": 63, "signatures": 3_287_027,
        "flevel": 90, "md5": "9c353a6b32555186a45a61c6441f38c0", "signature": "gI9w", "builder": "tomjudge",
        "time": "2025-12-16T23:18:22Z",
    }]);
    assert_eq!((code, json), (Some(0), expected));
}

#[test]
fn the_record_is_made_of_files_and_of_what_the_configuration_knows() {
    let dir = databases_of("28130");
    let names = ["--record", "main.cvd", "daily.cld", "bytecode.cvd"];
    let (code, out, error) = cvd(dir.path(), &[&names[..], &["--software", "1.5.0"]].concat());
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(without_stamp(&out), "1.5.0:63:28130:1:90:49192:339");

    // Nothing has the software version: it is not made up.
    let (code, out, error) = cvd(dir.path(), &names);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("such as --software 1.4.6, or name a configuration"), "{error}");

    // A database that is missing.
    let (code, out, error) =
        cvd(dir.path(), &["--record", "--software", "1.5.0", "main.cvd", "daily.cld"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("needs the version of bytecode"), "{error}");

    // The configuration's feed has the rest.
    let feed =
        fixture::feed(1_000, &fixture::States::new()).replace("\"warn\": true", "\"warn\": false");
    fixture::files().with("feed.json", feed).write(dir.path(), 5300);
    let (code, out, error) = cvd(dir.path(), &["--record", "daily.cld"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(without_stamp(&out), "1.4.6:63:28130:0:90:49192:339");

    // Without files: what serve would answer, the gate included.
    let (code, out, error) = cvd(dir.path(), &["--record"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert_eq!(without_stamp(&out), "1.4.6:63:28129:0:90:49192:339");
    let states: Vec<_> = fixture::mirrors().into_iter().map(|mirror| mirror.host).collect();
    let held = states.iter().map(|host| format!("\"{host}\":{{\"state\":\"up\",\"daily\":28128}}"));
    let mirrors = format!("\"mirrors\": {{{}}}", held.collect::<Vec<_>>().join(","));
    let feed = fixture::feed(1_000, &fixture::States::new()).replace("\"mirrors\": {  }", &mirrors);
    fs::write(dir.path().join("feed.json"), feed).expect("the feed");
    let (_, out, error) = cvd(dir.path(), &["--record"]);
    assert_eq!(without_stamp(&out), "1.4.6:63:28128:1:90:49192:339", "{error}");
}

/// "can be … written (`cvdns cvd --record > dns.txt`)", also where the configuration reads that
/// very file: the shell has emptied it before the command begins.
#[test]
fn a_record_can_be_written_over_itself() {
    let dir = databases_of("28130");
    let files = fixture::files().with("dns.txt", "");
    let config = format!("{}\n[record]\nrecord-file = \"dns.txt\"\n", files.text("cvdns.toml"));
    files.with("cvdns.toml", config).write(dir.path(), 5300);
    let (code, out, error) =
        cvd(dir.path(), &["--record", "main.cvd", "daily.cld", "bytecode.cvd"]);
    assert_eq!(
        (code, without_stamp(&out).as_str()),
        (Some(0), "1.4.6:63:28130:1:90:49192:339"),
        "{error}"
    );
    assert!(
        error.contains(
            "dns.txt: 0 lines; expected one, the record; the other fields of the record are taken"
        ),
        "{error}"
    );
}

/// What serve would not answer is not printed, and a configuration that is named must be there.
#[test]
fn no_record_is_made_up() {
    let dir = databases_of("28130");
    let missing = [
        "--config",
        "other.toml",
        "--record",
        "--software",
        "1.5.0",
        "main.cvd",
        "daily.cld",
        "bytecode.cvd",
    ];
    let (code, out, error) = cvd(dir.path(), &missing);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{error}");
    let feed = fixture::feed(1_000, &fixture::States::new());
    let now = feed
        .split("\"generated\": \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a time");
    fixture::files()
        .with("feed.json", feed.replace(now, "2026-01-01T00:00:00Z"))
        .write(dir.path(), 5300);
    let (code, out, error) = cvd(dir.path(), &["--record"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(error.contains("serve would answer SERVFAIL"), "{error}");
}

/// "Headers cut off, not CVD, with fields missing, version 0 or not a number, a time in the future:
/// a clear error with the file's name."
#[test]
fn bad_files_are_named_and_good_ones_are_printed() {
    let cut = &databases::cvd("63")[..200];
    let dir = directory(&[
        ("good.cvd", &databases::cvd("7")),
        ("cut.cvd", cut),
        ("page.cvd", &"<html>".repeat(100)),
        ("fields.cvd", &format!("{:512}", "ClamAV-VDB:16 Dec 2025 23-18 +0000:63:1:90")),
        ("zero.cvd", &databases::cvd("0")),
        ("word.cvd", &databases::cvd("x")),
        ("future.cvd", &databases::cvd_of("63", "4102444800")),
    ]);
    for (name, words) in [
        ("cut.cvd", "cut.cvd: cut off: 200 octets"),
        ("page.cvd", "page.cvd: not a ClamAV database"),
        ("fields.cvd", "fields.cvd: its header has no MD5"),
        ("zero.cvd", "zero.cvd: the version in its header is \"0\"; expected a number, 1 or more"),
        ("word.cvd", "word.cvd: the version in its header is \"x\""),
        (
            "future.cvd",
            "future.cvd: it was built at 2100-01-01T00:00:00Z, more than 5 minutes in the future",
        ),
        ("none.cvd", "cannot read none.cvd: No such file"),
        (".", "cannot read .: it is a directory"),
    ] {
        let (code, out, error) = cvd(dir.path(), &["good.cvd", name]);
        assert_eq!(code, Some(1), "{name}");
        assert!(error.contains(words) && error.lines().count() == 1, "{error}");
        assert!(out.contains("good.cvd") && !out.contains(&format!("{name} ")), "{out}");
        let (code, out, _) =
            cvd(dir.path(), &["--record", "--software", "1.5.0", "good.cvd", name]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{name}");
    }
    assert_eq!(cvd(dir.path(), &[]).0, Some(2));
}
