//! Input and output that the server and the coordinator share: files, HTTP, commands and signals.
//!
//! In order of reading: `files` reads files within limits and names what is wrong with them;
//! `replace` writes files whole or not at all, and `zone_stem` names those of zones; [`signals`]
//! turns signals into actions; [`exchange`] bounds HTTP exchanges where `ureq` does not, and
//! `unix_http` sends them over Unix sockets; [`command`] runs commands of the operator;
//! [`confinement`] gives up what the process does not need, and keeps it in a sandbox;
//! [`essential`] ends the process if a thread panics that it needs. [`service_manager`] speaks with
//! systemd; [`private_socket`] and `descriptor_channel` with another process of cvdns.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod command;
pub mod confinement;
mod descriptor_channel;
pub mod essential;
pub mod exchange;
mod files;
pub mod private_socket;
mod replace;
pub mod service_manager;
pub mod signals;
#[cfg(unix)]
mod unix_http;
mod zone_stem;

pub use descriptor_channel::{DescriptorChannel, MAX_DESCRIPTORS};
pub use files::{
    FileVersion, IncludeFiles, beside, cannot_read, cannot_write, read_bytes, read_feed, read_head,
    read_list, read_master, read_optional, read_optional_text, read_signature, read_text,
    read_text_up_to,
};
pub use replace::{
    create, create_published, create_secret, is_leftover, publish_unsynced, put_aside, replace,
    replace_alike, replace_private, target_of,
};
#[cfg(unix)]
pub use unix_http::unix_agent;
pub use zone_stem::zone_stem;
