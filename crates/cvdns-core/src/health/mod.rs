//! Health: what coordinator and operator say of each mirror, and what follows for its addresses at a moment.

mod condition;
mod faults;
mod feed;
pub mod feed_keys;
mod inputs;
mod mirror_status;
mod notes;
pub mod override_keys;
mod overrides;
mod settling;
mod trust;

pub use condition::MirrorCondition;
pub use faults::{Fault, faults};
pub use feed::{Feed, FeedError, MAX_SIZE, MirrorHealth};
pub use inputs::HealthInputs;
pub use mirror_status::{Cause, Health, MirrorStatus};
pub use notes::notes;
pub use overrides::{Override, Overrides};
pub use settling::{Settling, Unrest};
pub use trust::{Key, KeyId, Keys, NotAKey, SIGNATURE_EXTENSION, SignatureFault};

use serde::{Deserialize, Serialize};

/// The state of a mirror or of one of its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
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

impl State {
    /// Whether it is answered, be it only where there is no better.
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Up | Self::Old)
    }
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

impl std::str::FromStr for State {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let states = [Self::Up, Self::Old, Self::Down, Self::Drained, Self::Removed];
        states.into_iter().find(|state| state.to_string() == text).ok_or("no state")
    }
}
