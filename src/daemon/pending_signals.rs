//! Signals that were received and not acted on yet.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Acquire, Release};

use tokio::sync::Notify;

use cvdns_io::signals::{SignalAction, Signals};

/// Actions that signals asked for. Several of one kind that come while another is carried out count
/// as one.
#[derive(Debug, Clone, Default)]
pub(super) struct PendingSignals(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stop: AtomicBool,
    reload: AtomicBool,
    news: Notify,
}

impl PendingSignals {
    /// Collects these signals from now on.
    pub(super) fn collect(signals: Signals) -> Self {
        let pending = Self::default();
        let noting = pending.clone();
        signals.hand_over(move |action| noting.note(action));
        pending
    }

    fn note(&self, action: SignalAction) {
        let Inner { stop, reload, news } = &*self.0;
        match action {
            SignalAction::Stop => stop.store(true, Release),
            SignalAction::Reload => reload.store(true, Release),
        }
        news.notify_one();
    }

    /// Waits for the next action. A stop comes before all else.
    pub(super) async fn next(&self) -> SignalAction {
        let Inner { stop, reload, news } = &*self.0;
        loop {
            if stop.load(Acquire) {
                return SignalAction::Stop;
            }
            if reload.swap(false, Acquire) {
                return SignalAction::Reload;
            }
            news.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_a_kind_are_one_and_a_stop_comes_first() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let pending = PendingSignals::default();
            for _ in 0..3 {
                pending.note(SignalAction::Reload);
            }
            assert_eq!(pending.next().await, SignalAction::Reload);
            let waiting = tokio::spawn({
                let pending = pending.clone();
                async move { pending.next().await }
            });
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished(), "three were one");
            pending.note(SignalAction::Reload);
            assert_eq!(waiting.await.unwrap(), SignalAction::Reload);
            pending.note(SignalAction::Reload);
            pending.note(SignalAction::Stop);
            assert_eq!(pending.next().await, SignalAction::Stop);
        });
    }
}
