//! Why NATS cannot be used.

use std::fmt;

/// Why NATS cannot be used, or does not do what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    what: String,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A file that the settings name cannot be used, or no server is named.
    Settings,
    /// No connection comes about.
    Unreachable,
    /// The server's certificate is not accepted, or TLS fails.
    Tls,
    /// The server does not know who connects.
    Unauthorized,
    /// Who connects may not do this.
    Denied,
    /// No answer in time.
    Timeout,
    /// The connection ended.
    Disconnected,
    /// The server sends more than any document may have.
    Flood,
    /// There is no such bucket, or it cannot be read directly.
    NoBucket,
    /// JetStream is not enabled, or has no leader.
    NoJetStream,
    /// The document is larger than the server takes.
    TooLarge,
    /// Others kept publishing at the same time.
    Conflict,
    /// The answer is not one that was expected.
    Answer,
    /// The system gives no thread, or no random numbers.
    System,
}

impl Error {
    /// An error of this kind; `what` says in a sentence what is wrong.
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same, with what was done before it in front of the sentence.
    pub(crate) fn while_doing(self, what: &str) -> Self {
        Self { kind: self.kind, what: format!("{what}: {}", self.what) }
    }

    /// The error of several servers, of which none can be used; `None` if there are no errors. Its
    /// kind is one that may pass, if there is one.
    pub(crate) fn of_all(errors: Vec<Self>) -> Option<Self> {
        let rank = |error: &&Self| match error.kind {
            ErrorKind::Unreachable => 1,
            _ if error.is_passing() => 0,
            _ => 2,
        };
        let kind = errors.iter().min_by_key(rank)?.kind;
        let whats: Vec<String> = errors.into_iter().map(|error| error.what).collect();
        Some(Self { kind, what: whats.join("; ") })
    }

    /// Whether the same may succeed in a moment without anybody changing anything.
    pub(crate) fn is_passing(&self) -> bool {
        use ErrorKind::{Disconnected, NoBucket, NoJetStream, Timeout, Unreachable};
        matches!(self.kind, Disconnected | NoBucket | NoJetStream | Timeout | Unreachable)
    }
}

impl ErrorKind {
    /// All kinds.
    pub const ALL: [Self; 14] = [
        Self::Settings,
        Self::Unreachable,
        Self::Tls,
        Self::Unauthorized,
        Self::Denied,
        Self::Timeout,
        Self::Disconnected,
        Self::Flood,
        Self::NoBucket,
        Self::NoJetStream,
        Self::TooLarge,
        Self::Conflict,
        Self::Answer,
        Self::System,
    ];

    /// A short name that stays the same from version to version.
    pub fn label(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Unauthorized => "unauthorized",
            Self::Denied => "denied",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
            Self::Flood => "flood",
            Self::NoBucket => "no-bucket",
            Self::NoJetStream => "no-jetstream",
            Self::TooLarge => "too-large",
            Self::Conflict => "conflict",
            Self::Answer => "answer",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}
