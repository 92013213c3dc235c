//! The directories that must be allowed so that a file can be read, now and after it was replaced.

use std::path::{Path, PathBuf};

use super::super::file_watcher::directories_to;

/// The directories in which a rename may change what the path leads to, as for the watcher. A file
/// that takes another one's place is then read, too.
///
/// `/` and the directories in it hold the files of many programs. They are allowed only if the file
/// lies in them, and not because a symbolic link on the way does (`/var/run`), or because the
/// directories below do not exist yet. A file in `/` is allowed alone.
pub(super) fn places(file: &Path) -> Vec<PathBuf> {
    let parents = [parent_as_written(file), parent_of_target(file)];
    let lies_in = |directory: &PathBuf| parents.iter().flatten().any(|parent| parent == directory);
    let place = |directory: PathBuf| match directory.components().count() {
        0 | 1 => lies_in(&directory).then(|| file.canonicalize().ok()).flatten(),
        2 => Some(directory).filter(lies_in),
        _ => Some(directory),
    };
    directories_to(file).into_iter().filter_map(place).collect()
}

fn parent_as_written(file: &Path) -> Option<PathBuf> {
    std::path::absolute(file).ok()?.parent()?.canonicalize().ok()
}

fn parent_of_target(file: &Path) -> Option<PathBuf> {
    Some(file.canonicalize().ok()?.parent()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_allowed_with_what_may_take_their_place_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("mount/..one")).unwrap();
        std::fs::write(root.join("mount/..one/feed.json"), "").unwrap();
        std::os::unix::fs::symlink("..one", root.join("mount/..data")).unwrap();
        std::os::unix::fs::symlink("..data/feed.json", root.join("mount/feed.json")).unwrap();
        let mount = root.join("mount");
        assert_eq!(
            places(&mount.join("feed.json")),
            [mount.clone(), mount.clone(), mount.join("..one")]
        );
        // A directory that does not exist yet may be made where it would be.
        assert_eq!(places(&mount.join("later/overrides.toml")), [mount]);
        let none = Vec::<PathBuf>::new();
        assert_eq!(places(Path::new("/cvdns-none/overrides.toml")), none);
        assert_eq!(places(Path::new("/cvdns-none.toml")), none);
        assert_eq!(places(Path::new("/etc/passwd")), [Path::new("/etc")]);
        assert_eq!(places(Path::new("/etc/cvdns-none/a.toml")), none);
    }
}
