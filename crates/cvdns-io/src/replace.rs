//! Writes files so that a reader sees the old one or the new one, whole, even after a loss of
//! power.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{Error, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// The mode of files for everybody, from which the umask is taken away.
const PUBLIC: u32 = 0o666;

/// The mode of files that a server keeps for itself, whatever the umask: readable by its group.
const PRIVATE: u32 = 0o640;

/// The mode of files that their owner alone may read, whatever the umask.
const SECRET: u32 = 0o600;

/// The mode of files that a web server shows, whatever the umask.
const PUBLISHED: u32 = 0o644;

/// Suffix of temporary names, which distinguishes them from those of editors (`.feed.json.swp`).
const SUFFIX: &str = ".tmp";

/// Random characters in a temporary name, so that nobody can guess it.
const RANDOM: usize = 16;

/// Writes a temporary file beside `path` and renames it to `path`. Both the file and the directory
/// are synced to the disk. The file's mode follows the umask.
///
/// The temporary file is created (`O_EXCL`) under a name that cannot be guessed, so that no link
/// which somebody else put there leads to another file.
///
/// # Errors
/// When the system refuses; the old file, if any, is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    replace_with_mode(path, bytes, PUBLIC)
}

/// Writes a file like [`replace`] that only its owner can write and its group can read (0640).
///
/// # Errors
/// As for [`replace`].
pub fn replace_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    replace_with_mode(path, bytes, PRIVATE)
}

/// Writes a file like [`replace`] that gets the mode of the file that it replaces, and its owner
/// and group as far as the system allows. A link is followed.
///
/// # Errors
/// As for [`replace`], and when there is a link that leads to no file.
pub fn replace_alike(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let path = match std::fs::canonicalize(path) {
        Ok(path) => path,
        // Replacing the link would leave the file that it is meant for as it is.
        Err(error) if path.is_symlink() => {
            let why = format!(
                "it is a link that leads to no file ({error}): create that file, or remove the link"
            );
            return Err(Error::new(error.kind(), why));
        }
        Err(_) => path.to_owned(),
    };
    let Ok(metadata) = path.metadata() else { return replace(&path, bytes) };
    let file = write_temporary(&path, bytes, PRIVATE)?;
    // Only root may give files to others; the mode is set last, as a change of the owner may
    // change it.
    let _ = fchown(file.as_file(), Some(metadata.uid()), Some(metadata.gid()));
    file.as_file().set_permissions(Permissions::from_mode(metadata.mode() & 0o7777))?;
    file.persist(&path).map_err(|error| error.error)?;
    sync_directory(&path);
    Ok(())
}

/// Writes a file like [`replace`] that everybody can read (0644, whatever the umask), but leaves it
/// to the system when the disk has it: after a loss of power it may be empty. This is for many
/// files that can be made again.
///
/// # Errors
/// As for [`replace`].
pub fn publish_unsynced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let file = make_temporary(path, bytes, PUBLISHED)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn replace_with_mode(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let file = write_temporary(path, bytes, mode)?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(path);
    Ok(())
}

/// Writes a file like [`replace`], but only if there is none yet.
///
/// # Errors
/// When there is a file (`AlreadyExists`), or the system refuses.
pub fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A rename could replace a file that somebody else wrote in between.
    let file = write_temporary(path, bytes, PUBLIC)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(path);
    Ok(())
}

/// Writes a file like [`create`] that its owner alone can read and write (0600, whatever the
/// umask), and that belongs to whom its directory belongs to.
///
/// # Errors
/// As for [`create`].
pub fn create_secret(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    create_alike(path, bytes, SECRET)
}

/// Writes a file like [`create`] that everybody can read (0644, whatever the umask), and that
/// belongs to whom its directory belongs to.
///
/// # Errors
/// As for [`create`].
pub fn create_published(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    create_alike(path, bytes, PUBLISHED)
}

/// Writes a file like [`create`] with this mode, owned as its directory is, as far as the system
/// allows: what root writes for the account of a server is read by that.
fn create_alike(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let directory = directory_of(path).metadata()?;
    let mut file = make_temporary(path, &[], mode)?;
    let _ = fchown(file.as_file(), Some(directory.uid()), Some(directory.gid()));
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(path);
    Ok(())
}

/// Renames an unusable file to `path` with another extension, so that people can look at it and a
/// new file can take its place. Returns a message: `it is put aside as …`, or why not.
pub fn put_aside(path: &Path, extension: &str) -> String {
    let aside = path.with_extension(extension);
    match std::fs::rename(path, &aside) {
        Ok(()) => format!("it is put aside as {}", aside.display()),
        Err(error) => format!("it cannot be put aside: {error}"),
    }
}

/// Whether `name` is a temporary file for `target`, left by a program that was killed.
pub fn is_leftover(name: &str, target: &str) -> bool {
    let rest = name.strip_prefix('.').and_then(|name| name.strip_prefix(target));
    rest.and_then(|rest| rest.strip_prefix('.')).is_some_and(|rest| rest.ends_with(SUFFIX))
}

/// The name of the file for which `name` would be a temporary one.
pub fn target_of(name: &str) -> Option<&str> {
    let target = name.strip_prefix('.')?.strip_suffix(SUFFIX)?.rsplit_once('.')?.0;
    Some(target).filter(|target| !target.is_empty())
}

/// Writes a temporary file beside `path` and syncs it. It is removed unless it is renamed.
fn write_temporary(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<NamedTempFile> {
    let file = make_temporary(path, bytes, mode)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Writes a temporary file beside `path`. It is removed unless it is renamed.
fn make_temporary(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<NamedTempFile> {
    let name = path.file_name().ok_or_else(|| Error::other("expected a file name"))?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    let mut file = Builder::new()
        .prefix(&prefix)
        .suffix(SUFFIX)
        .rand_bytes(RANDOM)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory_of(path))?;
    if mode != PUBLIC {
        // The umask may have taken bits away.
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
    }
    file.write_all(bytes)?;
    Ok(file)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Syncs the directory, which holds the file's name. Not all systems let a directory be opened.
fn sync_directory(path: &Path) {
    if let Ok(directory) = File::open(directory_of(path)) {
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
        for (new, expected) in [("secret", 0o600), ("published", 0o644)] {
            let path = dir.path().join(new);
            let create = if expected == 0o600 { create_secret } else { create_published };
            create(&path, b"one").unwrap();
            let again = create(&path, b"two").unwrap_err();
            assert_eq!((mode(&path), again.kind()), (expected, std::io::ErrorKind::AlreadyExists));
            assert_eq!(std::fs::read(&path).unwrap(), b"one");
            std::fs::remove_file(&path).unwrap();
        }
        replace_private(&path, b"two").unwrap();
        replace(&path, b"three").unwrap();
        assert_eq!(mode(&path), usual);
        replace_private(&path, b"four").unwrap();
        publish_unsynced(&path, b"five").unwrap();
        assert_eq!((mode(&path), std::fs::read(&path).unwrap()), (0o644, b"five".to_vec()));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_is_replaced_by_one_like_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("file"), dir.path().join("link"));
        replace_alike(&path, b"one").unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        for of in [0o600, 0o644, 0o664] {
            std::fs::set_permissions(&path, Permissions::from_mode(of)).unwrap();
            replace_alike(&link, b"two").unwrap();
            assert_eq!((mode(&path), std::fs::read(&path).unwrap()), (of, b"two".to_vec()));
            assert!(link.symlink_metadata().unwrap().is_symlink());
        }
        std::fs::remove_file(&path).unwrap();
        let refused = replace_alike(&link, b"three").unwrap_err().to_string();
        assert!(refused.starts_with("it is a link that leads to no file ("), "{refused}");
        assert!(link.is_symlink() && !path.exists());
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
        for (name, target) in [
            (".index.html.Ab3.tmp", Some("index.html")),
            ("..Ab3.tmp", None),
            (".Ab3.tmp", None),
            ("index.html.Ab3.tmp", None),
            (".index.html.swp", None),
        ] {
            assert_eq!(target_of(name), target, "{name}");
        }
        assert!(!is_leftover("feed.json", "feed.json") && !is_leftover(".feed.jsonx", "feed.json"));
    }

    #[test]
    fn unusable_files_are_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("feed.json");
        assert!(put_aside(&path, "bad").starts_with("it cannot be put aside: "));
        std::fs::write(&path, "cut").unwrap();
        let aside = dir.path().join("feed.bad");
        assert_eq!(put_aside(&path, "bad"), format!("it is put aside as {}", aside.display()));
        assert!(!path.exists() && aside.exists());
    }
}
