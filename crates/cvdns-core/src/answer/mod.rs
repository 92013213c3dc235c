//! From a query to its answer: [`respond`] reads the query, has the decision made, and writes the
//! answer in its place.

mod body;
mod completion;
mod diagnose;
mod elsewhere;
mod guard;
mod links;
mod options;
mod parsed_query;
mod query_batch;
mod query_counters;
mod reclaimer;
mod request;
pub mod respond;
mod signed;
mod stats;

pub use diagnose::diagnosed_name;
pub use elsewhere::{Elsewhere, TransferRefusal};
pub use query_counters::{CounterHandle, QueryCounterSet, QueryCounters, QueryKind, QueryTotals};
pub use reclaimer::{Reclaimed, SnapshotReclaimer};
pub use request::{Clock, Moment, Transport};
pub use respond::Answering;
pub use stats::{AnswerShare, AnswerStats, PathLabel};
