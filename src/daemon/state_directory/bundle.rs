//! The bundle of zone files.

use super::StateDirectory;
use crate::load::{KeptBundle, SignedBundle};

/// What stands for its file where that could not be written.
const BUNDLE: &str = "bundle";

impl StateDirectory {
    /// Writes the bundle that is in force.
    pub(in crate::daemon) fn keep_bundle(&mut self, bundle: &SignedBundle) {
        if let Some(path) = self.path.as_deref().filter(|_| !self.is_foreign) {
            let written = KeptBundle::of(path).write(bundle);
            self.note_written(BUNDLE, written);
        }
    }

    /// Whether the bundle in force is not kept.
    pub(in crate::daemon) fn lacks_bundle(&self) -> bool {
        let is_missing = |path| !KeptBundle::of(path).exists();
        self.is_unwritten(BUNDLE) || self.path.as_deref().is_some_and(is_missing)
    }
}
