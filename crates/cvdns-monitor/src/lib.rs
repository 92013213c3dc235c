//! The coordinator: checks every address of the fleet by the network's rule, and writes the feed.
//!
//! `rule` decides, without clock or sockets. `fetch`, `check` and `confirm` find out what an address serves; `schedule` says
//! when it is next; `memory` keeps what is known; `publish` writes it as a feed; `coordinator` holds these together, `run`
//! drives them, and `trial` is the check of one new mirror.

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod check;
mod confirm;
mod coordinator;
mod document;
pub mod failure;
mod fetch;
mod inputs;
mod memory;
mod metrics;
mod notify;
mod publish;
pub mod rule;
mod run;
mod schedule;
mod sign;
mod target;
pub mod timestamp;
pub mod trial;

pub use coordinator::Row;
pub use inputs::MonitorInputs;
pub use publish::read_release;
pub use run::{Start, once, watch};
pub use sign::Signer;
pub use target::hosts_of;
