//! The log on standard error. LogLines wait in a queue of bounded size, and one thread writes them: whoever logs waits for no disk and
//! no reader, and nobody ends because a line cannot be written.

mod counts;
mod panics;
mod problems;
mod queue;
mod stream;
mod writer;

use std::io;
use std::sync::Arc;

use tracing_subscriber::fmt::MakeWriter;

use cvdns_core::problem::{printable, printable_lines};

pub use counts::LogCounts;
pub use panics::log_panics;
pub use problems::{LOGGED, log_problems};
pub use stream::LONGEST;

use queue::Queue;
use stream::Stream;
use writer::Writer;

/// The log's queue; clones share it. Its thread runs as long as the program.
#[derive(Debug, Clone)]
pub struct LogQueue(Arc<Queue>);

impl LogQueue {
    /// Starts the thread, which writes to standard error.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let writer = Writer::new(queue.clone(), Stream::of_log());
        std::thread::Builder::new().name("cvdns-log".to_owned()).spawn(move || writer.run())?;
        Ok(Self(queue))
    }

    /// What became of lines and samples.
    pub fn counts(&self) -> &LogCounts {
        self.0.counts()
    }

    /// Logs samples of queries, lines with their ends of at most [`LONGEST`] octets each. They are left out, and counted, where the log's
    /// stream has no room for them and for other lines after them.
    pub fn samples(&self, lines: &str) {
        self.0.push_samples(printable_lines(lines).as_bytes());
    }

    /// Waits until all that was logged is written; no longer than a second, and not at all while it cannot be written.
    pub fn flush(&self) {
        self.0.flush();
    }

    /// Takes the lines of `tracing`. With `colours` they have escape sequences of their own; those of what is logged are for the
    /// formatter to escape, as that of `tracing` does.
    pub fn lines(&self, colours: bool) -> LogLines {
        LogLines { queue: self.clone(), colours }
    }
}

/// Puts lines into the queue: each write is a line.
#[derive(Debug, Clone)]
pub struct LogLines {
    queue: LogQueue,
    colours: bool,
}

impl io::Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(shortened(line));
        self.queue.0.push_line(line_of(&text, self.colours).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LogLines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Most octets of a line. A feed may hold names of megabytes, of which nobody reads more.
const LONGEST_LINE: usize = 16 << 10;

/// The beginning of a line that is too long.
fn shortened(line: &[u8]) -> &[u8] {
    line.get(..LONGEST_LINE).unwrap_or(line)
}

/// The text as one line with its end: a line within it would be forged.
fn line_of(text: &str, colours: bool) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut line = String::with_capacity(text.len() + 1);
    if colours {
        let parts: Vec<_> = text.split('\u{1b}').map(printable).collect();
        line.push_str(&parts.join("\u{1b}"));
    } else {
        line.push_str(&printable(text));
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_at_once_is_one_line() {
        assert_eq!(line_of("INFO up\n", false), "INFO up\n");
        assert_eq!(
            line_of("INFO a\nERROR forged \u{1b}[2J\n", false),
            "INFO a\\nERROR forged \\u001b[2J\n"
        );
        assert_eq!(
            line_of("\u{1b}[32mINFO\u{1b}[0m a\nb\u{9b}\n", true),
            "\u{1b}[32mINFO\u{1b}[0m a\\nb\\u009b\n"
        );
    }
}
