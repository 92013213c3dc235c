//! Kinds of names, by which queries are counted.

use super::pools::Along;
use super::static_data::{Answer, Holding};

/// What a name is to the network; never the name itself, of which there may be any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum NameClass {
    /// Names with records of the master file, and names in our zones that do not exist.
    #[default]
    Static,
    /// Mirrors of a fixed pool: a country's, a continent's, a named one.
    Country,
    /// Mirrors near the client.
    Local,
    /// The version record, or a database's.
    Record,
    /// Download reports of old clients.
    Ping,
    /// Explanations (`_explain` and its like).
    Diagnostic,
    /// The server itself, in class CHAOS (RFC 4892).
    Server,
    /// Names and classes that are not ours.
    Foreign,
    /// No name that could be read: a malformed message.
    Malformed,
    /// Refused before the name counts: other opcodes, EDNS versions, transfers and other meta-queries.
    Other,
}

impl NameClass {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Static,
        Self::Country,
        Self::Local,
        Self::Record,
        Self::Ping,
        Self::Diagnostic,
        Self::Server,
        Self::Foreign,
        Self::Malformed,
        Self::Other,
    ];

    /// The class of a name that holds this. One type that is dynamic makes the whole name so, as NODATA of the others is asked
    /// by the same clients.
    pub fn of(holdings: &[Holding]) -> Self {
        let dynamic = holdings.iter().find_map(|holding| match holding.answer {
            Answer::Static { .. } => None,
            Answer::Pool { along: Along::Client, .. } => Some(Self::Local),
            Answer::Pool { along: Along::Path(_), .. } => Some(Self::Country),
            Answer::Text(_) => Some(Self::Record),
            Answer::Ping { .. } => Some(Self::Ping),
        });
        dynamic.unwrap_or_default()
    }

    /// How metrics and logs call it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Country => "country",
            Self::Local => "local",
            Self::Record => "record",
            Self::Ping => "ping",
            Self::Diagnostic => "diagnostic",
            Self::Server => "server",
            Self::Foreign => "foreign",
            Self::Malformed => "malformed",
            Self::Other => "other",
        }
    }
}
