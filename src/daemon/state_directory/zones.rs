//! The copies of zones that are transferred from primaries.

use super::StateDirectory;
use crate::load::{CopyNote, ZoneCopies};
use cvdns_core::wire::name::Name;
use cvdns_io::FileVersion;

/// What stands for all files of such zones where one could not be written.
const ZONES: &str = "transferred";

impl StateDirectory {
    /// Writes a version of a zone that is taken over. Returns the version of the file that is there
    /// then, the one before if it cannot be written.
    pub(in crate::daemon) fn keep_zone(&mut self, zone: &Name, text: &[u8]) -> Option<FileVersion> {
        let copies = self.copies()?;
        self.note_written(ZONES, copies.write(zone, text));
        copies.version(zone)
    }

    /// Writes when a primary confirmed a zone.
    pub(in crate::daemon) fn note_zone(&mut self, zone: &Name, note: &CopyNote) {
        if let Some(copies) = self.copies() {
            self.note_written(ZONES, copies.write_note(zone, note));
        }
    }

    /// Writes a version of a zone that is refused, for people to look at. Returns where it is, as
    /// the end of a sentence.
    pub(in crate::daemon) fn refuse_zone(&mut self, zone: &Name, text: &[u8]) -> String {
        let Some(copies) = self.copies() else { return String::new() };
        let is_written = self.note_written(ZONES, copies.write_refused(zone, text));
        let path = copies.refused_path(zone);
        if is_written { format!("; it is kept in {}", path.display()) } else { String::new() }
    }

    /// Where the copies are written; `None` if none are.
    fn copies(&self) -> Option<ZoneCopies> {
        self.path.as_deref().filter(|_| !self.is_foreign).map(ZoneCopies::of)
    }
}
