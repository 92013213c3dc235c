//! Writes a file so that a reader sees the old one or the new one, whole, also after a loss of power.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{Error, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// The mode of files for everybody, of which the umask takes its part.
const PUBLIC: u32 = 0o666;

/// The mode of what a server keeps for itself, whatever the umask: its group may look after it.
const KEPT: u32 = 0o640;

/// How temporary names end, which tells them from those of others, such as editors' (`.feed.json.swp`).
const SUFFIX: &str = ".tmp";

/// Characters of a temporary name that nobody guesses.
const RANDOM: usize = 16;

/// Writes a file beside `path`, has it on the disk, renames it, and has the directory on the disk. Its mode is the umask's.
///
/// The file beside it is a new one under a name that cannot be guessed (`O_EXCL`), so that no link which somebody else put there
/// leads to another file.
///
/// # Errors
/// When the system does not let it; what was there before is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let file = written(path, bytes, PUBLIC)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(path);
    Ok(())
}

/// The same with a file that its owner and group alone can read (0640).
///
/// # Errors
/// As for [`replace`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let file = written(path, bytes, KEPT)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(path);
    Ok(())
}

/// The same as [`replace`] where nothing is yet.
///
/// # Errors
/// When something is there (`AlreadyExists`), or the system does not let it.
pub fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // Renaming could take the place of what another wrote in between.
    let file = written(path, bytes, PUBLIC)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(path);
    Ok(())
}

/// Whether a file is one that was to replace this one, and was left by a program that was killed.
pub fn is_leftover(name: &str, of: &str) -> bool {
    let rest = name.strip_prefix('.').and_then(|name| name.strip_prefix(of));
    rest.and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| rest.ends_with(SUFFIX))
}

/// A new file beside `path` with this content, on the disk. It is removed unless it gets a name.
fn written(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<NamedTempFile> {
    let name = path.file_name().ok_or_else(|| Error::other("expected a file name"))?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut file = Builder::new()
        .prefix(&prefix)
        .suffix(SUFFIX)
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory(path))?;
    if mode == KEPT {
        // The umask may have taken something.
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
    }
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The name is in the directory, which is a file of its own. Not all systems let one be opened.
fn sync_directory(path: &Path) {
    if let Ok(directory) = File::open(directory(path)) {
        let _ = directory.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_new_ones_under_names_that_nobody_guesses() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("feed.json"), dir.path().join("other"));
        std::fs::write(&other, "another's").unwrap();
        // Links under the name itself, and under the names that the process' number gives.
        for name in ["feed.json".to_owned(), format!(".feed.json.{}.tmp", std::process::id())] {
            std::os::unix::fs::symlink(&other, dir.path().join(name)).unwrap();
        }
        replace(&path, b"one").unwrap();
        replace_private(&path, b"two").unwrap();
        assert!(!path.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "another's");
        assert_eq!(mode(&path), 0o640);
        // Nothing is left over, but for what was there before.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn modes_are_as_callers_need_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(dir.path().join("usual"), "").unwrap();
        let usual = mode(&dir.path().join("usual"));
        create(&path, b"one").unwrap();
        assert_eq!(mode(&path), usual);
        assert_eq!(create(&path, b"two").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        replace_private(&path, b"two").unwrap();
        replace(&path, b"three").unwrap();
        assert_eq!(mode(&path), usual);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn leftovers_are_known() {
        assert!(
            is_leftover(".feed.json.Ab3.tmp", "feed.json")
                && is_leftover(".feed.json.17.tmp", "feed.json")
        );
        for name in [".feed.json.swp", ".feed.json.swo", ".feed.json.", ".feed.json.tmp"] {
            assert!(!is_leftover(name, "feed.json"), "{name}");
        }
        assert!(!is_leftover("feed.json", "feed.json") && !is_leftover(".feed.jsonx", "feed.json"));
    }
}
