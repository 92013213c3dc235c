//! Ending: a flag that wakes who waits, and the signals that raise it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// Whether to end; clones share it.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Says to end.
    pub(super) fn stop(&self) {
        let (flag, woken) = &*self.0;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        woken.notify_all();
    }

    /// Whether to end.
    pub(super) fn is_stopped(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until it is said to end; whether it is.
    pub(super) fn wait(&self, duration: Duration) -> bool {
        let (flag, woken) = &*self.0;
        let guard = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = woken.wait_timeout_while(guard, duration, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A signal that was received.
pub(super) enum Signal {
    /// SIGHUP.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
}

/// Calls `then` at SIGTERM, SIGINT and SIGHUP.
pub(super) fn on_signal(then: impl Fn(Signal) + Send + 'static) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Signals are registered before the first address is checked.
    let (mut terminate, mut interrupt, mut hangup) = {
        let _guard = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => then(Signal::Stop),
                    _ = interrupt.recv() => then(Signal::Stop),
                    _ = hangup.recv() => then(Signal::Reload),
                }
            }
        });
    })?;
    Ok(())
}
