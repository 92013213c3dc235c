//! Everything that answering needs, compiled and immutable.
//!
//! The frame is what files say, compiled when they are read; the live part is what feed and clock say, compiled whenever one of
//! them changes. A snapshot is both, and is replaced as a whole.

mod about;
mod budget;
mod compile;
pub mod difference;
pub mod frame;
pub mod inputs;
pub mod live;
mod loss;
pub mod names;
mod owners;
pub mod pings;
pub mod pools;
pub mod reach;
pub mod template;
pub mod windows;
pub mod yields;

use std::sync::Arc;

use crate::release::Announced;

pub use about::{About, FeedInForce, HeldFeed};
pub use budget::Budget;
pub use compile::compile;
pub use frame::Frame;
pub use live::{Live, Now};
pub use loss::{Loss, PoolLoss};

/// What workers answer from.
#[derive(Debug)]
pub struct Snapshot {
    /// What neither feed nor clock change.
    pub frame: Arc<Frame>,
    /// What they do change.
    pub live: Live,
    /// What is told beside answers.
    pub about: About,
    /// How much time that may take.
    pub budget: Budget,
}

impl Snapshot {
    /// Compiles what holds now over a frame.
    pub fn new(frame: Arc<Frame>, now: &Now<'_>) -> Self {
        let live = Live::compile(&frame, now);
        Self { frame, live, about: About::at(now), budget: Budget::default() }
    }

    /// The same, where `announced` is all that is known of before: it is not taken back.
    pub fn remembering(announced: Option<&Announced>, frame: Arc<Frame>, now: &Now<'_>) -> Self {
        let live = Live::remembering(announced, &frame, now);
        Self { frame, live, about: About::at(now), budget: Budget::default() }
    }

    /// The same, where `before` was in force: what is still the same is not compiled again.
    pub fn after(before: &Self, frame: Arc<Frame>, now: &Now<'_>) -> Self {
        let live = Live::after(&before.live, &frame, now);
        Self { frame, live, about: About::at(now), budget: Budget::default() }
    }

    /// How many paths, over all limits, have no usable mirror and are answered all the same.
    pub fn fail_open_paths(&self) -> usize {
        self.live.fail_open()
    }
}
