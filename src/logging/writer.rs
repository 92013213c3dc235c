//! Writes the queue's lines, at whatever pace the log's stream takes them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tracing::error;

use super::queue::{Batch, Queue};
use super::stream::{LogStream, MAX_PIECE, PartialWrite};

/// The log's thread.
#[derive(Debug)]
pub(super) struct LogWriter {
    queue: Arc<Queue>,
    stream: LogStream,
}

impl LogWriter {
    pub(super) fn new(queue: Arc<Queue>, stream: LogStream) -> Self {
        Self { queue, stream }
    }

    /// Writes as long as the program runs.
    pub(super) fn run(mut self) {
        loop {
            let Batch { lines, samples, lost } = self.queue.take();
            if lost > 0 {
                // This goes into the queue, behind the lines before the lost ones.
                error!("{lost} log lines were lost here: the log's stream took none for a while");
            }
            self.write_lines(&lines, 0);
            self.write_samples(&samples);
        }
    }

    /// Writes all lines but their first octets, which are written already, however long that takes.
    fn write_lines(&mut self, lines: &[u8], mut written: usize) {
        while written < lines.len() {
            // Within a line too: what refuses the rest of it may do so for ever.
            if let Some(stream) = self.queue.new_stream() {
                self.stream = stream;
                // Nobody puts the parts of a line in two files together: it is written again.
                written = line_start(lines, written);
            }
            let rest = lines.get(written..).unwrap_or_default();
            let piece = rest.get(..piece_length(rest)).unwrap_or(rest);
            match self.stream.write(piece) {
                Ok(()) => written += piece.len(),
                Err(PartialWrite { written: more }) => {
                    self.queue.counts().write_errors.fetch_add(1, Relaxed);
                    written += more;
                    self.queue.pause();
                }
            }
        }
    }

    /// Writes the samples for which there is room, and drops the others.
    fn write_samples(&mut self, mut samples: &[u8]) {
        if let Some(stream) = self.queue.new_stream() {
            self.stream = stream;
        }
        let queue = self.queue.clone();
        let counts = queue.counts();
        while !samples.is_empty() {
            let (piece, rest) = samples.split_at(piece_length(samples));
            samples = rest;
            let written = if self.stream.has_room() { self.write_piece(piece) } else { 0 };
            counts
                .samples_logged
                .fetch_add(lines_in(piece.get(..written).unwrap_or_default()), Relaxed);
            counts
                .samples_dropped
                .fetch_add(lines_in(piece.get(written..).unwrap_or_default()), Relaxed);
        }
    }

    /// Writes samples, and returns how many octets of them are written. A line that was begun is
    /// completed as soon as the stream takes it.
    fn write_piece(&mut self, piece: &[u8]) -> usize {
        let Err(PartialWrite { written }) = self.stream.write(piece) else { return piece.len() };
        self.queue.counts().write_errors.fetch_add(1, Relaxed);
        let start = line_start(piece, written);
        if start == written {
            return written;
        }
        let torn = piece.get(start..).unwrap_or_default();
        let torn = torn.split_inclusive(|octet| *octet == b'\n').next().unwrap_or_default();
        self.write_lines(torn, written - start);
        start + torn.len()
    }
}

/// Where the line begins that the octet at `written` is part of.
fn line_start(lines: &[u8], written: usize) -> usize {
    let before = lines.get(..written).unwrap_or(lines);
    before.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1)
}

/// The length of the first lines that can be written in one piece, or of the first line if it is
/// longer than a piece.
fn piece_length(lines: &[u8]) -> usize {
    let is_end = |octet: &u8| *octet == b'\n';
    let head = lines.get(..MAX_PIECE).unwrap_or(lines);
    let end = head.iter().rposition(is_end).or_else(|| lines.iter().position(is_end));
    end.map_or(lines.len(), |end| end + 1)
}

fn lines_in(text: &[u8]) -> u64 {
    text.split_inclusive(|octet| *octet == b'\n').count() as u64
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use std::io::{BufRead, BufReader, Read};
    use std::os::fd::{AsFd, OwnedFd};
    use std::time::{Duration, Instant};

    /// A queue whose lines are written to this stream.
    fn writing_to(stream: impl Into<OwnedFd>) -> Arc<Queue> {
        let descriptor: &'static OwnedFd = Box::leak(Box::new(stream.into()));
        let queue = Arc::new(Queue::default());
        let writer = LogWriter::new(queue.clone(), LogStream::new(descriptor.as_fd()));
        std::thread::spawn(move || writer.run());
        queue
    }

    #[test]
    fn pieces_are_whole_lines() {
        let long = "x".repeat(MAX_PIECE);
        for (text, length) in [
            ("a\n".to_owned(), 2),
            ("a\nb\n".to_owned(), 4),
            ("a".to_owned(), 1),
            (format!("a\n{long}\nb\n"), 2),
            (format!("{long}\nb\n"), MAX_PIECE + 1),
        ] {
            assert_eq!(piece_length(text.as_bytes()), length, "{text}");
        }
    }

    #[test]
    fn all_lines_are_written_in_their_order_and_a_flush_waits_for_them() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let queue = writing_to(writer);
        let mut expected = String::new();
        for number in 0..500 {
            let line = format!("{number} {}\n", "x".repeat(number % 90));
            queue.push_line(line.as_bytes());
            expected.push_str(&line);
        }
        queue.flush();
        let mut found = vec![0; expected.len()];
        reader.read_exact(&mut found).unwrap();
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }

    #[test]
    fn no_thread_waits_for_a_stream_without_a_reader() {
        let (reader, writer) = std::io::pipe().unwrap();
        let queue = writing_to(writer);
        let line = |number: usize| format!("{number:>9} {}\n", "x".repeat(89));
        // 2 MB, more than the pipe, the writer and the queue hold together.
        for number in 0..20_000 {
            queue.push_line(line(number).as_bytes());
        }
        queue.flush();
        let dropped = usize::try_from(queue.counts().lines_dropped.load(Relaxed)).unwrap();
        assert!((1..20_000).contains(&dropped), "{dropped}");
        // A late reader finds whole lines, in their order.
        let mut lines = BufReader::new(reader).lines();
        let mut next = 0;
        for _ in 0..20_000 - dropped {
            let found = lines.next().unwrap().unwrap() + "\n";
            let number: usize = found.split_whitespace().next().unwrap().parse().unwrap();
            assert!(number >= next, "{number} after {next}");
            assert_eq!(found, line(number));
            next = number + 1;
        }
    }

    #[test]
    fn lines_are_written_once_writes_succeed_again() {
        // Until somebody reads this pipe, each write fails.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let open = || std::fs::File::options().read(true).write(true).open(&path).unwrap();
        let first = open();
        let writer = std::fs::File::options().write(true).open(&path).unwrap();
        drop(first);
        let queue = writing_to(writer);
        queue.push_line(b"kept\n");
        queue.push_samples(b"sample\n");
        queue.flush();
        assert!(queue.counts().write_errors.load(Relaxed) > 0);
        let reader = open();
        queue.flush();
        let line = BufReader::new(reader).lines().next().unwrap().unwrap();
        assert_eq!(line, "kept");
        assert_eq!(queue.counts().lines_dropped.load(Relaxed), 0);
    }

    #[test]
    fn lines_go_to_the_stream_that_was_named_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let open = |name: &str| LogStream::file(std::fs::File::create(path(name)).unwrap());
        // What a full disk refuses goes to the next stream as well.
        let queue = writing_to(std::fs::File::options().write(true).open("/dev/full").unwrap());
        queue.push_line(b"refused\n");
        queue.flush();
        queue.change_stream(open("first"));
        queue.flush();
        queue.push_line(b"one\n");
        queue.flush();
        queue.change_stream(open("second"));
        queue.push_line(b"two\n");
        queue.flush();
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
        assert_eq!((read("first").as_str(), read("second").as_str()), ("refused\none\n", "two\n"));
    }

    #[test]
    fn a_line_that_was_begun_is_whole_in_the_next_stream() {
        assert_eq!([0, 1, 2, 3, 4].map(|written| line_start(b"a\nbc\n", written)), [0, 0, 2, 2, 2]);
        // The pipe's pages take the first line and some octets of the second.
        let (reader, writer) = std::io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&writer, MAX_PIECE).unwrap();
        rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).unwrap();
        let line = format!("{}\n", "x".repeat(3 * MAX_PIECE));
        let (mut begun, mut next) = (reader, std::io::pipe().unwrap());
        let queue = Arc::new(Queue::default());
        let descriptor: &'static OwnedFd = Box::leak(Box::new(writer.into()));
        let mut log = LogWriter::new(queue.clone(), LogStream::new(descriptor.as_fd()));
        let writing = std::thread::spawn(move || log.write_lines(line.as_bytes(), 0));
        let mut start = vec![0; MAX_PIECE];
        begun.read_exact(&mut start).unwrap();
        let descriptor: &'static OwnedFd = Box::leak(Box::new(next.1.into()));
        queue.change_stream(LogStream::new(descriptor.as_fd()));
        // Without a reader, the write that goes on fails.
        drop(begun);
        let mut found = vec![0; 3 * MAX_PIECE + 1];
        next.0.read_exact(&mut found).unwrap();
        writing.join().unwrap();
        assert!(start.iter().all(|octet| *octet == b'x'));
        assert_eq!(found.iter().position(|octet| *octet == b'\n'), Some(3 * MAX_PIECE));
    }

    #[test]
    fn a_full_disk_is_counted_and_blocks_nothing() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let queue = writing_to(full);
        queue.push_samples(b"sample\n");
        queue.flush();
        assert_eq!(queue.samples(), (0, 1));
        queue.push_line(b"line\n");
        queue.flush();
        assert!(queue.counts().write_errors.load(Relaxed) >= 2);
    }

    impl Queue {
        /// How many samples were logged and dropped, as soon as any were.
        fn samples(&self) -> (u64, u64) {
            let deadline = Instant::now() + Duration::from_secs(60);
            loop {
                let counts = self.counts();
                let found =
                    (counts.samples_logged.load(Relaxed), counts.samples_dropped.load(Relaxed));
                if found != (0, 0) {
                    return found;
                }
                assert!(Instant::now() < deadline, "no sample");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}
