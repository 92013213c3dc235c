//! Follows feed, clock and files as the server does, for whoever answers by other means.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::fetching::Fetching;
use super::force::Force;
use super::{Pending, StartError, fetch_first, follow};
use crate::load::Loaded;
use crate::logging::log_problems;
use cvdns_core::problem::Problems;
use cvdns_core::snapshot::Snapshot;
use cvdns_io::signals::Signals;

/// What is in force.
#[derive(Debug)]
pub struct FollowedState<'f> {
    /// What is answered; another one whenever feed, clock or files change anything.
    pub snapshot: Arc<Snapshot>,
    /// The serial of the feed in force.
    pub feed: Option<u64>,
    /// What was read last.
    pub loaded: &'f Loaded,
}

/// Is shown what is in force.
pub trait Follower {
    /// Changes what was read before it comes into force.
    fn adjust(&self, loaded: &mut Loaded);
    /// Sees what is in force, often the same again. The feed is not followed until it returns.
    fn see(&mut self, standing: &FollowedState<'_>);
}

/// The server's own workers take the newest snapshot by themselves.
pub(super) struct Nobody;

impl Follower for Nobody {
    fn adjust(&self, _: &mut Loaded) {}

    fn see(&mut self, _: &FollowedState<'_>) {}
}

impl Force {
    /// What is in force, for those who follow it.
    pub(super) fn standing(&self) -> FollowedState<'_> {
        let feed = self.feed_serial();
        FollowedState { snapshot: self.snapshots().load_full(), feed, loaded: self.loaded() }
    }
}

/// Takes over feeds, files and what the clock changes by the server's rules until SIGTERM or SIGINT; SIGHUP reads everything
/// again. Nothing is listened on.
///
/// # Errors
/// When inputs contradict each other, or the system gives no threads or signals.
pub fn follow_without_serving(
    config: &Path,
    mut loaded: Loaded,
    mut problems: Problems,
    signals: Signals,
    follower: &mut impl Follower,
) -> Result<(), StartError> {
    follower.adjust(&mut loaded);
    let Some(mut force) = Force::new(loaded, Timestamp::now(), &mut problems) else {
        return Err(StartError::Inputs(problems));
    };
    log_problems(&problems);
    let run = || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut fetching = Fetching::start(force.loaded());
            fetch_first(&mut fetching, &mut force).await;
            // Nobody accepts a feed that is held back but by a newer one.
            let (_accepts, accepted) = mpsc::channel(1);
            let pending = Pending::of(signals);
            follow(config, &mut force, fetching, &pending, accepted, follower).await;
            Ok(())
        })
    };
    run().map_err(|error| StartError::System(vec![error.to_string()]))
}
