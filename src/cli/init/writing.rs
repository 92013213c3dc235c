//! Writes several files, or none.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::texts::NewFile;
use crate::cli::output::Failure;
use cvdns_io::create;

/// Writes files below a directory, which is created if it is missing. If one of them exists or
/// cannot be written, or `check` refuses them, everything that was written is removed again.
pub(super) fn write_all(
    dir: &Path,
    files: &[NewFile],
    check: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let paths: Vec<PathBuf> = files.iter().map(|file| dir.join(&file.path)).collect();
    let existing: Vec<String> = paths
        .iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| path.display().to_string())
        .collect();
    if !existing.is_empty() {
        return Err(exist(&existing.join(", ")));
    }
    let mut written = Written::default();
    for (path, file) in paths.iter().zip(files) {
        if let Some(parent) = path.parent() {
            written.make_directory(parent)?;
        }
        create(path, file.text.as_bytes()).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exist(&path.display().to_string()),
            _ => Failure::new(format!("cannot write {}: {error}", path.display())),
        })?;
        written.files.push(path.clone());
    }
    check()?;
    written.keep();
    Ok(())
}

/// What was created, removed again unless it is kept.
#[derive(Default)]
struct Written {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Written {
    /// Creates a directory and those above it, as far as they are missing.
    fn make_directory(&mut self, directory: &Path) -> Result<(), Failure> {
        let missing: Vec<&Path> = directory
            .ancestors()
            .take_while(|above| !above.as_os_str().is_empty() && !above.is_dir())
            .collect();
        for directory in missing.into_iter().rev() {
            fs::create_dir(directory).map_err(|error| {
                let shown = directory.display();
                Failure::new(match error.kind() {
                    ErrorKind::AlreadyExists => format!("{shown} exists and is not a directory"),
                    _ => format!("cannot create the directory {shown}: {error}"),
                })
            })?;
            self.directories.push(directory.to_owned());
        }
        Ok(())
    }

    fn keep(&mut self) {
        self.files.clear();
        self.directories.clear();
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        // A directory that somebody else uses by now is not empty, and stays.
        for directory in self.directories.iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }
}

fn exist(paths: &str) -> Failure {
    Failure::new(format!(
        "{paths}: exists already, so nothing is written; name another directory, or move it away"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> NewFile {
        NewFile { path: path.to_owned(), text: "text".to_owned() }
    }

    fn message(result: Result<(), Failure>) -> String {
        match result {
            Err(Failure::Input(message)) => message,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_refused_leaves_nothing_behind() {
        let base = tempfile::tempdir().unwrap();
        let files = [file("a"), file("sub/b")];
        let dir = base.path().join("x/y");
        let refused = write_all(&dir, &files, || Err(Failure::new("no")));
        assert_eq!(message(refused), "no");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
        write_all(&dir, &files, || Ok(())).unwrap();
        assert_eq!(fs::read_to_string(dir.join("sub/b")).unwrap(), "text");
    }

    #[test]
    fn existing_files_are_named_and_stay() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path();
        fs::write(dir.join("b"), "mine").unwrap();
        std::os::unix::fs::symlink("gone", dir.join("c")).unwrap();
        let refused = write_all(dir, &[file("a"), file("b"), file("c")], || Ok(()));
        let (b, c) = (dir.join("b"), dir.join("c"));
        assert_eq!(
            message(refused),
            format!(
                "{}, {}: exists already, so nothing is written; name another directory, or move \
                 it away",
                b.display(),
                c.display()
            )
        );
        assert_eq!(fs::read_to_string(&b).unwrap(), "mine");
        assert_eq!(fs::read_dir(dir).unwrap().count(), 2);
        // A directory cannot be made below a file.
        let refused = message(write_all(dir, &[file("a"), file("b/d")], || Ok(())));
        assert!(refused.ends_with("b exists and is not a directory"), "{refused}");
        assert!(!dir.join("a").exists());
    }
}
