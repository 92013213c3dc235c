//! The bundle in force, as the state directory keeps it for the next start and for commands that
//! run beside the server.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document_error::DocumentError;
use super::signed_bundle::SignedBundle;
use cvdns_core::bundle::MAX_BUNDLE_SIZE;
use cvdns_core::health::Keys;
use cvdns_io::{read_optional, replace_private, target_of};

/// The name of the file.
const NAME: &str = "bundle.json";

/// The version of the file's form.
const FORMAT: u32 = 1;

/// Most octets of the file, in which an octet of the bundle may take six.
const MAX_FILE: u64 = 6 * MAX_BUNDLE_SIZE as u64 + (64 << 10);

/// Where the bundle is kept.
#[derive(Debug, Clone)]
pub struct KeptBundle {
    path: PathBuf,
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct BundleFile {
    format: u32,
    signature: Option<String>,
    bundle: String,
}

impl KeptBundle {
    /// That of a server with this state directory.
    pub fn of(state: &Path) -> Self {
        Self { path: state.join(NAME) }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file.
    pub fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    /// Reads the bundle of this name. `None` if none is kept, or another one.
    ///
    /// # Errors
    /// When the file cannot be read, or its bundle cannot be used.
    pub fn read(
        &self,
        name: &str,
        keys: Option<&Keys>,
        now: Timestamp,
    ) -> Result<Option<SignedBundle>, DocumentError> {
        let unread = |what| DocumentError { reason: "unreadable", what, is_unread: true };
        let Some(octets) = read_optional(&self.path, MAX_FILE).map_err(unread)? else {
            return Ok(None);
        };
        let BundleFile { signature, bundle, .. } = serde_json::from_slice(&octets)
            .map_err(|error| DocumentError::new("syntax", error.to_string()))?;
        let signature = signature.map(String::into_bytes);
        match SignedBundle::judge(name, bundle.into_bytes(), signature, keys, now) {
            Err(error) if error.reason == "other-name" => Ok(None),
            judged => judged.map(Some),
        }
    }

    /// Writes a bundle.
    ///
    /// # Errors
    /// When the system refuses, with the path.
    pub fn write(&self, signed: &SignedBundle) -> Result<(), (PathBuf, io::Error)> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let file = BundleFile {
            format: FORMAT,
            signature: signed.signature.as_deref().map(text),
            bundle: text(&signed.octets),
        };
        let made = self.path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let octets = serde_json::to_vec(&file).map_err(io::Error::other);
        let written = made.and(octets).and_then(|octets| replace_private(&self.path, &octets));
        written.map_err(|error| (self.path.clone(), error))
    }

    /// Whether a file of this name is what a server that was killed while it wrote has left.
    pub fn is_leftover(name: &str) -> bool {
        target_of(name) == Some(NAME)
    }
}
