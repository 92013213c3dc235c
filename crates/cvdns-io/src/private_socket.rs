//! Unix sockets on which only the own account and root may speak.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Who may connect to the file of a socket.
const MODE: u32 = 0o600;

/// Connects to the socket at `path`; `None` if there is no file, or if nobody listens any more.
///
/// # Errors
/// Those of the system; `AlreadyExists` if the file is not a socket.
pub fn connect(path: &Path) -> io::Result<Option<UnixStream>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "there is a file that is not a socket",
            ));
        }
        _ => {}
    }
    match UnixStream::connect(path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Listens at `path` with mode 0600. The file of a program that has ended is replaced; its
/// directory is made if it is missing.
///
/// # Errors
/// Those of the system; `AddrInUse` if a running program listens there; `AlreadyExists` if there is
/// a file that is not a socket.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    if connect(path)?.is_some() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(listener)
}

/// The account of the process at the other end, as a number.
///
/// # Errors
/// Those of the system.
pub fn peer_account(stream: &UnixStream) -> io::Result<u32> {
    #[cfg(target_os = "linux")]
    {
        Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
    }
    #[cfg(not(target_os = "linux"))]
    {
        Ok(nix::unistd::getpeereid(stream)?.0.as_raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_dead_socket_is_replaced_and_a_live_one_and_a_file_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/socket");
        let first = listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        assert_eq!(listen(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(connect(&path).unwrap().is_none());
        let _second = listen(&path).unwrap();
        let stream = connect(&path).unwrap().unwrap();
        assert_eq!(peer_account(&stream).unwrap(), nix::unistd::geteuid().as_raw());

        let file = directory.path().join("file");
        fs::write(&file, "precious").unwrap();
        assert_eq!(listen(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }
}
