//! UDP sockets that learn at once that nobody listens at the other end.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hickory_net::runtime::{DnsUdpSocket, RuntimeProvider, TokioRuntimeProvider};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;

/// Tokio, with connected UDP sockets: only these are told that a port is closed (ICMP port
/// unreachable), and the kernel drops what comes from other addresses.
#[derive(Clone, Default)]
pub(super) struct ConnectedSockets(TokioRuntimeProvider);

/// A UDP socket that is connected to one server.
pub(super) struct ConnectedUdp {
    socket: UdpSocket,
    server: SocketAddr,
}

impl RuntimeProvider for ConnectedSockets {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = <TokioRuntimeProvider as RuntimeProvider>::Timer;
    type Udp = ConnectedUdp;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.0.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        self.0.connect_tcp(server, local, timeout)
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        Box::pin(async move {
            let socket = UdpSocket::bind(local).await?;
            socket.connect(server).await?;
            Ok(ConnectedUdp { socket, server })
        })
    }
}

impl DnsUdpSocket for ConnectedUdp {
    type Time = <TokioRuntimeProvider as RuntimeProvider>::Timer;

    fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut read = ReadBuf::new(buffer);
        ready!(self.socket.poll_recv(context, &mut read))?;
        Poll::Ready(Ok((read.filled().len(), self.server)))
    }

    /// Waits for a datagram or an error. Tokio's own receiving functions do not wake up for errors.
    fn recv_from<'life0, 'life1, 'async_trait>(
        &'life0 self,
        buffer: &'life1 mut [u8],
    ) -> Pin<Box<dyn Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            loop {
                let ready = self.socket.ready(Interest::READABLE | Interest::ERROR).await?;
                match self.socket.try_recv(buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    received => return received.map(|length| (length, self.server)),
                }
                if ready.is_error() {
                    if let Some(error) = self.socket.take_error()? {
                        return Err(error);
                    }
                    // The error is gone: this clears what `ready` remembers of it.
                    let gone = || Err::<(), _>(ErrorKind::WouldBlock.into());
                    let _ = self.socket.try_io(Interest::ERROR, gone);
                }
            }
        })
    }

    fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        octets: &[u8],
        _: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_send(context, octets)
    }
}
