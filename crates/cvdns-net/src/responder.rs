//! The seam between the sockets and the answers: bytes in, bytes out.

use std::net::SocketAddr;

pub use cvdns_core::answer::Transport;

/// What turns a query into its answer, one per thread (and per TCP connection).
pub trait Responder: Send + 'static {
    /// Takes over the newest snapshot; called once per batch, never per query.
    fn refresh(&mut self);

    /// Answers the query in `buffer[..length]` in place and returns the answer's length.
    ///
    /// `buffer` is always larger than the query. `None`: nothing is sent. An answer longer than the buffer
    /// is taken for `None`.
    fn respond(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        client: SocketAddr,
        transport: Transport,
    ) -> Option<usize>;

    /// Shows all queries of a batch before the first is to be answered; none stands for a datagram that is no query.
    fn expect<'q>(&mut self, queries: impl Iterator<Item = Option<(&'q [u8], SocketAddr)>>) {
        let _ = queries;
    }

    /// As [`Responder::respond`], for the query that was shown under this number.
    fn respond_expected(
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

/// Makes the responders: one for every thread and connection.
///
/// Every closure that returns a [`Responder`] and can be shared among threads is one, which makes all alike.
pub trait MakeResponder: Clone + Send + Sync + 'static {
    /// What is made.
    type Responder: Responder;

    /// Makes one to serve this.
    fn make(&self, place: Place) -> Self::Responder;
}

/// What a responder serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// The UDP socket of this number, of all addresses. No two responders serve one at a time.
    Socket(usize),
    /// A TCP connection, one of many.
    Connection,
}

impl<R: Responder, F: Fn() -> R + Clone + Send + Sync + 'static> MakeResponder for F {
    type Responder = R;

    fn make(&self, _: Place) -> R {
        self()
    }
}
