//! Access to the files that `$INCLUDE` names. The caller provides it, as this crate reads no files.

/// An included master file.
pub struct IncludedFile {
    /// File name for messages.
    pub file: String,
    /// Its contents.
    pub octets: Vec<u8>,
}

/// Reads the files that `$INCLUDE` names.
pub trait Include {
    /// Reads the file `path`, as named in the file `from`. `path` has its escapes resolved and its
    /// quotes removed.
    ///
    /// # Errors
    /// Why the file cannot be read.
    fn include(&mut self, path: &[u8], from: &str) -> Result<IncludedFile, String>;
}

/// Refuses every file, for texts without `$INCLUDE`.
pub struct NoFiles;

impl Include for NoFiles {
    fn include(&mut self, path: &[u8], _from: &str) -> Result<IncludedFile, String> {
        Err(format!("{} cannot be included here", String::from_utf8_lossy(path)))
    }
}
