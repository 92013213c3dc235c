//! LogLines that wait to be written.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::LogCounts;

/// Octets of lines that may wait: some thousand.
const MOST: usize = 512 << 10;

/// Octets of samples that may wait: what comes at once at a high rate of queries.
const MOST_SAMPLES: usize = 2 << 20;

/// How long the writer waits after a write that failed: a disk that is full stays so for a while.
const AGAIN: Duration = Duration::from_secs(1);

/// How long the program's end waits for the last lines.
const LAST: Duration = Duration::from_secs(1);

/// LogLines and samples, which one thread takes and many give. Its lock is held while octets are copied, never while they are
/// written.
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
    /// LogLines for which there was no room since lines were taken last.
    lost: u64,
    /// The writer has taken some that are not all written.
    writing: bool,
    /// The last write failed, and the writer waits.
    failing: bool,
    /// Somebody waits for the lines to be written.
    hurry: bool,
}

/// What the writer takes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// LogLines with their ends.
    pub(super) lines: Vec<u8>,
    /// Samples, likewise.
    pub(super) samples: Vec<u8>,
    /// How many lines were lost after these.
    pub(super) lost: u64,
}

impl Waiting {
    /// Whether the writer has nothing to do: no line to write, and none to say of that it was lost.
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.samples.is_empty() && self.lost == 0
    }
}

impl Queue {
    pub(super) fn counts(&self) -> &LogCounts {
        &self.counts
    }

    /// Adds a line with its end, or counts that there is no room for it. After that none has room until those that wait are taken,
    /// so that it can be said where lines are missing.
    pub(super) fn push_line(&self, line: &[u8]) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        if waiting.lost > 0 || waiting.lines.len() + line.len() > MOST {
            waiting.lost += 1;
            self.counts.lines_dropped.fetch_add(1, Relaxed);
        } else {
            waiting.lines.extend_from_slice(line);
        }
        if was_empty {
            self.changed.notify_all();
        }
    }

    /// The same with samples, lines with their ends.
    pub(super) fn push_samples(&self, lines: &[u8]) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        for line in lines.split_inclusive(|octet| *octet == b'\n') {
            if waiting.samples.len() + line.len() > MOST_SAMPLES {
                self.counts.samples_dropped.fetch_add(1, Relaxed);
            } else {
                waiting.samples.extend_from_slice(line);
            }
        }
        if was_empty && !waiting.is_empty() {
            self.changed.notify_all();
        }
    }

    /// Waits for lines or samples, and takes all that there are.
    pub(super) fn take(&self) -> Taken {
        let mut waiting = self.lock();
        waiting.writing = false;
        self.changed.notify_all();
        waiting = self
            .changed
            .wait_while(waiting, |waiting| waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        waiting.writing = true;
        let Waiting { lines, samples, lost, .. } = &mut *waiting;
        Taken {
            lines: std::mem::take(lines),
            samples: std::mem::take(samples),
            lost: std::mem::take(lost),
        }
    }

    /// Waits after a write that failed, until it is time to try again.
    pub(super) fn pause(&self) {
        let mut waiting = self.lock();
        if !waiting.hurry {
            waiting.failing = true;
            self.changed.notify_all();
            let calm = |waiting: &mut Waiting| !waiting.hurry;
            let waited = self.changed.wait_timeout_while(waiting, AGAIN, calm);
            (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        (waiting.failing, waiting.hurry) = (false, false);
    }

    /// Waits until nothing waits, a write fails, or the time for it is over.
    pub(super) fn flush(&self) {
        let mut waiting = self.lock();
        (waiting.failing, waiting.hurry) = (false, true);
        self.changed.notify_all();
        let is_to_do =
            |waiting: &mut Waiting| !waiting.failing && (waiting.writing || !waiting.is_empty());
        let (mut waiting, _) = self
            .changed
            .wait_timeout_while(waiting, LAST, is_to_do)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.hurry = false;
    }

    /// What is in it is whole at any moment.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_never_has_room_keeps_no_other_from_being_written() {
        let queue = Queue::default();
        queue.push_line(&vec![b'x'; MOST + 1]);
        assert_eq!(queue.take(), Taken { lost: 1, ..Taken::default() });
        queue.push_line(b"again\n");
        assert_eq!(queue.take(), Taken { lines: b"again\n".to_vec(), ..Taken::default() });
    }

    #[test]
    fn lines_without_room_are_counted_and_their_place_is_known() {
        let queue = Queue::default();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for _ in 0..MOST / 1024 {
            queue.push_line(&line);
        }
        queue.push_line(&line);
        queue.push_line(b"");
        // Samples have room of their own.
        queue.push_samples(b"sample\n");
        let Taken { lines, samples, lost } = queue.take();
        assert_eq!((lines.len(), samples.as_slice(), lost), (MOST, &b"sample\n"[..], 2));
        queue.push_line(b"again\n");
        assert_eq!(queue.take(), Taken { lines: b"again\n".to_vec(), ..Taken::default() });
        assert_eq!(queue.counts().lines_dropped.load(Relaxed), 2);
        queue.push_samples(&line.repeat(MOST_SAMPLES / 1024 + 1));
        assert_eq!(queue.counts().samples_dropped.load(Relaxed), 1);
    }
}
