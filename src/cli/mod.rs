//! The commands, one file each. Only this module writes to the terminal.

// `println!` and `eprintln!` panic when the reader has closed the pipe (`| head -1`).
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod admin_client;
#[cfg(feature = "nats")]
pub mod bundle;
pub mod check;
pub mod completions;
pub mod config_path;
pub mod cvd;
pub mod explain;
pub mod export;
pub mod feed;
pub mod geoip;
pub mod import;
pub mod init;
pub mod keys;
mod live;
pub mod log_level;
mod long_running;
pub mod man;
pub mod monitor;
#[cfg(feature = "nats")]
pub mod nats;
mod offline;
mod output;
pub mod override_file;
mod problems;
pub mod reload;
mod remote_overrides;
pub mod serve;
mod signature;
pub mod simulate;
pub mod stated;
pub mod status;
mod table;
