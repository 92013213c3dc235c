//! The commands, one file each. The terminal belongs here.

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
pub mod monitor;
mod offline;
mod output;
mod problems;
pub mod serve;
pub mod status;
