//! Follows the primaries of zones that are transferred, on threads of its own: no primary can hold
//! up anything else.
//!
//! [`Schedule`] says which zone is due. `check` asks the primaries of one, over a `connection`;
//! `version` makes records of what they send. `threads` run the checks, whose results the
//! event loop takes over from [`Primaries`]. [`NotifyListener`] answers NOTIFY and has the zone
//! checked soon.

mod check;
mod connection;
mod notify_listener;
mod primaries;
mod schedule;
mod threads;
mod version;

pub(super) use check::{Attempt, Checked, Confirmed, serial_of};
pub(super) use notify_listener::NotifyListener;
pub(super) use primaries::Primaries;
pub(super) use schedule::Verdict;
pub(super) use version::{NewVersion, Way};
