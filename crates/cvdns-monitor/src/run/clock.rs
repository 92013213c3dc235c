//! The source of the time.

use jiff::Timestamp;

/// The source of the time. A stepped clock lets tests run through days in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    System,
    Fixed(Timestamp),
}

impl Clock {
    /// The time in whole seconds, as everything that is written has it.
    pub(super) fn now(self) -> Timestamp {
        match self {
            Self::System => {
                let now = Timestamp::now();
                Timestamp::from_second(now.as_second()).unwrap_or(now)
            }
            Self::Fixed(now) => now,
        }
    }
}
