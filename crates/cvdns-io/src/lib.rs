//! Input and output that the server and the coordinator share: files, HTTP, commands and signals.
//!
//! In order of reading: `files` reads files within limits and names what is wrong with them;
//! `replace` writes files whole or not at all; [`signals`] turns signals into actions;
//! [`exchange`] bounds HTTP exchanges where `ureq` does not; [`command`] runs commands of the
//! operator; [`confinement`] gives up what the process does not need; [`essential`] ends the
//! process if a thread panics that it needs.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod command;
pub mod confinement;
pub mod essential;
pub mod exchange;
mod files;
mod replace;
pub mod signals;

pub use files::{
    FileVersion, IncludeFiles, beside, cannot_read, read_bytes, read_feed, read_head, read_list,
    read_master, read_optional, read_optional_text, read_signature, read_text,
};
pub use replace::{create, is_leftover, put_aside, replace, replace_private};
