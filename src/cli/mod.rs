//! The commands, one file each. The terminal belongs here.

// Both end the process by a panic when whoever reads has gone (`| head -1`).
#![warn(clippy::print_stdout, clippy::print_stderr)]

/// The configuration that is read when none is named.
pub const DEFAULT_CONFIG: &str = "cvdns.toml";

mod asking;
pub mod check;
pub mod cvd;
pub mod explain;
pub mod export;
pub mod feed;
pub mod geoip;
pub mod import;
mod log_filter;
pub mod monitor;
mod offline;
mod output;
mod problems;
pub mod serve;
mod signature;
pub mod status;
mod table;
