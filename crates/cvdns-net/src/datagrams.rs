//! Slots that datagrams are received into and answers sent from, whatever the system call: the seam
//! between a batch and its socket.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::source_filter::Refusal;

/// Most datagrams of a batch. 16 cost 2 % more CPU time, as fewer loads from memory overlap; 128
/// cost as much as 64. With 64, a worker that was off its core catches up in few calls, and the
/// headers fit the first-level cache.
pub(super) const BATCH_SIZE: usize = 64;

/// The slots of one socket.
pub(super) trait Datagrams: Send + 'static {
    /// Receives up to [`BATCH_SIZE`] datagrams, which replace those in the slots, and returns their
    /// number. With `wait`, blocks for the first one, for at most the receive timeout.
    ///
    /// # Errors
    /// Those of the system: `WouldBlock` if there was no datagram, `Interrupted` after a signal.
    fn receive(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<usize>;

    /// The datagram in a slot; `None` if the last call to [`Self::receive`] did not fill the slot.
    fn datagram(&self, slot: usize) -> Option<Datagram<'_>>;

    /// The query in a slot and its source, if the slot holds a query.
    fn query(&self, slot: usize) -> Option<(&[u8], SocketAddr)> {
        match self.datagram(slot) {
            Some(Datagram::Query { message, client }) => Some((message, client)),
            _ => None,
        }
    }

    /// Where the datagram in a slot was sent to, if that is known.
    fn destination(&self, slot: usize) -> Option<SocketAddr>;

    /// The room for the answer, with the datagram at its start; `None` if the last call to
    /// [`Self::receive`] did not fill the slot.
    fn buffer(&mut self, slot: usize) -> Option<&mut [u8]>;

    /// Stages the first `length` octets of a slot to be sent to the source of its query. False if
    /// they cannot be sent.
    fn stage(&mut self, slot: usize, length: usize) -> bool;

    /// Number of answers staged since the last call to [`Self::receive`], and of those before that
    /// the system has not taken yet.
    fn staged(&self) -> usize;

    /// Sends the staged answers from number `from` on, and returns how many were sent; 0 if the
    /// system takes no more for now.
    ///
    /// # Errors
    /// Those of the system for the first answer; the other ones were not tried.
    fn send(&mut self, socket: BorrowedFd<'_>, from: usize) -> io::Result<usize>;
}

/// What a slot holds.
pub(super) enum Datagram<'a> {
    /// A datagram that may be a query.
    Query {
        /// Its octets.
        message: &'a [u8],
        /// Its source.
        client: SocketAddr,
    },
    /// The kernel truncated it: it is longer than any query, as only a jumbogram can be (RFC 2675).
    Oversized,
    /// It gets no answer because of its addresses.
    Refused(Refusal),
}
