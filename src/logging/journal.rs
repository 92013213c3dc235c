//! The journal of systemd behind standard error.
//!
//! The journal takes the priority of a line from its start (`<4>`, sd-daemon(3)). Its own protocol
//! has fields too, but whoever speaks it writes to a socket that blocks, each line apart: the crate
//! for it (`tracing-journald`) does so on the thread that logs. With `format = "json"` fields are
//! in the line.

use std::os::fd::AsFd;

use rustix::fs::fstat;
use tracing::Level;

/// Names the device and the inode of the stream that leads to the journal (systemd.exec(5)).
const VARIABLE: &str = "JOURNAL_STREAM";

/// Whether standard error leads to the journal. A program that redirects it passes the variable on,
/// so it is compared with what standard error is.
pub(super) fn is_stderr() -> bool {
    let named = std::env::var(VARIABLE).unwrap_or_default();
    fstat(rustix::stdio::stderr().as_fd())
        .is_ok_and(|stat| is_named(&named, stat.st_dev, stat.st_ino))
}

fn is_named(named: &str, device: u64, inode: u64) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    named
        .split_once(':')
        .is_some_and(|(dev, ino)| (number(dev), number(ino)) == (Some(device), Some(inode)))
}

/// What a line of this level starts with in the journal: its priority (syslog(3)).
pub(super) fn prefix(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_named_by_both_numbers() {
        assert!(is_named("8:12", 8, 12));
        for other in ["", "8", "8:13", "9:12", "8:12:1", "x:12"] {
            assert!(!is_named(other, 8, 12), "{other}");
        }
    }
}
