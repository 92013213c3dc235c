//! The copies of zones that are transferred from primaries, in the state directory.
//!
//! Each zone has a master file, which people can read too, and a note beside it that says when a
//! primary last confirmed it. The master file is written first: after a loss of power between the
//! two, the zone expires early rather than late.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cvdns_core::wire::name::Name;
use cvdns_io::{FileVersion, read_optional, replace_private, target_of, zone_stem};

/// How the names of master files end. Those of notes and of refused versions have more behind it,
/// so that no zone has a name by which its files would take the place of others in the state
/// directory.
const MASTER: &str = ".zone";

/// How the names of notes end.
const NOTE: &str = ".zone.json";

/// How the names of refused versions end.
const REFUSED: &str = ".zone.refused";

/// The version of the notes' form.
const FORMAT: u32 = 1;

/// Most octets of a master file, as for those that are written by hand.
pub const MAX_COPY: u64 = 256 << 20;

/// Most octets of a note.
const MAX_NOTE: u64 = 64 << 10;

/// Where copies are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneCopies {
    directory: PathBuf,
}

/// What is kept beside a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyNote {
    format: u32,
    /// The name of the zone.
    pub zone: String,
    /// The serial that was confirmed.
    pub serial: u32,
    /// When a primary last confirmed that this is the newest version.
    pub checked: Timestamp,
    /// The primary that did.
    pub primary: SocketAddr,
}

impl CopyNote {
    /// The note that this primary confirms this serial of a zone now.
    pub fn new(zone: &Name, serial: u32, checked: Timestamp, primary: SocketAddr) -> Self {
        Self { format: FORMAT, zone: zone.to_string(), serial, checked, primary }
    }
}

impl ZoneCopies {
    /// The copies of a server with this state directory.
    pub fn of(state: &Path) -> Self {
        Self { directory: state.to_owned() }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The master file of a zone.
    pub fn path(&self, zone: &Name) -> PathBuf {
        self.directory.join(zone_stem(zone) + MASTER)
    }

    /// The master file of the last version of a zone that was transferred and refused.
    pub fn refused_path(&self, zone: &Name) -> PathBuf {
        self.directory.join(zone_stem(zone) + REFUSED)
    }

    fn note_path(&self, zone: &Name) -> PathBuf {
        self.directory.join(zone_stem(zone) + NOTE)
    }

    /// The version of a zone's master file that is there now.
    pub fn version(&self, zone: &Name) -> Option<FileVersion> {
        FileVersion::of(&self.path(zone))
    }

    /// Reads the master file of a zone. Returns `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, zone: &Name) -> Result<Option<Vec<u8>>, String> {
        read_optional(&self.path(zone), MAX_COPY)
    }

    /// Reads the note of a zone. Without a good one nobody knows how old the copy is: `None`.
    pub fn note(&self, zone: &Name) -> Option<CopyNote> {
        let octets = read_optional(&self.note_path(zone), MAX_NOTE).ok()??;
        let note: CopyNote = serde_json::from_slice(&octets).ok()?;
        (note.format == FORMAT).then_some(note)
    }

    /// Writes the master file of a zone.
    ///
    /// # Errors
    /// When the system refuses, with the path.
    pub fn write(&self, zone: &Name, text: &[u8]) -> Result<(), (PathBuf, io::Error)> {
        self.put(self.path(zone), text)?;
        let _ = std::fs::remove_file(self.refused_path(zone));
        Ok(())
    }

    /// Writes the note of a zone.
    ///
    /// # Errors
    /// When the system refuses, with the path.
    pub fn write_note(&self, zone: &Name, note: &CopyNote) -> Result<(), (PathBuf, io::Error)> {
        let path = self.note_path(zone);
        match serde_json::to_vec_pretty(note) {
            Ok(octets) => self.put(path, &octets),
            Err(error) => Err((path, error.into())),
        }
    }

    /// Writes a version of a zone that is refused, for people to look at.
    ///
    /// # Errors
    /// When the system refuses, with the path.
    pub fn write_refused(&self, zone: &Name, text: &[u8]) -> Result<(), (PathBuf, io::Error)> {
        self.put(self.refused_path(zone), text)
    }

    fn put(&self, path: PathBuf, octets: &[u8]) -> Result<(), (PathBuf, io::Error)> {
        let made = std::fs::create_dir_all(&self.directory);
        made.and_then(|()| replace_private(&path, octets)).map_err(|error| (path, error))
    }

    /// Removes what a server that was killed while it wrote has left.
    pub fn remove_leftovers(&self) {
        for entry in std::fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let target = name.to_str().and_then(target_of);
            let is_ours =
                |target: &str| [MASTER, NOTE, REFUSED].iter().any(|end| target.ends_with(end));
            if target.is_some_and(is_ours) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}
