//! Bounds HTTP exchanges where `ureq` does not: how long a response may take after its request, how
//! long its head may be, and interim responses. All of it sits between `ureq` and the connection.
//!
//! `ureq` has a limit for each phase of an exchange and one for all of it, but none for all that
//! follows the connection. It skips interim responses, but calls the head too long if more than
//! [`HEAD_MAX`] octets have arrived at once, even if a document follows; and it refuses a
//! `100 Continue` with header fields.

use std::time::{Duration, Instant};

use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};
use ureq::{Agent, Error, Timeout, config::Config};

/// Most octets of a response's head.
pub const HEAD_MAX: usize = 64 << 10;

/// The agent of a configuration. `response_limit` is how long a response may take, from its request
/// to its last octet; with `None`, only the limits of the configuration hold.
pub fn agent(config: Config, response_limit: Option<Duration>) -> Agent {
    let connector = ().chain(TcpConnector::default()).chain(RustlsConnector::default());
    agent_over(connector, config, response_limit)
}

/// The same over connections that `connector` makes, for callers that bring their own.
pub fn agent_over(
    connector: impl Connector,
    config: Config,
    response_limit: Option<Duration>,
) -> Agent {
    let connector = connector.chain(BoundingConnector(response_limit));
    Agent::with_parts(config, connector, DefaultResolver::default())
}

/// Sizes the buffers of a configuration so that a head of at most [`HEAD_MAX`] octets is never
/// called too long.
pub fn with_bounded_head(
    builder: ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    builder.max_response_header_size(HEAD_MAX).input_buffer_size(HEAD_MAX)
}

/// Bounds each connection, those over TLS too.
#[derive(Debug)]
struct BoundingConnector(Option<Duration>);

impl<In: Transport> Connector<In> for BoundingConnector {
    type Out = BoundedConnection<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        made: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(made.map(|inner| BoundedConnection {
            inner,
            response_limit: self.0,
            deadline: None,
            in_head: false,
        }))
    }
}

/// A connection whose responses are bounded.
#[derive(Debug)]
struct BoundedConnection<T> {
    inner: T,
    response_limit: Option<Duration>,
    /// When the response must have arrived.
    deadline: Option<Instant>,
    /// Whether the next octets may belong to an interim response.
    in_head: bool,
}

impl<T: Transport> Transport for BoundedConnection<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    /// Begins a request. No request here has a body, so nothing else is ever sent.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.deadline = self.response_limit.and_then(|limit| Instant::now().checked_add(limit));
        self.in_head = true;
        self.inner.transmit_output(amount, self.bounded(timeout)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = self.bounded(timeout)?;
        // Without room in the buffer nothing could be read, which would look like the end of the
        // connection.
        let held = self.inner.buffers().input().len();
        if held >= HEAD_MAX {
            return Err(Error::LargeResponseHeader(held, HEAD_MAX));
        }
        let progress = self.inner.await_input(timeout)?;
        if self.in_head {
            self.skip_interim_responses();
        }
        Ok(progress)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T: Transport> BoundedConnection<T> {
    /// The timeout, or the time left for the response if that is shorter.
    fn bounded(&self, timeout: NextTimeout) -> Result<NextTimeout, Error> {
        let Some(deadline) = self.deadline else { return Ok(timeout) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::Timeout(Timeout::RecvResponse));
        }
        if *timeout.after <= left {
            return Ok(timeout);
        }
        Ok(NextTimeout { after: left.into(), reason: Timeout::RecvResponse, ..timeout })
    }

    /// Removes whole interim responses from the input (RFC 9110 section 15.2). They end with their
    /// heads.
    fn skip_interim_responses(&mut self) {
        loop {
            let buffers = self.inner.buffers();
            match response_start(buffers.input()) {
                ResponseStart::Interim(length) => buffers.input_consume(length),
                ResponseStart::Undecided => return,
                ResponseStart::Final => {
                    self.in_head = false;
                    return;
                }
            }
        }
    }
}

/// What the input begins with.
#[derive(Debug, PartialEq, Eq)]
enum ResponseStart {
    /// A whole interim response of this many octets.
    Interim(usize),
    /// Too few octets to decide.
    Undecided,
    /// Anything else.
    Final,
}

/// Returns what the input begins with. `101 Switching Protocols` ends HTTP and was not asked for,
/// so it does not count as an interim response.
fn response_start(octets: &[u8]) -> ResponseStart {
    const STATUS: &[u8] = b"HTTP/1.1 1dd";
    let Some(start) = octets.get(..STATUS.len()) else {
        return if octets.iter().zip(STATUS).take(7).all(|(a, b)| a == b) {
            ResponseStart::Undecided
        } else {
            ResponseStart::Final
        };
    };
    let (version, status) = start.split_at(9);
    if !version.starts_with(b"HTTP/1.")
        || !matches!(status, [b'1', b'0'..=b'9', b'0'..=b'9'])
        || status == b"101"
    {
        return ResponseStart::Final;
    }
    end_of_head(octets).map_or(ResponseStart::Undecided, ResponseStart::Interim)
}

/// The end of the first empty line. Servers may end lines without CR (RFC 9112 section 2.2).
fn end_of_head(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        at += line.len();
        if matches!(line, b"\r\n" | b"\n") {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interim_responses_are_told_from_final_ones() {
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        for (octets, start) in [
            (&early[..], ResponseStart::Interim(early.len())),
            (&[&early[..], b"HTTP/1.1 200"].concat(), ResponseStart::Interim(early.len())),
            (b"HTTP/1.0 100 Continue\r\n\r\n", ResponseStart::Interim(25)),
            (b"HTTP/1.1 103 x\n\nHTTP/1.1 200 OK\r\n\r\n", ResponseStart::Interim(16)),
            (&early[..early.len() - 1], ResponseStart::Undecided),
            (b"", ResponseStart::Undecided),
            (b"HTTP/1.1 1", ResponseStart::Undecided),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", ResponseStart::Final),
            (b"HTTP/1.1 200 OK\r\n\r\n", ResponseStart::Final),
            (b"HTTP/2 103 \r\n\r\n", ResponseStart::Final),
            (b"SSH-2.0", ResponseStart::Final),
            (b"{", ResponseStart::Final),
        ] {
            assert_eq!(response_start(octets), start, "{}", String::from_utf8_lossy(octets));
        }
    }
}
