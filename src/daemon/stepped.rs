//! A server without sockets, driven by the caller's clock, which is handed its feeds.

use jiff::Timestamp;

use super::StartError;
use super::follower::FollowedState;
use super::server_state::ServerState;
use crate::load::Loaded;
use crate::load::remote::Fetched;
use cvdns_core::problem::Problems;

/// Takes over feeds and what the clock changes by the server's rules, whenever it is told the time.
pub struct SteppedServer {
    state: ServerState,
}

impl SteppedServer {
    /// Starts with what was read.
    ///
    /// # Errors
    /// When inputs contradict each other.
    pub fn new(loaded: Loaded, mut problems: Problems, now: Timestamp) -> Result<Self, StartError> {
        match ServerState::new(loaded, now, &mut problems) {
            Some(state) => Ok(Self { state }),
            None => Err(StartError::Inputs(problems)),
        }
    }

    /// Judges a document as if it had just been fetched from the feed's source, and does what is
    /// due by the clock. A document of before may be handed over again, as a poll would fetch it.
    pub fn step(&mut self, feed: Vec<u8>, now: Timestamp) {
        let Some(source) = self.state.loaded().feeds.first().cloned() else { return };
        self.state.take_fetched(&source, Ok(Fetched::New { octets: feed, signature: None }), now);
        self.state.tick(now);
        self.state.publisher().reclaim();
    }

    /// What is in force.
    pub fn followed(&self) -> FollowedState<'_> {
        self.state.followed_state()
    }
}
