//! NOTIFY requests (RFC 1996), which are handed on to whoever follows primaries.

use std::fmt;
use std::net::IpAddr;

use crate::wire::{rcode, u16_at};

/// Answers NOTIFY requests.
pub trait NotifyResponder: fmt::Debug + Send + Sync {
    /// The answer to a request that came from the address `client`, with an OPT record if `edns`.
    /// Returns `None` if no zone has a primary.
    fn respond(&self, request: &[u8], edns: bool, client: IpAddr) -> Option<Vec<u8>>;
}

/// Writes the answer to the request in `buffer[..length]` in its place. Returns its length and its
/// RCODE, or `None` if nobody answers it or there is no room.
#[cold]
pub(super) fn respond(
    responder: &dyn NotifyResponder,
    buffer: &mut [u8],
    (length, edns): (u16, bool),
    client: IpAddr,
) -> Option<(usize, u16)> {
    let answer = responder.respond(buffer.get(..usize::from(length))?, edns, client)?;
    let code = u16_at(&answer, 2).map_or(rcode::NOERROR, |flags| flags & 0x0f);
    buffer.get_mut(..answer.len())?.copy_from_slice(&answer);
    Some((answer.len(), code))
}
