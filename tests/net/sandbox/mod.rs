//! What the server gives up, seen from outside: what its threads can no longer do (`attached`), and
//! that it does all its work nevertheless (`files`).

mod attached;
mod files;

use crate::support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use nix::unistd::{User, geteuid};
use support::daemon::{Daemon, Files};
use support::left_out::leave_out;
use support::{fixture, tools};

/// The fixture's server with a state directory.
fn files() -> Files {
    let files = fixture::files();
    let config = files
        .text("cvdns.toml")
        .replace("[feed]\n", "[feed]\nstate = \"state\"\ninterval = \"1s\"\n");
    files.with("cvdns.toml", config)
}

/// Whether the kernel has Landlock, asked by another program.
pub(crate) fn has_landlock() -> bool {
    // landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION).
    let ask = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))";
    let version = tools::output(tools::tool_of("python3", "install python3").args(["-c", ask]));
    version.trim().parse::<i32>().expect("a number") > 0
}

/// The lines of a process's or thread's status (proc(5)) with these names.
fn status(of: &str, names: &[&str]) -> Vec<(String, String)> {
    let text = fs::read_to_string(format!("/proc/{of}/status")).expect("a thread");
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let lines = lines.filter(|(name, _)| names.contains(name));
    lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

/// `PID/task/TID` of each thread.
fn threads(daemon: &Daemon) -> Vec<String> {
    let pid = daemon.pid();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("threads");
    tasks.map(|task| format!("{pid}/task/{}", task.expect("one").file_name().display())).collect()
}

#[test]
fn every_thread_has_given_up_what_it_does_not_need() {
    let mut daemon = Daemon::start(&files());
    daemon.kill();
    let is_root = geteuid().is_root();
    if is_root {
        let nobody = User::from_name("nobody").expect("users").expect("nobody");
        let config = fs::read_to_string(daemon.path().join("cvdns.toml")).expect("the file");
        daemon.write_file("cvdns.toml", &config.replace("[server]", "[server]\nuser = \"nobody\""));
        fs::set_permissions(daemon.path(), Permissions::from_mode(0o755)).expect("to be entered");
        fs::remove_dir_all(daemon.path().join("state")).expect("removed");
        chown(daemon.path(), Some(nobody.uid.as_raw()), None).expect("given");
    } else {
        leave_out("the capabilities of root", "only root has them", false);
    }
    // What is open already would be outside of the sandbox.
    daemon.start_again_after("exec 9</etc/passwd");
    let mut names = Vec::new();
    for thread in threads(&daemon) {
        let found = status(&thread, &["Seccomp", "NoNewPrivs"]);
        let expected = [("NoNewPrivs", "1"), ("Seccomp", "2")].map(|(n, v)| (n.into(), v.into()));
        assert_eq!(found, expected, "{thread}");
        let capabilities = status(&thread, &["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]);
        assert_eq!(capabilities.len(), 5);
        for (name, value) in capabilities {
            let is_none = value.chars().all(|digit| digit == '0');
            assert!(is_none || !is_root && name == "CapBnd", "{thread}: {name} {value}");
        }
        names.push(fs::read_to_string(format!("/proc/{thread}/comm")).expect("its name"));
    }
    for name in ["cvdns-log\n", "cvdns-signals\n", "cvdns-watchdog\n", "cvdns-memory\n"] {
        assert!(names.iter().any(|found| found == name), "{name} is missing: {names:?}");
    }

    let process = format!("/proc/{}", daemon.pid());
    let place = format!("{process}/fd");
    let log = daemon.path().join("log");
    for descriptor in fs::read_dir(place).expect("descriptors") {
        let descriptor = descriptor.expect("one").path();
        let open = fs::read_link(&descriptor).expect("what it is");
        let number = descriptor.file_name().and_then(|name| name.to_str()).expect("a number");
        let text = open.display().to_string();
        let serves = match number {
            "0" => text == "/dev/null",
            "1" | "2" => open == log,
            _ => {
                // Its own, for the metrics of the process and limits on its memory: proc(5).
                let own = ["fd", "statm"].map(|name| format!("{process}/{name}"));
                text.starts_with("socket:")
                    || text.starts_with("anon_inode:")
                    || own.contains(&text)
            }
        };
        assert!(serves, "{number} is {text}");
    }
}

#[test]
fn the_sandbox_can_be_switched_off() {
    let files = files();
    let config = files.text("cvdns.toml").replace("[server]", "[server]\nsandbox = false");
    let daemon = Daemon::start(&files.with("cvdns.toml", config));
    for thread in threads(&daemon) {
        assert_eq!(status(&thread, &["Seccomp"]), [("Seccomp".to_owned(), "0".to_owned())]);
    }
    let log = daemon.last_log();
    assert!(log.contains("INFO no sandbox") && !log.contains("WARN"), "{log}");
}

/// An old kernel, as strace shows it: each part that is missing is a warning, and the server goes
/// on.
#[test]
fn a_kernel_without_sandbox_is_said_and_served_on() {
    let mut daemon = Daemon::start(&files());
    for (calls, words) in [
        ("landlock_create_ruleset", "the kernel has no Landlock"),
        ("seccomp", "the kernel takes no filter of system calls"),
    ] {
        daemon.kill();
        // With -D the server stays the child of whoever started strace.
        daemon.start_again_after(&format!(
            "exec strace -D -qqq -f -o /dev/null -e trace={calls} -e inject={calls}:error=ENOSYS \
             \"$0\" \"$@\""
        ));
        assert!(daemon.log().contains(words), "{}", daemon.log());
    }
}
