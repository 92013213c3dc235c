//! The pure part of cvdns: what inputs mean, which answer is chosen, and its octets on the wire.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

pub mod answer;
pub mod config;
pub mod decision;
pub mod explain;
pub mod fleet;
pub mod geo;
pub mod health;
pub mod problem;
pub mod release;
pub mod schema;
pub mod snapshot;
pub mod wire;
pub mod zone;
