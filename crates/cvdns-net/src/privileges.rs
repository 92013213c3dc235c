//! Gives up root once the sockets are bound.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{Uid, User, geteuid, setgid, setuid};

/// The outcome of giving up root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Privileges {
    /// The process now belongs to the user.
    Dropped,
    /// The process was not started as root and keeps its user. The caller may warn if that is not
    /// the configured user.
    NotRoot {
        /// Whether the process already belongs to the configured user.
        is_user: bool,
    },
}

/// Why root could not be given up. The server must not continue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PrivilegeError {
    /// The system has no such user.
    UnknownUser(String),
    /// A call failed.
    Failed {
        /// What failed.
        step: &'static str,
        /// The user.
        user: String,
        /// Error of the system.
        error: Errno,
    },
    /// The process could become root again.
    StillRoot,
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUser(user) => write!(
                f,
                "user: this system has no user {user:?}; create one (`useradd --system {user}`) or remove the key"
            ),
            Self::Failed { step, user, error } => {
                write!(f, "user: cannot {step} of {user:?}: {}", error.desc())
            }
            Self::StillRoot => write!(f, "user: root could be taken again after it was given up"),
        }
    }
}

impl std::error::Error for PrivilegeError {}

/// Switches the process to `user` and its groups, if it runs as root.
///
/// Call this after binding and before the workers start. It includes threads that already exist:
/// the C library applies the change to all of them.
///
/// # Errors
/// When there is no such user, or the system refuses. Some privileges may then already be gone.
pub fn drop_to(user: &str) -> Result<Privileges, PrivilegeError> {
    let failed = |step| move |error| PrivilegeError::Failed { step, user: user.to_owned(), error };
    let found = User::from_name(user).map_err(failed("look up the entry"))?;
    let Some(entry) = found else { return Err(PrivilegeError::UnknownUser(user.to_owned())) };
    if !geteuid().is_root() {
        return Ok(Privileges::NotRoot { is_user: geteuid() == entry.uid });
    }
    // The user comes last: without root the groups could not be changed.
    take_groups(&entry).map_err(failed("take the groups"))?;
    setgid(entry.gid).map_err(failed("take the group"))?;
    setuid(entry.uid).map_err(failed("take the identity"))?;
    if !entry.uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
        return Err(PrivilegeError::StillRoot);
    }
    Ok(Privileges::Dropped)
}

/// Creates a directory for `user` if it does not exist, the process runs as root, and only root
/// controls where the path leads: every directory on the way belongs to root, and nobody else may
/// write to it. In other directories the user can create it, and root must not: a link that
/// somebody places there meanwhile could lead anywhere.
///
/// # Errors
/// When there is no such user, or the system refuses.
pub fn make_directory(path: &Path, user: &str) -> std::io::Result<()> {
    if !geteuid().is_root() || path.symlink_metadata().is_ok() {
        return Ok(());
    }
    let path = std::path::absolute(path)?;
    let Some(parent) = path.parent().filter(|_| root_may_make(&path)) else { return Ok(()) };
    let unknown = || std::io::Error::other(format!("this system has no user {user:?}"));
    let entry = User::from_name(user)?.ok_or_else(unknown)?;
    let name = path.file_name().ok_or_else(|| std::io::Error::other("it has no name"))?;
    let made = parent.join(name);
    std::fs::DirBuilder::new().mode(0o750).create(&made)?;
    std::os::unix::fs::lchown(&made, Some(entry.uid.as_raw()), Some(entry.gid.as_raw()))
}

/// Whether [`make_directory`] creates this directory as root: its parent exists, and only root
/// controls where the path leads.
pub fn root_may_make(directory: &Path) -> bool {
    let directory = std::path::absolute(directory);
    directory.is_ok_and(|directory| directory.parent().is_some_and(only_root_controls))
}

/// Most symbolic links in a path, as in Linux.
const MAX_LINKS: usize = 40;

/// Whether every directory on the way to `path`, and `path` itself, belongs to root, and nobody
/// else may write to it. Symbolic links are followed.
fn only_root_controls(path: &Path) -> bool {
    let parts =
        |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect();
    let mut at = PathBuf::from("/");
    let mut rest: Vec<OsString> = parts(path);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        if !is_root_only(&at) {
            return false;
        }
        match Path::new(&part).components().next() {
            Some(Component::RootDir) => at = PathBuf::from("/"),
            Some(Component::ParentDir) => {
                at.pop();
            }
            Some(Component::Normal(name)) => {
                let next = at.join(name);
                let Ok(metadata) = next.symlink_metadata() else { return false };
                if !metadata.is_symlink() {
                    at = next;
                    continue;
                }
                links += 1;
                let Ok(target) = std::fs::read_link(&next) else { return false };
                if links > MAX_LINKS {
                    return false;
                }
                rest.extend::<Vec<OsString>>(parts(&target));
            }
            _ => {}
        }
    }
    is_root_only(&at)
}

/// Whether this is a directory, not a link, that belongs to root and that nobody else may write to.
fn is_root_only(directory: &Path) -> bool {
    directory.symlink_metadata().is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == 0 && metadata.mode() & 0o022 == 0
    })
}

#[cfg(not(target_vendor = "apple"))]
fn take_groups(user: &User) -> nix::Result<()> {
    let name = std::ffi::CString::new(user.name.as_str()).map_err(|_| Errno::EINVAL)?;
    nix::unistd::initgroups(&name, user.gid)
}

/// Apple's systems keep groups in a directory service, which this call does not read.
#[cfg(target_vendor = "apple")]
fn take_groups(_: &User) -> nix::Result<()> {
    Err(Errno::ENOSYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::Command;

    /// Set in the process in which giving up root harms no other test.
    const ALONE: &str = "CVDNS_TEST_ALONE";

    /// Reports that the rest of a test does not run here, and fails if `CI` is set. libtest does
    /// not capture text that is written to standard error directly.
    fn report_skipped(why: &str) {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let text = format!("\nLEFT OUT: {name} did not run: {why}\n");
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        assert!(std::env::var_os("CI").is_none(), "{name} must run in CI: {why}");
    }

    #[test]
    fn an_unknown_user_is_an_error_that_says_what_to_do() {
        let error = drop_to("no-such-user-here").unwrap_err();
        assert!(error.to_string().contains("useradd"), "{error}");
    }

    /// Runs the test below in a process of its own, which is not usable for other tests afterwards.
    #[test]
    fn root_is_given_up_for_good() {
        if !geteuid().is_root() {
            // Without root there is nothing to give up.
            assert!(matches!(drop_to("nobody"), Ok(Privileges::NotRoot { .. })));
            return report_skipped("only root can give up root");
        }
        let name = "privileges::tests::in_a_process_of_its_own";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--ignored", "--test-threads=1"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    #[test]
    fn root_makes_no_directory_where_others_decide_what_is_there() {
        if !geteuid().is_root() {
            return report_skipped("only root can see what root does");
        }
        // Under the temporary directory, to which everybody may write.
        let temporary = tempfile::tempdir().unwrap();
        make_directory(&temporary.path().join("state"), "nobody").unwrap();
        assert!(!temporary.path().join("state").exists());
        // In a directory of root, directly and through a link of root.
        let parent = tempfile::tempdir_in("/root").unwrap();
        let path = |name: &str| parent.path().join(name);
        make_directory(&path("state"), "nobody").unwrap();
        let metadata = path("state").symlink_metadata().unwrap();
        let nobody = User::from_name("nobody").unwrap().unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (nobody.uid.as_raw(), 0o750));
        let link =
            |target: &Path, name: &str| std::os::unix::fs::symlink(target, path(name)).unwrap();
        link(Path::new("."), "here");
        make_directory(&path("here/./here/other"), "nobody").unwrap();
        assert!(path("other").is_dir());
        // Through a directory of another user, and where there already is a link.
        link(&path("state"), "theirs");
        for name in ["state/more", "theirs/more", "state/../more"] {
            make_directory(&path(name), "nobody").unwrap();
        }
        assert!(!path("state/more").exists() && !path("more").exists());
        link(&path("nowhere"), "dangling");
        make_directory(&path("dangling"), "nobody").unwrap();
        assert!(!path("nowhere").exists());
        link(Path::new("loop"), "loop");
        make_directory(&path("loop/state"), "nobody").unwrap();
    }

    #[test]
    #[ignore = "run by root_is_given_up_for_good"]
    fn in_a_process_of_its_own() {
        if std::env::var_os(ALONE).is_none() {
            return;
        }
        assert_eq!(drop_to("nobody"), Ok(Privileges::Dropped));
        assert!(!geteuid().is_root());
        assert!(std::fs::read_dir("/root").is_err());
        assert_eq!(drop_to("root"), Ok(Privileges::NotRoot { is_user: false }));
    }
}
