//! The coordinator of a mirror network: checks every address of the fleet by the network's rule,
//! and writes the feed.
//!
//! In the order of reading:
//!
//! - [`rule`] decides the state of an address. It is pure: no clock, sockets or files.
//! - [`check`] finds out what an address serves, by way of `fetch` (one HTTP request) and
//!   [`failure`] (the ways in which requests fail); `confirm` repeats a failed check.
//! - `doubt` withholds failures until it is certain that they are not the coordinator's own.
//! - `arrival` says what is known of addresses that are new, and `ramp` with which weight a mirror
//!   comes back.
//! - `schedule` says when an address is checked next, and `stored` keeps on disk what is known.
//! - [`combine`] joins what several monitors report into one result for each address. It is pure.
//! - `signed_report` is how such reports arrive, `roster` keeps them, and `combined` has the
//!   coordinator learn from them, each result once (`learnt`); `reporter` writes one, and `remarks`
//!   says who saw what.
//! - `coordinator` holds these together, `learn` takes the results of checks, `run` drives them
//!   with threads, the clock and signals: [`once`] and [`watch`] are the entry points. `witness`
//!   asks the witnesses.
//! - `publish` writes the feed that `document` describes, and `sign` signs it.
//! - [`history`] records all checks in a database, and reads it.
//! - `page` writes web pages about all of it, on a thread of its own.
//! - `embed` lets others drive a [`Coordinator`] with a clock and checks of their own.
//! - [`trial`] is the set-up check of one new mirror.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod arrival;
pub mod check;
pub mod combine;
mod combined;
mod confirm;
mod coordinator;
mod document;
mod doubt;
mod embed;
pub mod failure;
mod fetch;
pub mod history;
mod inputs;
mod learn;
mod learnt;
mod metrics;
mod notify;
mod page;
mod publish;
mod ramp;
mod remarks;
mod reporter;
mod roster;
pub mod rule;
mod run;
mod schedule;
mod sign;
mod signed_report;
mod stored;
mod target;
pub mod timestamp;
pub mod trial;
mod witness;

pub use coordinator::{AddressRow, Coordinator};
pub use doubt::Frozen;
pub use inputs::{AnswerInputs, AnswersReader, MonitorInputs, OverridesReader, PageInputs, Role};
pub use page::page_trouble;
pub use publish::{read_release, released};
pub use run::{Checked, Start, join, join_once, once, watch};
pub use sign::Signer;
pub use signed_report::{ReadReport, ReportSource, SignedReport};
pub use target::Requirements;
