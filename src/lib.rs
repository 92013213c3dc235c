//! cvdns: an authoritative `GeoDNS` server for a download-mirror network such as ClamAV's.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod admin;
pub mod cli;
pub mod daemon;
pub mod export;
pub mod load;
pub mod logging;
