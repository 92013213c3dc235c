//! cvdns: the authoritative `GeoDNS` server of a ClamAV-style mirror network.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod admin;
pub mod cli;
pub mod daemon;
pub mod export;
pub mod load;
pub mod logging;
