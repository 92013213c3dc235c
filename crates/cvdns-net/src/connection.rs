//! One TCP connection: length-prefixed queries in, length-prefixed answers out (RFC 1035 4.2.2, RFC 7766).

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

/// A connection. While it is idle it has no buffer but for a short query.
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

/// How many buffers for answers are kept, of 128 KiB each at most: threads that answer at the same
/// time are seldom more.
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

/// Why a connection ends. The counters know the reasons apart, the peer sees a close in any case.
enum End {
    /// The peer closed its side, or the connection broke.
    Peer,
    /// Its place is given to another.
    Evicted,
    /// The server stops.
    Stop,
    Idle,
    SlowMessage,
    SlowReader,
    Malformed,
}

/// Reads at the stop: what the kernel holds for a connection, not what a peer adds without end.
const LAST_READS: usize = 64;
/// How long one of these reads may take. Not zero, as a new connection's bytes are only seen once the runtime
/// has asked the kernel for them.
const LAST_PATIENCE: Duration = Duration::from_millis(20);

impl<R: Responder> Connection<R> {
    /// Takes over a connection that has found its place.
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

    /// Serves the connection to its end.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let end = match self.converse(&mut stop).await {
            Err(End::Stop) => self.answer_the_last().await.err().unwrap_or(End::Stop),
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
                // A message has begun with this read: it has to end in time however its bytes drip.
                deadline = after(self.limits.message);
            }
            idle = self.input.is_empty();
        }
        Ok(())
    }

    /// Reads what there is behind what is already held; 0 when the peer sends no more.
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

    /// Answers all whole messages that are held, together; tells whether there was one.
    async fn answer(&mut self) -> Result<bool, End> {
        let (mut received, mut answered, mut any) = (0, 0, false);
        let mut outcome = Ok(());
        let mut output = None;
        loop {
            let place = match self.input.next_message() {
                Ok(Some(place)) => place,
                Ok(None) => break,
                Err(Malformed) => {
                    outcome = Err(End::Malformed);
                    break;
                }
            };
            if !any {
                self.progress.be_here();
                self.progress.during(|| self.responder.refresh());
            }
            any = true;
            if let Some(full) = output.take_if(|output: &mut Output| output.is_full()) {
                // Before the peer has them: it may be gone.
                self.count(std::mem::take(&mut received), std::mem::take(&mut answered));
                self.flush(full).await?;
                self.progress.be_here();
            }
            received += 1;
            let Self { input, responder, client, progress, .. } = self;
            let output = output.get_or_insert_with(|| self.buffers.take());
            answered += u64::from(output.add(input.message(place), |buffer, length| {
                progress.during(|| responder.respond(buffer, length, *client, Transport::Tcp))
            }));
        }
        self.count(received, answered);
        self.input.settle();
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

    /// Writes the answers out. While a peer does not read, nothing of it is read either, and no
    /// more is held for it than what it has not taken yet.
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

    /// Answers what the kernel already holds.
    async fn answer_the_last(&mut self) -> Result<(), End> {
        for _ in 0..LAST_READS {
            match timeout(LAST_PATIENCE, self.stream.read(self.input.space())).await {
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
