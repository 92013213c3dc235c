//! From a query to its answer: how it is read, and how what was decided is written ([`respond`]).

mod body;
mod diagnose;
mod ledger;
mod options;
mod parsed_query;
mod query_batch;
mod query_counters;
pub mod respond;

pub use diagnose::diagnosed;
pub use ledger::{Answered, Freed, Ledger, PathLabel, Portion};
pub use query_counters::{Counted, CounterHandle, Kind, QueryCounters, QueryTallies};
pub use respond::{Answering, Transport};
