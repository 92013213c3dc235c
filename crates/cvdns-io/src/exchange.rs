//! What `ureq` leaves open of an HTTP exchange, between it and the connection: how long an answer may take once it was asked for, how
//! long its head may be, and interim responses.
//!
//! `ureq` has a limit for each stretch of an exchange and one for all of it, but none for all that follows the connection.
//! It passes interim responses over, but calls the head too long when more than [`HEAD_MAX`] octets are there at
//! once, though a document follows; and it refuses a `100 Continue` that has fields.

use std::time::{Duration, Instant};

use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};
use ureq::{Agent, Error, Timeout, config::Config};

/// Most octets of an answer's head.
pub const HEAD_MAX: usize = 64 << 10;

/// The agent of a configuration. `answer` is how long an answer may take, from when it is asked for to its last octet; `None`:
/// the configuration's own limits are all.
pub fn agent(config: Config, answer: Option<Duration>) -> Agent {
    let connector =
        ().chain(TcpConnector::default()).chain(RustlsConnector::default()).chain(Bounding(answer));
    Agent::with_parts(config, connector, DefaultResolver::default())
}

/// Sizes the buffers of a configuration so that a head that is not longer than [`HEAD_MAX`] is never called too long.
pub fn with_bounded_head(
    builder: ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    builder.max_response_header_size(HEAD_MAX).input_buffer_size(HEAD_MAX)
}

/// Bounds each connection that was made, TLS included.
#[derive(Debug)]
struct Bounding(Option<Duration>);

impl<In: Transport> Connector<In> for Bounding {
    type Out = Bounded<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        made: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(made.map(|inner| Bounded { inner, answer: self.0, deadline: None, in_head: false }))
    }
}

/// A connection whose answers are bounded.
#[derive(Debug)]
struct Bounded<T> {
    inner: T,
    answer: Option<Duration>,
    /// When the answer must be there.
    deadline: Option<Instant>,
    /// Whether what comes may still be an interim response.
    in_head: bool,
}

impl<T: Transport> Transport for Bounded<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    /// A request begins: none of ours has a body, so nothing else is sent.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.deadline = self.answer.and_then(|answer| Instant::now().checked_add(answer));
        self.in_head = true;
        self.inner.transmit_output(amount, self.bounded(timeout)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = self.bounded(timeout)?;
        // Without room nothing could be read, which would look like the end of the connection.
        let held = self.inner.buffers().input().len();
        if held >= HEAD_MAX {
            return Err(Error::LargeResponseHeader(held, HEAD_MAX));
        }
        let progress = self.inner.await_input(timeout)?;
        if self.in_head {
            self.pass_interim_responses();
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

impl<T: Transport> Bounded<T> {
    /// The timeout, or what is left of the answer's time if that is shorter.
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

    /// Takes whole interim responses off the front (RFC 9110 section 15.2), each of which ends with its head.
    fn pass_interim_responses(&mut self) {
        loop {
            let buffers = self.inner.buffers();
            match interim(buffers.input()) {
                Front::Interim(length) => buffers.input_consume(length),
                Front::Undecided => return,
                Front::Final => {
                    self.in_head = false;
                    return;
                }
            }
        }
    }
}

/// What stands at the front of what was received.
#[derive(Debug, PartialEq, Eq)]
enum Front {
    /// A whole interim response of so many octets.
    Interim(usize),
    /// Too little to say.
    Undecided,
    /// Something else.
    Final,
}

/// Looks at the front. `101 Switching Protocols` was not asked for and ends HTTP: it is no interim response of ours.
fn interim(octets: &[u8]) -> Front {
    const STATUS: &[u8] = b"HTTP/1.1 1dd";
    let Some(start) = octets.get(..STATUS.len()) else {
        return if octets.iter().zip(STATUS).take(7).all(|(a, b)| a == b) {
            Front::Undecided
        } else {
            Front::Final
        };
    };
    let (version, status) = start.split_at(9);
    if !version.starts_with(b"HTTP/1.")
        || !matches!(status, [b'1', b'0'..=b'9', b'0'..=b'9'])
        || status == b"101"
    {
        return Front::Final;
    }
    end_of_head(octets).map_or(Front::Undecided, Front::Interim)
}

/// Where the first empty line ends; servers may end lines without CR (RFC 9112 section 2.2).
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
        for (octets, front) in [
            (&early[..], Front::Interim(early.len())),
            (&[&early[..], b"HTTP/1.1 200"].concat(), Front::Interim(early.len())),
            (b"HTTP/1.0 100 Continue\r\n\r\n", Front::Interim(25)),
            (b"HTTP/1.1 103 x\n\nHTTP/1.1 200 OK\r\n\r\n", Front::Interim(16)),
            (&early[..early.len() - 1], Front::Undecided),
            (b"", Front::Undecided),
            (b"HTTP/1.1 1", Front::Undecided),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Front::Final),
            (b"HTTP/1.1 200 OK\r\n\r\n", Front::Final),
            (b"HTTP/2 103 \r\n\r\n", Front::Final),
            (b"SSH-2.0", Front::Final),
            (b"{", Front::Final),
        ] {
            assert_eq!(interim(octets), front, "{}", String::from_utf8_lossy(octets));
        }
    }
}
