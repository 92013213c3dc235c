//! Samples of queries for the log (`query-sample` in `[log]`). Answers are copied where they are
//! made; another thread decodes and writes them.

mod json_line;
mod sample;

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::countdown::{Countdowns, EndpointCountdown};
use crate::logging::{LogQueue, MAX_PIECE};
use cvdns_core::answer::Transport;
use cvdns_io::essential;
use cvdns_net::Endpoint;

use sample::Sample;

/// Makes samplers, which all send their samples to one thread.
#[derive(Debug, Clone)]
pub(super) struct Sampling {
    countdowns: Countdowns,
    samples: SampleQueue,
}

/// Chooses samples among the answers of one thread, or of all connections.
#[derive(Debug)]
pub(super) struct Sampler {
    countdown: EndpointCountdown,
    samples: SampleQueue,
}

/// The samples that wait to be written, as those see them who add some.
#[derive(Debug, Clone)]
struct SampleQueue {
    sender: SyncSender<Sample>,
    /// Octets that wait.
    octets: Arc<AtomicUsize>,
    log: LogQueue,
}

/// The thread that writes samples to the log.
#[derive(Debug)]
pub(super) struct SampleWriter {
    /// Closed when the thread has ended.
    ended: oneshot::Receiver<()>,
}

/// How long a stop waits for the last samples.
const LAST_WRITES: Duration = Duration::from_secs(1);

/// Samples that may wait to be written. Samples beyond that are dropped, and counted.
const QUEUE_LENGTH: usize = 8192;

/// Octets of samples that may wait. Those of usual length never take so many, but answers over TCP
/// may have 64 KiB.
const QUEUE_OCTETS: usize = 16 << 20;

/// How long the first sample waits for others. At 200 samples a second, waking the writer for each
/// made answers cost 3 to 9 % more if it shared the worker's core.
const GATHER: Duration = Duration::from_millis(100);

impl Sampling {
    /// Logs this share (above 0, at most 1) of all answers, by a thread that ends when all samplers
    /// are dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(share: f64, log: LogQueue) -> std::io::Result<(Self, SampleWriter)> {
        let (samples, chosen) = SampleQueue::new(log);
        let (end, ended) = oneshot::channel();
        let (waiting, log) = (samples.octets.clone(), samples.log.clone());
        essential::spawn("cvdns-samples", move || {
            write(&chosen, &waiting, &log, json_line::json_line);
            drop(end);
        })?;
        Ok((Self { countdowns: Countdowns::new(share), samples }, SampleWriter { ended }))
    }

    /// The sampler for a worker's socket or a connection.
    pub(super) fn sampler(&self, endpoint: Endpoint) -> Sampler {
        let countdown = self.countdowns.of(endpoint);
        Sampler { countdown, samples: self.samples.clone() }
    }
}

impl Sampler {
    /// Counts an answer, and copies it if it is a sample.
    #[inline]
    pub(super) fn observe(&mut self, answer: &[u8], client: SocketAddr, transport: Transport) {
        if self.countdown.is_sample() {
            self.take(answer, client, transport);
        }
    }

    #[cold]
    fn take(&self, answer: &[u8], client: SocketAddr, transport: Transport) {
        self.samples.push(Sample { octets: answer.into(), client, transport });
    }
}

impl SampleQueue {
    /// A queue, and what it is emptied by.
    fn new(log: LogQueue) -> (Self, Receiver<Sample>) {
        let (sender, receiver) = sync_channel(QUEUE_LENGTH);
        (Self { sender, octets: Arc::default(), log }, receiver)
    }

    /// Adds a sample, or drops and counts it if there is no room.
    fn push(&self, sample: Sample) {
        let length = sample.octets.len();
        let waiting = self.octets.fetch_add(length, Relaxed).saturating_add(length);
        if waiting > QUEUE_OCTETS || self.sender.try_send(sample).is_err() {
            self.octets.fetch_sub(length, Relaxed);
            self.log.counts().samples_dropped.fetch_add(1, Relaxed);
        }
    }
}

impl SampleWriter {
    /// Waits until all samples are in the log's queue.
    pub(super) async fn end(self) {
        let _ = tokio::time::timeout(LAST_WRITES, self.ended).await;
    }
}

/// Writes samples to the log, each as the line that `decode` makes of it. `waiting` counts the
/// octets of those that wait.
fn write(
    chosen: &Receiver<Sample>,
    waiting: &AtomicUsize,
    log: &LogQueue,
    decode: impl Fn(&Sample, Timestamp) -> String,
) {
    let mut text = String::new();
    while let Ok(first) = chosen.recv() {
        std::thread::sleep(GATHER);
        let time = Timestamp::now();
        for sample in std::iter::once(first).chain(chosen.try_iter().take(QUEUE_LENGTH)) {
            waiting.fetch_sub(sample.octets.len(), Relaxed);
            // Octets of a sample come from a client: whoever found some that the decoder panics at
            // could otherwise end the server. The panic itself is in the log.
            match catch_unwind(AssertUnwindSafe(|| decode(&sample, time))) {
                Ok(line) => text.push_str(&line),
                Err(_) => {
                    log.counts().samples_dropped.fetch_add(1, Relaxed);
                }
            }
            if text.len() >= MAX_PIECE {
                log.samples(&text);
                text.clear();
            }
        }
        log.samples(&text);
        text.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn sample(octets: &[u8]) -> Sample {
        let client = "192.0.2.1:53".parse().unwrap();
        Sample { octets: octets.into(), client, transport: Transport::Udp }
    }

    #[test]
    fn a_sample_that_the_decoder_panics_at_costs_no_other() {
        let log = LogQueue::start().unwrap();
        let (samples, chosen) = SampleQueue::new(log.clone());
        for octets in ["good", "bad", "good"] {
            samples.push(sample(octets.as_bytes()));
        }
        let waiting = samples.octets.clone();
        assert_eq!(waiting.load(Relaxed), 11);
        drop(samples);
        let (made, lines) = std::sync::mpsc::channel();
        write(&chosen, &waiting, &log, |sample, _| {
            assert!(*sample.octets != *b"bad", "as the test wants");
            made.send(()).unwrap();
            String::new()
        });
        assert_eq!(lines.try_iter().count(), 2);
        assert_eq!(log.counts().samples_dropped.load(Relaxed), 1);
        assert_eq!(waiting.load(Relaxed), 0);
    }

    #[test]
    fn samples_that_find_no_room_are_dropped_and_counted() {
        for (length, room) in [(100, QUEUE_LENGTH), (64 << 10, QUEUE_OCTETS / (64 << 10))] {
            let log = LogQueue::start().unwrap();
            let (samples, chosen) = SampleQueue::new(log.clone());
            for _ in 0..room + 3 {
                samples.push(sample(&vec![0; length]));
            }
            assert_eq!(log.counts().samples_dropped.load(Relaxed), 3);
            assert_eq!(chosen.try_iter().count(), room);
        }
    }
}
