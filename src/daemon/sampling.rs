//! Samples of queries for the log (`query-sample` in `[log]`): copied where they are answered, read and written elsewhere.

mod countdown;
mod line;
mod stream;

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::admin::SampleCounts;
use crate::answer::Transport;
use crate::serve::Place;

use countdown::Countdown;
use stream::{LONGEST, Stream};

/// An answer that was chosen, with the question in it.
#[derive(Debug)]
struct Sample {
    octets: Box<[u8]>,
    client: SocketAddr,
    transport: Transport,
}

/// Makes samplers, which all send what they chose to one thread.
#[derive(Debug, Clone)]
pub(super) struct Sampling {
    share: f64,
    samples: SyncSender<Sample>,
    counts: Arc<SampleCounts>,
    /// Connections come and go: they count down together.
    connections: Arc<Mutex<Countdown>>,
}

/// Chooses among the answers of one thread, or of all connections.
#[derive(Debug)]
pub(super) struct Sampler {
    countdown: Counting,
    samples: SyncSender<Sample>,
    counts: Arc<SampleCounts>,
}

#[derive(Debug)]
enum Counting {
    Own(Countdown),
    Shared(Arc<Mutex<Countdown>>),
}

/// Writes what samplers chose.
#[derive(Debug)]
pub(super) struct Writer {
    /// Closed when it has ended.
    ended: oneshot::Receiver<()>,
}

/// How long the server's end waits for the last samples.
const LAST: Duration = Duration::from_secs(1);

/// Samples that may wait to be written; what comes while so many wait is left out, and counted.
const WAITING: usize = 8192;

/// For how long the first sample waits for others. To wake the writer for each made answers cost 3 to 9 % more where it has the
/// worker's core, at 200 samples a second.
const GATHER: Duration = Duration::from_millis(100);

impl Sampling {
    /// Has this share of the answers written to standard error, by a thread that ends when all samplers are gone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(share: f64, counts: Arc<SampleCounts>) -> std::io::Result<(Self, Writer)> {
        let (samples, chosen) = sync_channel(WAITING);
        let (end, ended) = oneshot::channel();
        let written = counts.clone();
        Builder::new().name("cvdns-samples".to_owned()).spawn(move || {
            write(&chosen, &written);
            drop(end);
        })?;
        let connections = Arc::new(Mutex::new(Countdown::new(share, 0)));
        Ok((Self { share, samples, counts, connections }, Writer { ended }))
    }

    /// The sampler of what a responder serves.
    pub(super) fn sampler(&self, place: Place) -> Sampler {
        let countdown = match place {
            Place::Socket(number) => Counting::Own(Countdown::new(self.share, number as u64 + 1)),
            Place::Connection => Counting::Shared(self.connections.clone()),
        };
        Sampler { countdown, samples: self.samples.clone(), counts: self.counts.clone() }
    }
}

impl Sampler {
    /// Looks at an answer, and copies it if its turn has come.
    #[inline]
    pub(super) fn look(&mut self, answer: &[u8], client: SocketAddr, transport: Transport) {
        let hit = match &mut self.countdown {
            Counting::Own(countdown) => countdown.hit(),
            // A count is never left half done.
            Counting::Shared(countdown) => countdown.lock().unwrap_or_else(PoisonError::into_inner).hit(),
        };
        if hit {
            self.take(answer, client, transport);
        }
    }

    #[cold]
    fn take(&self, answer: &[u8], client: SocketAddr, transport: Transport) {
        let sample = Sample { octets: answer.into(), client, transport };
        if self.samples.try_send(sample).is_err() {
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }
}

impl Writer {
    /// Waits until all samples are written, or for a moment where they cannot be.
    pub(super) async fn end(self) {
        // A panic of it lost no query.
        let _ = tokio::time::timeout(LAST, self.ended).await;
    }
}

fn write(chosen: &Receiver<Sample>, counts: &SampleCounts) {
    let mut lines = Lines { stream: Stream::of_log(), counts, text: String::new(), number: 0 };
    while let Ok(first) = chosen.recv() {
        std::thread::sleep(GATHER);
        let time = Timestamp::now();
        for sample in std::iter::once(first).chain(chosen.try_iter().take(WAITING)) {
            lines.push(&line::line(&sample, time));
        }
        lines.flush();
    }
}

/// Lines that are written together, as many as the stream takes in one piece.
struct Lines<'c> {
    stream: Stream,
    counts: &'c SampleCounts,
    text: String,
    /// How many they are.
    number: u64,
}

impl Lines<'_> {
    fn push(&mut self, line: &str) {
        if self.text.len() + line.len() > LONGEST {
            self.flush();
        }
        self.text.push_str(line);
        self.number += 1;
    }

    fn flush(&mut self) {
        if self.number > 0 {
            let written = self.stream.write(&self.text);
            let counter = if written.is_ok() { &self.counts.logged } else { &self.counts.dropped };
            counter.fetch_add(self.number, Relaxed);
        }
        self.text.clear();
        self.number = 0;
    }
}
