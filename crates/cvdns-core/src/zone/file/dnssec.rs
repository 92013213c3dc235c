//! Whether and how a zone is signed, `[dnssec]`.

use std::time::Duration;

use super::keys;
use crate::problem::Location;
use crate::problem::table::{Placed, Table};

/// How a zone is signed.
#[derive(Debug, Clone)]
pub struct Dnssec {
    /// The directory of its keys, as written.
    pub keys: Placed<String>,
    /// How long signatures are valid.
    pub validity: Duration,
    /// The path of a key set that was signed elsewhere, as written.
    pub key_set: Option<Placed<String>>,
    /// The location of the table.
    pub location: Location,
}

/// Reads the table. `None` if the zone is not signed, or if the keys are missing.
pub(super) fn read(root: &mut Table<'_>) -> Option<Dnssec> {
    let mut table = root.table(&keys::DNSSEC);
    if !table.is_given() {
        table.finish();
        return None;
    }
    let location = table.location();
    let named = table.require(&keys::DNSSEC_KEYS);
    let validity = table.value(&keys::DNSSEC_VALIDITY);
    let key_set = table.get(&keys::DNSSEC_KEY_SET);
    table.finish();
    Some(Dnssec { keys: named?, validity, key_set, location })
}
