//! One connection over TCP or TLS: queries and answers with their length in front (RFC 1035 section
//! 4.2.2, RFC 7766, RFC 7858 section 3.3).

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::buffers::{Buffers, Output};
use super::connection_limiter::Permit;
use super::counters::{TcpTally, add};
use super::input::{Input, Malformed};
use super::memory::{NoMemory, copied};
use super::phase::Phase;
use super::responder::{CannotGoOn, MessageStream, Responder, Transport};
use super::tcp_limits::{TcpLimits, patience};
use super::watchdog::Progress;

/// A connection. While it is idle, its only buffer is one for a short query.
pub(super) struct Connection<R, S> {
    stream: S,
    peers: Peers,
    responder: R,
    input: Input,
    buffers: Arc<Buffers>,
    limits: TcpLimits,
    permit: Permit,
    tally: Arc<TcpTally>,
    phase: watch::Receiver<Phase>,
    progress: Arc<Progress>,
}

/// Who talks to whom, and how.
#[derive(Clone, Copy)]
pub(super) struct Peers {
    pub client: SocketAddr,
    /// `None` if the system does not tell.
    pub server: Option<SocketAddr>,
    pub transport: Transport,
}

/// A stream of octets to a client.
pub(super) trait ClientStream: AsyncRead + AsyncWrite + Unpin + Send {
    /// Writes at once what can be written without waiting. Returns how many octets.
    ///
    /// # Errors
    /// `WouldBlock` if nothing can be written; others if the stream is broken.
    fn write_at_once(&mut self, octets: &[u8]) -> io::Result<usize>;
}

impl ClientStream for TcpStream {
    fn write_at_once(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.try_write(octets)
    }
}

/// Most spare buffers for answers, of 128 KiB each. More threads seldom answer at the same time.
const SPARE_BUFFERS: usize = 8;

/// What the connections of a listener share.
#[derive(Clone)]
pub(super) struct Shared {
    pub buffers: Arc<Buffers>,
    pub limits: TcpLimits,
    pub tally: Arc<TcpTally>,
    pub phase: watch::Receiver<Phase>,
}

impl Shared {
    pub(super) fn new(
        limits: TcpLimits,
        tally: Arc<TcpTally>,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self { buffers: Arc::new(Buffers::new(SPARE_BUFFERS)), limits, tally, phase }
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
    /// There was no first query in time.
    NoQuery,
    /// There was no query for too long.
    Idle,
    /// A message did not end in time.
    SlowMessage,
    /// The peer did not read its answers in time.
    SlowReader,
    /// A message is shorter than a header.
    Malformed,
    /// The system gives no memory for its queries or answers.
    NoMemory,
    /// An answer of several messages cannot go on.
    CutOff,
}

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Its first query.
    FirstQuery,
    /// Another query, of which nothing has come.
    Query,
    /// The rest of a query.
    Rest,
}

/// Most reads after the stop: enough for what the kernel holds, but a peer that goes on sending is
/// cut off.
const DRAIN_READS: usize = 64;
/// Longest time for one of these reads. It is not zero, as the octets of a new connection are seen
/// only once the runtime has polled the kernel.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(20);
/// The same where another process serves the sockets, so that nobody waits for the end: long enough
/// for the rest of a query that was cut by the network, and for queries on their way.
const HANDOVER_TIMEOUT: Duration = Duration::from_millis(250);
/// Longest time for a peer to close its side after the last answer, at a handover.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Most reads of what a peer sends meanwhile.
const LINGER_READS: usize = 256;

impl<R: Responder, S: ClientStream> Connection<R, S> {
    /// A connection that was admitted.
    pub(super) fn new(
        stream: S,
        peers: Peers,
        responder: R,
        permit: Permit,
        Shared { buffers, limits, tally, phase }: Shared,
        progress: Arc<Progress>,
    ) -> Self {
        let input = Input::default();
        Self { stream, peers, responder, input, buffers, limits, permit, tally, phase, progress }
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<Phase>) {
        if self.responder.wants_destination() {
            self.responder.set_destination(self.peers.server);
        }
        let end = match self.converse(&mut stop).await {
            Err(End::Stop) => {
                let phase = *stop.borrow();
                self.drain(phase).await.err().unwrap_or(End::Stop)
            }
            Err(end) => end,
            Ok(()) => End::Peer,
        };
        let tally = &self.tally;
        match end {
            End::Peer | End::CutOff => add(&tally.closed, 1),
            End::Stop => add(&tally.stopped, 1),
            End::Evicted => add(&tally.evicted, 1),
            End::NoQuery => add(&tally.first_query_timeouts, 1),
            End::Idle => add(&tally.idle_timeouts, 1),
            End::SlowMessage => add(&tally.message_timeouts, 1),
            End::SlowReader => add(&tally.write_timeouts, 1),
            End::Malformed => add(&tally.malformed, 1),
            End::NoMemory => add(&tally.out_of_memory, 1),
        }
        // The peer may be gone; dropping the stream closes it in any case.
        let _ = self.stream.shutdown().await;
        if matches!(end, End::Stop) && *stop.borrow() == Phase::HandingOver {
            self.linger().await;
        }
    }

    async fn converse(&mut self, stop: &mut watch::Receiver<Phase>) -> Result<(), End> {
        // The first query must be complete in time, however many reads it takes.
        let mut wait = Wait::FirstQuery;
        let mut deadline = self.deadline(wait);
        while self.read(wait, deadline, stop).await? > 0 {
            self.permit.set_busy();
            let answered = self.answer().await?;
            let next = match wait {
                Wait::FirstQuery if !answered => wait,
                _ if self.input.is_empty() => Wait::Query,
                _ => Wait::Rest,
            };
            if self.input.is_empty() {
                self.permit.set_idle();
            }
            // The time for a message does not restart with each octet.
            if answered || next != wait {
                deadline = self.deadline(next);
            }
            wait = next;
        }
        Ok(())
    }

    /// When to stop waiting that begins now.
    fn deadline(&self, wait: Wait) -> Instant {
        let time = match wait {
            Wait::FirstQuery => self.limits.first_query,
            Wait::Query => self.limits.idle,
            Wait::Rest => self.limits.message,
        };
        after(patience(time, self.permit.load()))
    }

    /// Reads more octets, and returns their number; 0 if the peer has closed its side.
    async fn read(
        &mut self,
        wait: Wait,
        deadline: Instant,
        stop: &mut watch::Receiver<Phase>,
    ) -> Result<usize, End> {
        let Self { stream, input, permit, .. } = self;
        let space = input.space().map_err(|NoMemory| End::NoMemory)?;
        let result = select! {
            biased;
            _ = stop.wait_for(|phase| *phase != Phase::Serving) => return Err(End::Stop),
            () = permit.evicted() => return Err(End::Evicted),
            result = timeout_at(deadline, stream.read(space)) => result,
        };
        match (result, wait) {
            (Ok(Ok(count)), _) => {
                input.filled(count);
                Ok(count)
            }
            (Ok(Err(_)), _) => Err(End::Peer),
            (Err(_), Wait::FirstQuery) => Err(End::NoQuery),
            (Err(_), Wait::Query) => Err(End::Idle),
            (Err(_), Wait::Rest) => Err(End::SlowMessage),
        }
    }

    /// Answers all complete messages in the buffer. Returns whether there was one.
    async fn answer(&mut self) -> Result<bool, End> {
        let (mut received, mut answered, mut any) = (0, 0, false);
        let mut outcome = Ok(());
        let mut filling = None;
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
                let idle = patience(self.limits.idle, self.permit.load());
                self.responder.set_idle_timeout(idle);
            }
            any = true;
            if let Some(full) = filling.take_if(|output: &mut Output| output.is_full()) {
                // Counted before they are sent, as the peer may be gone.
                self.count(std::mem::take(&mut received), std::mem::take(&mut answered));
                self.flush(full).await?;
                self.progress.set_thread();
            }
            received += 1;
            let Self { input, responder, progress, buffers, .. } = self;
            let Peers { client, transport, .. } = self.peers;
            let output = match filling.as_mut() {
                Some(output) => output,
                None => filling.insert(buffers.take().map_err(|NoMemory| End::NoMemory)?),
            };
            let is_answered = output.add(input.message(range), |buffer, length| {
                progress.during(|| responder.respond(buffer, length, client, transport))
            });
            answered += u64::from(is_answered);
            if is_answered {
                continue;
            }
            if let Some(messages) = responder.take_messages() {
                answered += 1;
                self.count(std::mem::take(&mut received), std::mem::take(&mut answered));
                let before = filling.take();
                self.send_all(messages, before).await?;
                self.progress.set_thread();
            }
        }
        self.count(received, answered);
        self.input.compact();
        if let Some(output) = filling {
            self.flush(output).await?;
        }
        outcome.map(|()| any)
    }

    /// Sends an answer of several messages, behind the answers `before` it. One message is held at
    /// a time, and other connections of this thread have their turn after each.
    async fn send_all(
        &mut self,
        mut messages: Box<dyn MessageStream>,
        before: Option<Output>,
    ) -> Result<(), End> {
        if let Some(before) = before {
            self.flush(before).await?;
        }
        let mut is_first = true;
        loop {
            self.progress.set_thread();
            let Some(message) = self.progress.during(|| messages.next_message()) else {
                return Ok(());
            };
            if !std::mem::take(&mut is_first) && *self.phase.borrow() != Phase::Serving {
                return Err(End::Stop);
            }
            let message = message.map_err(|CannotGoOn| End::CutOff)?;
            let mut output = self.buffers.take().map_err(|NoMemory| End::NoMemory)?;
            if !output.push(&message) {
                return Err(End::CutOff);
            }
            drop(message);
            self.flush(output).await?;
            tokio::task::yield_now().await;
        }
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
        let sent = match self.stream.write_at_once(answers) {
            Ok(sent) => sent,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                0
            }
            Err(_) => return Err(End::Peer),
        };
        let rest = copied(answers.get(sent..).unwrap_or_default());
        self.buffers.put(output);
        let rest = rest.map_err(|NoMemory| End::NoMemory)?;
        if rest.is_empty() {
            return Ok(());
        }
        let time = patience(self.limits.write, self.permit.load());
        let Self { stream, permit, .. } = self;
        let result = select! {
            biased;
            () = permit.evicted() => return Err(End::Evicted),
            result = timeout(time, write_all(stream, &rest)) => result,
        };
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Peer),
            Err(_) => Err(End::SlowReader),
        }
    }

    /// Answers the queries that the kernel already holds.
    async fn drain(&mut self, phase: Phase) -> Result<(), End> {
        let time = if phase == Phase::HandingOver { HANDOVER_TIMEOUT } else { DRAIN_TIMEOUT };
        for _ in 0..DRAIN_READS {
            let space = self.input.space().map_err(|NoMemory| End::NoMemory)?;
            match timeout(time, self.stream.read(space)).await {
                Ok(Ok(0)) | Err(_) => break,
                Ok(Ok(count)) => self.input.filled(count),
                Ok(Err(_)) => return Err(End::Peer),
            }
            self.answer().await?;
        }
        Ok(())
    }
}

impl<R, S: ClientStream> Connection<R, S> {
    /// Waits a moment for the peer to close its side, too. Where octets of the peer are unread when
    /// a connection is closed, the kernel resets it, which can cost answers on the way.
    async fn linger(&mut self) {
        let mut unread = [0; 512];
        let until_closed = async {
            for _ in 0..LINGER_READS {
                if !matches!(self.stream.read(&mut unread).await, Ok(1..)) {
                    return;
                }
            }
        };
        let _ = timeout(LINGER_TIMEOUT, until_closed).await;
    }
}

async fn write_all(stream: &mut impl ClientStream, octets: &[u8]) -> io::Result<()> {
    stream.write_all(octets).await?;
    // TLS may still hold some of them.
    stream.flush().await
}

fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now)
}
