//! The log, on standard error or in a file. Lines wait in a queue of bounded size, and one thread
//! writes them, so that a thread which logs never waits for a disk or a reader, and nothing ends
//! because a line cannot be written.
//!
//! `queue` holds the lines, `writer` writes them to the `stream`, `counts` counts what was lost;
//! `file` opens the log's file, `journal` knows systemd's journal; `once` and `problems` keep the
//! log short, `fields` are what programs look for; `level` says what is logged, and `filter` how
//! that is written.

mod counts;
mod fields;
mod file;
mod filter;
mod journal;
mod last_words;
mod level;
mod once;
mod panics;
mod problems;
mod queue;
mod stream;
mod writer;

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tracing::{Level, Metadata as EventMetadata};
use tracing_subscriber::fmt::MakeWriter;

use cvdns_core::config::Log;
use cvdns_core::problem::{printable, printable_lines};
use cvdns_io::beside;

pub use counts::LogCounts;
pub use fields::{FIELDS, as_text};
pub use filter::check_variable;
pub use level::{LevelInForce, LogLevel};
pub use once::{Changes, LogOnce};
pub use panics::log_panics;
pub use problems::{LOGGED, log_first, log_problems, warn_as, warn_of};
pub use stream::MAX_PIECE;

use file::Reopening;
use queue::Queue;
use stream::LogStream;
use writer::LogWriter;

use cvdns_io::confinement::begin_thread;

/// The log's queue, shared by all clones. Its thread runs as long as the program.
#[derive(Debug, Clone)]
pub struct LogQueue {
    queue: Arc<Queue>,
    file: Arc<Reopening>,
    /// Whether lines start with their priority, as they go to the journal.
    prioritised: Arc<AtomicBool>,
}

impl LogQueue {
    /// Starts the thread, which writes to standard error.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let writer = LogWriter::new(queue.clone(), LogStream::stderr());
        let waiting = queue.clone();
        std::thread::Builder::new().name("cvdns-log".to_owned()).spawn(move || {
            begin_thread();
            last_words::run(|| writer.run(), &waiting, &LogStream::stderr());
        })?;
        let prioritised = Arc::new(AtomicBool::new(journal::is_stderr()));
        Ok(Self { queue, file: Arc::default(), prioritised })
    }

    /// Goes on in the file that the configuration names, if any, whose own path is `config`.
    /// [`Self::reopen`] opens the file again. While it cannot be opened, the log is on standard
    /// error.
    ///
    /// Call this when the process belongs to the user that is to own the file, and before it enters
    /// its sandbox.
    ///
    /// # Errors
    /// When the system gives no thread, in words for people.
    pub fn go_on_in_file(&self, log: &Log, config: &Path) -> Result<(), String> {
        let Some(file) = &log.file else { return Ok(()) };
        file::start(&beside(config, &file.value), &self.file, &self.queue, &self.prioritised)
    }

    /// Asks for the log's file to be opened again. Returns false if the log is in no file.
    pub fn reopen(&self) -> bool {
        self.file.request()
    }

    /// The path of the log's file and why it cannot be opened, for people; `None` if it is open or
    /// the log is in no file.
    pub fn not_open(&self) -> Option<String> {
        self.file.not_open()
    }

    /// The counts of lines and samples.
    pub fn counts(&self) -> &LogCounts {
        self.queue.counts()
    }

    /// Logs samples of queries: lines with their ends, of at most [`MAX_PIECE`] octets each. If the
    /// log's stream has no room for them and for other lines after them, they are dropped and
    /// counted.
    pub fn samples(&self, lines: &str) {
        let lines = printable_lines(lines);
        if self.prioritised.load(Relaxed) {
            let prefix = journal::prefix(Level::INFO);
            let lines = lines.split_inclusive('\n').map(|line| format!("{prefix}{line}"));
            self.queue.push_samples(lines.collect::<String>().as_bytes());
        } else {
            self.queue.push_samples(lines.as_bytes());
        }
    }

    /// Waits until all lines are written; at most a second, and not at all while writes fail.
    pub fn flush(&self) {
        self.queue.flush();
    }

    /// The writer for lines of `tracing`. With `colours`, lines contain escape sequences of the
    /// formatter, which has to escape those in messages, as that of `tracing` does.
    pub fn lines(&self, colours: bool) -> LogLines {
        LogLines { queue: self.clone(), colours, prefix: "" }
    }
}

/// What a file is that cannot be a log, as it is no regular file: "a directory", "a pipe".
pub fn other_kind(metadata: &Metadata) -> Option<&'static str> {
    file::other_kind(metadata)
}

/// What a line of this level that is written to standard error starts with: its priority if the
/// journal of systemd reads it, or else nothing.
pub fn stderr_prefix(level: Level) -> &'static str {
    if journal::is_stderr() { journal::prefix(level) } else { "" }
}

/// Puts lines into the queue. Each write is a line.
#[derive(Debug, Clone)]
pub struct LogLines {
    queue: LogQueue,
    colours: bool,
    /// What each line starts with.
    prefix: &'static str,
}

impl io::Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(shortened(line));
        let whole = format!("{}{}", self.prefix, one_line(&text, self.colours));
        self.queue.queue.push_line(whole.as_bytes());
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

    fn make_writer_for(&'w self, event: &EventMetadata<'_>) -> Self {
        let is_prioritised = self.queue.prioritised.load(Relaxed);
        let prefix = if is_prioritised { journal::prefix(*event.level()) } else { "" };
        Self { prefix, ..self.clone() }
    }
}

/// Most octets of a line. A feed may contain names of megabytes, and nobody reads lines of that
/// length.
const MAX_LINE: usize = 16 << 10;

/// The line, cut off if it is too long.
fn shortened(line: &[u8]) -> &[u8] {
    line.get(..MAX_LINE).unwrap_or(line)
}

/// The text as one line with its end. Line breaks within it are escaped, so that no text can forge
/// a line.
fn one_line(text: &str, colours: bool) -> String {
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
    fn each_message_is_one_line() {
        assert_eq!(one_line("INFO up\n", false), "INFO up\n");
        assert_eq!(
            one_line("INFO a\nERROR forged \u{1b}[2J\n", false),
            "INFO a\\nERROR forged \\u001b[2J\n"
        );
        assert_eq!(
            one_line("\u{1b}[32mINFO\u{1b}[0m a\nb\u{9b}\n", true),
            "\u{1b}[32mINFO\u{1b}[0m a\\nb\\u009b\n"
        );
    }
}
