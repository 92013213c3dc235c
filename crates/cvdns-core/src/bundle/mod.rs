//! The bundle: the document that carries zone files, with the files that they name, to all servers
//! of a network. It is taken as a whole or not at all.

mod error;
mod path;
mod text;

pub use error::{BundleError, MAX_BUNDLE_SIZE};
pub use path::{FILE_NAME, is_file_name, resolved};
pub use text::{BUNDLE_NAME, is_bundle_name};

use std::collections::BTreeMap;

use jiff::Timestamp;

/// A valid bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Name of the bundle: a network may have several, for servers of several kinds.
    pub name: String,
    /// Serial number, which rises with each new bundle of this name.
    pub serial: u64,
    /// Time at which it was made.
    pub generated: Timestamp,
    /// The zone files among the files, in the order in which they are read.
    pub zones: Vec<String>,
    /// All files by their names, which are paths in the bundle.
    pub files: BTreeMap<String, String>,
}

impl Bundle {
    /// Whether another bundle has the same files, whatever its serial and time.
    pub fn has_files_of(&self, other: &Self) -> bool {
        self.name == other.name && self.zones == other.zones && self.files == other.files
    }
}
