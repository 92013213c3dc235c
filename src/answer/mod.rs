//! From a query to its answer: what is answered ([`mod@decide`]), and how it is written ([`respond`]).

mod asked;
mod body;
mod chain;
pub mod decide;
mod expected;
mod options;
pub mod respond;

pub use decide::{Decision, Outcome, decide};
pub use respond::{Answering, Transport};
