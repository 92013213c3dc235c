//! What the threads of a running server can do, tried by a debugger that makes them do it.

use super::{files, has_landlock, threads};
use crate::support::daemon::Daemon;
use crate::support::left_out::leave_out;
use crate::support::tools;

use std::os::unix::process::ExitStatusExt;

use nix::libc;

/// Has the debugger run these commands in the server, and returns what they print. `None` where no
/// program may attach to another.
fn debugged(daemon: &Daemon, test: &str, commands: &[String]) -> Option<String> {
    let script = daemon.path().join("gdb");
    std::fs::write(&script, commands.join("\n")).expect("the commands");
    let mut gdb = tools::tool_of("gdb", "install gdb");
    gdb.args(["-nx", "-batch", "-iex", "set debuginfod enabled off"])
        .args(["-iex", "set auto-load off", "-p", &daemon.pid().to_string(), "-x"])
        .arg(script);
    // Where it may leave a core dump: some versions crash when the process ends within a call.
    let output = gdb.current_dir(daemon.path()).output().expect("gdb");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if text.contains("ptrace: Operation not permitted") {
        leave_out(test, "no program may attach to another here", false);
        return None;
    }
    if text.contains("Couldn't write extended state status") {
        // gdb 13 knows fewer registers than processors with AMX have.
        leave_out(test, "this gdb cannot call functions on this processor", true);
        return None;
    }
    Some(text)
}

/// A command that prints `NAME RESULT ERROR` of a call.
fn call(name: &str, call: &str) -> String {
    format!(
        "printf \"%s %ld %d\\n\", \"{name}\", (long){call}, *((int *(*)(void))__errno_location)()"
    )
}

/// The lines of such commands.
fn results<'t>(text: &'t str, name: &'t str) -> Vec<&'t str> {
    text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).collect()
}

#[test]
fn no_thread_reads_what_is_none_of_its_business_or_runs_a_program() {
    let daemon = Daemon::start(&files());
    let threads = threads(&daemon).len();
    // Files that everybody may read, and what the server reads itself.
    let own = daemon.path().join("feed.json");
    let calls = [
        ("outside", "((int (*)(const char *, int))open)(\"/etc/passwd\", 0)".to_owned()),
        ("own", format!("((int (*)(const char *, int))open)(\"{}\", 0)", own.display())),
        ("run", "((int (*)(const char *, void *, void *))execve)(\"/bin/true\", 0, 0)".to_owned()),
    ];
    let commands: Vec<String> = ["set pagination off".to_owned()]
        .into_iter()
        .chain(calls.iter().map(|(name, it)| format!("thread apply all -q {}", call(name, it))))
        .collect();
    let test = "no_thread_reads_what_is_none_of_its_business_or_runs_a_program";
    let Some(text) = debugged(&daemon, test, &commands) else { return };
    // A thread may have started since they were counted.
    let counted = threads;
    let threads = results(&text, "run").len();
    assert!(counted > 6 && threads >= counted, "{counted} threads: {text}");
    assert_eq!(results(&text, "run"), vec![format!("-1 {}", libc::EPERM); threads], "{text}");
    let denied = format!("-1 {}", libc::EACCES);
    if has_landlock() {
        assert_eq!(results(&text, "outside"), vec![denied.as_str(); threads], "{text}");
        // The threads of log and signals need no file at all.
        let own = results(&text, "own");
        let denied = own.iter().filter(|line| **line == denied).count();
        assert_eq!((own.len(), denied), (threads, 2), "{text}");
    } else {
        assert!(daemon.log().contains("the kernel has no Landlock"), "{}", daemon.log());
    }
    // It goes on as if nothing had happened.
    let log = daemon.last_log();
    assert!(log.contains("stopped: "), "{log}");
}

/// Numbers of `asm/unistd_64.h`, each with its name. All arguments are 0, with which most of these
/// calls fail in another way, or succeed, where they are not denied.
#[cfg(target_arch = "x86_64")]
const DENIED: &[(&str, u32)] = &[
    ("clone", 56),
    ("fork", 57),
    ("vfork", 58),
    ("execve", 59),
    ("kill", 62),
    ("chdir", 80),
    ("fchdir", 81),
    ("chmod", 90),
    ("chown", 92),
    ("lchown", 94),
    ("utime", 132),
    ("setpriority", 141),
    ("sched_setparam", 142),
    ("sched_setscheduler", 144),
    ("setxattr", 188),
    ("removexattr", 197),
    ("utimes", 235),
    ("ioprio_set", 251),
    ("fchownat", 260),
    ("futimesat", 261),
    ("fchmodat", 268),
    ("utimensat", 280),
    ("sched_setattr", 314),
    ("fchmodat2", 452),
    ("rt_sigqueueinfo", 129),
    ("mknod", 133),
    ("personality", 135),
    ("vhangup", 153),
    ("modify_ldt", 154),
    ("pivot_root", 155),
    ("adjtimex", 159),
    ("chroot", 161),
    ("acct", 163),
    ("settimeofday", 164),
    ("mount", 165),
    ("umount2", 166),
    ("swapon", 167),
    ("swapoff", 168),
    ("reboot", 169),
    ("sethostname", 170),
    ("setdomainname", 171),
    ("iopl", 172),
    ("ioperm", 173),
    ("init_module", 175),
    ("delete_module", 176),
    ("quotactl", 179),
    ("nfsservctl", 180),
    ("lookup_dcookie", 212),
    ("clock_settime", 227),
    ("kexec_load", 246),
    ("add_key", 248),
    ("request_key", 249),
    ("keyctl", 250),
    ("migrate_pages", 256),
    ("mknodat", 259),
    ("unshare", 272),
    ("move_pages", 279),
    ("rt_tgsigqueueinfo", 297),
    ("perf_event_open", 298),
    ("fanotify_init", 300),
    ("open_by_handle_at", 304),
    ("clock_adjtime", 305),
    ("setns", 308),
    ("process_vm_readv", 310),
    ("process_vm_writev", 311),
    ("kcmp", 312),
    ("finit_module", 313),
    ("kexec_file_load", 320),
    ("bpf", 321),
    ("execveat", 322),
    ("userfaultfd", 323),
    ("pidfd_send_signal", 424),
    ("io_uring_setup", 425),
    ("io_uring_enter", 426),
    ("io_uring_register", 427),
    ("open_tree", 428),
    ("move_mount", 429),
    ("fsopen", 430),
    ("fsconfig", 431),
    ("fsmount", 432),
    ("fspick", 433),
    ("pidfd_open", 434),
    ("pidfd_getfd", 438),
    ("process_madvise", 440),
    ("mount_setattr", 442),
];

#[cfg(target_arch = "x86_64")]
#[test]
fn system_calls_that_a_server_never_makes_are_denied() {
    let daemon = Daemon::start(&files());
    let raw = |number: u32, arguments: [u64; 3]| {
        let [a, b, c] = arguments;
        format!("((long (*)(long, ...))syscall)({number}, {a}l, {b}l, {c}l, 0l, 0l, 0l)")
    };
    let socket = |family: i32, kind: i32, protocol: u64| {
        raw(41, [u64::from(family.unsigned_abs()), u64::from(kind.unsigned_abs()), protocol])
    };
    let some = [
        // PTRACE_ATTACH.
        ("ptrace", raw(101, [16, 0, 0]), libc::EPERM),
        // SYSLOG_ACTION_SIZE_BUFFER.
        ("syslog", raw(103, [10, 0, 0]), libc::EPERM),
        ("namespace", raw(56, [0x1000_0000, 0, 0]), libc::EPERM),
        ("clone3", raw(435, [0, 0, 0]), libc::ENOSYS),
        ("terminal", raw(16, [0, 0x5412, 0]), libc::EPERM),
        ("packet", socket(libc::AF_PACKET, libc::SOCK_RAW, 0), libc::EPERM),
        ("vsock", socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0), libc::EPERM),
        ("raw4", socket(libc::AF_INET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 1), libc::EPERM),
        ("raw6", socket(libc::AF_INET6, libc::SOCK_RAW, 58), libc::EPERM),
        ("multipath", socket(libc::AF_INET, libc::SOCK_STREAM, 262), libc::EPERM),
        ("limits of another", raw(302, [1, 7, 0]), libc::EPERM),
        ("cores of another", raw(203, [1, 8, 0]), libc::EPERM),
        ("connecting send", raw(46, [9_999, 0, 0x2000_0000]), libc::EPERM),
        ("fast open by option", raw(54, [0, 6, 30]), libc::EPERM),
        ("audit", socket(libc::AF_NETLINK, libc::SOCK_RAW, 9), libc::EPERM),
    ];
    let denied = DENIED.iter().map(|(name, number)| (*name, raw(*number, [0; 3]), libc::EPERM));
    let expected: Vec<_> = denied.chain(some).collect();
    let allowed = [
        ("tcp", socket(libc::AF_INET, libc::SOCK_STREAM, 0)),
        ("udp6", socket(libc::AF_INET6, libc::SOCK_DGRAM, 0)),
        ("unix", socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0)),
        ("routes", socket(libc::AF_NETLINK, libc::SOCK_RAW, 0)),
    ];
    let mut commands: Vec<_> = expected.iter().map(|(name, it, _)| call(name, it)).collect();
    commands.extend(allowed.iter().map(|(name, it)| call(name, it)));
    // A second interface with other numbers, by which the list could be passed by: getpid of x32.
    commands.push(call("x32", &raw(0x4000_0000 + 39, [0; 3])));
    let test = "system_calls_that_a_server_never_makes_are_denied";
    let Some(text) = debugged(&daemon, test, &commands) else { return };
    for (name, _, error) in &expected {
        assert_eq!(results(&text, name), [format!("-1 {error}")], "{name}\n{text}");
    }
    for (name, _) in &allowed {
        let [line] = results(&text, name)[..] else { panic!("{name}\n{text}") };
        assert!(!line.starts_with('-'), "{name} {line}\n{text}");
    }
    // Such a call ends the process.
    assert_eq!(daemon.wait().signal(), Some(libc::SIGSYS), "{text}");
}
