//! Panics, which are defects of the program, in the log.

use std::backtrace::{Backtrace, BacktraceStatus};

use tracing::error;

use super::LogQueue;

/// Has panics logged as all else: the standard way writes to standard error itself, and waits for its reader. With `RUST_BACKTRACE=1`
/// there are lines that say how it came about.
pub fn log_panics(queue: &LogQueue) {
    let queue = queue.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        error!(
            "a defect of cvdns, please report it: thread {:?}: {panic}",
            thread.name().unwrap_or_default()
        );
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            for line in trace.to_string().lines() {
                error!("{line}");
            }
        }
        // The program ends with this thread, and no other waits for it.
        if thread.name() == Some("main") {
            queue.flush();
        }
    }));
}
