//! Signs behind a snapshot that is served already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::error;

use cvdns_core::snapshot::signatures::{SignatureStore, Signatures};
use cvdns_io::essential;

/// Signs on a thread of its own what a snapshot did not wait for. It stops for the next snapshot,
/// which takes over what is signed by then.
#[derive(Debug, Default)]
pub(super) struct Filler {
    /// Tells the thread that runs to stop.
    stop: Option<Arc<AtomicBool>>,
}

impl Filler {
    /// Signs for all empty places of these signatures.
    pub(super) fn fill(&mut self, signatures: Arc<Signatures>, store: Arc<SignatureStore>) {
        self.stop();
        let stop = Arc::new(AtomicBool::new(false));
        let goes_on = {
            let stop = stop.clone();
            move || !stop.load(Ordering::Relaxed)
        };
        let fill = move || {
            signatures.fill(&store, goes_on);
        };
        match essential::spawn("cvdns-signing", fill) {
            Ok(_) => self.stop = Some(stop),
            // Who asks for an answer that is not signed waits for its signature.
            Err(error) => error!(%error, "no thread that signs can be started: {error}"),
        }
    }

    /// Has the thread stop that runs, if any.
    pub(super) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.stop();
    }
}
