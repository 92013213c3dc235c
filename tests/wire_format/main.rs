//! What is written is what is read: names, compression and whole answers, decoded by others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../asking/mod.rs"]
mod asking;
#[path = "../support/mod.rs"]
mod support;

mod hostile_octets;
mod pointers_in_queries;
mod small_zones;
mod writer;
