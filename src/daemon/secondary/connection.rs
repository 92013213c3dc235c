//! A connection to a primary: messages over TCP (RFC 7766), signed where a key is set.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use cvdns_core::wire::name::Name;
use cvdns_transfer::Key;
use cvdns_transfer::incoming::{
    Asked, Limits, Progress, Receiver, Transfer, TransferError, request,
};
use cvdns_transfer::tsig::{AnswerError, Exchange};

use crate::daemon::random::octets;

/// How long a primary may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeLimits {
    /// Until it accepts the connection.
    pub connect: Duration,
    /// Between two of its octets, or until it takes the question.
    pub silence: Duration,
    /// For the whole of what is asked over a connection.
    pub whole: Duration,
}

/// The limits of every check.
pub(super) const TIME_LIMITS: TimeLimits = TimeLimits {
    connect: Duration::from_secs(5),
    silence: Duration::from_secs(10),
    whole: Duration::from_secs(600),
};

/// Most octets of a transfer, which is room for some two million records.
const LIMITS: Limits = Limits { octets: 256 << 20, memory: 256 << 20 };

/// An open connection.
pub(super) struct Connection {
    stream: TcpStream,
    until: Instant,
    silence: Duration,
}

/// Why a primary gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The label of metrics, which never changes.
    pub reason: &'static str,
    /// What is wrong and maybe what to do, for people.
    pub what: String,
    /// Whether a whole transfer may succeed where one of differences failed.
    pub may_have_whole: bool,
}

impl Connection {
    pub(super) fn open(address: SocketAddr, limits: TimeLimits) -> Result<Self, Failure> {
        let stream = TcpStream::connect_timeout(&address, limits.connect).map_err(|error| {
            Failure::new("connect", format!("it cannot be connected to: {}", told(&error)))
        })?;
        let _ = stream.set_nodelay(true);
        let until = Instant::now() + limits.whole;
        Ok(Self { stream, until, silence: limits.silence })
    }

    /// Asks this of a zone, and takes the whole answer.
    pub(super) fn ask(
        &mut self,
        zone: &Name,
        asked: Asked,
        key: Option<&Arc<Key>>,
    ) -> Result<Transfer, Failure> {
        let [id1, id0, ..] = octets();
        let id = u16::from_be_bytes([id1, id0]);
        let mut message = request(id, zone, asked);
        let mut exchange = match key {
            Some(key) => {
                let begun = Exchange::begin(key.clone(), &mut message, unix_time());
                Some(begun.ok_or_else(|| Failure::new("system", "there is no room to sign"))?)
            }
            None => None,
        };
        self.send(&message)?;
        let mut receiver = Receiver::new(id, zone, asked, LIMITS);
        let mut received = 0u64;
        loop {
            let mut message = self.receive(received)?;
            received = received.saturating_add(1);
            if let Some(exchange) = &mut exchange {
                exchange
                    .check(&mut message, unix_time())
                    .map_err(|error| unsigned(error, &message))?;
            }
            if receiver.take(&message)? == Progress::Complete {
                break;
            }
        }
        // RFC 8945 section 5.3.1: the last message is signed, and with it those before it.
        if exchange.is_some_and(|exchange| !exchange.is_complete()) {
            return Err(AnswerError::Unsigned.into());
        }
        receiver.finish().ok_or_else(|| Failure::new("form", "the answer is not complete"))
    }

    fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        let framed = [&length.to_be_bytes(), message].concat();
        let wait = self.wait()?;
        let set = self.stream.set_write_timeout(Some(wait));
        let sent = set.and_then(|()| self.stream.write_all(&framed));
        sent.map_err(|error| {
            Failure::new("connection", format!("it takes no question: {}", told(&error)))
        })
    }

    /// Reads a message, of which `before` came before.
    fn receive(&mut self, before: u64) -> Result<Vec<u8>, Failure> {
        let mut length = [0; 2];
        self.fill(&mut length, before)?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        self.fill(&mut message, before)?;
        Ok(message)
    }

    fn fill(&mut self, mut room: &mut [u8], before: u64) -> Result<(), Failure> {
        let failed = |what: String| {
            Failure::new("connection", format!("{what} after {before} messages of its answer"))
        };
        while !room.is_empty() {
            let wait = self.wait()?;
            let read = self.stream.set_read_timeout(Some(wait));
            match read.and_then(|()| self.stream.read(room)) {
                Ok(0) => return Err(failed("it closes the connection".to_owned())),
                Ok(count) => room = room.get_mut(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => {
                    return Err(failed(format!("it is silent for {} s", wait.as_secs())));
                }
                Err(error) => return Err(failed(format!("the connection breaks ({error})"))),
            }
        }
        Ok(())
    }

    /// How long to wait for the next octet.
    fn wait(&self) -> Result<Duration, Failure> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::new("too-slow", "it takes too long: the answer is given up"));
        }
        Ok(left.min(self.silence))
    }
}

impl Failure {
    pub(super) fn new(reason: &'static str, what: impl Into<String>) -> Self {
        Self { reason, what: what.into(), may_have_whole: false }
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        let may_have_whole = error.may_have_whole();
        Self { reason: error.reason(), what: error.to_string(), may_have_whole }
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        Self::new("tsig", error.to_string())
    }
}

/// Why an answer is not accepted; of one without a signature, what it says.
fn unsigned(error: AnswerError, message: &[u8]) -> Failure {
    let rcode = message.get(3).map_or(0, |octet| u16::from(octet & 0x0f));
    if error == AnswerError::Unsigned && rcode != 0 {
        let what = format!("{}, without a signature", TransferError::Rcode(rcode));
        return Failure::new("tsig", what);
    }
    error.into()
}

/// Seconds since 1970.
pub(super) fn unix_time() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or_default()
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn told(error: &io::Error) -> String {
    if is_timeout(error) { "it does not answer in time".to_owned() } else { error.to_string() }
}
