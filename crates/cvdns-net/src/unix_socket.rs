//! Listens at a path of the file system (unix(7)).

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// A listening socket and its file.
#[derive(Debug)]
pub struct UnixSocket {
    /// The socket, which does not block.
    pub listener: UnixListener,
    /// Its file.
    pub file: SocketFile,
}

/// The file of a listening socket. It is removed when this is dropped, unless another socket has
/// taken its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Where it is until it is put in place; `None` if it is there.
    beside: Option<PathBuf>,
    /// Device and inode, by which it is known.
    identity: (u64, u64),
}

/// Why a path cannot be listened at.
#[derive(Debug)]
pub enum UnixBindError {
    /// A program listens there: its process id and name, as far as the system tells them.
    Taken(Option<Holder>),
    /// Something other than a socket is there.
    OtherFile,
    /// The system refuses.
    System(io::Error),
}

/// The process that listens at a socket.
#[derive(Debug)]
pub struct Holder {
    /// Its process id.
    pub pid: i32,
    /// The name of its program; empty if the system does not tell it.
    pub name: String,
}

/// Owner and group may connect, which takes the permission to write (unix(7)).
const MODE: u32 = 0o660;

/// Connections that wait to be accepted; the system's own limit may be lower.
const BACKLOG: i32 = 128;

impl UnixSocket {
    /// Listens at this path. The file of a socket that nobody listens at any more is replaced. Only
    /// owner and group may connect.
    ///
    /// # Errors
    /// When a program listens there, when something else is there, or when the system refuses.
    pub fn bind(path: &Path) -> Result<Self, UnixBindError> {
        let (listener, identity) = listen(path)?;
        let file = SocketFile { path: path.to_owned(), beside: None, identity };
        Ok(Self { listener, file })
    }

    /// Listens at a path beside this one, with `.new` behind its name, until
    /// [`SocketFile::put_in_place`]: the socket of another process stays in use meanwhile.
    ///
    /// # Errors
    /// As of [`Self::bind`].
    pub fn bind_beside(path: &Path) -> Result<Self, UnixBindError> {
        let beside = Self::beside(path);
        let (listener, identity) = listen(&beside)?;
        let file = SocketFile { path: path.to_owned(), beside: Some(beside), identity };
        Ok(Self { listener, file })
    }

    /// Where [`Self::bind_beside`] listens for this path.
    pub fn beside(path: &Path) -> PathBuf {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        beside.into()
    }
}

fn listen(path: &Path) -> Result<(UnixListener, (u64, u64)), UnixBindError> {
    let address = SockAddr::unix(path)?;
    remove_stale(path, &address)?;
    let socket = new_socket()?;
    socket.bind(&address)?;
    let identity = identity(path)?;
    // Nobody can connect before the socket listens.
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    socket.listen(BACKLOG)?;
    Ok((socket.into(), identity))
}

impl SocketFile {
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a file that was made beside its place there, in the place of another process's.
    ///
    /// # Errors
    /// Those of the system.
    pub fn put_in_place(&mut self) -> io::Result<()> {
        if let Some(beside) = &self.beside {
            fs::rename(beside, &self.path)?;
            self.beside = None;
        }
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let path = self.beside.as_ref().unwrap_or(&self.path);
        if identity(path).is_ok_and(|identity| identity == self.identity) {
            // It may have been removed meanwhile.
            let _ = fs::remove_file(path);
        }
    }
}

impl From<io::Error> for UnixBindError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for UnixBindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(None) => {
                f.write_str("another program listens there: stop it, or name another path")
            }
            Self::Taken(Some(Holder { pid, name })) => {
                let name = if name.is_empty() { "unknown program" } else { name };
                write!(f, "process {pid} ({name}) listens there: stop it, or name another path")
            }
            Self::OtherFile => {
                f.write_str("there is a file that is not a socket: remove it, or name another path")
            }
            Self::System(error) if error.kind() == ErrorKind::NotFound => {
                f.write_str("the directory does not exist: create it for the server's account")
            }
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for UnixBindError {}

fn new_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Removes the file of a socket that nobody listens at. A socket without a listener refuses
/// connections; a server that is merely busy does not.
fn remove_stale(path: &Path, address: &SockAddr) -> Result<(), UnixBindError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if !metadata.file_type().is_socket() {
        return Err(UnixBindError::OtherFile);
    }
    let probe = new_socket()?;
    match probe.connect(address) {
        Ok(()) => Err(UnixBindError::Taken(holder(&probe))),
        // Its queue of connections is full.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(UnixBindError::Taken(None)),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(fs::remove_file(path)?),
        Err(error) => Err(error.into()),
    }
}

#[cfg(target_os = "linux")]
fn holder(connected: &Socket) -> Option<Holder> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

    // The process id is 0 if the process is of another namespace.
    let pid = getsockopt(connected, PeerCredentials).ok()?.pid();
    if pid <= 0 {
        return None;
    }
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Holder { pid, name: name.trim_end().to_owned() })
}

#[cfg(not(target_os = "linux"))]
fn holder(_: &Socket) -> Option<Holder> {
    None
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_socket_is_for_owner_and_group_and_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        let socket = UnixSocket::bind(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o660);
        UnixStream::connect(&path).unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn only_what_nobody_listens_at_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sock");
        drop(UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path).unwrap();
        let error = UnixSocket::bind(&path).unwrap_err();
        let holder = format!("process {} (", std::process::id());
        assert!(error.to_string().starts_with(&holder), "{error}");
        // A socket that has taken the place of the first is not removed with it.
        fs::remove_file(&path).unwrap();
        let second = UnixSocket::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
        let third = UnixSocket::bind_beside(&path).unwrap();
        assert!(path.exists());
        drop(third);
        let mut third = UnixSocket::bind_beside(&path).unwrap();
        third.file.put_in_place().unwrap();
        drop(second);
        UnixStream::connect(&path).unwrap();
        drop(third);
        assert!(!path.exists());
        fs::write(&path, "a file").unwrap();
        assert!(matches!(UnixSocket::bind(&path), Err(UnixBindError::OtherFile)));
        let nowhere = dir.path().join("no/a.sock");
        let error = UnixSocket::bind(&nowhere).unwrap_err().to_string();
        assert!(error.contains("the directory does not exist"), "{error}");
    }
}
