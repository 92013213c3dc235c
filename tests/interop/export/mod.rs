//! What is exported is what is answered: real BIND, Knot and NSD load it, and are asked beside the
//! real server.

pub(crate) mod answers;
mod checkers;
pub(crate) mod exporting;
pub(crate) mod servers;
mod views;
mod watching;
mod wicked;
