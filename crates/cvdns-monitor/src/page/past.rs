//! The history of a mirror, as pages show it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;

use cvdns_pages::{Change, CheckRow, History};

/// What is kept of a mirror's past.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The strips of the mirror.
    pub(super) strips: History,
    /// The available part of the last 30 days of each address, from 0 to 1.
    pub(super) available: Vec<(IpAddr, Option<f64>)>,
    /// The last checks, the newest first.
    pub(super) checks: Vec<CheckRow>,
    /// The last changes of states, the newest first.
    pub(super) changes: Vec<Change>,
}

/// The past of all mirrors.
pub(super) struct Archive;

/// Opens the archive beside the coordinator's memory; `None` if nothing is kept yet.
pub(super) fn open(_state: &Path) -> Option<Archive> {
    None
}

impl Archive {
    /// The hosts of which something was recorded since this was last asked.
    pub(super) fn changed(&mut self) -> BTreeSet<String> {
        BTreeSet::new()
    }

    /// Calls `take` for each of these hosts of which something is kept.
    pub(super) fn each(
        &mut self,
        _hosts: &BTreeSet<String>,
        _now: Timestamp,
        _take: &mut dyn FnMut(&str, Past),
    ) -> Result<(), String> {
        Ok(())
    }
}
