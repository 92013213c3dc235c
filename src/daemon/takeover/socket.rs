//! The file by which a running server and the one that replaces it meet.

use std::io;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tracing::warn;

use cvdns_io::private_socket;

/// The socket (`takeover` in `[server]`) and its listener.
#[derive(Debug)]
pub(crate) struct TakeoverSocket {
    pub path: PathBuf,
    pub listener: UnixListener,
    /// Whether the server before had it at this path.
    pub is_inherited: bool,
}

impl TakeoverSocket {
    /// Listens at this path. Without it the server serves all the same: a warning says what does
    /// not work.
    pub(crate) fn listen(path: &Path) -> Option<Self> {
        match private_socket::listen(path) {
            Ok(listener) => Some(Self { path: path.to_owned(), listener, is_inherited: false }),
            Err(error) => {
                let name = path.display();
                let why = match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        "another running server has it: name another file, or end that server"
                            .to_owned()
                    }
                    _ => error.to_string(),
                };
                warn!(
                    "{name} (`takeover` in [server]): {why}; `cvdns serve --replace` cannot replace this server"
                );
                None
            }
        }
    }
}
