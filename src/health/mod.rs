//! Health: what the coordinator says of each mirror, and what follows for its addresses at a moment.

mod faults;
mod feed;
mod notes;
mod standing;

pub use faults::{Fault, faults};
pub use feed::{Feed, FeedError, MAX_SIZE, MirrorHealth};
pub use notes::notes;
pub use standing::{Cause, Health, Standing};

use serde::Deserialize;

/// The state of a mirror or of one of its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Answered.
    Up,
    /// Answered only where a pool has too few that are up.
    Old,
    /// Not answered: it does not work.
    Down,
    /// Not answered: taken out on purpose.
    Drained,
    /// Not answered: taken off the list.
    Removed,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Old => "old",
            Self::Down => "down",
            Self::Drained => "drained",
            Self::Removed => "removed",
        })
    }
}
