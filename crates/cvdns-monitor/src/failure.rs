//! The ways in which an HTTP request to a mirror fails, each by its name.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use cvdns_core::release::cvd::HeaderError;

/// What is wrong with an answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nothing listens at the port.
    Refused,
    /// A router on the way says that there is no way to the host.
    Unreachable,
    /// No connection came about in this time.
    ConnectTimeout(Duration),
    /// Connected, but the answer's head was not there in this time: the server hangs.
    AnswerTimeout(Duration),
    /// The answer's body was not complete in this time: the server stalls or drips.
    BodyTimeout {
        /// Octets that came.
        received: u64,
        /// In which time.
        within: Duration,
    },
    /// The connection was closed or reset before an answer.
    NoAnswer,
    /// The connection was closed or reset in the middle of the body.
    ClosedEarly {
        /// Octets that came.
        received: u64,
        /// Octets that were announced, where they were.
        announced: Option<u64>,
    },
    /// What came is not HTTP.
    NotHttp(String),
    /// Another place is named instead of an answer.
    Redirect {
        /// The status.
        status: u16,
        /// The place.
        location: String,
    },
    /// A status that is no success.
    Status(u16),
    /// A web page.
    Html,
    /// More octets than it may have, without an end in sight.
    Endless(u64),
    /// More octets announced than it may have.
    TooLong(u64),
    /// Neither Unix seconds nor RFC 3339, and no Last-Modified either.
    NotATimestamp(String),
    /// A timestamp more than 5 minutes after now.
    FromTheFuture(Timestamp),
    /// The whole file in place of the part that was asked for.
    NoRange,
    /// Another part than was asked for.
    WrongRange(String),
    /// A part of another length than was asked for.
    WrongLength {
        /// Octets that came or were announced.
        length: u64,
        /// Octets that were asked for.
        asked: u64,
    },
    /// Not the header of a database.
    NotADatabase(HeaderError),
    /// The coordinator's own system did not let it ask: no network, no more sockets.
    Local(String),
}

/// What a failure says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// No client can use it.
    Dead,
    /// It answers otherwise than a mirror must.
    Faulty,
    /// Nothing: the fault is not its own.
    Unchecked,
}

impl Failure {
    /// What it says of the address.
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

    /// Its name, for programs.
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
