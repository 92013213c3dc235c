//! What is kept of versions, and the thread of notifications.

use std::fs;
use std::path::{Path, PathBuf};

use super::following::change;
use super::secondaries::{CATALOG, Program, served_serial, transferred};
use super::{files, status};
use crate::support::daemon::{Daemon, Files};
use crate::support::{fixture, half_hour, ports};

/// A server with a secondary that does not run, and its admin port.
fn files_with_admin() -> (Files, u16) {
    let transfer = format!("catalog = \"{CATALOG}\"\nclient-names = \"unknown\"");
    let files = files(&transfer, &[(Program::Named, ports::free())]);
    let admin = ports::free();
    let config = files
        .text("cvdns.toml")
        .replace("state = \"state\"", "state = \"state\"\ninterval = \"1s\"");
    assert!(config.contains("interval"), "{config}");
    let config = format!("{config}[admin]\nlisten = \"127.0.0.1:{admin}\"\n");
    (files.with("cvdns.toml", config), admin)
}

/// The files of versions.
fn kept(daemon: &Daemon) -> Vec<PathBuf> {
    let entries = fs::read_dir(daemon.path().join("state")).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "versions"))
        .collect();
    paths.sort();
    paths
}

/// What somebody removes is kept again though nothing changes, and so is what could not be written.
#[test]
fn removed_and_unwritten_versions_are_kept_again() {
    let (files, _) = files_with_admin();
    let mut daemon = Daemon::start(&files);
    let begun = half_hour();
    let first = change(&daemon, 1);
    let before = kept(&daemon);
    assert_eq!(before.len(), 3, "two zones and the catalog: {before:?}");
    let name = |path: &Path| path.file_name().expect("a name").to_str().expect("text").to_owned();
    assert_eq!(name(&before[1]), "transfer-clam.example.versions");
    let octets: Vec<Vec<u8>> = before.iter().map(|path| fs::read(path).expect("it")).collect();
    for path in &before {
        fs::remove_file(path).expect("removed");
    }
    daemon.until("kept again", || kept(&daemon) == before);
    let again: Vec<Vec<u8>> = before.iter().map(|path| fs::read(path).expect("it")).collect();
    assert!(again == octets || half_hour() != begun);
    // A directory in the place of the file: it cannot be replaced.
    fs::remove_file(&before[1]).expect("removed");
    fs::create_dir_all(before[1].join("full")).expect("a directory");
    let second = change(&daemon, 2);
    assert_ne!(second, first);
    daemon.wait_for_log(0, &["serials of transferred zones may go back", "it is tried again"]);
    fs::remove_dir_all(&before[1]).expect("removed");
    daemon.wait_for_log(0, &["the versions of all transferred zones are kept again"]);
    daemon.kill();
    daemon.start_again();
    let after = served_serial(daemon.port(), fixture::ORIGIN);
    assert!(after == second || half_hour() != begun, "{second}, then {after}");
    // A damaged file is put aside under the name of its zone.
    daemon.kill();
    fs::write(&before[1], "damaged").expect("written");
    daemon.start_again();
    daemon.wait_for_log(0, &["transfer-clam.example.bad"]);
    assert!(before[1].with_extension("bad").exists());
    assert!(transferred(daemon.port(), fixture::ORIGIN, Some(Program::Named)).len() > 2);
    assert_eq!(kept(&daemon), before);
}

/// The names of the threads of the server.
fn threads(daemon: &Daemon) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("its threads");
    let comm = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).ok();
    tasks.flatten().filter_map(comm).map(|name| name.trim().to_owned()).collect()
}

/// A server without secondaries that can be notified has no thread for that; one that gets the
/// first by a reload has it from then on, and as long as there is one.
#[test]
fn the_notifier_runs_while_somebody_can_be_notified() {
    let (files, admin) = files_with_admin();
    let mut daemon = Daemon::start(&files);
    let has_thread = |daemon: &Daemon| threads(daemon).contains(&"cvdns-notify".to_owned());
    assert!(has_thread(&daemon), "{:?}", threads(&daemon));
    let config = fs::read_to_string(daemon.path().join("cvdns.toml")).expect("it");
    let (before, after) = config.split_once("[[transfer.secondary]]").expect("a secondary");
    let (_, rest) = after.split_once("[admin]").expect("the next section");
    // Nobody may transfer anything; only servers of a network may, none of which is notified.
    let alone = format!("{before}[admin]{rest}").replace("catalog =", "# catalog =");
    let network = "[[transfer.secondary]]\naddress = \"127.0.0.0/8\"\nkey = \"of-named\"\n";
    let network = format!("{before}{network}[admin]{rest}");
    let reload = |daemon: &Daemon, config: &str| {
        let length = daemon.log().len();
        daemon.write_file("cvdns.toml", config);
        daemon.sighup();
        daemon.wait_for_log(length, &["reloaded"]);
    };
    for config in [&alone, &network] {
        reload(&daemon, config);
        daemon.until("no thread", || !has_thread(&daemon));
    }
    daemon.kill();
    daemon.write_file("cvdns.toml", &alone);
    daemon.start_again();
    assert!(!has_thread(&daemon), "{:?}", threads(&daemon));
    reload(&daemon, &network);
    assert!(!has_thread(&daemon), "{:?}", threads(&daemon));
    reload(&daemon, &config);
    daemon.until("a thread", || has_thread(&daemon));
    daemon.until("it notifies", || {
        status(admin)["secondaries"][0]["notify_failures"].as_u64().is_some_and(|of| of > 0)
    });
}
