//! Follows feed, clock and files by the server's rules without serving.

use std::path::Path;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::StartError;
use super::event_loop::{EventLoop, FIRST_FETCH, fetch_first};
use super::follower::Follower;
use super::pending_signals::PendingSignals;
use super::pollers::Pollers;
use super::reload_memory::ReloadMemory;
use super::secondary::Primaries;
use super::server_state::ServerState;
use super::supervision::Supervision;
use crate::load::Loaded;
use crate::logging::{LogLevel, log_problems};
use cvdns_core::problem::Problems;
use cvdns_io::service_manager::ServiceManager;
use cvdns_io::signals::Signals;

/// Starts with what was `read`, the problems found there included. Takes over feeds, files and what
/// the clock changes by the server's rules until SIGTERM or
/// SIGINT. SIGHUP reads everything again. No sockets are opened.
///
/// # Errors
/// When inputs contradict each other, or the system gives no threads or signals.
pub fn follow_without_serving(
    config: &Path,
    read: (Loaded, Problems),
    signals: Signals,
    log_level: &LogLevel,
    follower: &mut impl Follower,
) -> Result<(), StartError> {
    let (mut loaded, mut problems) = read;
    follower.adjust(&mut loaded);
    let Some(mut state) = ServerState::new(loaded, Timestamp::now(), &mut problems) else {
        return Err(StartError::Inputs(problems));
    };
    state.follow_copies();
    log_problems(&problems);
    let run = || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut pollers = Pollers::start(state.loaded());
            fetch_first(&mut pollers, &mut state, FIRST_FETCH).await;
            // No operator accepts a feed that is held back here, only a newer feed confirms it.
            let (_changes, changes) = mpsc::channel(1);
            let pending = PendingSignals::collect(signals);
            let supervision = &mut Supervision::new(ServiceManager::default());
            let pending = &pending;
            let events = EventLoop {
                config,
                pollers,
                primaries: Primaries::of_nobody(),
                pending,
                changes,
                log_level,
                offering: None,
                supervision,
                memory: ReloadMemory::of_start(),
            };
            events.run(&mut state, follower).await;
            Ok(())
        })
    };
    run().map_err(|error| StartError::System(vec![error.to_string()]))
}
