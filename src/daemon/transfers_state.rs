//! What a server that answers has for its secondaries.

use std::sync::Arc;

use crate::transfer::{Notifier, TransferDesk, Versions};

/// Versions of zones for secondaries, and who tells these.
pub(super) struct TransfersState {
    /// The versions of transferred zones.
    pub versions: Versions,
    /// Tells secondaries of new versions.
    pub notifier: Notifier,
}

impl TransfersState {
    /// No versions yet; this desk answers from those that are made.
    pub(super) fn new(desk: Arc<TransferDesk>) -> Self {
        Self { versions: Versions::new(desk), notifier: Notifier::default() }
    }
}
