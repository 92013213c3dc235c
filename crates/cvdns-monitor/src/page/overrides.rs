//! The operator's overrides as the pages show them. A file that cannot be used changes nothing:
//! otherwise a mistake in it would show mirrors as up that no server answers.

use std::path::{Path, PathBuf};

use tracing::{info, warn};

use cvdns_core::health::Overrides;
use cvdns_core::problem::{Problems, Severity};
use cvdns_io::read_optional_text;

/// Most octets of overrides, as for servers.
const MAX_OVERRIDES: u64 = 1 << 20;

/// The file of overrides, and the last ones that could be used.
#[derive(Debug, Default)]
pub(super) struct OverridesFile {
    /// Where those in `last` were.
    path: Option<PathBuf>,
    last: Option<Overrides>,
    /// Why the file cannot be used; `None` if it can.
    complaint: Option<String>,
}

/// The overrides of a moment.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) overrides: Overrides,
    /// Whether these are of an earlier moment, because the file cannot be used.
    pub(super) are_earlier: bool,
}

impl OverridesFile {
    /// Reads the file; `None`: the configuration names none.
    ///
    /// # Errors
    /// When the file cannot be used, and never could.
    pub(super) fn read(&mut self, path: Option<&Path>) -> Result<Read, String> {
        let Some(path) = path else {
            *self = Self::default();
            return Ok(Read { overrides: Overrides::default(), are_earlier: false });
        };
        if self.path.as_deref() != Some(path) {
            *self = Self { path: Some(path.to_owned()), ..Self::default() };
        }
        match parse(path) {
            Ok(overrides) => {
                if self.complaint.take().is_some() {
                    info!("the overrides {} can be used again", path.display());
                }
                self.last = Some(overrides.clone());
                Ok(Read { overrides, are_earlier: false })
            }
            Err(error) => {
                let Some(last) = &self.last else {
                    return Err(format!(
                        "the overrides cannot be used, so nobody knows which mirrors clients get: \
                         {error}"
                    ));
                };
                if self.complaint.as_ref() != Some(&error) {
                    warn!(
                        reason = error,
                        "the overrides cannot be used: {error}; pages show the last ones that could"
                    );
                }
                self.complaint = Some(error);
                Ok(Read { overrides: last.clone(), are_earlier: true })
            }
        }
    }
}

/// The overrides in a file, which may be missing.
fn parse(path: &Path) -> Result<Overrides, String> {
    let Some(text) = read_optional_text(path, MAX_OVERRIDES)? else {
        return Ok(Overrides::default());
    };
    let mut problems = Problems::default();
    let overrides = Overrides::parse(&path.display().to_string(), &text, &mut problems);
    let first = problems.iter().find(|problem| problem.severity == Severity::Error);
    first.map_or(Ok(overrides), |problem| Err(problem.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "[[override]]\nhost = \"a.example\"\nstate = \"drained\"\nreason = \"disk\"\n";

    #[test]
    fn a_file_that_cannot_be_used_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("overrides.toml"), dir.path().join("other.toml"));
        let mut file = OverridesFile::default();
        let drained = parse_text(&path, GOOD);
        assert_ne!(drained, Overrides::default());
        for (text, is_good) in [
            (GOOD.to_owned(), true),
            (format!("{GOOD}garbage"), false),
            (format!("{GOOD}state = \"gone\""), false),
            (GOOD.to_owned(), true),
        ] {
            std::fs::write(&path, &text).unwrap();
            let read = file.read(Some(&path)).unwrap();
            assert_eq!((&read.overrides, read.are_earlier), (&drained, !is_good), "{text}");
            assert_eq!(file.complaint.is_none(), is_good, "{text}");
        }
        // A file that is gone has no overrides, as for servers.
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.read(Some(&path)).unwrap().overrides, Overrides::default());
        // Those of another file say nothing about this one.
        std::fs::write(&other, "garbage").unwrap();
        let refused = file.read(Some(&other)).unwrap_err();
        assert!(refused.contains("other.toml:1:"), "{refused}");
        assert!(file.read(None).unwrap().overrides == Overrides::default());
    }

    fn parse_text(path: &Path, text: &str) -> Overrides {
        std::fs::write(path, text).unwrap();
        parse(path).unwrap()
    }
}
