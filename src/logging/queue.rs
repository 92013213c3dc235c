//! Lines that wait to be written.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::LogCounts;
use super::stream::LogStream;

/// Octets of lines that may wait, which is some thousand lines.
const MAX_LINES: usize = 512 << 10;

/// Octets of samples that may wait, enough for a burst at a high rate of queries.
const MAX_SAMPLES: usize = 2 << 20;

/// How long the writer waits after a write that failed: a full disk stays full for a while.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long a flush waits for the last lines.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Lines and samples that many threads add and one thread takes. The lock is held while octets are
/// copied, never while they are written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    counts: LogCounts,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    samples: Vec<u8>,
    /// Lines that found no room since lines were taken last.
    lost: u64,
    /// Whether the writer is writing lines that it took.
    writing: bool,
    /// Whether the last write failed, and the writer waits.
    failing: bool,
    /// Whether somebody waits for the lines to be written.
    flushing: bool,
    /// Where lines are to be written from now on.
    stream: Option<LogStream>,
}

/// What the writer takes at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Lines with their ends.
    pub(super) lines: Vec<u8>,
    /// Samples, lines with their ends.
    pub(super) samples: Vec<u8>,
    /// How many lines were lost after these.
    pub(super) lost: u64,
}

impl Waiting {
    /// Whether the writer has nothing to do: nothing to write, and no lost line to report.
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.samples.is_empty() && self.lost == 0
    }
}

impl Queue {
    pub(super) fn counts(&self) -> &LogCounts {
        &self.counts
    }

    /// Adds a line with its end, or counts it as lost if there is no room. After a lost line, no
    /// other finds room until the waiting ones are taken, so that the log can say where lines are
    /// missing.
    pub(super) fn push_line(&self, line: &[u8]) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        if waiting.lost > 0 || waiting.lines.len() + line.len() > MAX_LINES {
            waiting.lost += 1;
            self.counts.lines_dropped.fetch_add(1, Relaxed);
        } else {
            waiting.lines.extend_from_slice(line);
        }
        if was_empty {
            self.changed.notify_all();
        }
    }

    /// Adds samples, lines with their ends. Those that find no room are dropped and counted.
    pub(super) fn push_samples(&self, lines: &[u8]) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        for line in lines.split_inclusive(|octet| *octet == b'\n') {
            if waiting.samples.len() + line.len() > MAX_SAMPLES {
                self.counts.samples_dropped.fetch_add(1, Relaxed);
            } else {
                waiting.samples.extend_from_slice(line);
            }
        }
        if was_empty && !waiting.is_empty() {
            self.changed.notify_all();
        }
    }

    /// Waits for lines or samples, and takes all of them.
    pub(super) fn take(&self) -> Batch {
        let mut waiting = self.lock();
        waiting.writing = false;
        self.changed.notify_all();
        waiting = self
            .changed
            .wait_while(waiting, |waiting| waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.writing = true;
        let Waiting { lines, samples, lost, .. } = &mut *waiting;
        Batch {
            lines: std::mem::take(lines),
            samples: std::mem::take(samples),
            lost: std::mem::take(lost),
        }
    }

    /// Has the lines that wait, and all others, written to this stream.
    pub(super) fn change_stream(&self, stream: LogStream) {
        let before = self.lock().stream.replace(stream);
        // Closing a file may take a while, in which nobody may wait for the lock.
        drop(before);
    }

    /// The stream for all that is written from now on, if that is another one.
    pub(super) fn new_stream(&self) -> Option<LogStream> {
        self.lock().stream.take()
    }

    /// Takes the lines that wait, without waiting for more.
    pub(super) fn waiting_lines(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().lines)
    }

    /// Waits after a write that failed, until it is time to try again or somebody flushes.
    pub(super) fn pause(&self) {
        let mut waiting = self.lock();
        if !waiting.flushing {
            waiting.failing = true;
            self.changed.notify_all();
            let calm = |waiting: &mut Waiting| !waiting.flushing;
            let waited = self.changed.wait_timeout_while(waiting, RETRY_DELAY, calm);
            (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        (waiting.failing, waiting.flushing) = (false, false);
    }

    /// Waits until everything is written, a write fails, or the time is up.
    pub(super) fn flush(&self) {
        let mut waiting = self.lock();
        (waiting.failing, waiting.flushing) = (false, true);
        self.changed.notify_all();
        let is_to_do =
            |waiting: &mut Waiting| !waiting.failing && (waiting.writing || !waiting.is_empty());
        let (mut waiting, _) = self
            .changed
            .wait_timeout_while(waiting, FLUSH_LIMIT, is_to_do)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.flushing = false;
    }

    /// A panic leaves nothing half changed, so that a poisoned lock can be used.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_for_the_queue_stops_no_other() {
        let queue = Queue::default();
        queue.push_line(&vec![b'x'; MAX_LINES + 1]);
        assert_eq!(queue.take(), Batch { lost: 1, ..Batch::default() });
        queue.push_line(b"again\n");
        assert_eq!(queue.take(), Batch { lines: b"again\n".to_vec(), ..Batch::default() });
    }

    #[test]
    fn lines_without_room_are_counted_and_their_place_is_known() {
        let queue = Queue::default();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for _ in 0..MAX_LINES / 1024 {
            queue.push_line(&line);
        }
        queue.push_line(&line);
        queue.push_line(b"");
        // Samples have room of their own.
        queue.push_samples(b"sample\n");
        let Batch { lines, samples, lost } = queue.take();
        assert_eq!((lines.len(), samples.as_slice(), lost), (MAX_LINES, &b"sample\n"[..], 2));
        queue.push_line(b"again\n");
        assert_eq!(queue.take(), Batch { lines: b"again\n".to_vec(), ..Batch::default() });
        assert_eq!(queue.counts().lines_dropped.load(Relaxed), 2);
        queue.push_samples(&line.repeat(MAX_SAMPLES / 1024 + 1));
        assert_eq!(queue.counts().samples_dropped.load(Relaxed), 1);
    }
}
