//! Logs panics, which are defects of the program.

use std::backtrace::{Backtrace, BacktraceStatus};

use tracing::error;

use super::LogQueue;

/// Logs panics like everything else. The standard hook writes to standard error itself, and waits
/// for its reader. With `RUST_BACKTRACE=1` a backtrace is logged too.
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
        // The program ends with this thread, and nothing else would wait for the log.
        if thread.name() == Some("main") {
            queue.flush();
        }
    }));
}
