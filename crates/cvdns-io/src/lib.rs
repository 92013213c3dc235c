//! What the server and the coordinator both do with the system: files are read and replaced, web
//! servers asked within limits, an operator's commands run, and signals heeded.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod command;
pub mod exchange;
mod files;
mod replace;
pub mod signals;

pub use files::{
    FileVersion, IncludeFiles, beside, cannot_read, read_bytes, read_feed, read_head, read_list,
    read_master, read_optional, read_optional_text, read_signature, read_text,
};
pub use replace::{create, is_leftover, replace, replace_private};
