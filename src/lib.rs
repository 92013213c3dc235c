//! cvdns: an authoritative `GeoDNS` server for a download-mirror network such as `ClamAV`'s.
//!
//! This crate is the server and its commands, with all that needs files, sockets and a clock. What
//! is decided and how it is encoded is pure code in `cvdns-core`; `cvdns-net` has the sockets,
//! `cvdns-io` files, HTTP and signals, and `cvdns-monitor` the coordinator.
//!
//! In order of reading:
//! - [`load`] reads the configuration and the files that it names into inputs for the compiler.
//! - [`daemon`] compiles snapshots from them, follows feed, files and clock, and serves.
//! - `explaining` tells people why an answer is what it is.
//! - [`admin`] answers HTTP requests for metrics, health and status.
//! - [`export`] writes snapshots as files for other name servers.
//! - [`transfer`] sends zones to secondary servers, and tells them of changes.
//! - `publishing` publishes feeds and overrides through NATS.
//! - [`logging`] writes the log without ever making a thread wait for it.
//! - [`dnstap`] hands queries and answers to a collector, likewise.
//! - [`cli`] has a module for each command.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]
#![cfg_attr(
    not(feature = "nats"),
    allow(
        dead_code,
        unreachable_code,
        unused_imports,
        unused_variables,
        reason = "NATS needs them"
    )
)]

pub mod admin;
mod backoff;
pub mod cli;
pub mod daemon;
pub mod dnstap;
mod explaining;
pub mod export;
pub mod load;
pub mod logging;
#[cfg(feature = "nats")]
pub mod publishing;
pub mod transfer;
