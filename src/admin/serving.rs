//! The admin listener while it is served.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use cvdns_net::SocketFile;

/// How long a stop waits for requests that are being answered.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The served listeners. The files of Unix sockets are removed when this is dropped.
#[derive(Debug)]
pub struct AdminServing {
    stop: watch::Sender<bool>,
    /// A task for each listener.
    pub(super) accepting: Vec<JoinHandle<()>>,
    pub(super) files: Vec<SocketFile>,
}

impl AdminServing {
    pub(super) fn new() -> Self {
        Self { stop: watch::Sender::new(false), accepting: Vec::new(), files: Vec::new() }
    }

    /// Becomes true at the stop.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Stops accepting connections, and waits until requests that were received are answered, for a
    /// second at most.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let mut accepting = std::mem::take(&mut self.accepting);
        let all = async {
            for task in &mut accepting {
                // A task that panicked has no requests left.
                let _ = task.await;
            }
        };
        if timeout(STOP_TIMEOUT, all).await.is_err() {
            accepting.iter().for_each(JoinHandle::abort);
        }
    }
}
