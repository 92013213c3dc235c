//! What the coordinator knows at the moment of a feed, as the pages need it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::coordinator::AddressRow;
use crate::doubt::Frozen;
use crate::inputs::PageInputs;
use cvdns_core::fleet::Fleet;
use cvdns_core::health::{Feed, Overrides};

/// What the coordinator knew when it wrote a feed. It does not change afterwards.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The time.
    pub(crate) now: Timestamp,
    /// The feed that was written.
    pub(crate) feed: Feed,
    /// Why and since when all states are left as they were; `None` while checks are believed.
    pub(crate) frozen: Option<Frozen>,
    /// A row for every address.
    pub(crate) rows: Vec<AddressRow>,
    /// What does not change between reloads.
    pub(crate) setting: Arc<Setting>,
}

/// What the pages need of a configuration. It changes at a reload.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Where the pages go, and what answers are made of.
    pub(crate) inputs: PageInputs,
    /// Origin and fleet of each zone that has mirrors.
    pub(crate) fleets: Vec<(String, Fleet)>,
    /// The number of versions by which a mirror may be behind.
    pub(crate) lag: u32,
    /// How long after its generation a feed counts as fresh.
    pub(crate) max_age: Duration,
    /// Whether a path is probed instead of the databases.
    pub(crate) is_probe: bool,
    /// The coordinator's directory, in which the history lies.
    pub(crate) state: PathBuf,
}

/// What determines the answers of servers at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'m> {
    /// The time.
    pub(super) now: Timestamp,
    /// The feed.
    pub(super) feed: &'m Feed,
    /// The operator's overrides.
    pub(super) overrides: &'m Overrides,
    /// How long after its generation a feed counts as fresh.
    pub(super) max_age: Duration,
}
