//! How a server is replaced by another process without a lost query (`cvdns serve --replace`).
//!
//! ```text
//! new server                                   running server
//! reads and validates everything
//! connects, says who it is            ->       checks the account
//!                                     <-       its sockets, its secret of cookies
//! binds what is missing, compiles
//! answers from the same sockets
//! says that it serves                 ->       stops receiving, answers what it has received
//!                                     <-       its counters
//! serves metrics, writes `state`               finishes its connections
//!                                     <-       what secondaries took and what it counted
//!                                              meanwhile; ends
//! ```
//!
//! Until the new server says that it serves, everything may go wrong without a consequence: the
//! running server goes on. In order of reading: `protocol` has the messages, `offering` the running
//! server's part, `successor` the new server as the running one sees it, `predecessor` the reverse,
//! `socket` the file by which they meet, and `interfaces` what is handed over of AF_XDP.

mod interfaces;
mod offering;
mod predecessor;
mod protocol;
mod socket;
mod successor;

pub(super) use offering::{Offer, Offering};
pub(super) use predecessor::{HandoverError, Predecessor};
pub(super) use socket::TakeoverSocket;
pub(super) use successor::Successor;
