//! Where `$INCLUDE` gets its files from: the floor that reads files says so, this one only asks.

/// A master file's octets and the name that messages call it by.
pub struct IncludedFile {
    /// The name for messages.
    pub file: String,
    /// Its contents.
    pub octets: Vec<u8>,
}

/// Finds the file of an `$INCLUDE` line, given as it was written and the file in which it stands.
pub trait Include {
    /// Reads the file that `path` names, its escapes resolved and its quotes taken off.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn include(&mut self, path: &[u8], from: &str) -> Result<IncludedFile, String>;
}

/// Knows no files: for texts that must stand alone.
pub struct NoFiles;

impl Include for NoFiles {
    fn include(&mut self, path: &[u8], _from: &str) -> Result<IncludedFile, String> {
        Err(format!("{} is not at hand", String::from_utf8_lossy(path)))
    }
}
