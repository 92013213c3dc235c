//! What programs read of the log: priorities in the journal, fields in JSON, and a file that is
//! rotated.

use crate::sandbox::has_landlock;
use crate::support;

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::{User, geteuid};
use serde_json::Value;
use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture::{self, States};
use support::left_out::leave_out;
use support::packet::Query;
use support::prometheus::Page;
use support::{PATIENCE, ports, rr, tools};

/// The fixture's server with this `[log]`.
fn files(log: &str) -> Files {
    let files = fixture::files();
    let config = format!("{}\n[log]\n{log}\n", files.text("cvdns.toml"));
    files.with("cvdns.toml", config)
}

/// The same with an admin address, whose port is returned.
fn administered(log: &str) -> (Files, u16) {
    let (files, port) = (files(log), ports::free());
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n", files.text("cvdns.toml"));
    (files.with("cvdns.toml", config), port)
}

fn status(daemon: &Daemon) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    tools::output(command.args(["status", "--config"]).arg(daemon.path().join("cvdns.toml")))
}

/// Waits until a file has these words, and returns what it has.
fn wait_for(path: &Path, words: &[&str]) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if words.iter().all(|word| text.contains(word)) {
            return text;
        }
        assert!(Instant::now() < deadline, "no {words:?} in {}:\n{text}", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// sd-daemon(3) and systemd.exec(5): the journal takes priorities from the start of each line, and
/// `JOURNAL_STREAM` tells by device and inode whether standard error leads to it.
#[test]
fn lines_have_their_priority_where_the_journal_reads_them() {
    let mut daemon = Daemon::start(&files(""));
    for (stream, is_journal) in [
        ("$(stat -L -c %d:%i /proc/self/fd/2)", true),
        // That of a program which redirected its standard error.
        ("$(stat -L -c %d:%i /dev/null)", false),
    ] {
        daemon.kill();
        daemon.write_file("feed.json", &fixture::feed(1_000, &States::new()));
        daemon.start_again_after(&format!("export JOURNAL_STREAM={stream}"));
        daemon.write_feed("no feed");
        daemon.wait_for_log(0, &["is not taken"]);
        for line in daemon.log().lines() {
            let (level, priority) = [(" INFO ", "<6>"), (" WARN ", "<4>"), ("ERROR ", "<3>")]
                .into_iter()
                .find(|(level, _)| line.contains(level))
                .expect("a level");
            assert_eq!(line.starts_with(&format!("{priority}20")), is_journal, "{level}: {line}");
            assert_eq!(line.starts_with("20"), !is_journal, "{line}");
        }
    }
}

/// The names in the table of docs/monitoring.md.
fn documented() -> BTreeSet<String> {
    let page = include_str!("../../docs/monitoring.md");
    let (_, rest) = page.split_once("<!-- fields of the log -->").expect("a table");
    let (table, _) = rest.split_once("<!-- end of fields -->").expect("its end");
    let names = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    names.map(str::to_owned).chain(["timestamp", "level", "message"].map(str::to_owned)).collect()
}

/// The line with this message, without time and message.
fn fields(log: &str, message: &str) -> Value {
    let mut lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut found = lines
        .rfind(|line| line["message"].as_str().expect("a message").contains(message))
        .unwrap_or_else(|| panic!("no {message:?} in\n{log}"));
    let fields = found.as_object_mut().expect("an object");
    assert!(fields.remove("timestamp").is_some() && fields.remove("message").is_some());
    found
}

#[test]
fn json_has_what_a_line_is_about_in_fields_that_the_page_lists() {
    let files = files("format = \"json\"");
    let config = files
        .text("cvdns.toml")
        .replace("[feed]\n", "[feed]\noverrides = \"overrides.toml\"\nstate = \"none/state\"\n");
    let daemon = Daemon::start(&files.with("cvdns.toml", &*config));
    let news = |words: &[&str]| daemon.wait_for_log(0, words);
    let down = fixture::states(&[("de1.example", "down"), ("unknown.example", "up")]);
    daemon.write_feed(&fixture::feed(1_001, &down));
    news(&["mirror de1.example"]);
    daemon.write_file(
        "overrides.toml",
        "[[override]]\nhost = \"fr1.example\"\nstate = \"drained\"\nreason = \"disk swap\"\n",
    );
    news(&["override in force"]);
    daemon.write_feed("no feed");
    news(&["is not taken"]);
    let broken = fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the configuration");
    daemon.write_file("cvdns.toml", &broken.replace("workers = 1", "workers = \"one\""));
    daemon.sighup();
    news(&["was not reloaded"]);

    let path = daemon.path().join("cvdns.toml").display().to_string();
    let line = broken.lines().position(|line| line == "workers = 1").expect("the key") + 1;
    let log = daemon.last_log();
    let expected = [
        (
            "mirror de1.example (DE): down",
            serde_json::json!({ "level": "INFO", "mirror": "de1.example", "country": "DE",
                "state": "down", "before": "up", "reason": "feed" }),
        ),
        ("feed 1001 of", serde_json::json!({ "level": "INFO", "feed": 1001 })),
        (
            "override in force: fr1.example",
            serde_json::json!({ "level": "INFO", "mirror": "fr1.example", "state": "drained",
                "reason": "disk swap" }),
        ),
        ("was not reloaded", serde_json::json!({ "level": "ERROR", "path": path })),
    ];
    for (message, expected) in expected {
        assert_eq!(fields(&log, message), expected, "{message}");
    }
    let refused = fields(&log, "is not taken");
    assert_eq!((&refused["level"], &refused["reason"]), (&"WARN".into(), &"syntax".into()));
    assert!(refused["source"].as_str().is_some_and(|source| source.ends_with("feed.json")));
    let problem = fields(&log, &format!("{path}:{line}:"));
    assert_eq!((&problem["path"], &problem["line"]), (&path.into(), &line.into()), "{problem}");
    assert!(problem["column"].is_u64() && problem["reason"].is_string(), "{problem}");

    let documented = documented();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        for name in line.as_object().expect("an object").keys() {
            assert!(documented.contains(name), "{name} is not in docs/monitoring.md: {line}");
        }
    }
}

/// Renames the file, as programs for log files do, and has it opened again.
fn rotate(file: &Path, to: &str, pid: u32) {
    fs::rename(file, file.with_extension(to)).expect("renamed");
    tools::signal(pid, "USR1");
}

#[test]
fn a_file_is_rotated_and_the_log_goes_on_where_it_cannot_be() {
    let (files, admin) = administered("file = \"logs/cvdns.log\"");
    let files = files.with("logs/keep", "");
    let said = tempfile::tempdir().expect("a directory");
    let stderr = File::create(said.path().join("stderr")).expect("a file");
    let daemon = Daemon::start_logging_to(&files, stderr);
    let file = daemon.path().join("logs/cvdns.log");
    wait_for(&file, &["answering on [::1]"]);
    assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o640);
    // Whoever looks at standard error is told where the log is.
    let told = wait_for(&said.path().join("stderr"), &["cvdns.log"]);
    assert!(told.contains("starts with") && !told.contains("answering on"), "{told}");

    rotate(&file, "1", daemon.pid());
    let first = wait_for(&file, &["which was opened again"]);
    assert_eq!(first.lines().count(), 1, "{first}");
    daemon.write_feed(&fixture::feed(1_001, &fixture::states(&[("de1.example", "down")])));
    wait_for(&file, &["feed 1001 of"]);

    // A directory takes its place: the log goes on elsewhere, until the file can be opened.
    fs::rename(&file, file.with_extension("2")).expect("renamed");
    fs::create_dir(&file).expect("a directory");
    tools::signal(daemon.pid(), "USR1");
    let error = ["ERROR", "cannot be opened: it is a directory", "tried again every second"];
    wait_for(&file.with_extension("2"), &error);
    wait_for(&said.path().join("stderr"), &error);
    daemon.write_feed(&fixture::feed(1_002, &States::new()));
    wait_for(&said.path().join("stderr"), &["feed 1002 of"]);
    let not_open = || Page::of(admin).get("cvdns_log_open_errors_total", &[]);
    daemon.until("another attempt", || not_open() > 1.5);
    let line = format!("on standard error, NOT in {}: it is a directory", file.display());
    assert!(status(&daemon).contains(&line), "{}", status(&daemon));
    fs::remove_dir(&file).expect("removed");
    daemon.until("the file", || !status(&daemon).contains("NOT in"));
    daemon.write_feed(&fixture::feed(1_003, &States::new()));
    wait_for(&file, &["feed 1003 of"]);
    tools::signal(daemon.pid(), "TERM");
    wait_for(&file, &["stopped: "]);
    let old = wait_for(&file.with_extension("1"), &["answering on"]);
    assert!(!old.contains("feed 1001"), "{old}");
    assert!(daemon.wait().success());
}

#[test]
fn a_server_that_replaces_another_goes_on_in_the_same_file() {
    let files = files("file = \"cvdns.log\"");
    let config =
        files.text("cvdns.toml").replace("[server]\n", "[server]\ntakeover = \"takeover.sock\"\n");
    let daemon = Daemon::start_logging_to(&files.with("cvdns.toml", config), Stdio::null());
    let file = daemon.path().join("cvdns.log");
    wait_for(&file, &["answering on [::1]"]);
    let mut successor = Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .args(["serve", "--replace", "--config"])
        .arg(daemon.path().join("cvdns.toml"))
        .current_dir(daemon.path())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    wait_for(&file, &["replaces cvdns", "replaced by cvdns", "stopped: "]);
    rotate(&file, "1", successor.id());
    wait_for(&file, &["which was opened again"]);
    assert!(daemon.wait().success());
    assert!(tools::stop(&mut successor).is_some_and(|status| status.success()));
}

#[test]
fn monitor_and_exporter_have_their_file_too() {
    let exporter =
        ["export", "bind", "--watch", "--out", "out", "--reload", "", "--reconfigure", ""];
    for arguments in [&["monitor"][..], &exporter] {
        let dir = tempfile::tempdir().expect("a directory");
        let files = files("file = \"own.log\"");
        let monitor =
            "\n[monitor]\nfeed = \"new.json\"\nstate = \"monitor\"\ninterval = \"1h\"\nport = 9\n";
        let config = format!("{}{monitor}", files.text("cvdns.toml"));
        files.with("cvdns.toml", config).write(dir.path(), ports::free());
        let mut child = Command::new(env!("CARGO_BIN_EXE_cvdns"))
            .args(arguments)
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let file = dir.path().join("own.log");
        wait_for(&file, &["INFO"]);
        rotate(&file, "1", child.id());
        wait_for(&file, &["which was opened again"]);
        assert!(tools::stop(&mut child).is_some_and(|status| status.success()));
    }
}

/// A log that cannot be opened is no reason not to answer.
#[test]
fn a_server_whose_file_cannot_be_opened_starts_and_tries_again() {
    let (files, admin) = administered("file = \"logs/cvdns.log\"");
    let said = tempfile::tempdir().expect("a directory");
    let stderr = File::create(said.path().join("stderr")).expect("a file");
    let daemon = Daemon::start_logging_to(&files.with("logs/cvdns.log/keep", ""), stderr);
    let file = daemon.path().join("logs/cvdns.log");
    wait_for(
        &said.path().join("stderr"),
        &["ERROR", "cvdns.log cannot be opened: it is a directory", "answering on [::1]"],
    );
    assert!(Page::of(admin).get("cvdns_log_open_errors_total", &[]) > 0.5);
    assert!(status(&daemon).contains("NOT in"), "{}", status(&daemon));
    fs::remove_dir_all(&file).expect("removed");
    daemon.until("the file", || !status(&daemon).contains("NOT in"));
    daemon.write_feed(&fixture::feed(1_001, &States::new()));
    wait_for(&file, &["feed 1001 of"]);
    assert!(daemon.terminate().success());
}

/// landlock(7): a rule is about the directory that lay at a path, not about the path.
#[test]
fn a_directory_that_was_made_anew_is_named_as_the_reason() {
    let files = files("file = \"logs/cvdns.log\"").with("logs/keep", "");
    let said = tempfile::tempdir().expect("a directory");
    let stderr = File::create(said.path().join("stderr")).expect("a file");
    let daemon = Daemon::start_logging_to(&files, stderr);
    let file = daemon.path().join("logs/cvdns.log");
    wait_for(&file, &["answering on [::1]"]);
    // Were the first removed before the second is made, it could have the same inode.
    fs::rename(daemon.path().join("logs"), daemon.path().join("old")).expect("renamed");
    fs::create_dir(daemon.path().join("logs")).expect("made");
    fs::remove_dir_all(daemon.path().join("old")).expect("removed");
    tools::signal(daemon.pid(), "USR1");
    if has_landlock() {
        let reason = ["ERROR", "directory is not the one that was there", "restart cvdns"];
        wait_for(&said.path().join("stderr"), &reason);
    } else {
        wait_for(&file, &["which was opened again"]);
    }
    assert!(daemon.terminate().success());
}

/// The end of a command that was given this `[log] file`.
fn check(file: &str) -> (bool, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let files = files(&format!("file = \"{file}\""));
    let config =
        files.text("cvdns.toml").replace("[server]\n", "[server]\ntakeover = \"takeover.sock\"\n");
    files.with("none", "").with("cvdns.toml", config).write(dir.path(), ports::free());
    nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    std::os::unix::fs::symlink("nowhere/file", dir.path().join("link")).expect("a link");
    let output = Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .args(["check", "--config"])
        .arg(dir.path().join("cvdns.toml"))
        .output()
        .expect("run");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn check_refuses_what_can_be_no_log() {
    for (file, reason) in [
        (".", "is a directory"),
        ("logs/", "is a directory"),
        ("pipe", "is a pipe"),
        ("/dev/null", "is a device"),
        ("link", "is a symbolic link that leads nowhere"),
        ("/proc/cvdns.log", "is in /proc"),
        ("cvdns.toml", "the server reads"),
        ("./feed.json", "the server reads"),
        ("takeover.sock", "the server makes"),
        ("none/cvdns.log", "none is not a directory"),
    ] {
        let (good, said) = check(file);
        assert!(!good && said.contains(reason), "{file}: {said}");
    }
    for file in ["cvdns.log", "logs/of/cvdns.log"] {
        let (good, said) = check(file);
        assert!(good, "{file}: {said}");
    }
}

/// Runs `serve`, which cannot start, with standard error as the journal's. Returns what it says.
fn fails_under_systemd(files: &Files) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    files.write(dir.path(), ports::free());
    let script = "export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) && exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_cvdns"), "serve", "--config"])
        .arg(dir.path().join("cvdns.toml"))
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// sd-daemon(3), as above.
#[test]
fn what_keeps_the_server_from_starting_has_a_priority() {
    for format in ["text", "json"] {
        let files = files(&format!("format = \"{format}\""));
        let config = files.text("cvdns.toml").replace("workers = 1", "workers = \"one\"");
        let said = fails_under_systemd(&files.clone().with("cvdns.toml", config));
        assert!(said.contains("workers"), "{said}");
        // The first line says what the server starts with.
        let (first, problems) = said.split_once('\n').expect("lines");
        assert!(first.starts_with("<6>") && first.contains("starts with"), "{said}");
        for line in problems.lines() {
            let rest = line.strip_prefix("<3>").unwrap_or_else(|| panic!("no priority: {said}"));
            if format == "json" {
                let line: Value = serde_json::from_str(rest).expect("JSON");
                assert_eq!(line["level"], "ERROR", "{line}");
            }
        }
    }
    let said = fails_under_systemd(&files("").with("cvdns.toml", "[server"));
    assert!(said.lines().all(|line| line.starts_with("<3>")), "{said}");
}

#[test]
fn samples_have_their_priority_too() {
    let mut daemon = Daemon::start(&files("query-sample = 1"));
    daemon.kill();
    daemon.start_again_after("export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2)");
    let query = Query::new("db.de.clam.example", rr::A);
    assert!(!daemon.client().ask(Transport::Udp4, &query).rdata(rr::A).is_empty());
    daemon.wait_for_log(0, &["\"client\""]);
    let log = daemon.log();
    let sample = log.lines().find(|line| line.contains("\"client\"")).expect("a sample");
    assert!(sample.starts_with("<6>{"), "{sample}");
}

#[test]
fn pages_and_help_say_what_sigusr1_does_and_where_the_log_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let cvdns = || Command::new(env!("CARGO_BIN_EXE_cvdns"));
    tools::output(cvdns().arg("man").arg(dir.path()));
    for page in ["cvdns-serve.8", "cvdns-monitor.8", "cvdns-export-bind.1"] {
        let text = fs::read_to_string(dir.path().join(page)).expect("a page");
        let (_, after) = text.split_once("SIGUSR1").expect("the signal");
        assert!(after.lines().take(3).any(|line| line.contains("again")), "{page}: {text}");
    }
    for command in ["serve", "monitor"] {
        let help = tools::output(cvdns().args([command, "--help"]));
        assert!(help.contains("or to `file` in `[log]`"), "{command}: {help}");
    }
}

/// Root opens nothing that somebody else could have put there: the file is the user's.
#[test]
fn the_file_belongs_to_the_user() {
    if !geteuid().is_root() {
        leave_out("the_file_belongs_to_the_user", "only root can give up root", false);
        return;
    }
    let nobody = User::from_name("nobody").expect("users").expect("nobody");
    let files = files("file = \"logs/cvdns.log\"").with("logs/keep", "");
    let daemon = Daemon::start_logging_to(&files, Stdio::null());
    let (port, dir) = (daemon.port(), daemon.path().to_owned());
    let file = dir.join("logs/cvdns.log");
    wait_for(&file, &["answering on [::1]"]);
    let mut daemon = daemon;
    daemon.kill();
    fs::remove_file(&file).expect("removed");
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).expect("to be entered");
    chown(dir.join("logs"), Some(nobody.uid.as_raw()), None).expect("given");
    let config = fs::read_to_string(dir.join("cvdns.toml")).expect("the configuration");
    daemon.write_file("cvdns.toml", &config.replace("[server]", "[server]\nuser = \"nobody\""));
    let mut child = Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .args(["serve", "--config"])
        .arg(dir.join("cvdns.toml"))
        .current_dir(&dir)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    wait_for(&file, &["answering on [::1]"]);
    rotate(&file, "1", child.id());
    wait_for(&file, &["which was opened again"]);
    for name in [file.clone(), file.with_extension("1")] {
        assert_eq!(fs::metadata(name).expect("a file").uid(), nobody.uid.as_raw());
    }
    assert!(tools::stop(&mut child).is_some_and(|status| status.success()), "port {port}");
}
