//! The messages between a server and the one that replaces it: JSON, with sockets beside them.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::interfaces::OfferedInterface;
use crate::admin::Counted;
use crate::transfer::Shown;
use cvdns_io::DescriptorChannel;

/// The version of these messages. Servers of different versions do not replace each other.
pub(super) const PROTOCOL: u32 = 1;

/// How long either side waits for an answer that needs no work.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long a running server waits for the new one to bind, compile and fetch a feed.
pub(super) const PREPARATION_TIME: Duration = Duration::from_secs(60);

/// How long a new server waits for the running one to answer what it has received.
pub(super) const HANDOVER_TIME: Duration = Duration::from_secs(30);

/// How long it then waits for the end of the connections.
pub(super) const FINISH_TIME: Duration = Duration::from_secs(60);

/// Who speaks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Greeting {
    pub protocol: u32,
    /// The version of cvdns.
    pub version: String,
    /// The number of the process.
    pub process: u32,
    /// Whether it understands [`FromOld::Secondaries`].
    #[serde(default)]
    pub takes_secondaries: bool,
}

/// What a new server says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FromNew {
    /// The first message.
    Hello(Greeting),
    /// It cannot serve, for this reason. The last message.
    Failed(String),
    /// It serves.
    Serving {
        /// Whether it goes on with the file of the takeover socket.
        keeps_file: bool,
    },
}

/// What a running server says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FromOld {
    /// It goes on, for this reason. The last message.
    Refused(String),
    /// The answer to `Hello`. Its sockets follow.
    Offer(OfferedState),
    /// Some of its sockets, in the order of the descriptors beside the message.
    Sockets(Vec<OfferedSocket>),
    /// It has stopped receiving. What it has counted.
    Handed(Counted),
    /// What secondaries have by its last transfers, for servers that understand this.
    Secondaries(Vec<Shown>),
    /// Its connections have ended, too. What it has counted in all. The last message.
    Finished(Counted),
}

/// What the new server goes on with, beside sockets.
#[derive(Serialize, Deserialize)]
pub(super) struct OfferedState {
    pub greeting: Greeting,
    /// The secret of cookies that was made at the start.
    pub cookie_secret: [u8; 16],
    /// The serial of the feed in force.
    pub feed: Option<u64>,
    /// How many sockets follow.
    pub sockets: usize,
    /// The interfaces of AF_XDP, whose descriptors are among the sockets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub xdp: Vec<OfferedInterface>,
}

/// What a descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum OfferedSocket {
    /// A UDP socket: the one with this number of its address.
    Udp { address: SocketAddr, number: usize },
    /// A listener of TCP, for DNS or the admin address.
    Tcp { address: SocketAddr },
    /// One of three descriptors of AF_XDP at the interface with this index.
    Xdp { interface: u32 },
    /// The listener by which servers are replaced.
    Takeover,
}

/// A connection to the other server.
#[derive(Debug)]
pub(super) struct Conversation(DescriptorChannel);

/// Why a conversation ended early.
#[derive(Debug)]
pub(super) enum Broken {
    /// The other side closed it, as it ended.
    Closed,
    /// The other side did not answer in time.
    TimedOut,
    /// Something else, for people.
    Other(String),
}

impl fmt::Debug for OfferedState {
    /// Never the secret, which logs could show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfferedState").field("greeting", &self.greeting).finish_non_exhaustive()
    }
}

impl Greeting {
    /// This process.
    pub(super) fn own() -> Self {
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            takes_secondaries: true,
        }
    }

    /// # Errors
    /// When the other one speaks another version of the protocol, in words for people.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.protocol == PROTOCOL {
            return Ok(());
        }
        Err(format!(
            "{self} hands over by version {} of the protocol, and cvdns {} by version {PROTOCOL}: stop the one \
             and start the other instead",
            self.protocol,
            env!("CARGO_PKG_VERSION")
        ))
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = cvdns_core::problem::printable(&self.version);
        write!(f, "cvdns {version} (process {})", self.process)
    }
}

impl Conversation {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self(DescriptorChannel::new(stream, ANSWER_TIME))
    }

    /// Allows so much time from now on for what comes next.
    pub(super) fn allow(&mut self, time: Duration) {
        self.0.allow(time);
    }

    pub(super) fn send(&mut self, message: &impl Serialize) -> Result<(), Broken> {
        self.send_with(message, &[])
    }

    pub(super) fn send_with(
        &mut self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), Broken> {
        let octets =
            serde_json::to_vec(message).map_err(|error| Broken::Other(error.to_string()))?;
        Ok(self.0.send(&octets, descriptors)?)
    }

    pub(super) fn receive<M: DeserializeOwned>(&mut self) -> Result<(M, Vec<OwnedFd>), Broken> {
        let (octets, descriptors) = self.0.receive()?;
        let message = serde_json::from_slice(&octets);
        let unknown = |error| Broken::Other(format!("it says what is not understood: {error}"));
        Ok((message.map_err(unknown)?, descriptors))
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("it ended"),
            Self::TimedOut => f.write_str("it did not answer in time"),
            Self::Other(error) => f.write_str(error),
        }
    }
}
