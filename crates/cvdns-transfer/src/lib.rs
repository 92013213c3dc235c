//! Zone transfers as octets and values: keys, signatures, and what is sent and received.
//!
//! The crate opens no files and no sockets and reads no clock: times are arguments, in seconds
//! since 1970 (UTC), as transaction signatures have them.
//!
//! - [`keys`]: the keys that servers share, read from files: [`Keyring`].
//! - [`serial`]: serials of zones, and which is greater.
//! - [`tsig`]: transaction signatures (RFC 8945): [`tsig::receive`] for servers,
//!   [`tsig::Exchange`] for clients.
//! - [`records`], [`version`], [`history`]: a zone at one serial, what changed from one to the
//!   next, and the differences that are remembered; [`kept`] makes a file of them.
//! - [`catalog`]: what a catalog zone says.
//! - [`request`], [`outgoing`]: what a secondary asks for, and the messages of the answer.
//! - [`notification`]: how a secondary is told of a change.
//! - [`incoming`]: the other side: what a primary sends.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod catalog;
pub mod history;
pub mod incoming;
pub mod kept;
pub mod keys;
pub mod notification;
pub mod outgoing;
pub mod records;
pub mod request;
pub mod serial;
#[cfg(test)]
mod tests;
pub mod tsig;
pub mod version;

pub use history::{Content, History, SignsSoa};
pub use keys::{Algorithm, Key, Keyring};
pub use outgoing::Outgoing;
pub use request::Request;
