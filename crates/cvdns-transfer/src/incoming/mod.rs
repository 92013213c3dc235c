//! What a secondary receives: a zone's SOA record, the whole zone (AXFR, RFC 5936), or differences
//! (IXFR, RFC 1995), and NOTIFY (RFC 1996).
//!
//! [`request`] writes the question. [`Receiver`] takes the messages of the answer one by one and
//! checks each; what it ends with is a [`Transfer`]. [`ZoneContent`] makes a version of the zone of
//! that, maybe from the version before. [`SoaTimers`] say when to ask again. Messages are complete
//! octets without the length that precedes them over TCP; signatures are checked and taken off
//! before.

mod content;
mod error;
mod message;
pub mod notify;
mod rdata;
mod receiver;
mod record;
mod request;
mod steps;
#[cfg(test)]
mod tests;
mod timers;

pub use content::{DifferenceError, ZoneContent};
pub use error::TransferError;
pub use receiver::{Limits, Progress, Receiver};
pub use record::ReceivedRecord;
pub use request::{Asked, request};
pub use steps::{Difference, Transfer};
pub use timers::SoaTimers;
