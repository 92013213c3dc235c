//! The query of a stream (RFC 9250 section 4.2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use cvdns_core::wire::HEADER;
use cvdns_core::wire::edns::has_keepalive;
use quinn::RecvStream;
use tokio::time::timeout;

use crate::input::PREFIX;
use crate::memory::{copied, reserve};

/// Octets of the queries of a connection that are being received. Together they are limited, as a
/// client may open many streams and end none of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

/// Most octets of unfinished queries of a connection.
const MOST: usize = 256 << 10;

/// A part of the budget, given back when this is dropped.
struct Share {
    budget: Budget,
    octets: usize,
}

/// Why there is no query on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoQuery {
    /// The client has broken the protocol, and the connection ends with an error (RFC 9250 section
    /// 4.3.3).
    Protocol,
    /// The client took the query back, or is gone.
    Gone,
    /// The query, or the end of its stream behind it, did not come in time.
    Slow,
    /// Unfinished queries have too many octets, or the system gives no memory for them.
    TooMuch,
}

/// The octets on a stream are not one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSingleQuery;

/// The query of a stream that has ended, without its length (RFC 9250 section 4.2).
///
/// # Errors
/// When there is no query, a part of one, or more than one; when it has an ID other than 0 (section
/// 4.2.1); when it negotiates the idle timeout, which is QUIC's (section 5.5.2).
pub fn query_in(octets: &[u8]) -> Result<&[u8], NoSingleQuery> {
    let (prefix, message) = octets.split_first_chunk::<PREFIX>().ok_or(NoSingleQuery)?;
    let is_whole = usize::from(u16::from_be_bytes(*prefix)) == message.len();
    let is_query = is_whole && message.len() >= HEADER && message.starts_with(&[0, 0]);
    if is_query && !has_keepalive(message) { Ok(message) } else { Err(NoSingleQuery) }
}

/// Reads a query, without its length. A stream has one, and ends behind it.
pub(super) async fn read(
    mut stream: RecvStream,
    budget: Budget,
    time: Duration,
) -> Result<Box<[u8]>, NoQuery> {
    let octets = timeout(time, all(&mut stream, budget)).await.map_err(|_| NoQuery::Slow)??;
    let query = query_in(&octets).map_err(|NoSingleQuery| NoQuery::Protocol)?;
    copied(query).map_err(|_| NoQuery::TooMuch)
}

async fn all(stream: &mut RecvStream, budget: Budget) -> Result<Vec<u8>, NoQuery> {
    let mut share = Share { budget, octets: 0 };
    let mut octets = Vec::new();
    // Each round has at least one octet.
    while let Some(chunk) = stream.read_chunk(usize::MAX, true).await.map_err(|_| NoQuery::Gone)? {
        share.grow(chunk.bytes.len())?;
        if octets.len().saturating_add(chunk.bytes.len()) > PREFIX + usize::from(u16::MAX) {
            return Err(NoQuery::Protocol);
        }
        reserve(&mut octets, chunk.bytes.len()).map_err(|_| NoQuery::TooMuch)?;
        octets.extend_from_slice(&chunk.bytes);
    }
    Ok(octets)
}

impl Share {
    fn grow(&mut self, more: usize) -> Result<(), NoQuery> {
        let before = self.budget.0.fetch_add(more, Relaxed);
        self.octets = self.octets.saturating_add(more);
        if before.saturating_add(more) > MOST { Err(NoQuery::TooMuch) } else { Ok(()) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.octets, Relaxed);
    }
}
