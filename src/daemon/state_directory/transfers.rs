//! Versions of transferred zones, and what secondaries have of them.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::files::{FORMAT, MAX_VERSIONS, SECONDARIES, VERSIONS};
use super::{StateDirectory, read, warn_unusable};
use crate::transfer::{KeepsVersions, Progress, SecondaryId, Taken};
use cvdns_io::{cannot_write, read_optional, replace_private};
use cvdns_transfer::{History, kept};

/// What secondaries have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondariesFile {
    format: u32,
    secondaries: Vec<SecondaryEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondaryEntry {
    address: String,
    key: String,
    zone: String,
    serial: u32,
    at: Timestamp,
}

impl StateDirectory {
    /// Reads what secondaries had.
    pub(in crate::daemon) fn secondaries(&self) -> Vec<(SecondaryId, String, Taken)> {
        let path = self.path.as_ref().map(|path| path.join(SECONDARIES));
        let file: Option<SecondariesFile> = path.and_then(|path| read(&path));
        let entries = file.filter(|file| file.format == FORMAT).map(|file| file.secondaries);
        let entry = |entry: SecondaryEntry| {
            let SecondaryEntry { address, key, zone, serial, at } = entry;
            (SecondaryId { address, key }, zone, Taken { serial, at })
        };
        entries.into_iter().flatten().map(entry).collect()
    }

    /// Writes what secondaries have, if that changed since it was written.
    pub(in crate::daemon) fn keep_secondaries(&mut self, progress: &Progress) {
        let changes = progress.changes();
        if self.path.is_none() || self.secondaries_kept == Some(changes) {
            return;
        }
        let entry = |(id, zone, taken): (SecondaryId, String, Taken)| {
            let SecondaryId { address, key } = id;
            SecondaryEntry { address, key, zone, serial: taken.serial, at: taken.at }
        };
        let secondaries: Vec<_> = progress.all().into_iter().map(entry).collect();
        // Without secondaries there is no file.
        if secondaries.is_empty() && self.secondaries_kept.is_none() {
            self.secondaries_kept = Some(changes);
            return;
        }
        let file = SecondariesFile { format: FORMAT, secondaries };
        if self.write(SECONDARIES, &file) {
            self.secondaries_kept = Some(changes);
        }
    }

    fn versions_path(&self, file: &str) -> Option<PathBuf> {
        Some(self.path.as_ref()?.join(format!("{VERSIONS}{file}")))
    }
}

impl KeepsVersions for StateDirectory {
    fn read_versions(&mut self, file: &str) -> Option<History> {
        let path = self.versions_path(file)?;
        let octets = match read_optional(&path, MAX_VERSIONS) {
            Ok(octets) => octets?,
            Err(error) => {
                let path = path.display();
                warn!(path = %path, error, "{error}; the serial of the zone may go back");
                return None;
            }
        };
        match kept::from_octets(&octets) {
            Ok(history) => Some(history),
            Err(error) => {
                warn_unusable(&path, &error.to_string());
                None
            }
        }
    }

    fn keep_versions(&mut self, file: &str, history: &History) {
        let Some(path) = self.versions_path(file).filter(|_| !self.is_foreign) else { return };
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = made.and_then(|()| replace_private(&path, &kept::to_octets(history)));
        let complaint = self.complaints.entry(VERSIONS).or_default();
        match written {
            Ok(()) => drop(complaint.clear()),
            Err(error) => {
                self.write_errors += 1;
                let text = cannot_write(&path, &error);
                if complaint.is_new(text.clone()) {
                    warn!(
                        path = %path.display(),
                        error = %error,
                        "{text}; after the next start, serials of transferred zones may go back \
                         (`state` in [feed])"
                    );
                }
            }
        }
    }
}
