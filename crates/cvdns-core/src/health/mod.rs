//! The health of mirrors: the inputs from coordinator and operator, and the state of each address
//! that follows from them at a given time.

mod all_faults;
mod condition;
mod feed;
mod feed_error;
mod feed_fault;
pub mod feed_keys;
mod inputs;
mod key_id;
mod mirror_status;
mod override_edit;
pub mod override_keys;
mod overrides;
mod requirements;
mod settling;
mod signature;
mod signature_fault;
mod unknown_mirrors;

pub use all_faults::feed_faults;
pub use condition::MirrorCondition;
pub use feed::{Feed, MirrorHealth};
pub use feed_error::{FeedError, MAX_FEED_SIZE};
pub use feed_fault::FeedFault;
pub use inputs::HealthInputs;
pub use key_id::{KeyId, NotAKey};
pub use mirror_status::{Cause, Health, MirrorStatus};
pub use override_edit::{overlap, with_override, without_overrides};
pub use overrides::{MAX_OVERRIDES, Override, Overrides};
pub use requirements::FeedRequirements;
pub use settling::{FlapStatus, Settling};
pub use signature::{Key, Keys, SIGNATURE_EXTENSION, signature_path};
pub use signature_fault::SignatureFault;
pub use unknown_mirrors::{unknown_hosts, unknown_mirrors};

use serde::{Deserialize, Serialize};

/// The state of a mirror or of one of its addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Answered.
    Up,
    /// Answered only if a pool has too few mirrors that are up.
    Old,
    /// Not answered: it does not work.
    Down,
    /// Not answered: taken out of service on purpose.
    Drained,
    /// Not answered: removed from the list of mirrors.
    Removed,
}

impl State {
    /// Whether addresses in this state are answered, if only in the absence of better ones.
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
