//! The latest moment for which zones were signed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::files::{FORMAT, SIGNED};
use super::{StateDirectory, read};

/// How much later a moment must be than what is written before it is written: a file that is
/// written for each feed would only wear out the disk.
const STEP: SignedDuration = SignedDuration::from_hours(1);

/// The latest moment for which zones were signed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedFile {
    format: u32,
    latest: Timestamp,
}

impl StateDirectory {
    /// Reads the latest moment for which zones were signed.
    pub(in crate::daemon) fn signed(&mut self) -> Option<Timestamp> {
        let file: SignedFile = read(&self.path.as_ref()?.join(SIGNED))?;
        let latest = (file.format == FORMAT).then_some(file.latest)?;
        self.signed = Some(latest);
        Some(latest)
    }

    /// Writes the latest moment for which zones were signed.
    pub(in crate::daemon) fn keep_signed(&mut self, latest: Timestamp) {
        let is_new = self.signed.is_none_or(|kept| latest.duration_since(kept) >= STEP);
        if is_new
            && self.path.is_some()
            && self.write(SIGNED, &SignedFile { format: FORMAT, latest })
        {
            self.signed = Some(latest);
        }
    }
}
