//! What the tests share: snapshots, queries, both answers, and a judge of answers.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "each test binary uses its own part of it, and fails by panicking"
)]

pub mod both;
pub mod judge;
pub mod query;
pub mod served;
pub mod snapshots;
