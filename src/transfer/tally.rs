//! How much was transferred.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cvdns_transfer::outgoing::Form;

/// Counts transfers.
#[derive(Debug, Default)]
pub struct TransferTally {
    soa_alone: AtomicU64,
    differences: AtomicU64,
    whole: AtomicU64,
    octets: AtomicU64,
}

impl TransferTally {
    /// Counts a transfer that was completed.
    pub(super) fn add(&self, form: Form, octets: u64) {
        let count = match form {
            Form::SoaAlone => &self.soa_alone,
            Form::Differences => &self.differences,
            Form::Whole => &self.whole,
        };
        count.fetch_add(1, Relaxed);
        self.octets.fetch_add(octets, Relaxed);
    }

    /// How many were answered in each form, with the form's word for metrics.
    pub fn by_form(&self) -> [(&'static str, u64); 3] {
        [
            ("soa", self.soa_alone.load(Relaxed)),
            ("ixfr", self.differences.load(Relaxed)),
            ("axfr", self.whole.load(Relaxed)),
        ]
    }

    /// The octets of all messages.
    pub fn octets(&self) -> u64 {
        self.octets.load(Relaxed)
    }
}
