//! What the system around the server does to it: its log, signals, the account that it runs as, and
//! what others leave in its way.

use crate::support;

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::{User, geteuid};
use support::bad_web::{BadWeb, Way};
use support::client::Transport;
use support::daemon::{Daemon, Files};
use support::fixture::{self, States};
use support::left_out::leave_out;
use support::packet::Query;
use support::prometheus::Page;
use support::{PATIENCE, ports, rr, tools};

/// The fixture's server with an admin address.
fn files() -> (Files, u16) {
    let (files, port) = (fixture::files(), ports::free());
    let config = format!("{}\n[admin]\nlisten = \"127.0.0.1:{port}\"\n", files.text("cvdns.toml"));
    (files.with("cvdns.toml", config), port)
}

/// A feed in which a mirror is down; so that it is known to be in force by its serial.
fn follows(daemon: &Daemon, admin: u16, serial: u64, mirrors: &States) {
    daemon.write_feed(&fixture::feed(serial, mirrors));
    daemon.until("the feed", || metric(admin, "cvdns_feed_serial") == serial);
}

#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "counts and serials")]
fn metric(admin: u16, name: &str) -> u64 {
    Page::of(admin).get(name, &[]) as u64
}

fn answers(daemon: &Daemon) -> bool {
    let query = Query::new("db.de.clam.example", rr::A);
    !daemon.client().ask(Transport::Udp4, &query).rdata(rr::A).is_empty()
}

fn status(daemon: &Daemon) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    tools::output(command.args(["status", "--config"]).arg(daemon.path().join("cvdns.toml")))
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_full_disk_below_the_log_ends_nothing() {
    let (files, admin) = files();
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let daemon = Daemon::start_logging_to(&files, full);
    follows(&daemon, admin, 1_001, &fixture::states(&[("de1.example", "down")]));
    daemon.sighup();
    daemon.until("the reload", || {
        Page::of(admin).get("cvdns_reloads_total", &[("outcome", "done")]) > 0.5
    });
    assert!(answers(&daemon));
    daemon.until("errors", || metric(admin, "cvdns_log_write_errors_total") > 0);
    let page = status(&daemon);
    assert!(
        page.lines().any(|line| line.starts_with("log  ") && line.contains(" refused")),
        "{page}"
    );
    assert!(daemon.terminate().success());
}

#[test]
fn a_reader_of_the_log_that_goes_away_ends_nothing() {
    let (files, admin) = files();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let daemon = Daemon::start_logging_to(&files, writer);
    // As `| head -1` does.
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).expect("a line");
    assert!(line.contains("starts with"), "{line}");
    follows(&daemon, admin, 1_001, &fixture::states(&[("de1.example", "down")]));
    assert!(answers(&daemon));
    wait_for("errors", || metric(admin, "cvdns_log_write_errors_total") > 0);
    assert!(daemon.terminate().success());
}

/// A feed with long names that no mirror has, of which the log has 100 kB to say.
fn talkative(serial: u64) -> String {
    let unknown: Vec<String> =
        (0..20).map(|n| format!("{n}-{serial}-{}", "x".repeat(5_000))).collect();
    fixture::feed(serial, &unknown.into_iter().map(|host| (host, "up")).collect())
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    let (files, admin) = files();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let daemon = Daemon::start_logging_to(&files, writer);
    let mut serial = 2_000;
    let mut until_lines_are_lost = || {
        // Two at least, as one line is told in other words.
        let before = metric(admin, "cvdns_log_lines_dropped_total");
        while metric(admin, "cvdns_log_lines_dropped_total") <= before + 1 {
            serial += 1;
            assert!(serial < 2_100, "the log takes all of it");
            daemon.write_feed(&talkative(serial));
            daemon.until("the feed", || metric(admin, "cvdns_feed_serial") == serial);
        }
        assert!(answers(&daemon));
    };
    until_lines_are_lost();
    let lost = || metric(admin, "cvdns_log_lines_dropped_total");
    daemon.until("how many in the status", || {
        status(&daemon).contains(&format!("{} lines lost", lost()))
    });

    // Whoever reads at last finds whole lines, and where some are missing.
    let mut lines = BufReader::new(reader).lines().map(|line| line.expect("a line"));
    let told = lines.by_ref().find(|line| {
        let is_whole = line.starts_with("20") && line.contains('Z');
        assert!(is_whole || line.starts_with("cvdns"), "{line}");
        line.contains("log lines were lost")
    });
    assert!(told.expect("a line that says it").contains(&format!("ERROR {} log lines", lost())));

    // With a full pipe again: it ends all the same, and within its time.
    until_lines_are_lost();
    assert!(daemon.terminate().success());
}

/// As a full disk that gets room again: what waited is there, and no line is torn.
#[test]
fn a_log_that_may_grow_again_has_all_lines() {
    let (files, admin) = files();
    let daemon = Daemon::start(&files);
    let limit = |limit: &str| {
        let pid = daemon.pid().to_string();
        tools::output(Command::new("prlimit").args([
            "--pid",
            &pid,
            &format!("--fsize={limit}:unlimited"),
        ]));
    };
    // It ends within a line.
    limit(&(daemon.log().len() + 10).to_string());
    daemon.sighup();
    wait_for("errors", || metric(admin, "cvdns_log_write_errors_total") > 0);
    follows(&daemon, admin, 1_001, &fixture::states(&[("de1.example", "down")]));
    assert!(answers(&daemon) && !daemon.log().contains("feed 1001"));
    limit("unlimited");
    daemon.wait_for_log(0, &["reloaded ", "feed 1001 of"]);
    for line in daemon.log().lines() {
        assert!(
            line.starts_with("20") && ["INFO", "WARN"].iter().any(|level| line.contains(level)),
            "{line}"
        );
    }
    assert_eq!(metric(admin, "cvdns_log_lines_dropped_total"), 0);
}

#[test]
fn why_a_server_does_not_start_is_said_before_it_ends() {
    let (files, _) = files();
    let first = Daemon::start(&files);
    let other = tempfile::tempdir().expect("a directory");
    files.write(other.path(), first.port());
    let output = Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .args(["serve", "--config"])
        .arg(other.path().join("cvdns.toml"))
        .output()
        .expect("run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ERROR") && said.contains("in use"), "{said}");
    assert!(first.terminate().success());
}

/// Whether a process catches SIGTERM by now (`SigCgt` of proc(5)).
fn catches(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("its signals");
    let caught = u64::from_str_radix(caught.trim(), 16).expect("a mask");
    caught & (1 << (nix::libc::SIGTERM - 1)) != 0
}

/// A server whose start takes 2 s, as it waits for its feed so long.
fn slow_to_start() -> (Daemon, BadWeb) {
    let web = BadWeb::start(Way::Hang);
    let files = fixture::files();
    let config = files
        .text("cvdns.toml")
        .replace("\"feed.json\"", &format!("\"{}\"\ninterval = \"1s\"", web.url()));
    let daemon = Daemon::begin(&files.with("cvdns.toml", config));
    wait_for("signals", || catches(daemon.pid()));
    (daemon, web)
}

#[test]
fn signals_that_come_while_it_starts_are_heeded() {
    let (mut daemon, _web) = slow_to_start();
    assert!(!daemon.log().contains("answering on"), "signals stand before that: {}", daemon.log());
    for name in ["USR1", "HUP", "USR2", "HUP"] {
        tools::signal(daemon.pid(), name);
    }
    daemon.wait_until_ready();
    daemon.wait_for_log(0, &["answering on", "reloaded "]);
    let before = daemon.log().len();
    tools::signal(daemon.pid(), "USR1");
    daemon.wait_for_log(before, &["sigusr1 does nothing here"]);
    tools::signal(daemon.pid(), "USR2");
    daemon.wait_for_log(before, &["sigusr2 does nothing here"]);
    assert_eq!(daemon.log().matches("reloaded ").count(), 1, "{}", daemon.log());
    assert!(answers(&daemon));
    assert!(daemon.terminate().success());
}

#[test]
fn a_server_that_is_told_to_end_while_it_starts_does() {
    for name in ["TERM", "INT"] {
        let (daemon, _web) = slow_to_start();
        daemon.wait_for_log(0, &["starts with"]);
        tools::signal(daemon.pid(), name);
        let log = daemon.path().join("log");
        let copy = File::open(log).expect("the log");
        assert!(daemon.wait().success());
        let mut log = String::new();
        (&copy).read_to_string(&mut log).expect("the log");
        assert!(log.contains("stopped while it started") && !log.contains("answering on"), "{log}");
    }
}

/// A command that goes on, with these arguments, in the directory of the fixture's files with
/// `[monitor]`.
fn going_on(dir: &Path, arguments: &[&str]) -> Child {
    let files = fixture::files();
    let monitor =
        "\n[monitor]\nfeed = \"new.json\"\nstate = \"monitor\"\ninterval = \"1h\"\nport = 9\n";
    let config = format!("{}{monitor}", files.text("cvdns.toml"));
    files.with("cvdns.toml", config).write(dir, ports::free());
    Command::new(env!("CARGO_BIN_EXE_cvdns"))
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(File::create(dir.join("log")).expect("the log"))
        .spawn()
        .expect("started")
}

#[test]
fn the_monitor_and_the_exporter_heed_signals_from_the_start_too() {
    let exporter =
        ["export", "bind", "--watch", "--out", "out", "--reload", "", "--reconfigure", ""];
    for arguments in [&["monitor"][..], &exporter] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut child = going_on(dir.path(), arguments);
        wait_for("signals", || catches(child.id()));
        for name in ["USR1", "HUP", "USR2"] {
            tools::signal(child.id(), name);
        }
        let log = || fs::read_to_string(dir.path().join("log")).expect("the log");
        wait_for("the reload", || log().contains("reloaded"));
        assert!(tools::stop(&mut child).is_some_and(|status| status.success()), "{}", log());
    }
}

/// Root's words alone tell whether root did it. CI runs as root.
fn nobody(test: &str) -> Option<User> {
    if !geteuid().is_root() {
        leave_out(test, "only root can give up root", false);
        return None;
    }
    User::from_name("nobody").expect("users")
}

/// What root writes before it becomes the user would belong to root, and where a link leads
/// somewhere else, it would be written there.
#[test]
fn root_touches_nothing_of_the_users() {
    let Some(nobody) = nobody("root_touches_nothing_of_the_users") else { return };
    let files = fixture::files();
    let config = files.text("cvdns.toml");
    let mut daemon = Daemon::start(&files);
    daemon.kill();
    let config = config
        .replace("@PORT@", &daemon.port().to_string())
        .replace("[server]", "[server]\nuser = \"nobody\"")
        .replace("[feed]", "[feed]\nstate = \"home/state\"\ninterval = \"1s\"");
    daemon.write_file("cvdns.toml", &config);
    let path = |name: &str| daemon.path().join(name);
    let give = |path: &Path| {
        chown(path, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).expect("given");
    };
    fs::set_permissions(daemon.path(), Permissions::from_mode(0o755)).expect("to be entered");
    fs::create_dir(path("home")).expect("made");
    give(&path("home"));
    fs::create_dir(path("home/state")).expect("made");
    give(&path("home/state"));
    // Root's own, which the user can neither read nor write.
    let kept = r#"{"format":1,"stamp":1789910940,"release":{"software":"1.4.6","main":63,"daily":28130,"bytecode":339,"flevel":90}}"#;
    fs::write(path("roots"), kept).expect("written");
    fs::set_permissions(path("roots"), Permissions::from_mode(0o600)).expect("its mode");
    // Links to it under every name that might be taken: a temporary name with a process' number
    // could be guessed.
    let number = daemon.pid();
    for name in ["feed.json", "record.json"] {
        symlink(path("roots"), path(&format!("home/state/{name}"))).expect("a link");
        for number in number..number + 2_000 {
            symlink(path("roots"), path(&format!("home/state/.{name}.{number}.tmp")))
                .expect("a link");
        }
    }
    let roots = path("roots");
    let home = path("home");
    daemon.start_again_with_umask("077");
    assert!(daemon.pid() < number + 2_000, "the numbers came round");
    let log = daemon.log();
    assert!(log.contains("now running as nobody") && log.contains("feed 1000 of "), "{log}");
    assert!(log.contains("feed.json: Permission denied"), "it is read as the user: {log}");
    assert_eq!(fs::read_to_string(&roots).expect("root's"), kept);
    let is_kept = |name: &str| {
        home.join("state").join(name).symlink_metadata().is_ok_and(|metadata| {
            metadata.is_file()
                && metadata.uid() == nobody.uid.as_raw()
                && metadata.mode() & 0o777 == 0o640
        })
    };
    let files = ["feed.json", "record.json", "versions.json"];
    daemon.until("state is kept", || files.iter().all(|name| is_kept(name)));
    // What was left is tidied up, too.
    assert_eq!(fs::read_dir(home.join("state")).expect("read").count(), 3);

    // Where there is no directory, it is the user who makes it.
    daemon.kill();
    fs::remove_dir_all(home.join("state")).expect("removed");
    daemon.start_again_with_umask("000");
    daemon.until("state is kept", || is_kept("feed.json") && is_kept("record.json"));
    assert_eq!(home.join("state").metadata().expect("made").uid(), nobody.uid.as_raw());
}

fn cvdns(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cvdns"));
    command.args(arguments).current_dir(dir).output().expect("run")
}

/// A host's name with a line end would have a line of its own, and with escape sequences the
/// terminal.
#[test]
fn no_line_is_forged_and_no_terminal_driven() {
    let wicked = "evil\n2026-11-22T17:00:00Z ERROR forged\r\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{2028}.example";
    let feed = |serial: u64| {
        let note = serde_json::to_string(wicked).expect("JSON");
        let feed = fixture::feed(serial, &States::new());
        let mirrors = format!(
            "\"mirrors\": {{ {note}: {{ \"state\": \"down\" }}, \"de1.example\": {{ \"state\": \"down\", \"note\": {note} }}"
        );
        feed.replace("\"mirrors\": { ", &mirrors)
    };
    for json in [false, true] {
        let (files, admin) = files();
        let config = files.text("cvdns.toml");
        let config =
            format!("{config}\n[log]\nformat = \"{}\"\n", if json { "json" } else { "text" });
        let daemon =
            Daemon::start(&files.with("cvdns.toml", config).with("feed.json", feed(1_000)));
        daemon.write_feed(&feed(1_001));
        daemon.until("the feed", || metric(admin, "cvdns_feed_serial") == 1_001);
        let outputs: Vec<Output> = [
            &["check"][..],
            &["status"],
            &["feed", "check"],
            &["feed", "show"],
            &["explain", "db.de.clam.example"],
            &["explain", "db.de.clam.example", "--json"],
        ]
        .map(|arguments| cvdns(daemon.path(), arguments))
        .into();
        let texts = outputs.iter().flat_map(|output| [&output.stdout, &output.stderr]);
        let mut texts: Vec<String> =
            texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect();
        daemon.wait_for_log(0, &["feed 1001 of", "forged"]);
        texts.push(daemon.log());
        assert!(
            texts.iter().filter(|text| text.contains("error forged")).count() > 3,
            "{texts:#?}"
        );
        for text in &texts {
            let is_active =
                |c: char| (c.is_control() && c != '\n') || ['\u{202e}', '\u{2028}'].contains(&c);
            assert!(!text.contains(is_active), "{text:?}");
            // Hosts are shown in small letters.
            let forged = text.to_lowercase();
            let forged = forged.lines().find(|line| line.starts_with("2026-11-22t17:00:00z error"));
            assert_eq!(forged, None, "{text}");
        }
        if json {
            for line in daemon.log().lines() {
                assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
            }
        }
    }
}
