//! What those see who follow the state of a server and answer by other means.

use std::sync::Arc;

use crate::load::Loaded;
use cvdns_core::snapshot::Snapshot;

/// What is in force at a moment.
#[derive(Debug)]
pub struct FollowedState<'f> {
    /// What is answered. It is another snapshot whenever feed, clock or files change anything.
    pub snapshot: Arc<Snapshot>,
    /// The serial of the feed in force.
    pub feed: Option<u64>,
    /// The configuration and all files that it names, as read last.
    pub loaded: &'f Loaded,
}

/// Someone who is shown what is in force.
pub trait Follower {
    /// Changes what was read before it comes into force.
    fn adjust(&self, loaded: &mut Loaded);
    /// Sees what is in force, often the same again. Nothing is followed until this returns.
    fn see(&mut self, state: &FollowedState<'_>);
}

/// Two of them, of which the first one is shown everything first.
impl<A: Follower, B: Follower> Follower for (&mut A, &mut B) {
    fn adjust(&self, loaded: &mut Loaded) {
        self.0.adjust(loaded);
        self.1.adjust(loaded);
    }

    fn see(&mut self, state: &FollowedState<'_>) {
        self.0.see(state);
        self.1.see(state);
    }
}
