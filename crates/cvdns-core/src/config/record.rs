//! The `[record]` section.

use std::time::Duration;

use super::keys::record as keys;
use crate::problem::table::{Placed, Table};
use crate::release::Share;

/// The version record (`[record]`).
#[derive(Debug, Clone)]
pub struct Record {
    /// TTL in seconds.
    pub ttl: u32,
    /// Whether a record with too old a stamp is answered with SERVFAIL (`on-stale`).
    pub expire: bool,
    /// The share of the usable mirrors' capacity that must hold a version before it is announced.
    pub quorum: Share,
    /// How many versions a mirror may be behind the record and still be answered.
    pub lag: u32,
    /// How long a mirror may be further behind without moving before it is stuck; zero: for ever.
    pub stuck_after: Duration,
    /// Directory of the databases whose versions are announced instead of the feed's.
    pub cvd_dir: Option<Placed<String>>,
    /// File with the record that is announced instead of the feed's release.
    pub file: Option<Placed<String>>,
}

impl Record {
    /// Reads the section; `has_feed` says whether a feed is configured.
    pub(super) fn read(mut table: Table<'_>, has_feed: bool) -> Self {
        let record = Self {
            ttl: table.value(&keys::TTL),
            expire: table.value(&keys::ON_STALE),
            quorum: table.value(&keys::QUORUM),
            lag: table.value(&keys::LAG),
            stuck_after: table.value(&keys::STUCK_AFTER),
            file: table.get(&keys::RECORD_FILE),
            cvd_dir: table.get(&keys::CVD_DIR),
        };
        if let (Some(directory), None, false) = (&record.cvd_dir, &record.file, has_feed) {
            let what = "headers of databases have no software version, and nothing else that is \
                        configured has one";
            let help =
                "name a feed (`source` in [feed]) or a `record-file` for the rest of the record";
            table.error(directory.location.clone(), what, help);
        }
        table.finish();
        record
    }
}
