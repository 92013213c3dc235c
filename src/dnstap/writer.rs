//! The thread that sends messages to the collector.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::oneshot;

use super::collector::{Collector, CollectorError};
use super::encoder::Encoder;
use super::frames::whole_frames;
use super::queue::{TapQueue, Waiting, queue};
use super::report::Report;
use super::state::DnstapState;
use super::stop::Stop;
use super::tapped::Tapped;
use crate::backoff::Backoff;
use cvdns_core::snapshot::Snapshot;
use cvdns_io::essential;

/// What is sent where.
#[derive(Debug)]
pub struct DnstapSettings {
    /// The collector's socket.
    pub socket: PathBuf,
    /// Name of the server; empty for none, `None` for that of its answers (`id.server`).
    pub identity: Option<String>,
    /// Version of the server; empty for none, `None` for that of its answers (`version.server`).
    pub version: Option<String>,
}

/// The running thread.
#[derive(Debug)]
pub struct DnstapWriter {
    /// Closed when the thread has ended.
    ended: oneshot::Receiver<()>,
    stop: Stop,
    state: Arc<DnstapState>,
}

/// What the thread works with.
struct Writer {
    socket: PathBuf,
    waiting: Waiting,
    encoder: Encoder,
    snapshots: Arc<ArcSwap<Snapshot>>,
    state: Arc<DnstapState>,
    stop: Stop,
    backoff: Backoff,
    report: Report,
    /// Whole frames that the kernel has not taken.
    unsent: Vec<u8>,
}

/// Why a connection ended.
enum End {
    /// The collector is gone.
    Lost(CollectorError),
    /// The server ends.
    Stopped,
}

/// How long a stop waits for the last messages and the collector's FINISH.
const LAST_WRITES: Duration = Duration::from_secs(1);

/// How long the first message waits for others. Waking the thread takes a system call of the thread
/// that answers: so there are at most a hundred a second, whatever is asked.
const GATHER: Duration = Duration::from_millis(10);

/// The longest wait for a message without a look at the collector and the stop.
const LOOK: Duration = Duration::from_millis(250);

/// Octets of frames that are written at once.
const PIECE: usize = 64 << 10;

/// The first delay before a collector is tried again. It doubles up to 30 seconds.
const RETRY: Duration = Duration::from_secs(1);

/// How long messages wait for a collector that restarts.
const RESTART: Duration = Duration::from_secs(5);

/// A connection that lasted so long was a good one: if it ends, the next is tried soon.
const LASTING: Duration = Duration::from_secs(10);

impl DnstapWriter {
    /// Starts the thread, which ends when all copies of the queue are dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        settings: DnstapSettings,
        snapshots: Arc<ArcSwap<Snapshot>>,
    ) -> std::io::Result<(TapQueue, Self)> {
        let DnstapSettings { socket, identity, version } = settings;
        let state = DnstapState { socket: Some(socket.clone()), ..DnstapState::default() };
        let (state, stop) = (Arc::new(state), Stop::default());
        let (queue, waiting) = queue(&state);
        let mut writer = Writer {
            report: Report::new(&socket, state.clone()),
            socket,
            waiting,
            encoder: Encoder::new(identity, version),
            snapshots,
            state: state.clone(),
            stop: stop.clone(),
            backoff: Backoff::new(RETRY),
            unsent: Vec::new(),
        };
        let (end, ended) = oneshot::channel();
        essential::spawn("cvdns-dnstap", move || {
            writer.run();
            drop(end);
        })?;
        Ok((queue, Self { ended, stop, state }))
    }

    /// The counters.
    pub fn state(&self) -> Arc<DnstapState> {
        self.state.clone()
    }

    /// Waits until the collector has all messages, but for a second at most. To be called when
    /// nothing is answered any more.
    pub async fn end(self) {
        self.stop.within(LAST_WRITES);
        let _ = tokio::time::timeout(LAST_WRITES.saturating_mul(2), self.ended).await;
    }
}

impl Writer {
    fn run(&mut self) {
        while let Some(mut collector) = self.connect() {
            self.state.connections.fetch_add(1, Relaxed);
            self.state.is_connected.store(true, Relaxed);
            self.state.is_deserted.store(false, Relaxed);
            self.report.connected();
            let begun = Instant::now();
            let end = self.serve(&mut collector);
            if matches!(end, End::Stopped) {
                // There is nobody to tell of a failure.
                let _ = collector.finish();
            }
            self.state.is_connected.store(false, Relaxed);
            let End::Lost(error) = end else { break };
            self.state.failures.fetch_add(1, Relaxed);
            self.report.lost(&error);
            if begun.elapsed() >= LASTING {
                self.backoff.succeeded();
            }
        }
        self.drop_unsent();
        let _ = self.discard();
        self.report.ended();
    }

    /// Tries until there is a collector. Returns `None` when the server ends.
    fn connect(&mut self) -> Option<Collector> {
        let begun = Instant::now();
        let mut is_first = self.state.connections.load(Relaxed) == 0;
        loop {
            // After a collector that was lost, there is a pause first: it may come back.
            if is_first {
                match Collector::connect(&self.socket, self.stop.clone()) {
                    Ok(collector) => return Some(collector),
                    Err(error) => {
                        self.state.failures.fetch_add(1, Relaxed);
                        self.report.failed(&error);
                    }
                }
            }
            is_first = true;
            let pause = Instant::now();
            // One server and one collector need no jitter.
            let delay = self.backoff.failed(0);
            while let Some(left) = delay.checked_sub(pause.elapsed()) {
                if self.is_over(begun) {
                    return None;
                }
                std::thread::sleep(left.min(LOOK));
                self.report.drops();
            }
        }
    }

    /// Whether the server ends. Messages that have waited for a collector for too long are dropped.
    fn is_over(&mut self, begun: Instant) -> bool {
        if self.stop.is_asked() {
            return true;
        }
        if begun.elapsed() < RESTART {
            return false;
        }
        self.state.is_deserted.store(true, Relaxed);
        self.drop_unsent();
        self.discard() == TryRecvError::Disconnected
    }

    fn drop_unsent(&mut self) {
        let (frames, _) = whole_frames(&self.unsent, self.unsent.len());
        self.state.dropped_no_collector.fetch_add(frames, Relaxed);
        self.unsent.clear();
    }

    /// Drops what waits. Returns why there is no more.
    fn discard(&mut self) -> TryRecvError {
        loop {
            match self.waiting.try_next() {
                Ok(tapped) => {
                    self.state.dropped_no_collector.fetch_add(tapped.messages(), Relaxed);
                }
                Err(why) => return why,
            }
        }
    }

    /// Sends what comes, until the collector is gone or the server ends.
    fn serve(&mut self, collector: &mut Collector) -> End {
        loop {
            if let Err(error) = collector.check().and_then(|()| self.flush(collector)) {
                return End::Lost(error);
            }
            let ended = match self.waiting.next(LOOK) {
                Ok(first) => self.gather(first, collector),
                Err(RecvTimeoutError::Timeout) if !self.stop.is_asked() => Ok(()),
                Err(_) => return End::Stopped,
            };
            if let Err(error) = ended {
                return End::Lost(error);
            }
            if self.stop.is_past() {
                return End::Stopped;
            }
            self.report.drops();
        }
    }

    /// Sends this query and those that come within a moment.
    fn gather(&mut self, first: Tapped, collector: &mut Collector) -> Result<(), CollectorError> {
        if !self.stop.is_asked() {
            std::thread::sleep(GATHER);
        }
        self.encode(first);
        while let Ok(next) = self.waiting.try_next() {
            self.encode(next);
            if self.unsent.len() >= PIECE {
                self.flush(collector)?;
            }
        }
        self.flush(collector)
    }

    fn encode(&mut self, tapped: Tapped) {
        let messages = tapped.messages();
        let Self { encoder, snapshots, unsent, state, .. } = self;
        if !contained(unsent, |unsent| encoder.append(tapped, &snapshots.load(), unsent)) {
            state.dropped_panic.fetch_add(messages, Relaxed);
        }
    }

    /// Writes what is unsent. What the kernel has not taken stays for the next collector; the part
    /// of a frame that it took is worth nothing.
    fn flush(&mut self, collector: &mut Collector) -> Result<(), CollectorError> {
        let Self { unsent, report, .. } = self;
        let outcome = collector.write(unsent, || report.drops());
        let written = outcome.as_ref().map_or_else(|error| error.written, |()| self.unsent.len());
        let (frames, end) = whole_frames(&self.unsent, written);
        self.state.sent.fetch_add(frames, Relaxed);
        self.unsent.drain(..end);
        outcome.map_err(|unwritten| unwritten.error)
    }
}

/// Appends frames. If that panics, none are appended, and the result is false. Octets of a query
/// come from a client: whoever found some that the encoder panics at could otherwise end the
/// server. The panic itself is in the log.
fn contained(frames: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>)) -> bool {
    let before = frames.len();
    let is_done = catch_unwind(AssertUnwindSafe(|| append(frames))).is_ok();
    if !is_done {
        frames.truncate(before);
    }
    is_done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_the_encoder_panics_at_costs_no_other() {
        let mut frames = b"good".to_vec();
        let bad = |frames: &mut Vec<u8>| {
            frames.extend_from_slice(b"ba");
            panic!("as the test wants");
        };
        assert!(!contained(&mut frames, bad));
        assert!(contained(&mut frames, |frames| frames.extend_from_slice(b" too")));
        assert_eq!(frames, b"good too");
    }
}
