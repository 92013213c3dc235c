//! `include` in `cvdns.toml`: one configuration in several files.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::run;
use crate::support::client::Transport;
use crate::support::daemon::{Daemon, Files};
use crate::support::packet::Query;
use crate::support::{fixture, rr};

/// The fixture's server in several files: zones and feed are in files of their own.
fn files() -> Files {
    let files = fixture::files();
    let whole = files.text("cvdns.toml").to_owned();
    let (server, rest) = whole.split_once("[[zone]]").expect("zones");
    let (_, rest) = rest.split_once("[geoip]").expect("a database");
    let (geoip, feed) = rest.split_once("[feed]").expect("a feed");
    let first = format!("include = [\"conf.d/*.toml\", \"geoip.toml\"]\n{server}");
    files
        .with("cvdns.toml", first)
        .with("geoip.toml", format!("[geoip]{geoip}"))
        .with("conf.d/10-clam.toml", "[[zone]]\nfile = \"../clam.toml\"\n")
        .with("conf.d/20-feed.toml", format!("[feed]{}", feed.replace("feed.json", "../feed.json")))
        .with("conf.d/.30-short.toml.swp", "an editor's copy")
}

const SHORT: &str = "[[zone]]\nfile = \"../short.toml\"\n";

fn rcode(daemon: &Daemon, name: &str) -> u16 {
    daemon.client().ask(Transport::Udp4, &Query::new(name, rr::SOA)).rcode()
}

fn written(files: &Files) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    files.write(dir.path(), 5300);
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("written");
}

#[test]
fn a_reload_finds_new_files_and_refuses_bad_ones() {
    let daemon = Daemon::start(&files());
    assert!(daemon.log().contains("included: "), "{}", daemon.log());
    assert_eq!(rcode(&daemon, "clam.example"), rr::NOERROR);
    assert_eq!(rcode(&daemon, "short.example"), rr::REFUSED);

    daemon.write_file("conf.d/30-short.toml", SHORT);
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["30-short.toml", "reloaded "]);
    assert_eq!(rcode(&daemon, "short.example"), rr::NOERROR);

    daemon.write_file("conf.d/40-server.toml", "[server]\nnsid = \"other\"\n");
    let before = daemon.log().len();
    daemon.sighup();
    let place =
        "conf.d/40-server.toml:2:1: `nsid` in [server] is given twice (it is also given at ";
    daemon.wait_for_log(before, &[place, "was not reloaded"]);
    assert_eq!(rcode(&daemon, "short.example"), rr::NOERROR);

    fs::remove_file(daemon.path().join("conf.d/40-server.toml")).expect("removed");
    fs::remove_file(daemon.path().join("conf.d/30-short.toml")).expect("removed");
    let before = daemon.log().len();
    daemon.sighup();
    daemon.wait_for_log(before, &["reloaded "]);
    assert_eq!(rcode(&daemon, "short.example"), rr::REFUSED);
}

#[test]
fn check_lists_what_was_read() {
    let dir = written(&files());
    let (code, out, error) = run(dir.path(), &["check"]);
    let included = "conf.d/10-clam.toml, conf.d/20-feed.toml, geoip.toml";
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains(&format!("included: {included}\n")), "{out}");
    let (_, out, _) = run(dir.path(), &["check", "--json"]);
    let json: Value = serde_json::from_str(&out).expect("JSON");
    let listed: Vec<&str> = included.split(", ").collect();
    assert_eq!(json["included"], serde_json::json!(listed));
    // All commands read the same.
    let (code, out, error) = run(dir.path(), &["geoip", "lookup", "127.0.0.1"]);
    assert!(code == Some(0) && out.contains("US"), "{out}{error}");
}

#[test]
fn mistakes_are_shown_where_they_are() {
    for (name, text, first, expected) in [
        (
            "conf.d/x.toml",
            "[server]\nworkers = 2\n",
            "",
            "error: `workers` in [server] is given twice\n --> conf.d/x.toml:2:1\n  |\n\
             2 | workers = 2\n  | ^^^^^^^\n  |\n  = help: it is also given at cvdns.toml:5:1: \
             keep one\n",
        ),
        (
            "conf.d/x.toml",
            "include = [\"y.toml\"]\n",
            "",
            "error: an included file includes others\n --> conf.d/x.toml:1:1\n  |\n\
             1 | include = [\"y.toml\"]\n  | ^^^^^^^\n  |\n  = help: name them in the `include` \
             of the first file\n",
        ),
        (
            "conf.d/x.toml",
            "[server\n",
            "",
            "error: unclosed table, expected `]`\n --> conf.d/x.toml:1:8\n  |\n1 | [server\n\
             \u{20} |        ^\n",
        ),
        (
            "conf.d/x.toml",
            "[[zone]]\nfile = \"none.toml\"\n",
            "",
            "error: cannot read conf.d/none.toml: No such file or directory (os error 2)\n \
             --> conf.d/x.toml:2:8\n  |\n2 | file = \"none.toml\"\n  |        ^^^^^^^^^^^\n  |\n  \
             = help: check the path: it is relative to the file that names it\n",
        ),
        (
            "unused",
            "",
            "\"none.toml\", \"none/*.toml\"",
            "error: cannot read none.toml: No such file or directory (os error 2)\n \
             --> cvdns.toml:1:12\n  |\n1 | include = [\"none.toml\", \"none/*.toml\"]\n  |            \
             ^^^^^^^^^^^\n  |\n  = help: check the path: it is relative to the file that names it\n",
        ),
        (
            "unused",
            "",
            "\"conf.d/**/*.toml\"",
            "error: \"conf.d/**/*.toml\" has \"**\": directories are not searched\n \
             --> cvdns.toml:1:12\n  |\n1 | include = [\"conf.d/**/*.toml\"]\n  |            \
             ^^^^^^^^^^^^^^^^^^\n  |\n  = help: write a path, or a pattern such as \"conf.d/*.toml\"\n",
        ),
        (
            "unused",
            "",
            "\"cvdns.toml\"",
            "error: cvdns.toml is read already\n --> cvdns.toml:1:12\n  |\n\
             1 | include = [\"cvdns.toml\"]\n  |            ^^^^^^^^^^^^\n  |\n  = help: remove it \
             from `include`\n",
        ),
    ] {
        let dir = written(&files().with(name, text));
        if !first.is_empty() {
            let config = fs::read_to_string(dir.path().join("cvdns.toml")).expect("a file");
            let config = config.replacen("\"conf.d/*.toml\", \"geoip.toml\"", first, 1);
            write(dir.path(), "cvdns.toml", &config);
        }
        let (code, out, error) = run(dir.path(), &["check"]);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{name} {text}");
        // The small database causes a warning, where it is read.
        let errors = error.split("\nwarning: ").next().expect("errors");
        let errors = errors.strip_suffix("\n1 error, 0 warnings\n").unwrap_or(errors);
        assert_eq!(errors, expected, "{name} {text}");
    }
}

/// A pattern that matches nothing is as good as none, and a file that several match is read once.
#[test]
fn patterns_may_match_nothing_or_the_same() {
    let dir = written(&files());
    let config = fs::read_to_string(dir.path().join("cvdns.toml")).expect("a file");
    let all = "\"none/*.toml\", \"c*.d/1?-*.toml\", \"conf.d/*.toml\", \"geoip.toml\", \"g*.toml\"";
    let config = config.replacen("\"conf.d/*.toml\", \"geoip.toml\"", all, 1);
    write(dir.path(), "cvdns.toml", &config);
    let (code, out, error) = run(dir.path(), &["check"]);
    assert_eq!(code, Some(0), "{error}");
    let included = "included: conf.d/10-clam.toml, conf.d/20-feed.toml, geoip.toml\n";
    assert!(out.contains(included), "{out}");
}

/// Paths are relative to the file that has them, from wherever the server is started.
#[test]
fn the_configuration_may_be_elsewhere() {
    let dir = written(&files());
    let config = dir.path().join("cvdns.toml").display().to_string();
    let (code, out, error) = run(Path::new("/"), &["check", "--config", &config]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains(&format!("included: {}/conf.d/10-clam.toml, ", dir.path().display())));
}
