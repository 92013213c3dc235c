//! The interface between sockets and answers.

use std::net::SocketAddr;
use std::time::Duration;

pub use cvdns_core::answer::Transport;

/// Turns queries into answers. Each thread and each TCP connection has one.
pub trait Responder: Send + 'static {
    /// Switches to the newest snapshot. Called once per batch, not per query.
    fn refresh(&mut self);

    /// Tells how long the connection will be kept without a query, before each batch of a
    /// connection is answered. Clients may ask for it (RFC 7828).
    fn set_idle_timeout(&mut self, time: Duration) {
        let _ = time;
    }

    /// Whether [`Responder::set_destination`] is to be called. It is asked once per batch, and once
    /// per connection.
    fn wants_destination(&self) -> bool {
        false
    }

    /// Tells where the next query was sent to, or all queries of a connection. `None` means that
    /// this is not known. The address may be a wildcard if only the port is known.
    fn set_destination(&mut self, destination: Option<SocketAddr>) {
        let _ = destination;
    }

    /// Tells that no zone may be transferred over this connection.
    fn forbid_transfers(&mut self) {}

    /// Answers the query in `buffer[..length]` in place and returns the answer's length.
    ///
    /// `buffer` is always larger than the query. With `None`, nothing is sent; the same holds for
    /// an answer longer than the buffer.
    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize>;

    /// The messages that answer the last query of a connection, if [`Responder::respond`] returned
    /// `None` for it and it has more than one answer.
    fn take_messages(&mut self) -> Option<Box<dyn MessageStream>> {
        None
    }

    /// Receives all queries of a batch before the first one is answered. `None` is a datagram that
    /// cannot be a query.
    fn read_batch<'q>(&mut self, queries: impl Iterator<Item = Option<(&'q [u8], SocketAddr)>>) {
        let _ = queries;
    }

    /// The same as [`Responder::respond`] for the query with this number in the batch.
    fn respond_in_batch(
        &mut self,
        number: usize,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize> {
        let _ = number;
        self.respond(buffer, length, client, transport)
    }
}

/// The messages that answer one query over TCP, such as a zone transfer (RFC 5936 section 2.2).
pub trait MessageStream: Send {
    /// Makes the next message; `None` after the last one. It is called once the message before was
    /// taken by the kernel, so that one message is held at a time.
    ///
    /// # Errors
    /// When the answer cannot go on. The connection is closed then, as nothing else tells the
    /// client.
    fn next_message(&mut self) -> Option<Result<Vec<u8>, CannotGoOn>>;
}

/// An answer of several messages ends before its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CannotGoOn;

/// Makes a responder for each thread and connection.
///
/// Closures that return a [`Responder`] and can be shared among threads implement it; they ignore
/// the endpoint.
pub trait MakeResponder: Clone + Send + Sync + 'static {
    /// Type of the responders.
    type Responder: Responder;

    /// Makes a responder for an endpoint.
    fn make(&self, endpoint: Endpoint) -> Self::Responder;
}

/// The socket or connection that a responder serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// The UDP socket with this number among those of all addresses. At any time, only one
    /// responder serves it.
    Socket(usize),
    /// A connection by this transport.
    Connection(Transport),
}

impl<R: Responder, F: Fn() -> R + Clone + Send + Sync + 'static> MakeResponder for F {
    type Responder = R;

    fn make(&self, _: Endpoint) -> R {
        self()
    }
}
