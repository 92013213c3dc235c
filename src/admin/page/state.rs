//! What pages need beside the server's state.

use tokio::sync::Semaphore;

use super::memory::TrafficMemory;

/// What pages need beside the server's state.
#[derive(Debug)]
pub(crate) struct PageState {
    /// This machine's name.
    pub(super) machine: String,
    /// Pages are made one after the other: with many mirrors each takes a core for a while, which
    /// answers need more.
    pub(super) seat: Semaphore,
    /// For one moment at a time the thread that follows feed and files copies what is in force.
    pub(super) foreseeing: Semaphore,
    /// The counts that pages showed before.
    pub(super) traffic: TrafficMemory,
}

impl PageState {
    /// The state for pages of this machine.
    pub(crate) fn new() -> Self {
        let machine = nix::unistd::gethostname().unwrap_or_default();
        Self {
            machine: machine.to_string_lossy().into(),
            seat: Semaphore::new(1),
            foreseeing: Semaphore::new(1),
            traffic: TrafficMemory::default(),
        }
    }
}
