//! The bound addresses of the admin listener.

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite};

use super::peer::Peer;
use cvdns_core::config::AdminAddress;
use cvdns_io::beside;
use cvdns_net::{Inherited, OpenSocket, SocketFile, SocketKind, UnixSocket};

/// A bound address.
#[derive(Debug)]
pub(super) enum BoundListener {
    Tcp(TcpListener),
    Unix(UnixSocket),
}

/// A listener that accepts connections on the current runtime.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

/// A connection of either kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl BoundListener {
    /// Binds an address, or takes the listener that an earlier process has bound. A path is
    /// relative to the configuration `config`. While another process serves, the file of a Unix
    /// socket is made beside that one's.
    ///
    /// # Errors
    /// The reason for people, with the address.
    pub(super) fn bind(
        address: &AdminAddress,
        config: &Path,
        inherited: &mut Inherited,
    ) -> Result<Self, String> {
        let cannot = |what: &dyn fmt::Display, error: &dyn fmt::Display| {
            format!("cannot listen on {what} (`listen` in [admin]): {error}")
        };
        match address {
            AdminAddress::Tcp(address) => {
                let taken = inherited.take_tcp(*address);
                let bound = taken.map_or_else(|| TcpListener::bind(address), Ok);
                let bound = bound.and_then(|listener| {
                    listener.set_nonblocking(true)?;
                    Ok(listener)
                });
                bound.map(Self::Tcp).map_err(|error| cannot(address, &error))
            }
            AdminAddress::Unix(path) => {
                let path = beside(config, path);
                let bind =
                    if inherited.is_shared() { UnixSocket::bind_beside } else { UnixSocket::bind };
                let bound = bind(&path).map(Self::Unix);
                bound.map_err(|error| cannot(&path.display(), &error))
            }
        }
    }

    /// A TCP listener once more, for another process; `None` for a Unix socket.
    pub(super) fn share(&self) -> io::Result<Option<OpenSocket>> {
        let Self::Tcp(listener) = self else { return Ok(None) };
        let (address, descriptor) = (listener.local_addr()?, listener.try_clone()?.into());
        Ok(Some(OpenSocket { address, kind: SocketKind::Tcp, number: 0, descriptor }))
    }

    /// Where it listens, for people.
    pub(super) fn describe(&self) -> io::Result<String> {
        Ok(match self {
            Self::Tcp(listener) => format!(
                "metrics and health at http://{}/metrics, /healthz, /readyz",
                listener.local_addr()?
            ),
            Self::Unix(socket) => {
                format!("commands, metrics and health at unix:{}", socket.file.path().display())
            }
        })
    }

    /// Registers the socket with the current runtime, and puts a file that was made beside its
    /// place there. The file of a Unix socket has to be kept as
    /// long as the listener.
    pub(super) fn register(self) -> io::Result<(Listener, Option<SocketFile>)> {
        Ok(match self {
            Self::Tcp(listener) => {
                (Listener::Tcp(tokio::net::TcpListener::from_std(listener)?), None)
            }
            Self::Unix(UnixSocket { listener, mut file }) => {
                file.put_in_place()?;
                (Listener::Unix(tokio::net::UnixListener::from_std(listener)?), Some(file))
            }
        })
    }
}

impl Listener {
    /// Waits for a connection.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Box::new(stream), Peer::Tcp(peer)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                // Systems that cannot tell accounts apart have one client.
                let user_id = stream.peer_cred().map_or(u32::MAX, |peer| peer.uid());
                Ok((Box::new(stream), Peer::Account { user_id }))
            }
        }
    }
}
