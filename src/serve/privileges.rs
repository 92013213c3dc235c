//! Gives up root once the ports are taken.

use std::fmt;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{Uid, User, geteuid, setgid, setuid};

/// What became of the privileges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Privileges {
    /// The process now belongs to the user.
    Dropped,
    /// It was not started as root, so there was nothing to give up; it goes on as whoever started it. Worth a
    /// notice when that is not the user that the configuration names.
    NotRoot {
        /// Whether the process belongs to the user that was named anyhow.
        is_user: bool,
    },
}

/// Why root could not be given up. The server must not go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PrivilegeError {
    /// The system has no such user.
    UnknownUser(String),
    /// A call failed.
    Failed {
        /// What was tried.
        step: &'static str,
        /// The user.
        user: String,
        /// What the system said.
        error: Errno,
    },
    /// Root could be taken again, so nothing was gained.
    StillRoot,
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUser(user) => write!(
                f,
                "user: this system has no user {user:?}; make one (`useradd --system {user}`) or leave the key out"
            ),
            Self::Failed { step, user, error } => {
                write!(f, "user: cannot {step} of {user:?}: {}", error.desc())
            }
            Self::StillRoot => write!(f, "user: root could be taken again after it was given up"),
        }
    }
}

impl std::error::Error for PrivilegeError {}

/// Makes the process that of `user`, with its groups, if it runs as root.
///
/// To be called after binding and before the workers start. Threads that exist already are included: the C
/// library passes the change on to all of them.
///
/// # Errors
/// When there is no such user, or the system refuses. The process may then have given up a part.
pub fn drop_to(user: &str) -> Result<Privileges, PrivilegeError> {
    let failed = |step| move |error| PrivilegeError::Failed { step, user: user.to_owned(), error };
    let found = User::from_name(user).map_err(failed("look up the entry"))?;
    let Some(entry) = found else { return Err(PrivilegeError::UnknownUser(user.to_owned())) };
    if !geteuid().is_root() {
        return Ok(Privileges::NotRoot { is_user: geteuid() == entry.uid });
    }
    // The user last: without root the groups could not be changed any more.
    take_groups(&entry).map_err(failed("take the groups"))?;
    setgid(entry.gid).map_err(failed("take the group"))?;
    setuid(entry.uid).map_err(failed("take the identity"))?;
    if !entry.uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
        return Err(PrivilegeError::StillRoot);
    }
    Ok(Privileges::Dropped)
}

/// Makes a directory that `user` can write, where there is none and the process runs as root. One that is there is its
/// owner's affair.
///
/// # Errors
/// When there is no such user, or the system refuses.
pub fn make_directory(path: &Path, user: &str) -> std::io::Result<()> {
    if path.exists() || !geteuid().is_root() {
        return Ok(());
    }
    let unknown = || std::io::Error::other(format!("this system has no user {user:?}"));
    let entry = User::from_name(user)?.ok_or_else(unknown)?;
    std::fs::create_dir_all(path)?;
    Ok(nix::unistd::chown(path, Some(entry.uid), Some(entry.gid))?)
}

#[cfg(not(target_vendor = "apple"))]
fn take_groups(user: &User) -> nix::Result<()> {
    let name = std::ffi::CString::new(user.name.as_str()).map_err(|_| Errno::EINVAL)?;
    nix::unistd::initgroups(&name, user.gid)
}

/// Apple's systems keep groups in a directory service, for which there is no such call.
#[cfg(target_vendor = "apple")]
fn take_groups(_: &User) -> nix::Result<()> {
    Err(Errno::ENOSYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Set where giving up root harms no other test.
    const ALONE: &str = "CVDNS_TEST_ALONE";

    #[test]
    fn an_unknown_user_is_an_error_that_says_what_to_do() {
        let error = drop_to("no-such-user-here").unwrap_err();
        assert!(error.to_string().contains("useradd"), "{error}");
    }

    /// Runs the test below in a process of its own, which it makes unusable for others.
    #[test]
    fn root_is_given_up_for_good() {
        if !geteuid().is_root() {
            // Without root there is none to give up, which is what must be said.
            assert!(matches!(drop_to("nobody"), Ok(Privileges::NotRoot { .. })));
            return;
        }
        let name = "serve::privileges::tests::in_a_process_of_its_own";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--ignored", "--test-threads=1"])
            .env(ALONE, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
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
