//! The lock of the state directory.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

/// Locks the state directory. Two coordinators with one memory would forget what the other learned
/// and write feeds that contradict each other.
pub(super) fn lock(state: &Path) -> Result<Flock<std::fs::File>, String> {
    std::fs::create_dir_all(state)
        .map_err(|error| format!("cannot make {}: {error}", state.display()))?;
    let path = state.join("lock");
    // The lock file has no content. A link in its place must not lead to another file.
    let mut options = std::fs::File::options();
    // A named pipe must not block; without a reader it is an error (ENXIO).
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    options.write(true).create(true).truncate(false).custom_flags(flags);
    let file =
        options.open(&path).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(format!("{} is no regular file: remove it", path.display()));
    }
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, error)| match error {
        nix::errno::Errno::EWOULDBLOCK => {
            format!(
                "another monitor works with {}: end it, or name another `state`",
                state.display()
            )
        }
        error => format!("cannot lock {}: {error}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_place_of_the_lock_holds_nobody_up() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("lock");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(lock(state.path()).unwrap_err().contains("cannot write"));
        // The pipe has a reader, so that it can be opened.
        let mut options = std::fs::File::options();
        let reader = options.read(true).custom_flags(libc::O_NONBLOCK).open(&path).unwrap();
        assert!(lock(state.path()).unwrap_err().contains("no regular file"));
        drop(reader);
        std::fs::remove_file(&path).unwrap();
        let _locked = lock(state.path()).unwrap();
        assert!(lock(state.path()).unwrap_err().contains("another monitor"));
    }
}
