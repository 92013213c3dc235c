//! The scripts of `cvdns completions`, in the shells that read them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::tools::{output, tool_of};

fn cvdns(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(arguments);
    command
}

/// The script for a shell, in a file.
fn script(shell: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("script");
    fs::write(&path, output(&mut cvdns(&["completions", shell]))).expect("written");
    (dir, path)
}

fn shell(name: &str) -> Command {
    tool_of(name, "install bash, zsh and fish: tests need them")
}

/// What bash would offer for the last of these words.
fn offered_by_bash(words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
        source "$1"; shift
        function=$(complete -p cvdns | sed 's/.* -F \([^ ]*\) .*/\1/')
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        compopt() { :; }
        "$function" cvdns "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let (_dir, path) = script("bash");
    let mut bash = shell("bash");
    let out = output(bash.args(["--norc", "-c", ASK, "bash"]).arg(path).args(words));
    out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(offered_by_bash(&["cvdns", "fe"]), ["feed"]);
    assert_eq!(offered_by_bash(&["cvdns", "feed", "d"]), ["diff"]);
    assert_eq!(offered_by_bash(&["cvdns", "serve", "--rep"]), ["--replace"]);
    assert_eq!(offered_by_bash(&["cvdns", "export", "bind", "--acl", ""]), ["geoip", "prefixes"]);
    assert_eq!(offered_by_bash(&["cvdns", "completions", "z"]), ["zsh"]);
}

#[test]
fn zsh_completes_commands() {
    const LOAD: &str = "fpath=($1 $fpath); autoload -U compinit; compinit -D -u; \
        print $_comps[cvdns]; autoload +X _cvdns && print ${+functions[_cvdns]}";
    let (dir, path) = script("zsh");
    output(shell("zsh").args(["-f", "-n"]).arg(&path));
    // zsh finds the script by its name, and loads it when it is first needed.
    fs::rename(path, dir.path().join("_cvdns")).expect("renamed");
    let out = output(shell("zsh").args(["-f", "-c", LOAD, "zsh"]).arg(dir.path()));
    assert_eq!(out, "_cvdns\n1\n");
}

#[test]
fn fish_completes_commands_and_options() {
    let (dir, path) = script("fish");
    // It writes its history and variables into the home directory.
    let fish = || {
        let mut fish = shell("fish");
        fish.env("HOME", dir.path()).env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
        fish
    };
    output(fish().arg("-n").arg(&path));
    let ask = |line: &str| -> Vec<String> {
        let script = format!("source '{}'; complete -C '{line}'", path.display());
        let out = output(fish().args(["-N", "-c", &script]));
        out.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(ask("cvdns fe"), ["feed"]);
    assert_eq!(ask("cvdns feed d"), ["diff"]);
    assert_eq!(ask("cvdns serve --rep"), ["--replace"]);
}

#[test]
fn other_shells_have_scripts_and_words_that_are_no_shell_are_refused() {
    for shell in ["elvish", "powershell"] {
        let (_dir, path) = script(shell);
        assert!(fs::read_to_string(path).expect("text").contains("cvdns;feed;diff"), "{shell}");
    }
    let done = cvdns(&["completions", "csh"]).output().expect("cvdns");
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2));
    assert!(error.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{error}");
}

#[test]
fn whoever_reads_a_script_may_go_away() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = cvdns(&["completions", "bash"]);
    let done = command.stdout(writer).stderr(Stdio::piped()).output().expect("cvdns");
    assert_eq!((done.status.code(), done.stderr), (Some(0), Vec::new()));
}
