//! A server without sockets, driven by the caller's clock.

use jiff::Timestamp;

use super::StartError;
use super::follower::FollowedState;
use super::server_state::ServerState;
use crate::load::Loaded;
use cvdns_core::problem::Problems;

/// Takes over the feed, other files and what the clock changes by the server's rules, whenever it
/// is told the time.
pub struct SteppedServer {
    state: ServerState,
}

impl SteppedServer {
    /// Starts with what was read.
    ///
    /// # Errors
    /// When inputs contradict each other.
    pub fn new(
        loaded: Loaded,
        mut problems: Problems,
        now: Timestamp,
    ) -> Result<Self, StartError> {
        match ServerState::new(loaded, now, &mut problems) {
            Some(state) => Ok(Self { state }),
            None => Err(StartError::Inputs(problems)),
        }
    }

    /// Reads the files that may change, as a running server does once in `[feed] interval`, and
    /// does what is due by the clock.
    pub fn step(&mut self, now: Timestamp) {
        self.state.read(now);
        self.state.tick(now);
        self.state.publisher().reclaim();
    }

    /// What is in force.
    pub fn followed(&self) -> FollowedState<'_> {
        self.state.followed_state()
    }
}
