//! The end of the process if the log's own thread panics: nobody else would write what the log says
//! of it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::queue::Queue;
use super::stream::{LogStream, MAX_PIECE};

const REASON: &[u8] =
    b"cvdns: the thread that writes the log ended by a panic: a defect in cvdns, \
                        please report it; the process ends, so that its supervisor restarts it\n";

/// Runs the writer of the log. If it panics, writes the lines that wait and the reason, as far
/// as the stream takes them at once, and ends the process.
pub(super) fn run(write: impl FnOnce(), queue: &Queue, stream: &LogStream) {
    if catch_unwind(AssertUnwindSafe(write)).is_ok() {
        return;
    }
    for piece in queue.waiting_lines().chunks(MAX_PIECE).chain([REASON]) {
        // A reader that does not read must not keep the process alive.
        if stream.has_room() {
            let _ = stream.write(piece);
        }
    }
    std::process::abort();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    /// Set in the process that is meant to end.
    const DOOMED: &str = "CVDNS_TEST_LOG_PANICS";

    #[test]
    fn the_process_ends_with_the_writer_and_says_so() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "logging::last_words::tests::in_a_process_that_panics", "--ignored"])
            .arg("--nocapture")
            .env(DOOMED, "1")
            .output()
            .unwrap();
        assert_eq!(output.status.signal(), Some(6), "SIGABRT: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("a line that waits\ncvdns: the thread that writes the log"),
            "{said}"
        );
    }

    #[test]
    #[ignore = "run by the_process_ends_with_the_writer_and_says_so"]
    fn in_a_process_that_panics() {
        if std::env::var_os(DOOMED).is_none() {
            return;
        }
        let queue = Queue::default();
        queue.push_line(b"a line that waits\n");
        run(|| panic!("as the test wants"), &queue, &LogStream::stderr());
    }
}
