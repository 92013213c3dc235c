//! The ways in which an HTTP request to a mirror fails, each with a name.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use cvdns_core::release::cvd::HeaderError;

/// What is wrong with an answer, or why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The host refuses connections to the port.
    Refused,
    /// A router reports that the host is unreachable.
    Unreachable,
    /// No connection was established within this time.
    ConnectTimeout(Duration),
    /// The server accepted the connection and sent no response header within this time.
    AnswerTimeout(Duration),
    /// The body was not complete in time: the server stalls or sends a trickle.
    BodyTimeout {
        /// Octets received.
        received: u64,
        /// The time limit.
        within: Duration,
    },
    /// The connection was closed or reset before an answer.
    NoAnswer,
    /// The connection was closed or reset in the middle of the body.
    ClosedEarly {
        /// Octets received.
        received: u64,
        /// Octets announced; `None` when the server announced no length.
        announced: Option<u64>,
    },
    /// The answer is not HTTP.
    NotHttp(String),
    /// The server redirects.
    Redirect {
        /// The status code.
        status: u16,
        /// The value of `Location`.
        location: String,
    },
    /// A status code other than success.
    Status(u16),
    /// An HTML page.
    Html,
    /// The body exceeds this limit, and its length was not announced.
    Endless(u64),
    /// The announced length, which exceeds the limit.
    TooLong(u64),
    /// The body is neither Unix seconds nor an RFC 3339 time, and there is no Last-Modified.
    NotATimestamp(String),
    /// A timestamp more than 5 minutes in the future.
    FromTheFuture(Timestamp),
    /// The whole file instead of the requested range.
    NoRange,
    /// Another range than the requested one.
    WrongRange(String),
    /// A range of another length than the requested one.
    WrongLength {
        /// Octets received or announced.
        length: u64,
        /// Octets requested.
        asked: u64,
    },
    /// The octets are not the header of a database.
    NotADatabase(HeaderError),
    /// The coordinator's own system failed: no network, no free sockets.
    Local(String),
}

/// What a failure means for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// No client can use it.
    Dead,
    /// It answers, but not as a mirror must.
    Faulty,
    /// Nothing: the fault is not the address's.
    Unchecked,
}

impl Failure {
    /// What the failure means for the address.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Refused
            | Self::Unreachable
            | Self::ConnectTimeout(_)
            | Self::AnswerTimeout(_)
            | Self::BodyTimeout { .. } => Severity::Dead,
            Self::Local(_) => Severity::Unchecked,
            _ => Severity::Faulty,
        }
    }

    /// The name of the failure, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout(_) => "connect-timeout",
            Self::AnswerTimeout(_) => "answer-timeout",
            Self::BodyTimeout { .. } => "body-timeout",
            Self::NoAnswer => "no-answer",
            Self::ClosedEarly { .. } => "closed-early",
            Self::NotHttp(_) => "not-http",
            Self::Redirect { .. } => "redirect",
            Self::Status(_) => "status",
            Self::Html => "html",
            Self::Endless(_) => "endless",
            Self::TooLong(_) => "too-long",
            Self::NotATimestamp(_) => "not-a-timestamp",
            Self::FromTheFuture(_) => "from-the-future",
            Self::NoRange => "no-range",
            Self::WrongRange(_) => "wrong-range",
            Self::WrongLength { .. } => "wrong-length",
            Self::NotADatabase(_) => "not-a-database",
            Self::Local(_) => "unchecked",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the connection is refused"),
            Self::Unreachable => f.write_str("there is no route to the host"),
            Self::ConnectTimeout(within) => write!(f, "no connection within {within:?}"),
            Self::AnswerTimeout(within) => write!(f, "connected, but no answer within {within:?}"),
            Self::BodyTimeout { received, within } => {
                write!(f, "the answer is not complete within {within:?}: {received} octets came")
            }
            Self::NoAnswer => f.write_str("the connection is closed without an answer"),
            Self::ClosedEarly { received, announced: Some(announced) } => {
                write!(f, "the connection is closed after {received} of {announced} octets")
            }
            Self::ClosedEarly { received, announced: None } => {
                write!(f, "the connection is closed after {received} octets, before the end")
            }
            Self::NotHttp(what) => write!(f, "the answer is not HTTP ({what})"),
            Self::Redirect { status, location } => write!(f, "a redirect ({status}) to {location}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Html => f.write_str("a web page in place of the file"),
            Self::Endless(limit) => write!(f, "more than {limit} octets, and no end"),
            Self::TooLong(length) => write!(f, "{length} octets, far more than it may have"),
            Self::NotATimestamp(text) => {
                write!(
                    f,
                    "\"{text}\" is neither Unix seconds nor an RFC 3339 time, and Last-Modified is missing"
                )
            }
            Self::FromTheFuture(time) => write!(f, "the timestamp is {time}, in the future"),
            Self::NoRange => {
                f.write_str("the whole file in place of the range asked for (status 200)")
            }
            Self::WrongRange(range) => write!(f, "another range than was asked for: {range}"),
            Self::WrongLength { length, asked } => {
                write!(f, "a wrong length: {length} octets, and {asked} were asked for")
            }
            Self::NotADatabase(error) => error.fmt(f),
            Self::Local(what) => write!(f, "cannot be checked from here: {what}"),
        }
    }
}

impl std::error::Error for Failure {}
