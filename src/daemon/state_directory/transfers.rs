//! Versions of transferred zones, and what secondaries have of them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::files::{FORMAT, MAX_VERSIONS, SECONDARIES, versions_file};
use super::{StateDirectory, read, warn_unusable};
use crate::transfer::{KeepsVersions, Progress, Shown};
use cvdns_io::{cannot_write, read_optional, replace_private};
use cvdns_transfer::{History, kept};

/// Most lines of the log that name versions that cannot be written. On a full disk, no zone has a
/// chance.
const MOST_NAMED: usize = 5;

/// What secondaries have.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondariesFile {
    format: u32,
    secondaries: Vec<Shown>,
}

impl StateDirectory {
    /// Reads what secondaries had, the first time that it is called.
    pub(in crate::daemon) fn take_secondaries(&mut self) -> Vec<Shown> {
        if std::mem::replace(&mut self.secondaries_read, true) {
            return Vec::new();
        }
        let path = self.path.as_ref().map(|path| path.join(SECONDARIES));
        let file: Option<SecondariesFile> = path.and_then(|path| read(&path));
        let entries = file.filter(|file| file.format == FORMAT).map(|file| file.secondaries);
        entries.unwrap_or_default()
    }

    /// Writes what secondaries have, if that changed since it was written, or the file was removed.
    pub(in crate::daemon) fn keep_secondaries(&mut self, progress: &Progress) {
        let changes = progress.changes();
        let is_kept = self.secondaries_kept == Some(changes) && !self.lacks(SECONDARIES);
        if self.path.is_none() || is_kept {
            return;
        }
        let secondaries = progress.all();
        // Without secondaries there is no file.
        if secondaries.is_empty() && self.lacks(SECONDARIES) {
            return;
        }
        if self.write(SECONDARIES, &SecondariesFile { format: FORMAT, secondaries }) {
            self.secondaries_kept = Some(changes);
        }
    }

    fn versions_path(&self, stem: &str) -> Option<PathBuf> {
        Some(self.path.as_ref()?.join(versions_file(stem)))
    }
}

impl KeepsVersions for StateDirectory {
    fn makes_versions(&self) -> bool {
        self.path.is_none() || !self.is_foreign
    }

    fn read_versions(&mut self, stem: &str) -> Option<History> {
        let path = self.versions_path(stem)?;
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

    fn keep_versions(&mut self, stem: &str, history: &History) {
        let Some(path) = self.versions_path(stem).filter(|_| !self.is_foreign) else { return };
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = made.and_then(|()| replace_private(&path, &kept::to_octets(history)));
        let Err(error) = written else {
            let was_unwritten = self.unwritten_versions.remove(stem);
            if was_unwritten && self.unwritten_versions.is_empty() {
                info!("the versions of all transferred zones are kept again");
            }
            return;
        };
        self.write_errors += 1;
        // A line for some, however often it is tried.
        let is_new = !self.unwritten_versions.contains(stem);
        if is_new && self.unwritten_versions.len() < MOST_NAMED {
            let text = cannot_write(&path, &error);
            warn!(
                path = %path.display(),
                error = %error,
                "{text}; after the next start, serials of transferred zones may go back (`state` \
                 in [feed]); it is tried again"
            );
        }
        self.unwritten_versions.insert(stem.to_owned());
    }

    fn lacks_versions(&self, stem: &str) -> bool {
        let is_lacking =
            || self.unwritten_versions.contains(stem) || self.lacks(&versions_file(stem));
        !self.is_foreign && is_lacking()
    }
}
