//! The coordinator against real web servers and misbehaving ones, and the whole chain with the server.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, missing_docs, reason = "a test crate has no users but itself")]

#[path = "../support/mod.rs"]
mod support;

mod chain;
mod days;
mod mirrors;
mod network;
mod trial;
mod web;
mod wicked;
