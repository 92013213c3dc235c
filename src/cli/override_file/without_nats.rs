//! What stands in for the overrides of all servers in a build without the feature `nats`.

use std::path::Path;

use crate::cli::output::Failure;

/// The overrides of all servers: there are none.
#[derive(Debug)]
pub(super) enum FleetOverrides {}

impl FleetOverrides {
    pub(super) fn of(_: &Path, _: bool) -> Result<Self, Failure> {
        Err(Failure::new("--fleet cannot be used: this cvdns was built without NATS"))
    }

    pub(super) fn name(&self) -> String {
        match *self {}
    }

    pub(super) fn read(&self) -> Result<String, Failure> {
        match *self {}
    }

    pub(super) fn write(&self, _: &str) -> Result<(), Failure> {
        match *self {}
    }
}
