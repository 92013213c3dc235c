//! Samples of queries for the log (`query-sample` in `[log]`): copied where they are answered, read and written elsewhere.

mod countdown;
mod line;

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::logging::{LONGEST, LogQueue};
use cvdns_core::answer::Transport;
use cvdns_net::Place;

use countdown::Countdown;

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
    log: LogQueue,
    /// Connections come and go: they count down together.
    connections: Arc<Mutex<Countdown>>,
}

/// Chooses among the answers of one thread, or of all connections.
#[derive(Debug)]
pub(super) struct Sampler {
    countdown: Counting,
    samples: SyncSender<Sample>,
    log: LogQueue,
}

#[derive(Debug)]
enum Counting {
    Own(Countdown),
    Shared(Arc<Mutex<Countdown>>),
}

/// Hands what samplers chose to the log.
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
    /// Has this share of the answers logged, by a thread that ends when all samplers are gone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(share: f64, log: LogQueue) -> std::io::Result<(Self, Writer)> {
        let (samples, chosen) = sync_channel(WAITING);
        let (end, ended) = oneshot::channel();
        let written = log.clone();
        Builder::new().name("cvdns-samples".to_owned()).spawn(move || {
            write(&chosen, &written);
            drop(end);
        })?;
        let connections = Arc::new(Mutex::new(Countdown::new(share, 0)));
        Ok((Self { share, samples, log, connections }, Writer { ended }))
    }

    /// The sampler of what a responder serves.
    pub(super) fn sampler(&self, place: Place) -> Sampler {
        let countdown = match place {
            Place::Socket(number) => Counting::Own(Countdown::new(self.share, number as u64 + 1)),
            Place::Connection => Counting::Shared(self.connections.clone()),
        };
        Sampler { countdown, samples: self.samples.clone(), log: self.log.clone() }
    }
}

impl Sampler {
    /// Looks at an answer, and copies it if its turn has come.
    #[inline]
    pub(super) fn look(&mut self, answer: &[u8], client: SocketAddr, transport: Transport) {
        let hit = match &mut self.countdown {
            Counting::Own(countdown) => countdown.hit(),
            // A count is never left half done.
            Counting::Shared(countdown) => {
                countdown.lock().unwrap_or_else(PoisonError::into_inner).hit()
            }
        };
        if hit {
            self.take(answer, client, transport);
        }
    }

    #[cold]
    fn take(&self, answer: &[u8], client: SocketAddr, transport: Transport) {
        let sample = Sample { octets: answer.into(), client, transport };
        if self.samples.try_send(sample).is_err() {
            self.log.counts().samples_dropped.fetch_add(1, Relaxed);
        }
    }
}

impl Writer {
    /// Waits until the log has all samples.
    pub(super) async fn end(self) {
        // A panic of it lost no query.
        let _ = tokio::time::timeout(LAST, self.ended).await;
    }
}

fn write(chosen: &Receiver<Sample>, log: &LogQueue) {
    let mut text = String::new();
    while let Ok(first) = chosen.recv() {
        std::thread::sleep(GATHER);
        let time = Timestamp::now();
        for sample in std::iter::once(first).chain(chosen.try_iter().take(WAITING)) {
            text.push_str(&line::line(&sample, time));
            if text.len() >= LONGEST {
                log.samples(&text);
                text.clear();
            }
        }
        log.samples(&text);
        text.clear();
    }
}
