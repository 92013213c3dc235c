//! From a query to its answer: how it is read, and how what was decided is written ([`respond`]).

mod asked;
mod body;
mod diagnose;
mod expected;
mod options;
pub mod respond;

pub use respond::{Answering, Transport};
