//! Samples of queries for the log (`query-sample` in `[log]`). Answers are copied where they are
//! made; another thread decodes and writes them.

mod json_line;
mod sample;

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
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
    samples: SyncSender<Sample>,
    log: LogQueue,
}

/// Chooses samples among the answers of one thread, or of all connections.
#[derive(Debug)]
pub(super) struct Sampler {
    countdown: EndpointCountdown,
    samples: SyncSender<Sample>,
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
        let (samples, chosen) = sync_channel(QUEUE_LENGTH);
        let (end, ended) = oneshot::channel();
        let written = log.clone();
        essential::spawn("cvdns-samples", move || {
            write(&chosen, &written, json_line::json_line);
            drop(end);
        })?;
        Ok((Self { countdowns: Countdowns::new(share), samples, log }, SampleWriter { ended }))
    }

    /// The sampler for a worker's socket or a connection.
    pub(super) fn sampler(&self, endpoint: Endpoint) -> Sampler {
        let countdown = self.countdowns.of(endpoint);
        Sampler { countdown, samples: self.samples.clone(), log: self.log.clone() }
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
        let sample = Sample { octets: answer.into(), client, transport };
        if self.samples.try_send(sample).is_err() {
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

/// Writes samples to the log, each as the line that `decode` makes of it.
fn write(chosen: &Receiver<Sample>, log: &LogQueue, decode: impl Fn(&Sample, Timestamp) -> String) {
    let mut text = String::new();
    while let Ok(first) = chosen.recv() {
        std::thread::sleep(GATHER);
        let time = Timestamp::now();
        for sample in std::iter::once(first).chain(chosen.try_iter().take(QUEUE_LENGTH)) {
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

    #[test]
    fn a_sample_that_the_decoder_panics_at_costs_no_other() {
        let log = LogQueue::start().unwrap();
        let (samples, chosen) = sync_channel(QUEUE_LENGTH);
        for octets in ["good", "bad", "good"] {
            let client = "192.0.2.1:53".parse().unwrap();
            let octets = octets.as_bytes().into();
            samples.send(Sample { octets, client, transport: Transport::Udp }).unwrap();
        }
        drop(samples);
        let (made, lines) = std::sync::mpsc::channel();
        write(&chosen, &log, |sample, _| {
            assert!(*sample.octets != *b"bad", "as the test wants");
            made.send(()).unwrap();
            String::new()
        });
        assert_eq!(lines.try_iter().count(), 2);
        assert_eq!(log.counts().samples_dropped.load(Relaxed), 1);
    }
}
