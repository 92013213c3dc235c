//! One TCP connection: queries and answers with their length in front (RFC 1035 section 4.2.2, RFC
//! 7766).

use std::future::pending;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::buffers::{Buffers, Output};
use super::connection_limiter::Permit;
use super::counters::{TcpTally, add};
use super::input::{Input, Malformed};
use super::responder::{Responder, Transport};
use super::tcp_limits::TcpLimits;
use super::watchdog::Progress;

/// A connection. While it is idle, its only buffer is one for a short query.
pub(super) struct Connection<R> {
    stream: TcpStream,
    client: SocketAddr,
    responder: R,
    input: Input,
    buffers: Arc<Buffers>,
    limits: TcpLimits,
    permit: Permit,
    tally: Arc<TcpTally>,
    progress: Arc<Progress>,
}

/// Most spare buffers for answers, of 128 KiB each. More threads seldom answer at the same time.
const SPARE_BUFFERS: usize = 8;

/// What the connections of a listener share.
#[derive(Clone)]
pub(super) struct Shared {
    pub buffers: Arc<Buffers>,
    pub limits: TcpLimits,
    pub tally: Arc<TcpTally>,
}

impl Shared {
    pub(super) fn new(limits: TcpLimits, tally: Arc<TcpTally>) -> Self {
        Self { buffers: Arc::new(Buffers::new(SPARE_BUFFERS)), limits, tally }
    }
}

/// Why a connection ends. Each reason has a counter; the peer always sees a close.
enum End {
    /// The peer closed its side, or the connection broke.
    Peer,
    /// A new connection needs the slot.
    Evicted,
    /// The server stops.
    Stop,
    /// There was no query for too long.
    Idle,
    /// A message did not end in time.
    SlowMessage,
    /// The peer did not read its answers in time.
    SlowReader,
    /// A message is shorter than a header.
    Malformed,
}

/// Most reads after the stop: enough for what the kernel holds, but a peer that goes on sending is
/// cut off.
const DRAIN_READS: usize = 64;
/// Longest time for one of these reads. It is not zero, as the octets of a new connection are seen
/// only once the runtime has polled the kernel.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(20);

impl<R: Responder> Connection<R> {
    /// A connection that was admitted.
    pub(super) fn new(
        stream: TcpStream,
        client: SocketAddr,
        responder: R,
        permit: Permit,
        Shared { buffers, limits, tally }: Shared,
        progress: Arc<Progress>,
    ) -> Self {
        let input = Input::default();
        Self { stream, client, responder, input, buffers, limits, permit, tally, progress }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let end = match self.converse(&mut stop).await {
            Err(End::Stop) => self.drain().await.err().unwrap_or(End::Stop),
            Err(end) => end,
            Ok(()) => End::Peer,
        };
        let tally = &self.tally;
        match end {
            End::Peer => add(&tally.closed, 1),
            End::Stop => add(&tally.stopped, 1),
            End::Evicted => add(&tally.evicted, 1),
            End::Idle => add(&tally.idle_timeouts, 1),
            End::SlowMessage => add(&tally.message_timeouts, 1),
            End::SlowReader => add(&tally.write_timeouts, 1),
            End::Malformed => add(&tally.malformed, 1),
        }
        // The peer may be gone; dropping the stream closes it in any case.
        let _ = self.stream.shutdown().await;
    }

    async fn converse(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), End> {
        let mut idle = true;
        let mut deadline = after(self.limits.idle);
        while self.read(deadline, stop).await? > 0 {
            self.permit.set_busy();
            let answered = self.answer().await?;
            if self.input.is_empty() {
                self.permit.set_idle();
                deadline = after(self.limits.idle);
            } else if idle || answered {
                // A message began with this read. Its time limit does not restart with each octet.
                deadline = after(self.limits.message);
            }
            idle = self.input.is_empty();
        }
        Ok(())
    }

    /// Reads more octets, and returns their number; 0 if the peer has closed its side.
    async fn read(
        &mut self,
        deadline: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<usize, End> {
        let idle = self.input.is_empty();
        let Self { stream, input, permit, .. } = self;
        let evict = async {
            if idle {
                permit.evicted().await;
            } else {
                pending::<()>().await;
            }
        };
        let result = select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Err(End::Stop),
            () = evict => return Err(End::Evicted),
            result = timeout_at(deadline, stream.read(input.space())) => result,
        };
        match result {
            Ok(Ok(count)) => {
                input.filled(count);
                Ok(count)
            }
            Ok(Err(_)) => Err(End::Peer),
            Err(_) if idle => Err(End::Idle),
            Err(_) => Err(End::SlowMessage),
        }
    }

    /// Answers all complete messages in the buffer. Returns whether there was one.
    async fn answer(&mut self) -> Result<bool, End> {
        let (mut received, mut answered, mut any) = (0, 0, false);
        let mut outcome = Ok(());
        let mut output = None;
        loop {
            let range = match self.input.next_message() {
                Ok(Some(range)) => range,
                Ok(None) => break,
                Err(Malformed) => {
                    outcome = Err(End::Malformed);
                    break;
                }
            };
            if !any {
                self.progress.set_thread();
                self.progress.during(|| self.responder.refresh());
            }
            any = true;
            if let Some(full) = output.take_if(|output: &mut Output| output.is_full()) {
                // Counted before they are sent, as the peer may be gone.
                self.count(std::mem::take(&mut received), std::mem::take(&mut answered));
                self.flush(full).await?;
                self.progress.set_thread();
            }
            received += 1;
            let Self { input, responder, client, progress, .. } = self;
            let output = output.get_or_insert_with(|| self.buffers.take());
            answered += u64::from(output.add(input.message(range), |buffer, length| {
                progress.during(|| responder.respond(buffer, length, *client, Transport::Tcp))
            }));
        }
        self.count(received, answered);
        self.input.compact();
        if let Some(output) = output {
            self.flush(output).await?;
        }
        outcome.map(|()| any)
    }

    fn count(&self, received: u64, answered: u64) {
        add(&self.tally.received, received);
        add(&self.tally.answered, answered);
        add(&self.tally.dropped, received.saturating_sub(answered));
    }

    /// Sends the answers. While a peer does not read them, none of its queries is read, and only
    /// the unsent answers are held.
    async fn flush(&mut self, output: Output) -> Result<(), End> {
        let answers = output.octets();
        if answers.is_empty() {
            self.buffers.put(output);
            return Ok(());
        }
        let sent = match self.stream.try_write(answers) {
            Ok(sent) => sent,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                0
            }
            Err(_) => return Err(End::Peer),
        };
        let rest: Box<[u8]> = answers.get(sent..).unwrap_or_default().into();
        self.buffers.put(output);
        if rest.is_empty() {
            return Ok(());
        }
        match timeout(self.limits.write, self.stream.write_all(&rest)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Peer),
            Err(_) => Err(End::SlowReader),
        }
    }

    /// Answers the queries that the kernel already holds.
    async fn drain(&mut self) -> Result<(), End> {
        for _ in 0..DRAIN_READS {
            match timeout(DRAIN_TIMEOUT, self.stream.read(self.input.space())).await {
                Ok(Ok(0)) | Err(_) => break,
                Ok(Ok(count)) => self.input.filled(count),
                Ok(Err(_)) => return Err(End::Peer),
            }
            self.answer().await?;
        }
        Ok(())
    }
}

fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now)
}
