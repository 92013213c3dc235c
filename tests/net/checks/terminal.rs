//! Terminals that are narrow, readers that go away, and users who want no colours.

use std::io::pipe;
use std::path::Path;
use std::process::Command;

use super::{cvdns, run, said};
use crate::support::fixture;
use crate::support::tools::tool_of;

/// The fixture's server, with something to warn of.
fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fixture::files()
        .with("list.csv", "host,address,country\nm.example,192.0.2.1,DE\n")
        .write(dir.path(), 5300);
    dir
}

const EXPLAINED: &str = "db.local.clam.example";

/// Commands that print, each a line or many.
const COMMANDS: [&[&str]; 19] = [
    &["--help"],
    &["--version"],
    &["check"],
    &["check", "--json"],
    &["explain", EXPLAINED],
    &["explain", EXPLAINED, "--json"],
    &["explain", EXPLAINED, "--client", "192.0.2.1", "--client", "198.51.100.1"],
    &["cvd", "cvdns.toml"],
    &["export", "delegation"],
    &["export", "bind", "--out", "out"],
    &["feed", "check"],
    &["feed", "show"],
    &["feed", "diff", "feed.json", "feed.json"],
    &["geoip", "countries"],
    &["geoip", "info"],
    &["geoip", "lookup", "192.0.2.1", "no-address"],
    &["import", "list.csv"],
    &["status"],
    &["geoip", "build", "--out", "new.mmdb", "list.csv"],
];

#[test]
fn whoever_reads_may_go_away() {
    let dir = directory();
    for arguments in COMMANDS {
        let plain = run(dir.path(), arguments);
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let (code, _, error) = said(cvdns(dir.path(), arguments).stdout(writer));
        assert!(
            code.is_some_and(|code| code <= 2) && !error.contains("panicked"),
            "{arguments:?} {code:?}: {error}"
        );
        // `check` tells scripts by its status what it found.
        assert!(arguments[0] != "check" || code == plain.0, "{arguments:?}");
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let (code, ..) = said(cvdns(dir.path(), arguments).stderr(writer));
        assert_eq!(code, plain.0, "{arguments:?} without anyone at standard error");
    }
}

/// Runs a command on a terminal of so many columns; what it writes there.
fn on_terminal(dir: &Path, columns: u16, variables: &[(&str, &str)], arguments: &[&str]) -> String {
    const SCRIPT: &str = "import fcntl, os, pty, struct, sys, termios\n\
        pid, terminal = pty.fork()\n\
        if pid == 0:\n\
        \x20   fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 50, int(sys.argv[1]), 0, 0))\n\
        \x20   os.execv(sys.argv[2], sys.argv[2:])\n\
        while True:\n\
        \x20   try: octets = os.read(terminal, 65536)\n\
        \x20   except OSError: break\n\
        \x20   if not octets: break\n\
        \x20   sys.stdout.buffer.write(octets)\n\
        os.waitpid(pid, 0)\n";
    let mut command: Command = tool_of("python3", "install python3");
    command.args(["-c", SCRIPT, &columns.to_string(), env!("CARGO_BIN_EXE_cvdns")]).args(arguments);
    command.current_dir(dir).env("TERM", "xterm").env_remove("NO_COLOR").env_remove("COLUMNS");
    // With it, help has colours on any terminal.
    command.env_remove("CI");
    command.envs(variables.iter().copied());
    let (code, out, error) = said(&mut command);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{arguments:?}");
    out
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| word.trim_end_matches(':').to_owned()).collect()
}

#[test]
fn narrow_terminals_break_no_word_of_a_table() {
    let dir = directory();
    let tables: [&[&str]; 4] = [
        &["geoip", "countries"],
        &["geoip", "info"],
        &["feed", "show"],
        &["geoip", "lookup", "2001:db8:8000::1"],
    ];
    for arguments in tables {
        let wide = words(&run(dir.path(), arguments).1);
        for columns in [1, 12, 30, 60] {
            let narrow = words(&on_terminal(dir.path(), columns, &[], arguments));
            for word in &wide {
                assert!(narrow.contains(word), "{arguments:?} on {columns} columns: {word}");
            }
        }
    }
}

#[test]
fn narrow_terminals_break_no_word_of_a_help() {
    let dir = directory();
    let commands: [&[&str]; 9] = [
        &[],
        &["check"],
        &["explain"],
        &["cvd"],
        &["export", "bind"],
        &["feed", "check"],
        &["geoip", "lookup"],
        &["import"],
        &["monitor"],
    ];
    for command in commands {
        let help = |columns: &str| {
            let arguments = [command, &["--help"]].concat();
            said(cvdns(dir.path(), &arguments).env("COLUMNS", columns)).1
        };
        let wide = words(&help("200"));
        for columns in ["10", "30", "50"] {
            assert_eq!(words(&help(columns)), wide, "{command:?} on {columns} columns");
        }
    }
}

#[test]
fn no_color_means_no_colours() {
    let dir = directory();
    // On its terminal it warns of the small database in colours.
    let coloured = on_terminal(dir.path(), 80, &[], &["check"]);
    assert!(coloured.contains("\x1b["), "{coloured}");
    for (variables, commands) in [(("NO_COLOR", "1"), COMMANDS), (("TERM", "dumb"), COMMANDS)] {
        for arguments in
            commands.iter().filter(|arguments| !["cvd", "status"].contains(&arguments[0]))
        {
            if arguments.contains(&"no-address") || arguments.contains(&"build") {
                continue;
            }
            let plain = on_terminal(dir.path(), 80, &[variables], arguments);
            assert!(!plain.contains("\x1b["), "{variables:?} {arguments:?}: {plain:?}");
        }
    }
    let coloured = on_terminal(dir.path(), 80, &[("NO_COLOR", "")], &["check"]);
    assert!(coloured.contains("\x1b["), "empty counts as unset: {coloured}");
}
