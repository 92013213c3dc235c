//! What the interop tests share: the real daemon, raw packets, a strict decoder and the tools
//! compared with.
//!
//! Nothing here uses the `cvdns` library: a test that built its expectations with the code under
//! test would only show that the code agrees with itself.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "each test binary uses its own part of it, and fails by panicking"
)]

pub mod bad_header;
pub mod bad_web;
pub mod client;
pub mod daemon;
pub mod databases;
pub mod fixture;
pub mod http;
pub mod json_keys;
pub mod left_out;
pub mod memory;
pub mod minisign;
pub mod name;
pub mod nats;
pub mod nginx;
pub mod numbers;
pub mod packet;
pub mod place;
pub mod ports;
pub mod prometheus;
pub mod reply;
pub mod rr;
pub mod tools;

/// Longest wait for anything that must come. Nothing is asserted about time: this only keeps a
/// broken test from hanging, and is long enough for a machine that has much else to do.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// The half hour of now. With the next one the record has another stamp, and so its zone another
/// serial, though nobody changes anything.
pub fn half_hour() -> i64 {
    jiff::Timestamp::now().as_second() / 1800
}
