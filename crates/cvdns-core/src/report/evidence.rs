//! What a check found.

use jiff::Timestamp;

/// The result of a check with all its tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// It serves all that it must.
    Serves {
        /// Its timestamp.
        timestamp: Timestamp,
        /// Its versions of main, daily and bytecode.
        versions: [u32; 3],
    },
    /// It answers the path that is probed, which says nothing of databases.
    Answers,
    /// It answers, but not as a mirror must.
    Faulty(String),
    /// It refused or did not answer in time, in every try.
    Dead(String),
    /// It could not be checked, for reasons that are not the mirror's.
    Unchecked(String),
}

impl Evidence {
    /// Whether the address serves all that it must.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Serves { .. } | Self::Answers)
    }

    /// Whether the address fails.
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Faulty(_) | Self::Dead(_))
    }
}
