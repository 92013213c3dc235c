//! Records of an export as those of a transfer.

use cvdns_core::snapshot::signatures::ZoneRecord;
use cvdns_transfer::records::{self, RecordCollector, RecordSet};

/// These records as a set. `None` if they have 4 GiB.
pub(super) fn record_set(all: &[ZoneRecord]) -> Option<RecordSet> {
    let mut set = RecordCollector::default();
    for ZoneRecord { owner, rtype, ttl, rdata } in all {
        set.add(records::ZoneRecord { owner, rtype: *rtype, ttl: *ttl, rdata })?;
    }
    Some(set.finish())
}
