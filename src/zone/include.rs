//! Where `$INCLUDE` gets its files from: the floor that reads files says so, this one only asks.

/// A master file's text and the name that messages call it by.
pub struct Included {
    /// The name for messages.
    pub file: String,
    /// Its contents.
    pub text: String,
}

/// Finds the file of an `$INCLUDE` line, given as it was written and the file in which it stands.
pub trait Include {
    /// Reads the file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn include(&mut self, path: &str, from: &str) -> Result<Included, String>;
}

/// Knows no files: for texts that must stand alone.
pub struct NoFiles;

impl Include for NoFiles {
    fn include(&mut self, path: &str, _from: &str) -> Result<Included, String> {
        Err(format!("{path} is not at hand"))
    }
}
