//! The report: the document in which one of several monitors says what it found of each address.
//! It has evidence and no states, so that the rule and its clocks run in one place. It is taken as
//! a whole or not at all.

mod error;
mod evidence;
pub mod keys;
mod text;

pub use error::{MAX_REPORT_SIZE, ReportError};
pub use evidence::Evidence;
pub use text::{MONITOR_NAME, is_monitor_name};

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::problem::clock::is_ahead;

/// A valid report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Name of the monitor.
    pub monitor: String,
    /// Serial number, which rises with each new report of this monitor.
    pub serial: u64,
    /// Time at which the monitor wrote it.
    pub generated: Timestamp,
    /// Time in which the monitor checks each address and writes a new report.
    pub interval: Duration,
    /// What was found, by host and address.
    pub mirrors: BTreeMap<String, BTreeMap<IpAddr, Sighting>>,
}

/// What a monitor last found of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// When it checked the address; not after the report was written.
    pub checked: Timestamp,
    /// What it found.
    pub evidence: Evidence,
}

impl Report {
    /// Checks that the report is not from the future: it would count as fresh for too long.
    ///
    /// # Errors
    /// If the report was generated more than 5 minutes after `now`.
    pub fn timely(&self, now: Timestamp) -> Result<(), ReportError> {
        if is_ahead(self.generated, now) {
            return Err(ReportError::FromTheFuture(self.generated));
        }
        Ok(())
    }

    /// Whether the report still counts: it is at most twice as old as its interval.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let ends = self.generated.checked_add(self.interval.saturating_mul(2));
        ends.map_or(true, |end| end >= now)
    }

    /// Whether this report replaces `in_force`, of the same monitor; false if both are the same.
    ///
    /// # Errors
    /// If the serial is lower than that of `in_force`, or the same with other content.
    pub fn follows(&self, in_force: &Self) -> Result<bool, ReportError> {
        match self.serial.cmp(&in_force.serial) {
            std::cmp::Ordering::Greater => Ok(true),
            std::cmp::Ordering::Equal if self == in_force => Ok(false),
            std::cmp::Ordering::Equal => Err(ReportError::SerialReused(self.serial)),
            std::cmp::Ordering::Less => {
                Err(ReportError::SerialBehind { offered: self.serial, in_force: in_force.serial })
            }
        }
    }
}
