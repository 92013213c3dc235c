//! The kinds of failure of a fetch.

use std::fmt;
use std::io;
use std::time::Duration;

use ureq::{Error, Timeout};

use super::FetchTimeouts;
use cvdns_core::problem::excerpt;

/// Why a fetch failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    /// The document that could not be fetched.
    pub part: FetchedPart,
    /// What went wrong.
    pub failure: FetchFailure,
}

/// A document of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchedPart {
    /// The feed.
    Document,
    /// The signature beside it.
    Signature,
}

/// What went wrong. The text contains no count of octets or milliseconds, so that the same failure
/// has the same text and is logged once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchFailure {
    /// The server's name has no address.
    Unresolved(String),
    /// Nothing listens on the port.
    Refused,
    /// There is no route to the server.
    Unreachable(String),
    /// No connection, or no TLS handshake, in time.
    NoConnection(Duration),
    /// The system's certificate authorities cannot be read.
    NoRoots(String),
    /// The server's certificate is not trusted, or it does not speak TLS.
    Tls(String),
    /// The server accepted the request, and no response came in time.
    NoAnswer(Duration),
    /// The response did not end in time.
    NoEnd(Duration),
    /// The connection was closed before a response.
    ClosedWithout,
    /// The connection was closed within the response.
    ClosedWithin,
    /// The server redirected elsewhere. That is not followed: only the configuration decides who
    /// may say how mirrors are.
    Redirect {
        /// The status code.
        status: u16,
        /// The `Location` of the response.
        to: String,
    },
    /// A status code other than 200.
    Status(u16),
    /// An HTML page.
    Html,
    /// The document has more than this many octets, packed or unpacked.
    TooLarge(usize),
    /// Content-Length is invalid or given twice (RFC 9112 section 6.3).
    Length(String),
    /// The document ends in the middle.
    Cut,
    /// The content coding was not asked for, or is broken.
    Encoding(String),
    /// The response is not valid HTTP.
    Protocol(String),
    /// NATS cannot be used, or has no document that can.
    Nats {
        /// The label of metrics.
        reason: &'static str,
        /// What is wrong, for people.
        what: String,
    },
    /// The system failed in another way.
    System(String),
}

/// The reason that NATS has no such document.
pub(crate) const ABSENT: &str = "absent";

impl FetchError {
    /// The label of metrics for this failure, which never changes.
    pub fn reason(&self) -> &'static str {
        match &self.failure {
            FetchFailure::Unresolved(_) => "unresolved",
            FetchFailure::Refused => "refused",
            FetchFailure::Unreachable(_) => "unreachable",
            FetchFailure::NoConnection(_) => "connect-timeout",
            FetchFailure::NoRoots(_) | FetchFailure::Tls(_) => "tls",
            FetchFailure::NoAnswer(_) => "answer-timeout",
            FetchFailure::NoEnd(_) => "end-timeout",
            FetchFailure::ClosedWithout | FetchFailure::ClosedWithin => "closed",
            FetchFailure::Redirect { .. } => "redirect",
            FetchFailure::Status(_) => "status",
            FetchFailure::Html => "html",
            FetchFailure::TooLarge(_) => "too-large",
            FetchFailure::Length(_) => "length",
            FetchFailure::Cut => "cut",
            FetchFailure::Encoding(_) => "encoding",
            FetchFailure::Protocol(_) => "protocol",
            FetchFailure::Nats { reason, .. } => reason,
            FetchFailure::System(_) => "system",
        }
    }
}

impl FetchError {
    /// Whether the source works, and has no such document.
    pub fn is_absence(&self) -> bool {
        matches!(&self.failure, FetchFailure::Nats { reason, .. } if *reason == ABSENT)
    }
}

impl FetchFailure {
    /// The failure of an error before the head of a response was complete.
    pub(super) fn before_answer(error: &Error, timeouts: FetchTimeouts) -> Self {
        match error {
            Error::Timeout(Timeout::Resolve) => Self::Unresolved("no answer in time".to_owned()),
            Error::Timeout(Timeout::Connect) => Self::NoConnection(timeouts.connect),
            Error::Timeout(_) => Self::NoAnswer(timeouts.total),
            Error::HostNotFound => Self::Unresolved("it has no address".to_owned()),
            Error::Io(error) => {
                Self::of_io(error).unwrap_or_else(|| Self::without_connection(error))
            }
            other => Self::of_either(other),
        }
    }

    /// The failure of an error while the body of a response was read.
    pub(super) fn in_answer(error: io::Error, timeouts: FetchTimeouts) -> Self {
        match Error::from(error) {
            Error::Timeout(_) => Self::NoEnd(timeouts.total),
            Error::Io(error) => match Self::of_io(&error) {
                Some(Self::ClosedWithout) => Self::ClosedWithin,
                Some(other) => other,
                None => Self::System(error.to_string()),
            },
            other => Self::of_either(&other),
        }
    }

    fn of_either(error: &Error) -> Self {
        match error {
            Error::Rustls(error) => Self::Tls(error.to_string()),
            Error::Tls(what) => Self::Tls((*what).to_owned()),
            Error::LargeResponseHeader(..) => {
                Self::Protocol("the head of its answer is too long".to_owned())
            }
            // The library does not export its type of these errors.
            Error::Protocol(error) if error.to_string().contains("content-length header") => {
                Self::Length(error.to_string())
            }
            Error::Protocol(error) => Self::Protocol(printable(&error.to_string())),
            other => Self::System(printable(&other.to_string())),
        }
    }

    /// The failure of a connection, by the system or TLS; `None` for other errors.
    fn of_io(error: &io::Error) -> Option<Self> {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(Self::Tls(tls.to_string()));
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Self::Refused),
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Some(Self::ClosedWithout),
            _ => None,
        }
    }

    /// Tells errors of connect(2), which have an `errno`, from those of getaddrinfo(3), which have
    /// none.
    fn without_connection(error: &io::Error) -> Self {
        if error.raw_os_error().is_some() {
            Self::Unreachable(error.to_string())
        } else {
            Self::Unresolved(error.to_string())
        }
    }
}

/// Text from a server, made printable and cut to fit a line of the log.
pub(super) fn printable(text: &str) -> String {
    excerpt(text, 200)
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            FetchedPart::Document => self.failure.fmt(f),
            FetchedPart::Signature => write!(f, "its signature: {}", self.failure),
        }
    }
}

impl fmt::Display for FetchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(error) => write!(f, "the server's name cannot be resolved: {error}"),
            Self::Refused => f.write_str("the connection was refused: nothing listens on that port"),
            Self::Unreachable(error) => write!(f, "the server cannot be reached: {error}"),
            Self::NoConnection(timeouts) => write!(f, "no connection within {timeouts:?}"),
            Self::NoRoots(error) => write!(
                f,
                "the system's certificate authorities cannot be read: {error}; install ca-certificates, or name a `ca-file`"
            ),
            // webpki's word, which rustls shows within others.
            Self::Tls(error) if error.contains("CaUsedAsEndEntity") => f.write_str(
                "TLS failed: the server presents the certificate of an authority itself; it needs \
                 one issued by it",
            ),
            Self::Tls(error) => write!(f, "TLS failed: {error}"),
            Self::NoAnswer(timeouts) => write!(f, "no answer within {timeouts:?}"),
            Self::NoEnd(timeouts) => write!(f, "its answer did not end within {timeouts:?}"),
            Self::ClosedWithout => f.write_str("the connection was closed without an answer"),
            Self::ClosedWithin => f.write_str("the connection was closed before the end of the document"),
            Self::Redirect { status, to } => {
                write!(
                    f,
                    "status {status} sends elsewhere, which is not followed: if it is right, write {to}"
                )
            }
            Self::Status(status) => write!(f, "status {status} instead of 200"),
            Self::Html => f.write_str("it is HTML, a page for people, and no JSON"),
            Self::TooLarge(limit) if *limit < 1 << 20 => write!(f, "it is over {} KiB", limit >> 10),
            Self::TooLarge(limit) => write!(f, "it is over {} MiB", limit >> 20),
            Self::Length(error) => write!(f, "the length of its answer is wrong: {error}"),
            Self::Cut => f.write_str(
                "it ends in the middle: the file is cut off, or the server's Content-Length too small",
            ),
            Self::Encoding(what) => write!(f, "it comes as {what}; expected plain or gzip"),
            Self::Protocol(error) => write!(f, "that is no HTTP: {error}"),
            Self::Nats { what, .. } => f.write_str(what),
            Self::System(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for FetchError {}
