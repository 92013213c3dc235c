//! A follower on a thread of its own.

use std::io;
use std::time::Duration;

use cvdns_io::essential;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::follower::{Follower, Refetch};
use super::names::Key;
use super::settings::Settings;
use super::update::Update;

/// Documents that are followed until this is dropped.
#[derive(Debug)]
pub struct Following {
    refetch: Refetch,
    _stop: oneshot::Sender<()>,
}

/// Follows documents on a thread of this name, which ends soon after what is returned is dropped.
/// Each update is given to `sink`, outside of any asynchronous context: it may block. Meanwhile
/// nothing is read, and of each document only the newest is told afterwards.
///
/// # Errors
/// When the system gives no thread.
pub fn follow(
    thread: &str,
    settings: Settings,
    keys: Vec<Key>,
    interval: Duration,
    mut sink: impl FnMut(Update) + Send + 'static,
) -> io::Result<Following> {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
    let mut follower = Follower::new(settings, keys, interval);
    let refetch = follower.refetch();
    let (stop, mut stopped) = oneshot::channel();
    essential::spawn(thread, move || {
        loop {
            let next = async {
                tokio::select! {
                    biased;
                    _ = &mut stopped => None,
                    update = follower.next() => Some(update),
                }
            };
            let Some(update) = runtime.block_on(next) else { break };
            sink(update);
        }
        {
            let _entered = runtime.enter();
            drop(follower);
        }
        // A name that is being looked up is not waited for.
        runtime.shutdown_background();
    })?;
    Ok(Following { refetch, _stop: stop })
}

impl Following {
    /// Has the last value of every document told, even if it was told before.
    pub fn refetch(&self) {
        self.refetch.now();
    }
}
