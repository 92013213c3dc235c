//! What is exported is what is answered: real BIND, Knot and NSD load it, and are asked beside the real server.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod checkers;
mod exporting;
mod servers;
mod views;
mod watching;
mod wicked;
