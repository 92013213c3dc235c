//! The history of all checks, in an embedded database (`history.db` in the state directory).
//!
//! A check of an address holds until its next check, but for a limited time: so cells of hours and
//! days have seconds in which the address served, failed, was in a downtime; the rest is unknown.
//! Checks are kept for 30 days, hours for a year and days for ever. These ages count the days on
//! which anything was recorded, in the order of recording: a clock that is wrong for a while can
//! add days, but not make others old.
//!
//! In the order of reading: `note` is what the coordinator tells, `cell` what is known of a time;
//! `packed_checks` and `packed_cells` are their forms in the database, and `fold` turns checks into
//! cells. These are pure. `database` opens the file, `write` adds checks, `compact` makes cells of
//! them and forgets what is old, a step at a time. [`Recorder`] does these on a thread of its own;
//! [`History`] reads, beside it or in another process.

mod cell;
mod compact;
mod database;
mod fold;
mod note;
mod packed_cells;
mod packed_checks;
mod read;
mod recorder;
mod varint;
mod write;

pub use cell::{Cell, CellKind, Strip, Strips};
pub use note::{Check, Found, Note, StateChange};
pub use read::{AddressHistory, History, MirrorHistory, history_trouble};
pub use recorder::{Recorder, Status};

#[cfg(test)]
mod tests;
