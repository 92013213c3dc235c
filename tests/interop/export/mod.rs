//! What is exported is what is answered: real BIND, Knot and NSD load it, and are asked beside the
//! real server.

mod answers;
mod checkers;
mod exporting;
mod servers;
mod views;
mod watching;
mod wicked;
