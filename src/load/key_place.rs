//! Where the keys of a zone are, for commands that make and show them: no zone has to be whole for
//! that.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cvdns_core::problem::{Location, Problems};
use cvdns_core::wire::name::Name;
use cvdns_core::zone::ZoneFile;
use cvdns_dnssec::{KeySet, SignedKeySet};
use cvdns_io::beside;
use jiff::Timestamp;

use super::dnssec::key_set_records;
use super::key_directory::KeyDirectory;
use super::zone_texts::NamedZone;
use super::zones;

/// Where the keys of the zones of a zone file are.
#[derive(Debug, Clone)]
pub struct KeyPlace {
    /// The origin as it is written.
    pub pattern: String,
    /// The zones that it means.
    pub zones: Vec<Name>,
    /// The directory of their keys.
    pub directory: PathBuf,
    /// The key set that was signed elsewhere.
    pub key_set: Option<PathBuf>,
}

/// The keys of a zone as its files have them.
#[derive(Debug)]
pub struct PlacedKeys {
    /// The keys.
    pub keys: KeySet,
    /// The key set, if that was signed elsewhere.
    pub signed: Option<SignedKeySet>,
}

impl KeyPlace {
    /// Reads it from a zone file. `None` if its zones are not signed.
    pub(super) fn read(named: &NamedZone<'_>, problems: &mut Problems) -> Option<Self> {
        let path = &named.path;
        let text = named.text(problems)?;
        let file = ZoneFile::parse(&path.display().to_string(), &text, problems)?;
        let zones = zones::origins(&file, problems).into_iter().map(|(zone, _)| zone).collect();
        let dnssec = file.dnssec?;
        Some(Self {
            pattern: file.origin.value,
            zones,
            directory: beside(path, &dnssec.keys.value),
            key_set: dnssec.key_set.map(|named| beside(path, &named.value)),
        })
    }

    /// Reads the keys of a zone, and reports what is wrong with them.
    ///
    /// # Errors
    /// When the directory or the key set cannot be read at all.
    pub fn keys(
        &self,
        zone: &Name,
        now: Timestamp,
        problems: &mut Problems,
    ) -> Result<PlacedKeys, String> {
        let mut files = BTreeSet::new();
        let keys = KeyDirectory::open(&self.directory)?.keys(zone, &mut files, problems);
        let signed = match &self.key_set {
            None => None,
            Some(path) => {
                let origin = if self.zones.len() == 1 { zone.clone() } else { Name::root() };
                let records = key_set_records(path, &origin, &mut files, problems)?;
                let file = Location::file(&path.display().to_string());
                SignedKeySet::of_records(zone, &records, &file, now, problems)
            }
        };
        Ok(PlacedKeys { keys: KeySet { zone: zone.clone(), keys }, signed })
    }
}
