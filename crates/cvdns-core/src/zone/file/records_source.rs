//! Where a zone's static records come from: a master file, or a primary.

use super::key_name::KeyName;
use super::keys;
use super::primary_address::PrimaryAddress;
use crate::problem::Location;
use crate::problem::table::{PathOrTable, Placed, Table};
use crate::wire::name::Name;

/// Where a zone's static records come from.
#[derive(Debug, Clone)]
pub enum RecordsSource {
    /// A master file: its path, as written.
    File(Placed<String>),
    /// Servers from which the zone is transferred.
    Primary(Primaries),
}

/// The servers from which a zone is transferred (RFC 9499 section 7), and the key for them.
#[derive(Debug, Clone)]
pub struct Primaries {
    /// Their addresses, in the order in which they are asked; at least one.
    pub addresses: Vec<PrimaryAddress>,
    /// Name of the key that signs requests and answers; `None` if they are not signed.
    pub key: Option<Placed<Name>>,
    /// The location of the table.
    pub location: Location,
}

impl RecordsSource {
    /// Takes the source out of the zone file. Returns `None` if it is missing or wrong.
    pub(super) fn read(root: &mut Table<'_>) -> Option<Self> {
        match root.path_or_table(&keys::RECORDS)? {
            PathOrTable::Path(path) => Some(Self::File(path)),
            PathOrTable::Table(table) => Primaries::read(table).map(Self::Primary),
        }
    }
}

impl Primaries {
    fn read(mut table: Table<'_>) -> Option<Self> {
        let location = table.location();
        let addresses = table.require_one_or_list(&keys::PRIMARY);
        let key = table.get(&keys::PRIMARY_KEY);
        let mut kept: Vec<PrimaryAddress> = Vec::new();
        for Placed { value, location } in addresses.unwrap_or_default() {
            if kept.contains(&value) {
                let what = format!("the primary {value} is given twice");
                table.warning(location, what, "keep one: they are asked in order");
            } else {
                kept.push(value);
            }
        }
        // What is wrong with an address was reported when it was read.
        if kept.is_empty() && table.error_count() == 0 {
            let what = "the zone has no primary";
            table.error(location.clone(), what, format!("write {}", keys::PRIMARY.expected()));
        }
        table.finish();
        let key =
            key.map(|Placed { value: KeyName(name), location }| Placed { value: name, location });
        (!kept.is_empty()).then_some(Self { addresses: kept, key, location })
    }
}
