//! A file of PEM that the configuration names.

use std::path::PathBuf;

use cvdns_core::problem::{Location, Problems};
use cvdns_io::confinement::DENIED;
use cvdns_io::read_bytes;

/// Most octets of a file, which is room for hundreds of certificates.
const MAX_FILE: u64 = 1 << 20;

/// A file, and where the configuration names it.
#[derive(Debug, Clone)]
pub(super) struct PemFile {
    /// The path.
    pub path: PathBuf,
    /// The place in the configuration.
    pub location: Location,
}

impl PemFile {
    /// The file as a whole.
    pub(super) fn whole(&self) -> Location {
        Location::file(&self.path.display().to_string())
    }

    /// Reads the file; `help` says what to do if that is not possible, which is noted.
    pub(super) fn octets(&self, help: &str, problems: &mut Problems) -> Option<Vec<u8>> {
        match read_bytes(&self.path, MAX_FILE) {
            Ok(octets) => Some(octets),
            Err(error) => {
                // What the sandbox forbids is no matter of the file: the error says what to do.
                let help = if error.contains(DENIED) { "" } else { help };
                problems.error(self.location.clone(), error, help);
                None
            }
        }
    }
}

/// Whether a line of a file begins a section of PEM whose label begins like this (RFC 7468 section
/// 3).
pub(super) fn has_section(octets: &[u8], label: &str) -> bool {
    let begins = |line: &[u8]| {
        line.strip_prefix(b"-----BEGIN ").is_some_and(|rest| rest.starts_with(label.as_bytes()))
    };
    octets.split(|octet| *octet == b'\n').any(begins)
}
