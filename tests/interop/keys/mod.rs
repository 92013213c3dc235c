//! Keys of DNSSEC: those of dnssec-keygen and ldns-keygen are read, and BIND and ldns read those of
//! `cvdns keys generate`.

mod parent;
mod servers;
mod signed_elsewhere;
mod tools;

use crate::support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::tools::tool_of;

const ZONE: &str = "clam.example";

/// Exit status, standard output and standard error of `cvdns` in a directory.
fn cvdns(dir: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(arguments).current_dir(dir).stdin(Stdio::null()).env_remove("CVDNS_CONFIG");
    let done = command.output().expect("cvdns");
    let text = |octets| String::from_utf8(octets).expect("text");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

/// What the command prints; it must succeed.
fn printed(dir: &Path, arguments: &[&str]) -> String {
    let (code, out, error) = cvdns(dir, arguments);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}: {out}{error}");
    out
}

/// A program of BIND or ldns.
fn tool(name: &str) -> Command {
    tool_of(name, "install bind9, bind9-utils and ldnsutils")
}

/// What such a program prints in a directory; it must succeed.
fn of_tool(dir: &Path, name: &str, arguments: &[&str]) -> String {
    support::tools::output(tool(name).args(arguments).current_dir(dir))
}

/// Makes a key by `cvdns keys generate` in a directory. Returns what its files are called.
fn generate(dir: &Path, arguments: &[&str]) -> String {
    let all = [&["keys", "generate", "--directory", "."], arguments, &[ZONE]].concat();
    // What is said of a zone-signing key is no matter here.
    let (code, out, error) = cvdns(dir, &all);
    assert_eq!(code, Some(0), "{arguments:?}: {error}");
    let stem = out.trim_end().strip_prefix("./").expect("a path").to_owned();
    assert!(stem.starts_with("Kclam.example.+0"), "{out}");
    stem
}

/// The key tag in the name of files.
fn tag(stem: &str) -> u64 {
    stem.rsplit('+').next().expect("a tag").parse().expect("a number")
}

fn list(dir: &Path) -> Vec<Value> {
    let out = printed(dir, &["keys", "list", "--json", "--directory", ".", ZONE]);
    serde_json::from_str(&out).expect("JSON")
}

/// A record on one line, its blanks made one, without TTL, digests in upper case.
fn record(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [owner, rest @ ..] = &words[..] else { panic!("no record: {line:?}") };
    let rest = if rest[0].parse::<u32>().is_ok() { &rest[1..] } else { rest };
    let (head, digest) = rest.split_at(5);
    format!("{owner} {} {}", head.join(" "), digest.concat().to_uppercase())
}

/// A file of a key.
fn read(dir: &Path, stem: &str, extension: &str) -> String {
    fs::read_to_string(dir.join(format!("{stem}.{extension}"))).expect("a file")
}
