//! Descriptors that whoever started the process left open. The sandbox restricts what is opened,
//! not what is open already.

use std::os::fd::RawFd;

use nix::unistd::{close as close_descriptor, getpid};

/// The first descriptor that a service manager passes (`SD_LISTEN_FDS_START`).
/// Those below are standard input, output and error.
const FIRST: RawFd = 3;

/// Closes them, except for standard output and error and those that a service manager passes
/// (`sd_listen_fds(3)`). Standard input becomes empty: a server reads none.
///
/// Call this before the process opens anything.
pub(super) fn close() {
    if let Ok(empty) = std::fs::File::open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(empty);
    }
    let passed = passed(std::env::var("LISTEN_PID").ok(), std::env::var("LISTEN_FDS").ok());
    let Ok(listed) = std::fs::read_dir("/proc/self/fd") else { return };
    let names = listed.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let open: Vec<RawFd> = names.filter_map(|name| name.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|open| *open >= FIRST.saturating_add(passed)) {
        // That of the list itself is closed already.
        let _ = close_descriptor(descriptor);
    }
}

/// How many descriptors are passed to this process.
fn passed(process: Option<String>, count: Option<String>) -> RawFd {
    let is_for_us = process.and_then(|id| id.parse().ok()) == Some(getpid().as_raw());
    count.filter(|_| is_for_us).and_then(|count| count.parse().ok()).unwrap_or(0).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_passed_to_the_process_that_is_named() {
        let own = Some(getpid().to_string());
        let count = |count: &str| Some(count.to_owned());
        assert_eq!(passed(own.clone(), count("2")), 2);
        assert_eq!(passed(Some("1".to_owned()), count("2")), 0);
        assert_eq!(passed(None, count("2")), 0);
        assert_eq!(passed(own.clone(), None), 0);
        assert_eq!(passed(own, count("-2")), 0);
    }
}
