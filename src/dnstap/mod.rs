//! dnstap (<https://dnstap.info>): queries and answers as they were, for a collector on this
//! machine. The server copies what it is to send into a queue ([`TapQueue`]), without ever waiting.
//! A thread writes it to the collector's socket ([`DnstapWriter`]).
//!
//! In order of reading: `tapped` is a query with its answer, `queue` where it waits. `schema` has
//! the messages of dnstap.proto, which `encoder` makes of them. `frames` are the frames of the
//! stream, `collector` is its other end, and `writer` joins all of these. `state` has the counters,
//! and `report` is what the log says.

mod collector;
mod encoder;
pub mod frames;
mod queue;
mod report;
mod schema;
mod state;
mod stop;
mod tapped;
mod writer;

pub use queue::TapQueue;
pub use state::DnstapState;
pub use tapped::Tapped;
pub use writer::{DnstapSettings, DnstapWriter};
