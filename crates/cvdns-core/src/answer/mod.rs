//! From a query to its answer: how it is read, and how what was decided is written ([`respond`]).

mod asked;
mod body;
mod diagnose;
mod expected;
mod ledger;
mod options;
pub mod respond;
mod tally;

pub use diagnose::diagnosed;
pub use ledger::{Answered, Freed, Ledger, PathLabel, Portion};
pub use respond::{Answering, Transport};
pub use tally::{Counted, Desk, Kind, QueryTallies, Tally};
