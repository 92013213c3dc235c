//! The ways in which a fetch fails, called what they are.

use std::fmt;
use std::io;
use std::time::Duration;

use ureq::{Error, Timeout};

use super::FetchTimeouts;
use cvdns_core::problem::excerpt;

/// Why a fetch brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchError {
    /// Of what.
    pub part: FetchedPart,
    /// What went wrong.
    pub failure: FetchFailure,
}

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchedPart {
    /// The feed.
    Document,
    /// The signature beside it.
    Signature,
}

/// What went wrong. Its text is the same for the same failure: no count of octets or milliseconds, so that a log can tell
/// whether it was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchFailure {
    /// The server's name has no address.
    Unresolved(String),
    /// Nobody listens there.
    Refused,
    /// There is no way there.
    Unreachable(String),
    /// No connection in time, or no TLS over it.
    NoConnection(Duration),
    /// The system has no certificates of authorities.
    NoRoots(String),
    /// The server is not who it should be, or does not speak TLS.
    Tls(String),
    /// It took the request, and nothing came back in time.
    NoAnswer(Duration),
    /// An answer came, and did not end in time.
    NoEnd(Duration),
    /// The connection was closed before an answer.
    ClosedWithout,
    /// The connection was closed within the answer.
    ClosedWithin,
    /// It sent us elsewhere. That is not followed: who may say how the mirrors are is the configuration's to decide.
    Redirect {
        /// The status.
        status: u16,
        /// Where to.
        to: String,
    },
    /// Another status than 200.
    Status(u16),
    /// A page for people.
    Html,
    /// More than this many octets, packed or unpacked.
    TooLarge(usize),
    /// Its length is no length, or there are two (RFC 9112 section 6.3).
    Length(String),
    /// The document ends in the middle.
    Cut,
    /// A content coding that was not asked for, or is broken.
    Encoding(String),
    /// No HTTP, or none that can be read.
    Protocol(String),
    /// The system failed in another way.
    System(String),
}

impl FetchError {
    /// One word for it, which never changes: a label of metrics.
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
            FetchFailure::System(_) => "system",
        }
    }
}

impl FetchFailure {
    /// What went wrong before the head of an answer was there.
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

    /// What went wrong while the rest of an answer was read.
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
            // The library's own type of these is not its interface.
            Error::Protocol(error) if error.to_string().contains("content-length header") => {
                Self::Length(error.to_string())
            }
            Error::Protocol(error) => Self::Protocol(printable(&error.to_string())),
            other => Self::System(printable(&other.to_string())),
        }
    }

    /// What the system or TLS says of a connection.
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

    /// Errors of getaddrinfo(3) have no number of the system's, those of connect(2) have.
    fn without_connection(error: &io::Error) -> Self {
        if error.raw_os_error().is_some() {
            Self::Unreachable(error.to_string())
        } else {
            Self::Unresolved(error.to_string())
        }
    }
}

/// What a server said, as far as a line of a log has room for it.
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
            Self::System(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for FetchError {}
