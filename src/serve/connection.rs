//! One TCP connection: length-prefixed queries in, length-prefixed answers out (RFC 1035 4.2.2, RFC 7766).

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::TcpLimits;
use super::counters::{TcpTally, add};
use super::responder::{Responder, Transport};
use super::room::Guest;

/// A connection and its buffers, which never grow.
pub(super) struct Connection<R> {
    stream: TcpStream,
    client: SocketAddr,
    responder: R,
    /// Holds any one message, and as many whole ones as fit.
    input: Box<[u8]>,
    /// Where the bytes of `input` that are not yet gone through begin and end.
    begin: usize,
    end: usize,
    /// Answers that go out in one write. It comes zeroed from the system, which gives memory only to those
    /// pages that are written: a connection with small answers has a few kilobytes.
    output: Box<[u8]>,
    written: usize,
    limits: TcpLimits,
    guest: Guest,
    tally: Arc<TcpTally>,
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

/// Bytes of the length in front of a message.
const PREFIX: usize = 2;
/// The longest message that a length can tell.
const MESSAGE_MAX: usize = 65_535;
/// A message's header: what is shorter is none.
const MESSAGE_MIN: usize = 12;
/// What one answer may need. The spare byte keeps the buffer larger than any query.
const ANSWER_ROOM: usize = PREFIX + MESSAGE_MAX + 1;
/// Room to gather small answers while a large one still fits.
const OUTPUT: usize = 2 * ANSWER_ROOM;
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
        limits: TcpLimits,
        guest: Guest,
        tally: Arc<TcpTally>,
    ) -> Self {
        let input = vec![0; PREFIX + MESSAGE_MAX].into_boxed_slice();
        let output = vec![0; OUTPUT].into_boxed_slice();
        Self { stream, client, responder, input, begin: 0, end: 0, output, written: 0, limits, guest, tally }
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
            self.guest.be_busy();
            let answered = self.answer().await?;
            if self.begin == self.end {
                self.guest.fall_idle();
                deadline = after(self.limits.idle);
            } else if idle || answered {
                // A message has begun with this read: it has to end in time however its bytes drip.
                deadline = after(self.limits.message);
            }
            idle = self.begin == self.end;
        }
        Ok(())
    }

    /// Reads what there is behind what is already held; 0 when the peer sends no more.
    async fn read(&mut self, deadline: Instant, stop: &mut watch::Receiver<bool>) -> Result<usize, End> {
        let idle = self.begin == self.end;
        let Self { stream, input, end, guest, .. } = self;
        let space = input.get_mut(*end..).unwrap_or_default();
        let leave = async {
            if idle {
                guest.asked_to_leave().await;
            } else {
                pending::<()>().await;
            }
        };
        let result = select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Err(End::Stop),
            () = leave => return Err(End::Evicted),
            result = timeout_at(deadline, stream.read(space)) => result,
        };
        match result {
            Ok(Ok(count)) => {
                *end = end.saturating_add(count);
                Ok(count)
            }
            Ok(Err(_)) => Err(End::Peer),
            Err(_) if idle => Err(End::Idle),
            Err(_) => Err(End::SlowMessage),
        }
    }

    /// Answers all whole messages that are held, together; tells whether there was one.
    async fn answer(&mut self) -> Result<bool, End> {
        self.responder.refresh();
        let (mut received, mut answered) = (0, 0);
        let mut outcome = Ok(());
        loop {
            let (begin, length) = match self.next_message() {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(end) => {
                    outcome = Err(end);
                    break;
                }
            };
            received += 1;
            if self.output.len().saturating_sub(self.written) < ANSWER_ROOM {
                self.flush().await?;
            }
            answered += u64::from(self.answer_one(begin, length));
        }
        add(&self.tally.received, received);
        add(&self.tally.answered, answered);
        add(&self.tally.dropped, received.saturating_sub(answered));
        self.compact();
        self.flush().await?;
        outcome.map(|()| received > 0)
    }

    /// The place and length of the next whole message in `input`, which is thereby gone through.
    fn next_message(&mut self) -> Result<Option<(usize, usize)>, End> {
        let held = self.input.get(self.begin..self.end).unwrap_or_default();
        let Some((prefix, rest)) = held.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*prefix));
        if length < MESSAGE_MIN {
            return Err(End::Malformed);
        }
        if rest.len() < length {
            return Ok(None);
        }
        let begin = self.begin.saturating_add(PREFIX);
        self.begin = begin.saturating_add(length);
        Ok(Some((begin, length)))
    }

    /// Puts the answer to `input[begin..][..length]` into the output, if there is one.
    fn answer_one(&mut self, begin: usize, length: usize) -> bool {
        let query = self.input.get(begin..).and_then(|rest| rest.get(..length));
        let room = self.output.get_mut(self.written..).and_then(|rest| rest.get_mut(..ANSWER_ROOM));
        let (Some(query), Some((prefix, buffer))) =
            (query, room.and_then(|room| room.split_first_chunk_mut::<PREFIX>()))
        else {
            return false;
        };
        let Some(target) = buffer.get_mut(..length) else { return false };
        target.copy_from_slice(query);
        let Some(length) = self.responder.respond(buffer, length, self.client, Transport::Tcp) else {
            return false;
        };
        let Ok(told) = u16::try_from(length) else { return false };
        *prefix = told.to_be_bytes();
        self.written = self.written.saturating_add(PREFIX).saturating_add(length);
        true
    }

    /// Moves what is not yet gone through to the front.
    fn compact(&mut self) {
        self.input.copy_within(self.begin..self.end, 0);
        self.end = self.end.saturating_sub(self.begin);
        self.begin = 0;
    }

    /// Writes the answers out. While a peer does not read, nothing of it is read either.
    async fn flush(&mut self) -> Result<(), End> {
        let answers = self.output.get(..self.written).unwrap_or_default();
        self.written = 0;
        if answers.is_empty() {
            return Ok(());
        }
        match timeout(self.limits.write, self.stream.write_all(answers)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Peer),
            Err(_) => Err(End::SlowReader),
        }
    }

    /// Answers what the kernel already holds.
    async fn answer_the_last(&mut self) -> Result<(), End> {
        for _ in 0..LAST_READS {
            let space = self.input.get_mut(self.end..).unwrap_or_default();
            match timeout(LAST_PATIENCE, self.stream.read(space)).await {
                Ok(Ok(0)) | Err(_) => break,
                Ok(Ok(count)) => self.end = self.end.saturating_add(count),
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
