//! Sends queries to servers over UDP and TCP.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_net::NetError;
use hickory_net::proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Message};
use hickory_net::tcp::TcpClientStream;
use hickory_net::udp::UdpClientStream;
use hickory_net::xfer::{DnsHandle as _, DnsRequestSender as _, FirstAnswer as _};
use tokio::runtime::{Builder, Runtime};

use super::socket::ConnectedSockets;
use crate::cli::output::Failure;

/// How a query is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Via {
    /// Over UDP, without a retry over TCP.
    Udp,
    /// Over TCP, on a connection of its own.
    Tcp,
}

/// Why there is no answer, in words that go on after "does not answer: ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct NoAnswer {
    reason: String,
    /// Whether this host has no route to the server, so that nothing is known about the server.
    pub no_route: bool,
}

/// How long an answer is waited for, all UDP queries or the TCP connection included.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Time after which a UDP query is sent again.
const RETRY: Duration = Duration::from_millis(1600);

/// UDP queries that are sent at most.
const ATTEMPTS: u8 = 3;

/// Sends a query and returns the answer to it. Answers with another ID or question are ignored.
pub(in crate::cli) async fn ask(
    server: SocketAddr,
    query: &Message,
    via: Via,
) -> Result<DnsResponse, NoAnswer> {
    let mut options = DnsRequestOptions::default();
    options.retry_interval = RETRY;
    let request = DnsRequest::new(query.clone(), options);
    let sockets = ConnectedSockets::default();
    let answer = match via {
        Via::Udp => {
            let mut stream = UdpClientStream::builder(server, sockets)
                .with_timeout(Some(TIMEOUT))
                .with_max_retries(ATTEMPTS)
                .with_os_port_selection(true)
                .build();
            stream.send_message(request).first_answer().await
        }
        Via::Tcp => {
            let exchange =
                TcpClientStream::exchange(server, None, TIMEOUT, None, sockets.clone()).await?;
            let answer = exchange.send(request).first_answer().await;
            // The task that reads the connection ends with them.
            drop(sockets);
            answer
        }
    };
    Ok(answer?)
}

/// Sends a query over UDP, and over TCP if the answer is truncated.
pub(in crate::cli) async fn ask_whole(
    server: SocketAddr,
    query: &Message,
) -> Result<DnsResponse, NoAnswer> {
    let answer = ask(server, query, Via::Udp).await?;
    if answer.metadata.truncation { ask(server, query, Via::Tcp).await } else { Ok(answer) }
}

/// The runtime on which queries wait for their answers: the calling thread.
pub(in crate::cli) fn runtime() -> Result<Runtime, Failure> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot wait for answers of servers: {error}")))
}

impl From<NetError> for NoAnswer {
    fn from(error: NetError) -> Self {
        let (reason, kind) = match error {
            NetError::Timeout => ("no answer in time".to_owned(), None),
            NetError::Io(error) if error.kind() == ErrorKind::TimedOut => {
                ("no answer in time".to_owned(), None)
            }
            NetError::Io(error) => (error.to_string(), Some(error.kind())),
            other => (other.to_string(), None),
        };
        let no_route = matches!(
            kind,
            Some(
                ErrorKind::NetworkUnreachable
                    | ErrorKind::AddrNotAvailable
                    | ErrorKind::Unsupported
            )
        );
        Self { reason, no_route }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
